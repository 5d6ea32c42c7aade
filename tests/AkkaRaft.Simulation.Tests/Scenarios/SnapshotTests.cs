using AkkaRaft.TestKit;

namespace AkkaRaft.Simulation.Tests.Scenarios;

/// <summary>The log is compacted, and whoever was away gets a snapshot (Raft dissertation §5).</summary>
public sealed class SnapshotTests
{
    private static SimulationSettings Small(SimulationSettings settings) => settings with
    {
        Configure = s => s with { RetainEntries = 0, MaxLogEntries = 10, SnapshotChunkBytes = 2 * 1024, SnapshotBytesPerSecond = 200 * 1024 },
    };

    [Fact]
    public void S35_The_log_stays_within_its_bounds_while_a_member_is_away() => Story.Tell(3, simulation =>
    {
        var away = Behind(simulation, 60);
        var leader = simulation.Leader!.Value;
        Assert.InRange(simulation.LastIndexOf(leader) - simulation.BaseIndexOf(leader), 0, 12);
        simulation.Heal();
        simulation.RunUntil(() => simulation.BaseIndexOf(away) > 0 && simulation.HasConverged);
    }, settings: Small);

    [Fact]
    public void Large_entries_are_kept_by_their_bytes() => Story.Tell(
        3,
        simulation =>
        {
            simulation.RunUntilLeader();
            var client = simulation.AddClient();
            for (var i = 0; i < 100; i++) simulation.Commit(client, $"k{i}", new string('v', 500));
            simulation.RunUntil(() => simulation.HasConverged && simulation.Members.All(m => simulation.LastIndexOf(m) - simulation.BaseIndexOf(m) < 30));
            Assert.All(simulation.Members, m => Assert.True(simulation.LastIndexOf(m) - simulation.BaseIndexOf(m) > 5));
        },
        settings: begin => begin with { Configure = s => s with { RetainBytes = 10_000 } });

    [Fact]
    public void S49_A_follower_that_crashes_at_any_time_of_an_install_goes_on() => Story.Tell(3, simulation =>
    {
        var away = Behind(simulation, 40);
        simulation.Heal();
        simulation.RunFor(TimeSpan.FromMilliseconds(3 * simulation.Seed));
        if (simulation.Seed % 2 == 0) simulation.Crash(away);
        else simulation.LoseUnsynced(away);
        simulation.RunFor(Story.Moment);
        simulation.Restart(away);
        simulation.RunUntil(() => simulation.HasConverged);
    }, seeds: 60, settings: Small);

    [Fact]
    public void S48_The_next_leader_gives_the_snapshot_when_the_first_dies() => Story.Tell(3, simulation =>
    {
        var away = Behind(simulation, 40);
        var leader = simulation.Leader!.Value;
        simulation.Heal();
        simulation.RunFor(TimeSpan.FromMilliseconds(4 * simulation.Seed));
        simulation.Crash(leader);
        simulation.RunFor(Story.Elections);
        simulation.Restart(leader);
        simulation.RunUntil(() => simulation.HasConverged && simulation.AppliedIndexOf(away) > 40);
    }, seeds: 20, settings: Small);

    [Fact]
    public void S19_S47_Lost_repeated_and_overtaken_pieces_do_no_harm() => Story.Tell(3, simulation =>
    {
        var away = Behind(simulation, 40);
        simulation.Drop(0.3);
        simulation.Duplicate(0.5);
        simulation.Reorder(0.5);
        simulation.Heal();
        simulation.RunUntil(() => simulation.BaseIndexOf(away) > 0);
        simulation.EndFaults();
        simulation.RunUntil(() => simulation.HasConverged);
    }, seeds: 20, settings: Small);

