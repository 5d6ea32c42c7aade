using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;
using AkkaRaft.TestKit;

namespace AkkaRaft.Simulation.Tests.Scenarios;

/// <summary>Leases, and the log's clock by which they expire: it runs only while a leader leads.</summary>
public sealed class LeaseTests
{
    private static readonly TimeSpan TimeToLive = TimeSpan.FromSeconds(3);

    // A leader looks at each heartbeat; then the entry must commit.
    private static readonly TimeSpan Slack = TimeSpan.FromMilliseconds(200);

    [Fact]
    public void A_lease_expires_though_nobody_writes() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        PutWithLease(simulation, client);
        simulation.RunFor(TimeToLive - Slack);
        Assert.True(IsThere(simulation, client));
        simulation.RunFor(Slack * 2);
        Assert.False(IsThere(simulation, client));
    });

    [Fact]
    public void A_lease_does_not_expire_while_there_is_no_leader() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        PutWithLease(simulation, client);
        foreach (var member in simulation.Members) simulation.Crash(member);
        simulation.RunFor(TimeToLive * 10);
        foreach (var member in simulation.Members) simulation.Restart(member);
        simulation.RunUntil(() => simulation.HasConverged);
        var late = simulation.AddClient();
        Assert.True(IsThere(simulation, late));
        simulation.RunFor(TimeToLive + Slack);
        Assert.False(IsThere(simulation, late));
    });

    [Fact]
    public void A_lease_that_is_kept_alive_outlives_its_leaders() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        var lease = PutWithLease(simulation, client);
        for (var i = 0; i < 5; i++)
        {
            var leader = simulation.Leader!.Value;
            if (i % 2 == 0) simulation.Crash(leader);
            else simulation.Isolate(leader);
            simulation.AnotherLeader(leader);
            simulation.Ask<LeaseReply>(client, new KeepLeaseAlive(lease));
            if (i % 2 == 0) simulation.Restart(leader);
            else simulation.Heal();
            simulation.RunFor(TimeToLive / 2);
            Assert.True(IsThere(simulation, client));
        }
    });

    [Fact]
    public void A_deposed_leader_expires_no_lease() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        var lease = PutWithLease(simulation, client);
        simulation.RunFor(TimeToLive / 2);
        var deposed = simulation.Leader!.Value;
        simulation.Isolate(deposed);
        // By its own clock the lease is over before it steps down.
        simulation.RunFor(TimeToLive / 2 + Slack);
        Assert.Equal(RaftRole.Leader, simulation.RoleOf(deposed));
        simulation.AnotherLeader(deposed);
        simulation.Ask<LeaseReply>(client, new KeepLeaseAlive(lease));
        Assert.True(IsThere(simulation, client));
        simulation.Heal();
        simulation.RunUntil(() => simulation.HasConverged);
        Assert.True(IsThere(simulation, client));
    }, settings: s => s with
    {
        AttemptTimeout = Slack, Configure = c => c with { ElectionTimeoutMin = TimeToLive * 2 / 3, ElectionTimeoutMax = TimeToLive },
    });

    [Fact]
    public void In_an_idle_cluster_a_lease_outlives_its_leaders_by_no_more_than_the_time_without_one() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        PutWithLease(simulation, client);
        var granted = simulation.Now;
        var leaderless = TimeSpan.Zero;
        for (var i = 0; i < 2; i++)
        {
            // Nothing is written: only heartbeats tell the others what time it is.
            simulation.RunFor(TimeToLive / 4);
            var leader = simulation.Leader!.Value;
            simulation.Crash(leader);
            var gone = simulation.Now;
            simulation.AnotherLeader(leader);
            leaderless += simulation.Now - gone;
            simulation.Restart(leader);
        }
        var over = granted + TimeToLive + leaderless + Slack;
        Assert.True(over > simulation.Now);
        simulation.RunFor(over - simulation.Now);
        Assert.False(IsThere(simulation, client));
    });

    [Fact]
    public void A_lease_and_its_keys_travel_with_a_snapshot() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        PutWithLease(simulation, client);
        var away = simulation.Others(simulation.Leader!.Value)[0];
        simulation.Isolate(away);
        for (var i = 0; i < 40; i++) simulation.Commit(client, "other", $"{i}");
        simulation.Heal();
        simulation.RunUntil(() => simulation.BaseIndexOf(away) > 0 && simulation.HasConverged);
        simulation.TransferLeadership(away);
        simulation.RunUntil(() => simulation.Leader == away);
        simulation.RunFor(TimeToLive + Slack);
        Assert.False(IsThere(simulation, client));
    }, settings: s => s with { Configure = c => c with { RetainEntries = 0, MaxLogEntries = 10 } });

    private static long PutWithLease(ClusterSimulation simulation, SimulatedClient client)
    {
        var lease = simulation.Ask<LeaseReply>(client, new GrantLease(TimeToLive)).Status.Lease;
        simulation.Ask<PutReply>(client, new Put("k"u8.ToArray(), "1"u8.ToArray()) { Lease = lease });
        return lease;
    }

    private static bool IsThere(ClusterSimulation simulation, SimulatedClient client) =>
        simulation.Ask<GetReply>(client, new Get("k"u8.ToArray())).Found;
}
