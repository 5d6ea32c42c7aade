using AkkaRaft.Consensus;
using AkkaRaft.Log;
using AkkaRaft.Protocol;
using AkkaRaft.TestKit;

namespace AkkaRaft.Simulation.Tests.Scenarios;

/// <summary>Members come and go while the cluster runs (Raft dissertation §4).</summary>
public sealed class MembershipTests
{
    [Fact]
    public void From_three_to_five_and_back_with_every_original_replaced() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        simulation.Commit(client, "k", "1");
        int[] added = [simulation.AddMember(), simulation.AddMember()];
        Change(simulation, [0, 1, 2, .. added]);
        simulation.Commit(client, "k", "2");
        var last = simulation.AddMember();
        Change(simulation, [.. added, last]);
        simulation.Commit(client, "k", "3");
        Assert.Equal("3", simulation.Read(simulation.AddClient(), "k"));
        simulation.RunUntil(() => simulation.HasLeft(0) && simulation.HasLeft(1) && simulation.HasLeft(2));
    });

    [Fact]
    public void Members_are_replaced_one_by_one() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        for (var leaves = 0; leaves < 3; leaves++)
        {
            simulation.Commit(client, "k", $"{leaves}");
            var comes = simulation.AddMember();
            Change(simulation, [.. simulation.Voters.Where(v => v != leaves), comes]);
        }
        Assert.Equal([3, 4, 5], simulation.Voters);
        Assert.Equal("2", simulation.Read(simulation.AddClient(), "k"));
    }, seeds: 5);

    /// <summary>Its log knows only members that have left; its settings, as an operator starts it anew, name those that there are.</summary>
    [Fact]
    public void A_learner_that_was_down_while_all_voters_were_replaced_takes_part_again() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        simulation.Commit(client, "k", "1");
        var learner = simulation.AddMember();
        simulation.AddLearner(learner);
        simulation.RunUntil(() => simulation.AppliedIndexOf(learner) == simulation.Committed);
        simulation.Crash(learner);
        Change(simulation, [simulation.AddMember(), simulation.AddMember(), simulation.AddMember()]);
        simulation.Commit(client, "k", "2");
        simulation.RunUntil(() => simulation.HasLeft(0) && simulation.HasLeft(1) && simulation.HasLeft(2), what: "that those replaced have left");
        simulation.Restart(learner);
        simulation.RunUntil(() => simulation.AppliedIndexOf(learner) == simulation.Committed, what: "that the learner has caught up");
    });

    [Fact]
    public void S54_A_leader_that_is_removed_commits_that_and_goes() => Story.Tell(3, simulation =>
    {
        simulation.Commit(simulation.AddClient(), "k", "1");
        var leader = simulation.Leader!.Value;
        Change(simulation, [.. simulation.Others(leader)]);
        simulation.RunUntil(() => simulation.HasLeft(leader));
        Assert.Equal("1", simulation.Read(simulation.AddClient(), "k"));
    });

    /// <summary>Others lead at once: nobody waits for an election timeout, and what is under way meanwhile commits.</summary>
    [Fact]
    public void A_leader_that_is_removed_hands_over() => Story.Tell(4, simulation =>
    {
        simulation.Commit(simulation.AddClient(), "k", "1");
        var leader = simulation.Leader!.Value;
        simulation.SetVoters([.. simulation.Others(leader)]);
        simulation.RunUntil(() => simulation.HasLeft(leader));
        simulation.RunFor(Story.Moment);
        Assert.NotNull(simulation.Leader);
    });

    /// <summary>A removal is in force when it is appended, and the removed leader has yet to commit it (Raft dissertation §4.2.2).</summary>
    [Fact]
    public void A_leader_that_is_removed_is_heard_until_that_is_committed() => Story.Tell(4, simulation =>
    {
        simulation.Commit(simulation.AddClient(), "k", "1");
        var leader = simulation.Leader!.Value;
        var term = simulation.TermOf(leader);
        long last = long.MaxValue;
        var lost = new HashSet<MemberId>();
        // The first answer of each to the last step is lost, and only what the leader says again brings it anew.
        simulation.DropWhere(m =>
        {
            if (LastStep(m) is { } step) last = step.Index;
            return m is AppendEntriesReply reply && reply.MatchIndex >= last && lost.Add(reply.Header.From);
        });
        simulation.SetVoters([.. simulation.Others(leader)]);
        simulation.RunUntil(() => simulation.HasLeft(leader));
        Assert.All(simulation.Others(leader), m => Assert.Equal(term, simulation.TermOf(m)));
    });

    /// <summary>Whoever is no member by its own log may still be needed until that is committed, and campaigns (Raft dissertation §4.2.2).</summary>
    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void A_leader_that_is_removed_by_an_entry_only_it_has_leads_again_to_commit_it(int members) => Story.Tell(members, simulation =>
    {
        simulation.Commit(simulation.AddClient(), "k", "1");
        var leader = simulation.Leader!.Value;
        var isWritten = false;
        simulation.DropWhere(m => LastStep(m) is not null && (isWritten = true));
        simulation.SetVoters(simulation.Others(leader)[0]);
        simulation.RunUntil(() => isWritten);
        simulation.RunFor(Story.Moment);
        // Of those who voted before, the leader is needed for a majority.
        foreach (var member in simulation.Others(leader).Skip(1).Take((members - 1) / 2)) simulation.Crash(member);
        simulation.Crash(leader);
        simulation.DropWhere(_ => false);
        simulation.Restart(leader);
        simulation.RunUntil(() => simulation.HasLeft(leader));
        Assert.Equal("1", simulation.Read(simulation.AddClient(), "k"));
    });

    [Fact]
    public void A_learner_that_is_removed_learns_of_it() => Story.Tell(3, simulation =>
    {
        simulation.Commit(simulation.AddClient(), "k", "1");
        var learner = simulation.AddMember();
        simulation.AddLearner(learner);
        simulation.RunUntil(() => simulation.AppliedIndexOf(learner) > 0 && simulation.HasConverged);
        // Cut off or not when it happens.
        if (simulation.Seed % 2 == 0) simulation.Isolate(learner);
        simulation.RemoveMember(learner);
        simulation.RunFor(Story.Elections);
        simulation.Heal();
        simulation.RunUntil(() => simulation.HasLeft(learner));
    });

    /// <summary>The bug of 2015: two leaders change one member each, and their quorums do not meet ("bug in single-server membership changes", Ongaro, raft-dev).</summary>
    [Fact]
    public void A_change_is_refused_until_an_entry_of_the_own_term_is_committed() => Story.Tell(4, simulation =>
    {
        var leader = simulation.RunUntilLeader();
        simulation.RunFor(Story.Moment);
        // The next leader can append, and commit nothing.
        simulation.Crash(leader);
        simulation.DropWhere(m => m is AppendEntriesReply);
        var next = simulation.AnotherLeader(leader);
        simulation.SetVoters([.. simulation.Others(leader)]);
        simulation.RunUntil(() => simulation.OperatorReplies.Count > 0);
        Assert.Equal(RefusalReason.NotReady, Assert.IsType<Refused>(simulation.OperatorReplies[0]).Reason);
        Assert.Equal(4, simulation.Voters.Count);
        Assert.Equal(next, simulation.Leader);
    });

    [Fact]
    public void Whoever_leads_next_finishes_the_change() => Story.Tell(3, simulation =>
    {
        simulation.Commit(simulation.AddClient(), "k", "1");
        var leader = simulation.Leader!.Value;
        var comes = simulation.AddMember();
        // It is named and cannot catch up.
        simulation.Isolate(comes);
        simulation.SetVoters(0, 1, 2, comes);
        simulation.RunUntil(() => simulation.OperatorReplies.Count > 0);
        simulation.RunFor(Story.Moment);
        simulation.Crash(leader);
        simulation.AnotherLeader(leader);
        simulation.Heal();
        simulation.RunUntil(() => simulation.Voters.Contains(comes));
        simulation.Restart(leader);
    });

    [Fact]
    public void S51_A_joint_configuration_decides_nothing_without_both_majorities() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        simulation.Commit(client, "k", "1");
        int[] comes = [simulation.AddMember(), simulation.AddMember(), simulation.AddMember()];
        simulation.SetVoters(comes);
        simulation.RunUntil(() => simulation.Leader is { } leads && simulation.Voters.SequenceEqual(comes) && leads < 3);
        // Old and new part as soon as the joint configuration is in the leader's log.
        simulation.Partition([0, 1, 2], comes);
        simulation.RunFor(Story.Elections);
        simulation.Heal();
        simulation.RunUntil(() => simulation.HasConverged && simulation.Voters.SequenceEqual(comes));
        Assert.Equal("1", simulation.Read(simulation.AddClient(), "k"));
    });

    [Fact]
    public void A_removed_member_that_does_not_know_disturbs_nobody_and_learns_of_it() => Story.Tell(4, simulation =>
    {
        simulation.Commit(simulation.AddClient(), "k", "1");
        var leader = simulation.Leader!.Value;
        var leaves = simulation.Others(leader)[0];
        simulation.Isolate(leaves);
        Change(simulation, [.. simulation.Others(leaves)]);
        simulation.RunFor(Story.Elections);
        var term = simulation.TermOf(leader);
        simulation.Heal();
        simulation.RunUntil(() => simulation.HasLeft(leaves));
        simulation.RunFor(Story.Elections);
        Assert.Equal(term, simulation.TermOf(leader));
        Assert.Equal(leader, simulation.Leader);
    });

    [Fact]
    public void A_change_is_cancelled_while_a_member_catches_up() => Story.Tell(3, simulation =>
    {
        simulation.Commit(simulation.AddClient(), "k", "1");
        var comes = simulation.AddMember();
        simulation.Isolate(comes);
        simulation.SetVoters(0, 1, comes);
        simulation.RunUntil(() => simulation.OperatorReplies.Count == 1);
        simulation.RunFor(Story.Moment);
        simulation.SetVoters(0, 1);
        simulation.RunUntil(() => simulation.OperatorReplies.Count == 2);
        Assert.Equal(RefusalReason.Conflict, Assert.IsType<Refused>(simulation.OperatorReplies[1]).Reason);
        simulation.CancelChange();
        simulation.RunUntil(() => simulation.HasConverged);
        Assert.Equal([0, 1, 2], simulation.Voters);
    });

    [Fact]
    public void S52_A_new_member_that_does_not_answer_is_given_up() => Story.Tell(3, simulation =>
    {
        simulation.Commit(simulation.AddClient(), "k", "1");
        var comes = simulation.AddMember();
        simulation.Crash(comes);
        simulation.SetVoters(0, 1, 2, comes);
        simulation.RunFor(Story.Moment);
        simulation.RunUntil(() => simulation.HasConverged);
        Assert.Equal([0, 1, 2], simulation.Voters);
    }, seeds: 3);

    [Fact]
    public void A_member_is_added_though_more_is_written_while_it_fetches_a_snapshot_than_max_log_entries() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        Fill(simulation, client);
        var comes = simulation.AddMember();
        simulation.SetVoters(0, 1, 2, comes);
        for (var i = 0; !simulation.Voters.Contains(comes); i++)
        {
            Assert.True(i < 2_000, $"Member {comes} has entry {simulation.LastIndexOf(comes)}, and the leader's log begins after {simulation.BaseIndexOf(simulation.Leader!.Value)}.");
            simulation.Commit(client, "busy", $"{i}");
        }
    }, seeds: 3, settings: begin => begin with { Configure = s => s with { RetainEntries = 0, MaxLogEntries = 10, SnapshotChunkBytes = 2 * 1024, SnapshotBytesPerSecond = 64 * 1024 } });

    [Fact]
    public void A_follower_catches_up_though_more_is_written_while_it_fetches_a_snapshot_than_max_log_entries() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        simulation.RunUntilLeader();
        var away = simulation.Others(simulation.Leader!.Value)[0];
        simulation.Isolate(away);
        Fill(simulation, client);
        simulation.Heal();
        var (there, i) = (simulation.LastIndexOf(simulation.Leader!.Value), 0);
        for (; simulation.AppliedIndexOf(away) <= there; i++)
        {
            Assert.True(i < 2_000, $"Member {away} has applied entry {simulation.AppliedIndexOf(away)}.");
            simulation.Commit(client, "busy", $"{i}");
        }
    }, seeds: 3, settings: begin => begin with { Configure = s => s with { RetainEntries = 0, MaxLogEntries = 10, SnapshotChunkBytes = 2 * 1024, SnapshotBytesPerSecond = 64 * 1024 } });

    [Fact]
    public void A_member_that_max_log_bytes_outruns_is_given_up_and_the_setting_is_named() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        Fill(simulation, client);
        var comes = simulation.AddMember();
        simulation.SetVoters(0, 1, 2, comes);
        for (var i = 0; i < 1_500; i++) simulation.Commit(client, "busy", new string('v', 4_000));
        var before = simulation.OperatorReplies.Count;
        // Of a change that is over it changes nothing, and tells how it ended.
        simulation.CancelChange();
        simulation.RunUntil(() => simulation.OperatorReplies.Count > before);
        Assert.Contains("akkaraft.max-log-bytes", Assert.IsType<Membership>(simulation.OperatorReplies[before]).Failure, StringComparison.Ordinal);
        Assert.Equal([0, 1, 2], simulation.Voters);
    }, seeds: 1, settings: begin => begin with { Configure = s => s with { RetainEntries = 0, MaxLogBytes = 64 * 1024, SnapshotChunkBytes = 2 * 1024, SnapshotBytesPerSecond = 64 * 1024 } });

    private static void Fill(ClusterSimulation simulation, SimulatedClient client)
    {
        for (var i = 0; i < 60; i++) simulation.Commit(client, $"k{i}", new string('v', 1_000));
    }

    [Fact]
    public void What_cannot_be_is_refused_and_changes_nothing() => Story.Tell(3, simulation =>
    {
        simulation.Commit(simulation.AddClient(), "k", "1");
        var leader = simulation.Leader!.Value;
        var comes = simulation.AddMember();
        var leaves = simulation.Others(leader, comes)[0];
        Change(simulation, [.. simulation.Voters.Where(v => v != leaves), comes]);
        var voters = simulation.Voters;
        var learner = simulation.AddMember();
        simulation.AddLearner(learner);
        simulation.RunFor(Story.Moment);
        var before = simulation.OperatorReplies.Count;
        simulation.SetVoters();
        simulation.SetVoters([.. voters, leaves]);
        simulation.RemoveMember(8);
        simulation.AddLearner(voters[0]);
        simulation.TransferLeadership(learner);
        simulation.SetVoters([.. Enumerable.Range(0, 101)]);
        simulation.RunUntil(() => simulation.OperatorReplies.Count == before + 6);
        Assert.All(simulation.OperatorReplies.Skip(before), r => Assert.Equal(RefusalReason.BadRequest, Assert.IsType<Refused>(r).Reason));
        Assert.Equal(voters, simulation.Voters);
    });

    [Fact]
    public void S55_A_wiped_member_is_refused_under_its_old_id_and_joins_under_a_new_one() => Story.Tell(3, simulation =>
    {
        simulation.Commit(simulation.AddClient(), "k", "1");
        var wiped = simulation.Others(simulation.Leader!.Value)[0];
        simulation.RunFor(Story.Moment);
        simulation.Crash(wiped);
        simulation.Wipe(wiped);
        simulation.Restart(wiped);
        simulation.RunFor(Story.Elections);
        Assert.True(simulation.HasFailed(wiped));
        var comes = simulation.AddMember();
        Change(simulation, [.. simulation.Voters.Where(v => v != wiped), comes]);
        Assert.Equal("1", simulation.Read(simulation.AddClient(), "k"));
    });

    [Fact]
    public void S53_A_change_that_its_leader_could_not_commit_is_rolled_back() => Story.Tell(3, simulation =>
    {
        simulation.Commit(simulation.AddClient(), "k", "1");
        var leader = simulation.Leader!.Value;
        simulation.RunFor(Story.Moment);
        simulation.Isolate(leader);
        // It is in the leader's log, and in force there, and nobody else hears of it.
        simulation.SetVoters(leader, simulation.Others(leader)[0]);
        simulation.AnotherLeader(leader);
        simulation.Commit(simulation.AddClient(), "k", "2");
        simulation.Heal();
        simulation.RunUntil(() => simulation.HasConverged);
        simulation.RunUntil(() =>
        {
            simulation.TransferLeadership(leader);
            simulation.RunFor(Story.Moment);
            return simulation.Leader == leader;
        });
        Assert.Equal([0, 1, 2], simulation.Voters);
    });

    [Fact]
    public void S33_Two_of_three_are_a_quorum_after_a_change_from_five_to_three() => Story.Tell(5, simulation =>
    {
        simulation.Commit(simulation.AddClient(), "k", "1");
        int[] stay = [2, 3, 4];
        Change(simulation, stay);
        simulation.RunUntil(() => simulation.HasConverged);
        simulation.Crash(stay[(int)(simulation.Seed % 3)]);
        simulation.Commit(simulation.AddClient(), "k", "2");
        Assert.Equal(stay, simulation.Voters);
    });

    [Fact]
    public void Leadership_is_handed_over_without_an_election_timeout() => Story.Tell(3, simulation =>
    {
        simulation.Commit(simulation.AddClient(), "k", "1");
        var leader = simulation.Leader!.Value;
        var heir = simulation.Others(leader)[1];
        simulation.TransferLeadership(heir);
        simulation.RunFor(Story.Moment);
        Assert.Equal(heir, simulation.Leader);
    });

    [Fact]
    public void Leadership_is_handed_over_to_one_that_is_there() => Story.Tell(5, simulation =>
    {
        simulation.Commit(simulation.AddClient(), "k", "1");
        simulation.RunUntil(() => simulation.HasConverged);
        var leader = simulation.Leader!.Value;
        // Both have all of the log, and are gone.
        foreach (var away in simulation.Others(leader).Take(2)) simulation.Crash(away);
        simulation.RunFor(Story.Elections);
        simulation.TransferLeadership();
        simulation.RunFor(Story.Moment);
        Assert.NotEqual(leader, simulation.Leader);
    });

    /// <summary>The entry that ends a change of members, when a message brings it.</summary>
    private static LogEntry? LastStep(IRaftMessage message) =>
        message is AppendEntries { Entries: { Count: > 0 } entries } && entries[^1] is { Kind: EntryKind.Configuration } step
            && ConfigurationCodec.Decode(step.Payload) is { Phase: MembershipPhase.Stable } ? step : null;

    private static void Change(ClusterSimulation simulation, int[] voters)
    {
        // Asked again, as a client does whose leader is not ready yet.
        simulation.RunUntil(() =>
        {
            if (simulation.Voters.SequenceEqual(voters.Order())) return true;
            simulation.SetVoters(voters);
            simulation.RunFor(Story.Moment);
            return false;
        });
        simulation.RunFor(Story.Moment);
    }
}
