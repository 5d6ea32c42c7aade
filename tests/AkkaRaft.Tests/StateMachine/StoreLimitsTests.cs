using AkkaRaft.KeyValue;
using AkkaRaft.StateMachines;
using AkkaRaft.Log;
using AkkaRaft.Protocol;

namespace AkkaRaft.Tests.StateMachine;

public sealed class StoreLimitsTests : StoreTest
{
    /// <summary>A member that runs something else was elected once: the log is the store's all the same.</summary>
    [Fact]
    public void Another_state_machine_s_proposal_is_refused_before_the_first_and_ignored_after_it()
    {
        var other = Google.Protobuf.MessageExtensions.ToByteArray(ClientCommands.ProposalOf("bank", Settings));
        var limits = Store.Limits;
        Store.Apply([Entry(Store.AppliedIndex + 1, other, EntryKind.NoOp)], 1);
        Assert.Equal(limits, Store.Limits);
        Reopen();
        Store.Apply([Entry(Store.AppliedIndex + 1, other, EntryKind.NoOp)], 1);

        using var fresh = KeyValueStore.Open(Settings, null);
        Assert.Contains("the state machine 'bank'", Assert.Throws<StateMachineMismatchException>(() => fresh.Apply([Entry(1, other, EntryKind.NoOp)], 1)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_limits_of_the_log_decide_whatever_the_members_own_are()
    {
        Reopen(Settings with { MaxValueBytes = 10 });
        var session = OpenSession();
        Assert.IsType<CommandMalformed>(Batch(session, 1, 0, Put("k", "more than ten bytes")));
        Propose(StoreLimits.Of(Settings with { MaxValueBytes = 100 }).Encode());
        Assert.IsType<BatchExecuted>(Batch(session, 1, 0, Put("k", "more than ten bytes")));
    }

    [Fact]
    public void They_are_in_the_file_and_in_images()
    {
        var limits = StoreLimits.Of(Settings with { MaxLeases = 17 });
        Propose(limits.Encode());
        Reopen();
        Assert.Equal(limits, Store.Limits);
        var image = Path.Combine(Folder, "image");
        KeyValueStore.SaveImage(StateFile, image);
        using var other = KeyValueStore.Open(Settings, null);
        Assert.Equal(StoreLimits.BeforeTheFirst, other.Limits);
        other.Load(image, 1);
        Assert.Equal(limits, other.Limits);
    }

    [Fact]
    public void A_proposal_that_is_none_changes_nothing()
    {
        var before = Store.Limits;
        foreach (var proposal in (byte[][])[[], [0xFF, 0xFF], [8, 1], (StoreLimits.Of(Settings) with { MaxSessions = 0 }).Encode()])
        {
            Propose(proposal);
            Assert.Equal(before, Store.Limits);
        }
    }

    [Fact]
    public void Differences_are_said_by_name_with_both_values() => Assert.Equal(
        "max-value-bytes is 7 in the cluster and 8 in this member's settings",
        (StoreLimits.BeforeTheFirst with { MaxValueBytes = 7 }).DifferencesFrom(StoreLimits.BeforeTheFirst with { MaxValueBytes = 8 }));

    [Fact]
    public void The_defaults_of_the_settings_are_those_in_force_before_the_first_proposal() => Assert.Equal(
        StoreLimits.BeforeTheFirst, StoreLimits.Of(new RaftSettings { ClusterId = "c", Id = new MemberId(0), Members = Settings.Members }));

    [Fact]
    public void A_log_that_begins_again_gives_no_session_the_number_of_another()
    {
        Assert.NotEqual(Sessions.IdFrom(5, 2, nonce: 1), Sessions.IdFrom(5, 2, nonce: 2));
        Assert.NotEqual(Sessions.IdFrom(5, 2, nonce: 1), Sessions.IdFrom(5, 3, nonce: 1));
        Assert.NotEqual(Sessions.IdFrom(5, 2, nonce: 1), Sessions.IdFrom(6, 2, nonce: 1));
        Assert.All(Enumerable.Range(0, 1_000), i => Assert.True(Sessions.IdFrom(i, 1, (ulong)i) > 0));
    }

    private void Propose(byte[] proposal) => Store.Apply([Entry(Store.AppliedIndex + 1, proposal, EntryKind.NoOp)], 1);
}
