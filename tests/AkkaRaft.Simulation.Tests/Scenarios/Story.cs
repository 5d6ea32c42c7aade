using AkkaRaft.KeyValue;
using AkkaRaft.TestKit;

namespace AkkaRaft.Simulation.Tests.Scenarios;

/// <summary>What the stories have in common. Each is told under several seeds, since a seed is one interleaving of many.</summary>
internal static class Story
{
    public static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(100);

    // Two election timeouts at their longest: whoever can elect, has.
    public static readonly TimeSpan Elections = TimeSpan.FromSeconds(3);

    public static void Tell(int members, Action<ClusterSimulation> story, int seeds = 10, Func<SimulationSettings, SimulationSettings>? settings = null)
    {
        for (ulong seed = 1; seed <= (ulong)seeds; seed++)
        {
            var begin = new SimulationSettings { Members = members, Seed = seed, Replay = "this test" };
            using var simulation = new ClusterSimulation(settings?.Invoke(begin) ?? begin);
            story(simulation);
            simulation.EndFaultsAndConverge();
            simulation.Check();
        }
    }

    /// <summary>Puts, and waits until it is acknowledged.</summary>
    public static void Commit(this ClusterSimulation simulation, SimulatedClient client, string key, string value)
    {
        var put = client.Put(key, value);
        simulation.RunUntil(() => put.IsDone);
        Assert.True(put.Succeeded, put.ToString());
    }

    public static string? Read(this ClusterSimulation simulation, SimulatedClient client, string key)
    {
        var get = client.Get(key);
        simulation.RunUntil(() => get.IsDone);
        Assert.True(get.Succeeded, get.ToString());
        return get.Value;
    }

    /// <summary>Asks, and waits for the reply.</summary>
    public static T Ask<T>(this ClusterSimulation simulation, SimulatedClient client, IKeyValueRequest request) where T : IKeyValueReply
    {
        IKeyValueReply? reply = null;
        client.Ask(request, r => reply = r);
        simulation.RunUntil(() => reply is not null);
        Assert.True(reply is T, $"{reply}");
        return (T)reply!;
    }

    public static IReadOnlyList<int> Others(this ClusterSimulation simulation, params int[] without) => [.. simulation.Members.Except(without)];

    /// <summary>A leader elected by those that can, other than the old one.</summary>
    public static int AnotherLeader(this ClusterSimulation simulation, int old)
    {
        simulation.RunUntil(() => simulation.Leader is { } leader && leader != old);
        return simulation.Leader!.Value;
    }
}
