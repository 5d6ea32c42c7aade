using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;
using AkkaRaft.TestKit.Checking;

namespace AkkaRaft.Simulation.Tests.Scenarios;

/// <summary>What was wrong with the ancestor, a story each. Its one-line causes are planted bugs as well.</summary>
public sealed class AncestorDefectTests
{
    [Fact]
    public void S10_term_vote_log_and_commits_survive_a_restart_of_all() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        for (var i = 0; i < 20; i++) simulation.Commit(client, $"k{i}", "v");
        var term = simulation.TermOf(simulation.Leader!.Value);
        foreach (var member in simulation.Members) simulation.LoseUnsynced(member);
        foreach (var member in simulation.Members) simulation.Restart(member);
        simulation.RunUntilLeader();
        Assert.True(simulation.TermOf(simulation.Leader!.Value) > term);
        for (var i = 0; i < 20; i++) Assert.Equal("v", simulation.Read(client, $"k{i}"));
    }, seeds: 5);

    [Fact]
    public void S12_split_votes_do_not_go_on_for_ever() => Story.Tell(7, simulation =>
    {
        for (var round = 0; round < 5; round++)
        {
            foreach (var member in simulation.Members) simulation.Crash(member);
            foreach (var member in simulation.Members) simulation.Restart(member);
            simulation.RunUntilLeader(Story.Elections * 2);
        }
    });

    [Fact]
    public void S13_a_single_member_elects_itself_and_commits() => Story.Tell(1, simulation =>
    {
        var client = simulation.AddClient();
        simulation.Commit(client, "k", "v");
        simulation.Crash(0);
        simulation.Restart(0);
        Assert.Equal("v", simulation.Read(client, "k"));
    });

    [Fact]
    public void S11_S14_S16_a_deposed_leader_follows_and_says_nothing_more_in_the_new_term() => Story.Tell(5, simulation =>
    {
        for (var round = 0; round < 5; round++)
        {
            var leader = simulation.RunUntilLeader();
            simulation.Pause(leader);
            simulation.AnotherLeader(leader);
            // Whatever it still had to say as a leader is of its old term: the invariants look at each message it sends.
            simulation.Resume(leader);
            simulation.RunFor(Story.Moment * 5);
            Assert.NotEqual(RaftRole.Leader, simulation.RoleOf(leader));
        }
    });

    [Fact]
    public void S17_S28_messages_that_arrive_twice_count_once() => Story.Tell(5, simulation =>
    {
        simulation.Duplicate(1);
        simulation.Reorder(0.5);
        var client = simulation.AddClient();
        for (var i = 0; i < 10; i++)
        {
            simulation.Commit(client, "k", $"{i}");
            if (i % 3 == 0) simulation.Crash(simulation.RunUntilLeader());
            simulation.RunFor(Story.Moment);
            simulation.EndFaults();
            simulation.Duplicate(1);
            simulation.Reorder(0.5);
        }
    });

    [Fact]
    public void S24_S25_a_conflicting_tail_is_replaced_and_never_committed() => Story.Tell(3, simulation =>
    {
        simulation.RunUntil(() => simulation.HasConverged);
        Assert.Equal([1, 1, 4, 4], simulation.TermsOf(2).Take(4));
    }, settings: s => s with { Logs = new Dictionary<int, IReadOnlyList<long>> { [0] = [1, 1, 4, 4], [1] = [1, 1, 4, 4], [2] = [1, 1, 2, 2, 3, 3] } });

    [Fact]
    public void S26_S27_a_long_wrong_tail_is_repaired_in_few_round_trips() => Story.Tell(3, simulation =>
    {
        simulation.RunUntil(() => simulation.HasConverged);
        var mismatches = simulation.Trace.Count(e => e.Text.StartsWith("AppendEntriesReply", StringComparison.Ordinal) && e.Text.Contains("mismatch", StringComparison.Ordinal));
        // One for each term in which the logs part, not one for each entry; and one more where heartbeats were under way.
        Assert.InRange(mismatches, 1, 12);
    }, settings: s => s with
    {
        Logs = new Dictionary<int, IReadOnlyList<long>>
        {
            [0] = [1, .. Enumerable.Repeat(4L, 300)],
            [1] = [1, .. Enumerable.Repeat(4L, 300)],
            [2] = [1, .. Enumerable.Repeat(2L, 200), .. Enumerable.Repeat(3L, 300)],
        },
    });

    [Fact]
    public void S30_a_lagging_follower_gets_heartbeats_and_disturbs_nobody() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        simulation.Commit(client, "k", "0");
        var leader = simulation.Leader!.Value;
        simulation.SlowDisk(simulation.Others(leader)[0], 300);
        for (var i = 0; i < 30; i++) simulation.Commit(client, "k", $"{i}");
        simulation.RunFor(Story.Elections);
        Assert.Equal(leader, simulation.Leader);
        Assert.Equal(1, simulation.LeaderChanges);
    }, seeds: 5);

    [Fact]
    public void S31_S38_an_isolated_leader_acknowledges_nothing() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        simulation.Commit(client, "k", "1");
        var leader = simulation.Leader!.Value;
        foreach (var other in simulation.Others(leader)) simulation.Crash(other);
        var put = client.Put("k", "2");
        var get = client.Get("k");
        simulation.RunUntil(() => put.IsDone && get.IsDone);
        Assert.IsType<RequestFailed>(put.Reply);
        Assert.IsType<RequestFailed>(get.Reply);
    });

    [Fact]
    public void S34_a_command_that_nobody_can_read_kills_nobody() => Story.Tell(3, simulation =>
    {
        var leader = simulation.RunUntilLeader();
        var poison = simulation.Submit(new byte[] { 0xFF, 0xFF, 0xFF });
        simulation.RunUntil(() => poison.IsDone);
        Assert.Null(poison.Refusal);
        simulation.Commit(simulation.AddClient(), "k", "v");
        simulation.RunUntil(() => simulation.HasConverged);
        Assert.Equal(leader, simulation.Leader);
        // Nor is it met again with another end after a restart.
        foreach (var member in simulation.Members) simulation.LoseUnsynced(member);
        foreach (var member in simulation.Members) simulation.Restart(member);
        simulation.RunUntil(() => simulation.HasConverged);
    });

    [Fact]
    public void S37_a_call_before_the_first_leader_is_not_lost() => Story.Tell(3, simulation =>
    {
        var put = simulation.AddClient().Put("k", "v");
        Assert.Null(simulation.Leader);
        simulation.RunUntil(() => put.IsDone);
        Assert.True(put.Succeeded, put.ToString());
    });

    [Fact]
    public void S39_S40_a_retry_is_executed_once_and_a_new_client_is_not_taken_for_an_old_one() => Story.Tell(3, simulation =>
    {
        simulation.Duplicate(0.3);
        simulation.Drop(0.2);
        for (var i = 0; i < 10; i++)
        {
            var client = simulation.AddClient();
            var put = client.Put("k", $"{i}");
            var delete = client.Delete("k");
            simulation.RunUntil(() => put.IsDone && delete.IsDone);
            if (put.Succeeded && delete.Succeeded) Assert.True(((DeleteReply)delete.Reply!).Deleted);
        }
    }, seeds: 5, settings: s => s with { RequestTimeout = TimeSpan.FromSeconds(30), AttemptTimeout = TimeSpan.FromMilliseconds(60) });

    [Fact]
    public void S44_every_call_ends() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        simulation.Commit(client, "k", "v");
        foreach (var member in simulation.Members) simulation.Crash(member);
        var calls = new[] { client.Put("k", "w"), client.Get("k"), client.Delete("k") };
        simulation.RunUntil(() => calls.All(c => c.IsDone), TimeSpan.FromSeconds(10));
        Assert.All(calls, c => Assert.IsType<RequestFailed>(c.Reply));
        Assert.All(calls, c => Assert.True(c.Kind == OperationKind.Get || c.ToOperations().Single().Outcome is OperationOutcome.Unknown or OperationOutcome.NotExecuted));
    });
}
