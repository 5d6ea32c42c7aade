using AkkaRaft.Protocol;
using AkkaRaft.TestKit;

namespace AkkaRaft.Simulation.Tests.Scenarios;

public sealed class BasicTests
{
    [Fact]
    public void Three_members_elect_and_serve()
    {
        using var simulation = new ClusterSimulation(new SimulationSettings());
        simulation.RunUntilLeader();
        var client = simulation.AddClient();
        var put = client.Put("k", "v");
        simulation.RunUntil(() => put.IsDone);
        Assert.True(put.Succeeded, put.ToString());
        var get = client.Get("k");
        simulation.RunUntil(() => get.IsDone);
        Assert.Equal("v", get.Value);
        simulation.EndFaultsAndConverge();
        simulation.Check();
    }

    /// <summary>By their broken connections its followers know of it, and wait no longer than a lease that it may have given.</summary>
    [Theory]
    [InlineData(3)]
    [InlineData(5)]
    public void A_leader_whose_process_died_is_replaced_sooner_than_one_that_is_silent(int members)
    {
        Assert.True(Replaced(members, (simulation, leader) => simulation.Crash(leader)) < Replaced(members, (simulation, leader) => simulation.Isolate(leader)) / 2);
    }

    /// <summary>How long it takes on average; nobody votes before the lease is over.</summary>
    private static TimeSpan Replaced(int members, Action<ClusterSimulation, int> goes)
    {
        List<TimeSpan> took = [];
        Story.Tell(
            members,
            simulation =>
            {
                simulation.RunUntilLeader(TimeSpan.FromMinutes(2));
                simulation.RunFor(TimeSpan.FromSeconds(1));
                var old = simulation.Leader!.Value;
                var gone = simulation.Now;
                goes(simulation, old);
                simulation.RunUntil(() => simulation.Members.Any(m => m != old && simulation.RoleOf(m) == RaftRole.Leader), TimeSpan.FromMinutes(2));
                took.Add(simulation.Now - gone);
            },
            settings: begin => begin with
            {
                Configure = settings => settings with { ElectionTimeoutMin = TimeSpan.FromMilliseconds(300), ElectionTimeoutMax = TimeSpan.FromSeconds(10) },
            });
        Assert.All(took, time => Assert.True(time > TimeSpan.FromMilliseconds(250)));
        return TimeSpan.FromTicks((long)took.Average(time => time.Ticks));
    }
}
