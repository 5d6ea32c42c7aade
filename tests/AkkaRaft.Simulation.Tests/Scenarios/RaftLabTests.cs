using AkkaRaft.Protocol;
using AkkaRaft.TestKit;

namespace AkkaRaft.Simulation.Tests.Scenarios;

/// <summary>The tests of the MIT 6.5840 Raft lab, by their names there, on whole members with clients.</summary>
public sealed class RaftLabTests
{
    [Fact]
    public void Initial_election() => Story.Tell(3, simulation =>
    {
        var leader = simulation.RunUntilLeader();
        simulation.RunFor(Story.Moment);
        var term = simulation.TermOf(leader);
        Assert.All(simulation.Members, m => Assert.Equal(term, simulation.TermOf(m)));
        simulation.RunFor(Story.Elections);
        Assert.Equal(leader, simulation.Leader);
        Assert.Equal(term, simulation.TermOf(leader));
    });

    [Fact]
    public void Election_after_network_failure() => Story.Tell(3, simulation =>
    {
        var first = simulation.RunUntilLeader();
        simulation.Isolate(first);
        var second = simulation.AnotherLeader(first);
        simulation.Heal();
        simulation.RunFor(Story.Elections);
        // The old leader comes back as a follower and disturbs nobody.
        Assert.Equal(second, simulation.Leader);
        Assert.Equal(RaftRole.Follower, simulation.RoleOf(first));

        simulation.Partition([0], [1], [2]);
        simulation.RunFor(Story.Elections);
        Assert.Null(simulation.Leader);
        simulation.Heal();
        simulation.RunUntilLeader();
    });

    [Fact]
    public void Many_elections() => Story.Tell(7, simulation =>
    {
        for (var round = 0; round < 10; round++)
        {
            simulation.RunUntilLeader();
            var cut = new HashSet<int>();
            while (cut.Count < 3) cut.Add(simulation.FaultRandom.Next(7));
            foreach (var member in cut) simulation.Isolate(member);
            simulation.RunUntil(() => simulation.Leader is { } leader && !cut.Contains(leader));
            simulation.Heal();
        }
    }, seeds: 3);

    [Fact]
    public void Basic_agreement() => Story.Tell(5, simulation =>
    {
        var client = simulation.AddClient();
        for (var i = 0; i < 10; i++) simulation.Commit(client, "k", $"{i}");
        Assert.Equal("9", simulation.Read(client, "k"));
    });

