using Akka.Actor;
using AkkaRaft.StateMachine;
using AkkaRaft.TestKit;

namespace AkkaRaft.Simulation.Tests.Scenarios;

/// <summary>What a user writes: their own state machine under the simulation, within a TestKit test.</summary>
public sealed class OwnStateMachineTests : Akka.TestKit.Xunit2.TestKit
{
    [Fact]
    public void A_log_of_lines_is_the_same_on_all_members()
    {
        var logs = new Dictionary<int, List<string>>();
        using var simulation = new ClusterSimulation(new SimulationSettings
        {
            Members = 3,
            Seed = 42,
            StateMachine = id => Props.Create(() => new CountingActor(logs, id.Value)),
        });
        var leader = simulation.RunUntilLeader();
        simulation.Isolate(leader);
        simulation.RunUntil(() => simulation.Leader is { } another && another != leader);
        simulation.Crash(leader);
        simulation.Heal();
        simulation.Restart(leader);
        simulation.RunUntil(() => simulation.HasConverged);
        Assert.Equal(logs[0], logs[1]);
        Assert.Equal(logs[0], logs[2]);
        Assert.NotEmpty(logs[0]);
    }

    /// <summary>Keeps its state in memory: after a restart it is given the whole log anew.</summary>
    private sealed class CountingActor : ReceiveActor
    {
        public CountingActor(Dictionary<int, List<string>> logs, int member)
        {
            var lines = logs[member] = [];
            Receive<ApplyEntries>(apply =>
            {
                lines.AddRange(apply.Entries.Select(e => $"{e.Index}/{e.Term} {e.Kind}"));
                Sender.Tell(new EntriesApplied(apply.Entries[^1].Index, [.. apply.Entries.Select(_ => ReadOnlyMemory<byte>.Empty)]));
            });
            Receive<Query>(query => Sender.Tell(new QueryReply(query.RequestId, query.Payload)));
        }

        protected override void PreStart() => Context.Parent.Tell(new StateMachineReady(0, 0, 0));
    }
}