    [Fact]
    public void A_follower_that_falls_behind_again_while_it_installs_gets_another() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        var away = Behind(simulation, 40);
        simulation.HangDisk(away);
        simulation.Heal();
        for (var i = 0; i < 40; i++) simulation.Commit(client, "k", $"{i}");
        simulation.ReleaseDisk(away);
        simulation.RunUntil(() => simulation.HasConverged);
        Assert.True(simulation.BaseIndexOf(away) > 40);
    }, settings: Small);

    [Fact]
    public void All_members_may_crash_at_any_time_of_a_checkpoint() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        for (var i = 0; i < 30; i++) simulation.Commit(client, "k", $"{i}");
        var put = client.Put("k", "last");
        simulation.RunFor(TimeSpan.FromMilliseconds(0.7 * simulation.Seed));
        foreach (var member in simulation.Members)
        {
            if (simulation.Seed % 2 == 0) simulation.Crash(member);
            else simulation.LoseUnsynced(member);
        }
        foreach (var member in simulation.Members) simulation.Restart(member);
        simulation.RunUntil(() => put.IsDone && simulation.HasConverged);
        Assert.Equal("last", simulation.Read(simulation.AddClient(), "k"));
    }, seeds: 60, settings: Small);

    [Fact]
    public void Sessions_travel_with_a_snapshot() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        simulation.Commit(client, "other", "1");
        var away = Behind(simulation, 40);
        simulation.Heal();
        simulation.RunUntil(() => simulation.BaseIndexOf(away) > 0 && simulation.HasConverged);
        simulation.TransferLeadership(away);
        simulation.RunUntil(() => simulation.Leader == away);
        // Its session was opened before all that the new leader ever saw of the log.
        simulation.Commit(client, "other", "2");
        Assert.Equal("2", simulation.Read(client, "other"));
    }, settings: Small);

    [Fact]
    public void A_member_that_joins_by_a_snapshot_gets_it_though_leaders_die_and_members_are_cut_off() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        for (var i = 0; i < 40; i++) simulation.Commit(client, "k", $"{i}");
        var comes = simulation.AddMember();
        var put = client.Put("k", "meanwhile");
        simulation.SetVoters(0, 1, 2, comes);
        simulation.RunFor(TimeSpan.FromMilliseconds(4 * simulation.Seed));
        // Somewhere between being named and voting.
        var leader = simulation.Leader!.Value;
        if (simulation.Seed % 3 == 0) simulation.Partition([leader, comes], [.. simulation.Others(leader, comes)]);
        else simulation.Crash(leader);
        if (simulation.Seed % 3 == 1) simulation.LoseUnsynced(comes);
        simulation.RunFor(Story.Elections);
        simulation.Heal();
        simulation.Restart(leader);
        simulation.Restart(comes);
        simulation.RunUntil(() => put.IsDone && simulation.HasConverged);
        // A leader that had not yet committed the change may have lost it; then it is asked for again.
        simulation.SetVoters(0, 1, 2, comes);
        simulation.RunUntil(() => simulation.Voters.Contains(comes) && simulation.HasConverged);
        Assert.Equal(simulation.AppliedIndexOf(leader), simulation.AppliedIndexOf(comes));
        Assert.True(simulation.BaseIndexOf(comes) > 0);
    }, seeds: 60, settings: Small);

    [Fact]
    public void S35_Two_followers_that_lag_by_different_lengths_both_get_what_they_lack() => Story.Tell(5, simulation =>
    {
        var far = Behind(simulation, 40);
        var leader = simulation.Leader!.Value;
        var near = simulation.Others(leader, far)[0];
        simulation.Isolate(near);
        var client = simulation.AddClient();
        for (var i = 0; i < 8; i++) simulation.Commit(client, "k", $"near {i}");
        simulation.Heal();
        simulation.RunUntil(() => simulation.HasConverged);
        Assert.True(simulation.BaseIndexOf(far) > 0);
        Assert.Equal(leader, simulation.Leader);
    }, settings: Small);

    /// <summary>The ancestor threw when it asked such a log for its last term, and voted for anyone.</summary>
    [Fact]
    public void S18_S22_A_member_whose_log_is_all_in_its_snapshot_votes_and_leads_by_the_snapshots_term() => Story.Tell(3, simulation =>
    {
        var behind = Behind(simulation, 30);
        var leader = simulation.Leader!.Value;
        var bare = simulation.Others(behind, leader)[0];
        simulation.RunUntil(() => simulation.BaseIndexOf(bare) == simulation.LastIndexOf(bare) && simulation.LastIndexOf(bare) == simulation.LastIndexOf(leader));
        simulation.Crash(leader);
        simulation.Heal();
        Assert.Equal(bare, simulation.AnotherLeader(leader));
        Assert.Equal("29", simulation.Read(simulation.AddClient(), "k"));
    }, settings: Small);

    [Fact]
    public void A_member_whose_state_is_gone_keeps_its_votes_and_log_and_fetches_a_snapshot() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        for (var i = 0; i < 40; i++) simulation.Commit(client, "k", $"{i}");
        var leader = simulation.Leader!.Value;
        var lost = simulation.Others(leader)[0];
        var third = simulation.Others(leader, lost)[0];
        LoseStateOf(simulation, lost);
        // Its acknowledgements count before it has the snapshot: without them there is no quorum.
        simulation.Crash(third);
        simulation.Restart(lost);
        simulation.Commit(client, "k", "by the leader and the one without state");
        simulation.RunUntil(() => simulation.AppliedIndexOf(lost) == simulation.LastIndexOf(leader));
        simulation.Restart(third);
        simulation.RunUntil(() => simulation.HasConverged);
    }, seeds: 20, settings: Small);

    [Fact]
    public void A_member_whose_state_is_gone_makes_way_for_one_that_can_serve() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        for (var i = 0; i < 40; i++) simulation.Commit(client, "k", $"{i}");
        var lost = simulation.Leader!.Value;
        var behind = simulation.Others(lost)[0];
        var third = simulation.Others(lost, behind)[0];
        simulation.RunUntil(() => simulation.HasConverged);
        // The others cannot be elected without its vote, and its log is longer than that of the only one that is left.
        simulation.Isolate(behind);
        simulation.Commit(client, "k", "not known to all");
        LoseStateOf(simulation, lost);
        simulation.Crash(third);
        simulation.Heal();
        simulation.Restart(lost);
        simulation.RunUntil(() => simulation.Leader == behind && simulation.AppliedIndexOf(lost) == simulation.LastIndexOf(behind));
        Assert.Equal("not known to all", simulation.Read(client, "k"));
    }, seeds: 20, settings: Small);

    [Fact]
    public void The_image_that_a_member_made_itself_brings_its_state_back() => Story.Tell(1, simulation =>
    {
        var client = simulation.AddClient();
        for (var i = 0; i < 8; i++) simulation.Commit(client, "k", $"{i}");
        simulation.Backup(0);
        simulation.RunFor(Story.Moment);
        for (var i = 8; i < 12; i++) simulation.Commit(client, "k", $"{i}");
        simulation.Crash(0);
        simulation.LoseState(0, withImages: false);
        simulation.Restart(0);
        simulation.RunUntil(() => simulation.HasConverged);
        Assert.Equal("11", simulation.Read(client, "k"));
    }, settings: begin => begin with { Configure = s => s with { RetainEntries = 8, MaxLogEntries = 10 } });

    [Fact]
    public void A_leader_whose_image_is_damaged_makes_another() => Story.Tell(3, simulation =>
    {
        var away = Behind(simulation, 40);
        var leader = simulation.Leader!.Value;
        simulation.Heal();
        simulation.RunUntil(() => simulation.DamageImage(leader));
        simulation.RunUntil(() => simulation.BaseIndexOf(away) > 0 && simulation.HasConverged);
    }, settings: Small);

    [Fact]
    public void A_leader_does_not_believe_the_image_of_its_last_run() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        for (var i = 0; i < 40; i++) simulation.Commit(client, "k", $"{i}");
        foreach (var member in simulation.Members) simulation.Backup(member);
        simulation.RunFor(Story.Moment);
        var away = simulation.Others(simulation.Leader!.Value)[0];
        foreach (var member in simulation.Members)
        {
            Assert.True(simulation.DamageImage(member));
            simulation.Crash(member);
        }
        simulation.LoseState(away);
        foreach (var member in simulation.Members) simulation.Restart(member);
        simulation.RunUntil(() => simulation.HasConverged);
    }, settings: Small);

    [Fact]
    public void A_leader_whose_state_machine_hangs_hands_over_and_does_not_come_back_before_it_answers() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        simulation.Commit(client, "k", "first");
        var stuck = simulation.Leader!.Value;
        simulation.StallStateMachine(stuck);
        if (simulation.Seed % 2 == 0) client.Get("k");
        else client.Put("k", "waits");
        var next = simulation.AnotherLeader(stuck);
        simulation.Commit(client, "k", "by the next");
        simulation.Crash(next);
        Assert.DoesNotContain(simulation.AnotherLeader(next), new[] { stuck });
        simulation.Commit(client, "k", "by the third");
        simulation.ReleaseStateMachine(stuck);
        simulation.RunUntil(() => simulation.AppliedIndexOf(stuck) == simulation.LastIndexOf(simulation.Leader!.Value));
    });

    [Fact]
    public void A_member_alone_whose_state_machine_hangs_leads_again_when_it_answers() => Story.Tell(1, simulation =>
    {
        var client = simulation.AddClient();
        simulation.Commit(client, "k", "first");
        simulation.StallStateMachine(0);
        client.Put("k", "waits");
        simulation.RunUntil(() => simulation.Leader is null);
        simulation.RunFor(TimeSpan.FromSeconds(20));
        Assert.Null(simulation.Leader);
        simulation.ReleaseStateMachine(0);
        simulation.Commit(client, "k", "again");
    });

    private static void LoseStateOf(ClusterSimulation simulation, int member)
    {
        simulation.RunUntil(() => simulation.BaseIndexOf(member) > 0);
        simulation.Crash(member);
        simulation.LoseState(member);
    }

    /// <summary>Puts while a follower is cut off.</summary>
    private static int Behind(ClusterSimulation simulation, int puts)
    {
        var client = simulation.AddClient();
        simulation.Commit(client, "k", "first");
        var away = simulation.Others(simulation.Leader!.Value)[0];
        simulation.Isolate(away);
        for (var i = 0; i < puts; i++) simulation.Commit(client, "k", $"{i}");
        return away;
    }
}
