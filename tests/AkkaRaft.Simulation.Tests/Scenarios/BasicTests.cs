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
}
