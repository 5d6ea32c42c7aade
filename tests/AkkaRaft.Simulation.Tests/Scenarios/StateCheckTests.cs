using System.Text;
using AkkaRaft.Client;
using AkkaRaft.Hosting;
using AkkaRaft.StateMachines;
using AkkaRaft.TestKit;

namespace AkkaRaft.Simulation.Tests.Scenarios;

/// <summary>Members compare their states: one that a quorum contradicts says so, serves no more, and makes its state anew.</summary>
public sealed class StateCheckTests
{
    /// <summary>Counts, and miscounts where it is told to, as a bit that flips in memory would make it.</summary>
    private sealed class Counter(int miscountsBy) : IStateMachine<int, int, string, int>
    {
        private int _count;

        public int Apply(int command, ApplyContext context) => _count += _count == 10 ? command + miscountsBy : command;

        public int Query(string query) => _count;

        public void Save(Stream destination) => destination.Write(Encoding.ASCII.GetBytes($"count {_count}"));

        public void Load(Stream source) => _count = int.Parse(new StreamReader(source).ReadToEnd()[6..], null);
    }

    private static ClusterSimulation Begin(ulong seed, Func<int, int> miscountsBy, out SimulatedStateMachineClient<int, int, string, int> client, Func<RaftSettings, RaftSettings>? configure = null)
    {
        var codec = new JsonCodec();
        var created = 0;
        var simulation = new ClusterSimulation(new SimulationSettings
        {
            Seed = seed,
            // An instance is made by each member as it starts, in the order of their ids.
            Runs = RaftStateMachine.Of("counter", () => new Counter(miscountsBy(created++)), codec),
            RequestTimeout = TimeSpan.FromMinutes(1),
            Configure = settings =>
            {
                settings = settings with { StateCheckInterval = TimeSpan.FromSeconds(1) };
                return configure?.Invoke(settings) ?? settings;
            },
        });
        client = simulation.AddClient<int, int, string, int>(codec);
        return simulation;
    }

    private static void Count(ClusterSimulation simulation, SimulatedStateMachineClient<int, int, string, int> client, int times)
    {
        for (var i = 0; i < times; i++)
        {
            var call = client.Submit(1);
            simulation.RunUntil(() => call.IsDone);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void A_member_whose_state_a_quorum_contradicts_makes_it_anew_from_its_log(int member)
    {
        for (ulong seed = 1; seed <= 5; seed++)
        {
            using var simulation = Begin(seed, created => created == member ? 1 : 0, out var client, settings => settings with { StateCheckInterval = TimeSpan.Zero });
            Count(simulation, client, 20);
            simulation.RunFor(TimeSpan.FromSeconds(5));
            simulation.RunUntil(() => simulation.HasConverged);
            Assert.Contains("states differ", Assert.Throws<SimulationViolationException>(simulation.Check).Message, StringComparison.Ordinal);
            using var healed = Begin(seed, created => created == member ? 1 : 0, out client);
            Count(healed, client, 20);
            healed.RunFor(TimeSpan.FromSeconds(5));
            healed.RunUntil(() => healed.HasConverged);
            healed.Check();
            var read = client.Query("");
            healed.RunUntil(() => read.IsDone);
            Assert.Equal(20, read.Value);
        }
    }

    [Fact]
    public void What_the_log_no_longer_has_is_taken_from_another_member()
    {
        for (ulong seed = 1; seed <= 5; seed++)
        {
            using var simulation = Begin(seed, created => created == 1 ? 1 : 0, out var client, settings => settings with { RetainEntries = 2, MaxLogEntries = 10 });
            Count(simulation, client, 40);
            simulation.RunFor(TimeSpan.FromSeconds(5));
            Count(simulation, client, 10);
            simulation.RunUntil(() => simulation.HasConverged);
            simulation.Check();
        }
    }

    [Fact]
    public void Where_no_quorum_agrees_all_go_on_and_say_so()
    {
        using var simulation = Begin(1, created => created, out var client);
        var leader = simulation.RunUntilLeader();
        Count(simulation, client, 20);
        var terms = simulation.Members.Select(simulation.TermOf).ToList();
        simulation.RunFor(TimeSpan.FromSeconds(5));
        Count(simulation, client, 20);
        simulation.RunFor(TimeSpan.FromSeconds(5));
        Assert.Equal(leader, simulation.Leader);
        Assert.Equal(terms, simulation.Members.Select(simulation.TermOf));
        Assert.Contains("states differ", Assert.Throws<SimulationViolationException>(simulation.Check).Message, StringComparison.Ordinal);
    }
}
