using System.Text;
using Akka.Actor;
using AkkaRaft.Log;
using AkkaRaft.Protocol;
using AkkaRaft.StateMachines;
using AkkaRaft.TestKit;

namespace AkkaRaft.Simulation.Tests.Scenarios;

/// <summary>What a user writes: their own state machine under the simulation, within a TestKit test.</summary>
public sealed class OwnStateMachineTests : Akka.TestKit.Xunit2.TestKit
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(42)]
    public void A_ledger_of_lines_is_the_same_on_all_members_whatever_befalls_them(ulong seed)
    {
        var ledgers = new Dictionary<int, List<string>>();
        using var simulation = new ClusterSimulation(new SimulationSettings
        {
            Members = 3,
            Seed = seed,
            StateMachine = id => Props.Create(() => new LedgerActor(TestActor, ledgers, id.Value)),
        });
        var leader = simulation.RunUntilLeader();
        var first = simulation.Submit(Encoding.UTF8.GetBytes("first"));
        simulation.RunUntil(() => first.IsDone);
        Assert.Equal("1", Text(first.Result));
        simulation.RunUntil(() => simulation.HasConverged);
        ExpectMsg("0: first");

        // Whoever is cut off while it leads takes a command that it cannot commit.
        simulation.Isolate(leader);
        var doomed = simulation.Submit(Encoding.UTF8.GetBytes("doomed"), leader);
        simulation.RunUntil(() => simulation.Leader is { } another && another != leader);
        var second = simulation.Submit(Encoding.UTF8.GetBytes("second"));
        simulation.RunUntil(() => second.IsDone);
        Assert.Equal("2", Text(second.Result));
        var refused = simulation.Submit(Encoding.UTF8.GetBytes("refused"), simulation.Members.First(m => m != leader && m != simulation.Leader));
        simulation.RunUntil(() => refused.IsDone);
        Assert.NotNull(refused.Refusal);

        simulation.Crash(leader);
        simulation.Heal();
        simulation.Restart(leader);
        simulation.RunUntil(() => simulation.HasConverged);
        Assert.Null(doomed.Result);
        var query = simulation.Query(Encoding.UTF8.GetBytes("all"));
        simulation.RunUntil(() => query.IsDone);
        Assert.Equal("first,second", Text(query.Result));
        Assert.All(simulation.Members, m => Assert.Equal(["first", "second"], ledgers[m]));
    }

    private static string? Text(ReadOnlyMemory<byte>? bytes) => bytes is { } there ? Encoding.UTF8.GetString(there.Span) : null;

    /// <summary>Keeps its state in memory: after a restart it is given the whole log anew. Member 0 tells a probe of each line.</summary>
    private sealed class LedgerActor : ReceiveActor
    {
        public LedgerActor(IActorRef probe, Dictionary<int, List<string>> ledgers, int member)
        {
            var lines = ledgers[member] = [];
            Receive<ApplyEntries>(apply =>
            {
                var results = new List<ReadOnlyMemory<byte>>();
                foreach (var entry in apply.Entries)
                {
                    if (entry.Kind == EntryKind.Command)
                    {
                        lines.Add(Encoding.UTF8.GetString(entry.Payload.Span));
                        if (member == 0) probe.Tell($"{member}: {lines[^1]}");
                    }
                    results.Add(entry.Kind == EntryKind.Command ? Encoding.UTF8.GetBytes($"{lines.Count}") : default(ReadOnlyMemory<byte>));
                }
                Sender.Tell(new EntriesApplied(apply.Entries[^1].Index, results));
            });
            Receive<Query>(query => Sender.Tell(new QueryReply(query.RequestId, Encoding.UTF8.GetBytes(string.Join(',', lines)))));
        }

        protected override void PreStart() => Context.Parent.Tell(new StateMachineReady(0, 0, 0));
    }
}
