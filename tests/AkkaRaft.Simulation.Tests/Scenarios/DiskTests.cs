using AkkaRaft.TestKit.Swarm;

namespace AkkaRaft.Simulation.Tests.Scenarios;

/// <summary>Disks that do less than they said, and clocks that say more than is true.</summary>
public sealed class DiskTests
{
    /// <summary>S1: a journal whose beginning is half deleted is as good as one whose beginning is there.</summary>
    [Fact]
    public void Members_start_from_journals_whose_deletion_was_cut_short()
    {
        for (ulong seed = 1; seed <= 20; seed++)
        {
            var plan = SwarmPlan.DrawSimple(seed, [3], TimeSpan.FromSeconds(5));
            var result = SwarmRun.Execute(plan with { DeletesInSteps = true, RetainEntries = 0, Clients = 3, LongestThought = TimeSpan.FromMilliseconds(50), Faults = [.. Crashes()] });
            Assert.True(result.Violation is null, result.Message);
        }

        static IEnumerable<PlannedFault> Crashes() => Enumerable.Range(1, 40).Select(i =>
            new PlannedFault(TimeSpan.FromMilliseconds(100 * i), TimeSpan.FromMilliseconds(30), FaultKind.Crash, i % 3, 0, 0, 0));
    }

    /// <summary>F3: an error that is over by the next attempt is not the end of a member.</summary>
    [Fact]
    public void A_member_whose_recovery_fails_once_starts() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        simulation.Commit(client, "k", "1");
        var member = simulation.Others(simulation.Leader!.Value)[0];
        simulation.Crash(member);
        simulation.FailNextRecovery(member);
        simulation.Restart(member);
        simulation.RunUntil(() => simulation.HasConverged);
    });

    /// <summary>F9: disks that take longer than an election timeout to sync make a cluster slow, and not leaderless.</summary>
    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void Disks_that_take_half_a_second_and_more_to_sync_keep_a_leader(int slow) => Story.Tell(
        3,
        simulation =>
        {
            simulation.RunUntilLeader();
            for (var member = 0; member < slow; member++) simulation.SlowDisk(member, 200);
            var client = simulation.AddClient();
            simulation.RunFor(TimeSpan.FromSeconds(20));
            simulation.Crash(simulation.Leader ?? 0);
            simulation.RunFor(TimeSpan.FromSeconds(20));
            foreach (var member in simulation.Members) simulation.Restart(member);
            simulation.RunFor(TimeSpan.FromSeconds(20));
            // What it took to find a leader is over: from now on one stays, and serves.
            var (leader, changes) = (simulation.Leader, simulation.LeaderChanges);
            Assert.NotNull(leader);
            for (var i = 0; i < 20; i++) simulation.Commit(client, "k", $"{i}");
            Assert.Equal((leader, changes), (simulation.Leader, simulation.LeaderChanges));
        },
        settings: s => s with { ShortestWrite = TimeSpan.FromMilliseconds(2), RequestTimeout = TimeSpan.FromSeconds(20) });

    /// <summary>S10: a clock that jumps takes no lease and no session with it.</summary>
    [Fact]
    public void A_leader_whose_clock_jumps_ahead_ends_no_lease() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        var lease = client.GrantLease(TimeSpan.FromSeconds(30));
        simulation.RunUntil(() => lease.Id != 0);
        simulation.JumpClock(simulation.Leader!.Value, TimeSpan.FromDays(365));
        simulation.Commit(client, "k", "1");
        var kept = lease.KeepAlive();
        simulation.RunUntil(() => kept.IsDone);
        Assert.True(kept.Succeeded, kept.ToString());
    });
}
