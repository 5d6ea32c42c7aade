using AkkaRaft.Protocol;
using AkkaRaft.TestKit;

namespace AkkaRaft.Simulation.Tests.Scenarios;

/// <summary>Shapes of partition, and what PreVote and CheckQuorum are there for (Raft dissertation §6.2, §9.6; "Raft does not guarantee liveness", Howard and Abraham 2020).</summary>
public sealed class PartitionTests
{
    [Fact]
    public void Of_two_halves_the_larger_serves() => Story.Tell(5, simulation =>
    {
        var client = simulation.AddClient();
        simulation.Commit(client, "k", "1");
        var leader = simulation.Leader!.Value;
        var minority = new[] { leader, simulation.Others(leader)[0] };
        simulation.Partition(minority, simulation.Others(minority));
        var other = simulation.AnotherLeader(leader);
        Assert.DoesNotContain(other, minority);
        simulation.Commit(simulation.AddClient(), "k", "2");
        // CheckQuorum: whoever cannot reach a majority leads nobody.
        simulation.RunFor(Story.Elections);
        Assert.All(minority, m => Assert.NotEqual(RaftRole.Leader, simulation.RoleOf(m)));
    });

    [Fact]
    public void An_even_split_serves_nobody_and_heals() => Story.Tell(4, simulation =>
    {
        simulation.RunUntilLeader();
        simulation.Partition([0, 1], [2, 3]);
        simulation.RunFor(Story.Elections);
        Assert.Null(simulation.Leader);
        simulation.Heal();
        simulation.Commit(simulation.AddClient(), "k", "1");
    });

    [Fact]
    public void Over_a_bridge_a_leader_stays_in_office() => Story.Tell(5, simulation =>
    {
        simulation.RunUntilLeader();
        simulation.Bridge(2);
        simulation.Commit(simulation.AddClient(), "k", "1");
        simulation.RunFor(Story.Elections);
        simulation.Commit(simulation.AddClient(), "k", "2");
    });

    [Fact]
    public void In_a_ring_of_majorities_the_cluster_serves() => Story.Tell(5, simulation =>
    {
        simulation.RunUntilLeader();
        simulation.MajoritiesRing();
        simulation.RunFor(Story.Elections);
        simulation.Commit(simulation.AddClient(), "k", "1");
    });

    [Fact]
    public void A_leader_that_is_heard_but_hears_nobody_makes_way() => Story.Tell(3, simulation =>
    {
        var leader = simulation.RunUntilLeader();
        foreach (var other in simulation.Others(leader)) simulation.CutOneWay(other, leader);
        simulation.RunUntil(() => simulation.RoleOf(leader) != RaftRole.Leader);
        simulation.Commit(simulation.AddClient(), "k", "1");
    });

    [Fact]
    public void A_leader_that_hears_but_is_not_heard_is_replaced() => Story.Tell(3, simulation =>
    {
        var leader = simulation.RunUntilLeader();
        foreach (var other in simulation.Others(leader)) simulation.CutOneWay(leader, other);
        simulation.AnotherLeader(leader);
        simulation.Commit(simulation.AddClient(), "k", "1");
    });

    [Fact]
    public void A_member_that_was_cut_off_brings_back_no_higher_term() => Story.Tell(3, simulation =>
    {
        var leader = simulation.RunUntilLeader();
        simulation.RunFor(Story.Moment);
        var term = simulation.TermOf(leader);
        var cut = simulation.Others(leader)[0];
        simulation.Isolate(cut);
        simulation.RunFor(Story.Elections * 3);
        Assert.Equal(term, simulation.TermOf(cut));
        simulation.Heal();
        simulation.RunFor(Story.Elections);
        Assert.Equal(leader, simulation.Leader);
        Assert.Equal(term, simulation.TermOf(leader));
    });

    [Fact]
    public void A_follower_that_hears_only_others_does_not_depose_the_leader() => Story.Tell(5, simulation =>
    {
        var leader = simulation.RunUntilLeader();
        simulation.RunFor(Story.Moment);
        var term = simulation.TermOf(leader);
        var deaf = simulation.Others(leader)[0];
        simulation.CutOneWay(leader, deaf);
        simulation.RunFor(Story.Elections * 3);
        Assert.Equal(leader, simulation.Leader);
        Assert.Equal(term, simulation.TermOf(leader));
        simulation.Commit(simulation.AddClient(), "k", "1");
    });