    [Fact]
    public void Agreement_despite_follower_disconnection() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        simulation.Commit(client, "k", "1");
        var follower = simulation.Others(simulation.Leader!.Value)[0];
        simulation.Isolate(follower);
        for (var i = 2; i < 6; i++) simulation.Commit(client, "k", $"{i}");
        simulation.RunFor(Story.Elections);
        simulation.Heal();
        for (var i = 6; i < 9; i++) simulation.Commit(client, "k", $"{i}");
        Assert.Equal("8", simulation.Read(client, "k"));
    });

    [Fact]
    public void No_agreement_if_too_many_followers_disconnect() => Story.Tell(5, simulation =>
    {
        var client = simulation.AddClient();
        simulation.Commit(client, "k", "1");
        var leader = simulation.Leader!.Value;
        var committed = simulation.Committed;
        foreach (var follower in simulation.Others(leader).Take(3)) simulation.Isolate(follower);
        var put = client.Put("k", "2");
        simulation.RunFor(Story.Elections);
        Assert.Equal(committed, simulation.Committed);
        Assert.False(put.Succeeded);
        simulation.Heal();
        simulation.Commit(simulation.AddClient(), "k", "3");
    });

    [Fact]
    public void Concurrent_starts() => Story.Tell(3, simulation =>
    {
        simulation.RunUntilLeader();
        var calls = Enumerable.Range(0, 5).Select(i => simulation.AddClient().Put($"k{i}", $"{i}")).ToList();
        simulation.RunUntil(() => calls.All(c => c.IsDone));
        Assert.All(calls, c => Assert.True(c.Succeeded));
    });

    [Fact]
    public void Rejoin_of_partitioned_leader() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        simulation.Commit(client, "k", "101");
        var old = simulation.Leader!.Value;
        simulation.Isolate(old);
        // The old leader takes these and can never commit them.
        var lost = Enumerable.Range(102, 3).Select(i => client.Put("k", $"{i}")).ToList();
        var second = simulation.AnotherLeader(old);
        simulation.Commit(simulation.AddClient(), "k", "103");
        simulation.Heal();
        simulation.Isolate(second);
        simulation.RunUntil(() => lost.All(c => c.IsDone));
        simulation.Commit(simulation.AddClient(), "k", "104");
        simulation.Heal();
        simulation.Commit(simulation.AddClient(), "k", "105");
    });

    [Fact]
    public void Leader_backs_up_quickly_over_incorrect_follower_logs() => Story.Tell(5, simulation =>
    {
        var client = simulation.AddClient();
        simulation.Commit(client, "k", "0");
        for (var round = 0; round < 4; round++)
        {
            var leader = simulation.RunUntilLeader();
            var pair = new[] { leader, simulation.Others(leader)[0] };
            simulation.Partition(pair, simulation.Others(pair));
            // A tail that is never committed.
            var doomed = Enumerable.Range(0, 50).Select(i => simulation.AddClient().Put("k", $"doomed {i}")).ToList();
            simulation.RunFor(Story.Moment);
            simulation.AnotherLeader(leader);
            for (var i = 0; i < 5; i++) simulation.Commit(simulation.AddClient(), "k", $"{round}.{i}");
            simulation.Heal();
            simulation.RunUntil(() => doomed.All(c => c.IsDone));
        }
    }, seeds: 2);

    [Fact]
    public void Message_counts_are_not_too_high() => Story.Tell(3, simulation =>
    {
        simulation.RunUntilLeader();
        simulation.RunFor(Story.Elections);
        var before = simulation.Delivered;
        simulation.RunFor(TimeSpan.FromSeconds(1));
        // Twenty heartbeats to two followers, and their answers.
        Assert.InRange(simulation.Delivered - before, 60, 90);
        var client = simulation.AddClient();
        simulation.Commit(client, "warm", "up");
        before = simulation.Delivered;
        for (var i = 0; i < 10; i++) simulation.Commit(client, "k", $"{i}");
        Assert.InRange(simulation.Delivered - before, 40, 140);
    });

    [Fact]
    public void Basic_persistence() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        simulation.Commit(client, "k", "11");
        foreach (var member in simulation.Members) simulation.Crash(member);
        foreach (var member in simulation.Members) simulation.Restart(member);
        Assert.Equal("11", simulation.Read(client, "k"));
        var leader = simulation.RunUntilLeader();
        simulation.LoseUnsynced(leader);
        simulation.Commit(client, "k", "12");
        simulation.Restart(leader);
        var follower = simulation.Others(simulation.RunUntilLeader())[0];
        simulation.Crash(follower);
        simulation.Commit(client, "k", "13");
        simulation.Restart(follower);
        Assert.Equal("13", simulation.Read(client, "k"));
    });

    [Fact]
    public void More_persistence() => Story.Tell(5, simulation =>
    {
        var client = simulation.AddClient();
        for (var round = 0; round < 4; round++)
        {
            simulation.Commit(client, "k", $"{round}");
            var leader = simulation.RunUntilLeader();
            var two = simulation.Others(leader).Take(2).ToArray();
            foreach (var member in two) simulation.Crash(member);
            simulation.Commit(client, "k", $"{round}.1");
            foreach (var member in simulation.Others(two)) simulation.LoseUnsynced(member);
            foreach (var member in two) simulation.Restart(member);
            simulation.RunFor(Story.Moment);
            simulation.Restart(simulation.Others(two)[0]);
            Assert.Equal($"{round}.1", simulation.Read(client, "k"));
            simulation.EndFaults();
        }
    }, seeds: 5);

    [Fact]
    public void Partitioned_leader_and_one_follower_crash_and_the_leader_restarts() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        simulation.Commit(client, "k", "101");
        var leader = simulation.Leader!.Value;
        var others = simulation.Others(leader);
        simulation.Isolate(others[1]);
        simulation.Commit(client, "k", "102");
        simulation.Crash(leader);
        simulation.Crash(others[0]);
        simulation.Heal();
        simulation.Restart(leader);
        simulation.Commit(client, "k", "103");
        simulation.Restart(others[0]);
        Assert.Equal("103", simulation.Read(client, "k"));
    });

    [Fact]
    public void Churn() => Story.Tell(5, simulation =>
    {
        var calls = new List<SimulatedCall>();
        var clients = Enumerable.Range(0, 3).Select(_ => simulation.AddClient()).ToList();
        for (var round = 0; round < 20; round++)
        {
            calls.AddRange(clients.Select((c, i) => c.Put($"k{i}", $"{round}")));
            var random = simulation.FaultRandom;
            if (random.Next(10) < 2) simulation.Isolate(random.Next(5));
            if (random.Next(10) < 5) simulation.EndFaults();
            if (random.Next(10) < 2) simulation.Crash(random.Next(5));
            simulation.RunFor(TimeSpan.FromMilliseconds(350));
        }
        simulation.EndFaults();
        simulation.RunUntil(() => calls.All(c => c.IsDone));
    }, seeds: 5, settings: s => s with { StateSurvivesCrash = s.Seed % 2 == 0 });
}
