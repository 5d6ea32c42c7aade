using AkkaRaft.BankSample;
using AkkaRaft.Hosting;
using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;
using AkkaRaft.TestKit.Conformance;

namespace AkkaRaft.Simulation.Tests.Conformance;

/// <summary>The kit passes what keeps the contract, and finds what does not.</summary>
public sealed class StateMachineConformanceTests
{
    private static readonly IReadOnlyList<BankCommand> _commands =
    [
        new Deposit("ann", 100), new Deposit("bob", 50), new Transfer("ann", "cy", 30), new Transfer("nobody", "ann", 5),
        new Deposit("ann", 1), new Transfer("bob", "ann", 50), new Deposit("cy", 7), new Deposit("ann", 100),
    ];

    private static readonly IReadOnlyList<Audit> _queries = [new(), new("a"), new("b"), new("c")];

    [Fact]
    public async Task The_sample_actor_conforms()
    {
        Assert.Empty(await StateMachineConformance.CheckAsync(Ledger.StateMachine, Bank.Codec, _commands, _queries));
    }

    [Fact]
    public async Task A_plain_class_conforms() => Assert.Empty(await StateMachineConformance.CheckAsync(Bank.StateMachine, Bank.Codec, _commands, _queries));

    [Fact]
    public async Task The_key_value_store_conforms()
    {
        static ReadOnlyMemory<byte> Bytes(string text) => System.Text.Encoding.UTF8.GetBytes(text);
        var failures = await StateMachineConformance.CheckAsync(
            RaftStateMachine.KeyValueStore,
            [
                new Put(Bytes("a"), Bytes("1")), new Put(Bytes("b"), Bytes("2")), new Delete(Bytes("a")), new CompareAndSet(Bytes("b"), Bytes("3"), 1),
                new Put(Bytes("c"), Bytes("4")), new Put(Bytes("b"), Bytes("5")), new Delete(Bytes("zz")), new Put(Bytes("a"), Bytes("6")),
            ],
            [new Get(Bytes("a"), ReadConsistency.Local), new Get(Bytes("b"), ReadConsistency.Local), new Get(Bytes("c"), ReadConsistency.Local)]);
        Assert.Empty(failures);
    }

    public static TheoryData<string> Faults => [.. FaultyLedger.All.Select(f => f.Name)];

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task A_planted_fault_is_found(string name)
    {
        var fault = FaultyLedger.All.Single(f => f.Name == name);
        var failures = await StateMachineConformance.CheckAsync(FaultyLedger.With(fault), Bank.Codec, _commands, _queries);
        Assert.Contains(failures, failure => failure.StartsWith(fault.Requirement, StringComparison.Ordinal));
    }
}