    [Fact]
    public void A_flapping_link_costs_no_election_without_end() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        simulation.RunUntilLeader();
        for (var i = 0; i < 20; i++)
        {
            simulation.CutOneWay(0, 1);
            simulation.CutOneWay(1, 0);
            simulation.RunFor(TimeSpan.FromMilliseconds(400));
            simulation.Heal();
            simulation.RunFor(TimeSpan.FromMilliseconds(400));
        }
        simulation.Commit(client, "k", "1");
        Assert.InRange(simulation.LeaderChanges, 1, 5);
    }, seeds: 5);

    [Fact]
    public void A_leader_that_stood_still_serves_no_stale_read_when_it_goes_on() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        simulation.Commit(client, "k", "old");
        var leader = simulation.Leader!.Value;
        simulation.Pause(leader);
        simulation.AnotherLeader(leader);
        simulation.Commit(simulation.AddClient(), "k", "new");
        // The client still takes the old leader for the leader, and so does the old leader itself.
        var read = client.Get("k");
        simulation.Resume(leader);
        simulation.RunUntil(() => read.IsDone);
        Assert.Equal("new", read.Value);
    });

    [Fact]
    public void A_leader_whose_disk_hangs_makes_way() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        simulation.Commit(client, "k", "1");
        var leader = simulation.Leader!.Value;
        simulation.HangDisk(leader);
        client.Put("k", "2");
        simulation.RunUntil(() => simulation.RoleOf(leader) != RaftRole.Leader);
        simulation.AnotherLeader(leader);
        simulation.Commit(simulation.AddClient(), "k", "3");
    });

    [Theory]
    [InlineData(FailedWrite.Lost)]
    [InlineData(FailedWrite.Lands)]
    [InlineData(FailedWrite.LandsLate)]
    public void A_failed_write_stops_the_member_and_recovery_tells_what_is_true(FailedWrite landing) => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        simulation.Commit(client, "k", "1");
        var leader = simulation.Leader!.Value;
        simulation.FailNextWrite(leader, landing);
        var put = client.Put("k", "2");
        simulation.RunUntil(() => put.IsDone);
        Assert.Contains(simulation.Read(simulation.AddClient(), "k"), new[] { "1", "2" });
    });

    [Fact]
    public void A_slow_follower_slows_nobody() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        simulation.Commit(client, "k", "1");
        simulation.SlowDisk(simulation.Others(simulation.Leader!.Value)[0], 200);
        var before = simulation.Now;
        for (var i = 0; i < 10; i++) simulation.Commit(client, "k", $"{i}");
        // Virtual time: ten commits at the pace of the two others, and none of them at the slow one's.
        Assert.True(simulation.Now - before < TimeSpan.FromSeconds(1), $"{simulation.Now - before}");
    });

    [Fact]
    public void Old_answers_do_not_tell_a_leader_that_it_still_leads() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        simulation.Commit(client, "k", "old");
        var leader = simulation.Leader!.Value;
        foreach (var other in simulation.Others(leader)) simulation.SlowLink(other, leader, TimeSpan.FromMilliseconds(1_400));
        simulation.RunFor(Story.Moment);
        foreach (var other in simulation.Others(leader)) simulation.CutOneWay(leader, other);
        simulation.RunUntil(() => simulation.Others(leader).Any(m => simulation.RoleOf(m) == RaftRole.Leader));
        simulation.Commit(simulation.AddClient(), "k", "new");
        // The old leader has not learned of the new one, and answers of its own time still arrive.
        var read = client.Get("k");
        simulation.RunUntil(() => read.IsDone);
        Assert.NotEqual("old", read.Value);
    }, settings: s => s with { AttemptTimeout = TimeSpan.FromMilliseconds(900), Configure = c => c with { ElectionTimeoutMax = TimeSpan.FromMilliseconds(1_500) } }, seeds: 40);

    [Fact]
    public void A_new_leader_whose_state_machine_lags_serves_no_read_before_it_has_caught_up() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        simulation.Commit(client, "k", "0");
        var leader = simulation.Leader!.Value;
        foreach (var other in simulation.Others(leader)) simulation.StallStateMachine(other);
        for (var i = 1; i < 6; i++) simulation.Commit(client, "k", $"{i}");
        simulation.Crash(leader);
        var next = simulation.AnotherLeader(leader);
        var read = simulation.AddClient().Get("k");
        simulation.RunFor(Story.Moment);
        simulation.ReleaseStateMachine(next);
        simulation.RunUntil(() => read.IsDone);
        Assert.Equal("5", read.Value);
    }, settings: s => s with { Configure = c => c with { MaxApplyBytes = 60 } });

    [Fact]
    public void A_leader_that_told_another_to_take_over_has_no_lease_any_more() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        simulation.Commit(client, "k", "old");
        var leader = simulation.Leader!.Value;
        var target = simulation.Others(leader)[0];
        simulation.SlowLink(leader, target, TimeSpan.FromMilliseconds(900));
        simulation.RunFor(TimeSpan.FromSeconds(3));
        simulation.TransferLeadership(target);
        // The leader gives the transfer up before its message arrives, and the target campaigns all the same.
        simulation.RunUntil(() => simulation.TermOf(target) > simulation.TermOf(leader));
        foreach (var other in simulation.Others(leader)) simulation.CutOneWay(other, leader);
        simulation.RunUntil(() => simulation.RoleOf(target) == RaftRole.Leader);
        var put = simulation.AddClient().Put("k", "new");
        simulation.RunUntil(() => put.IsDone || simulation.RoleOf(leader) != RaftRole.Leader);
        var read = client.Get("k", ReadConsistency.Lease);
        simulation.RunUntil(() => read.IsDone);
        Assert.False(put.Succeeded && read.Value == "old", "A lease read was answered by a leader whose successor has committed.");
    }, settings: s => s with { Configure = c => c with { ElectionTimeoutMin = TimeSpan.FromMilliseconds(550) } }, seeds: 40);
}
