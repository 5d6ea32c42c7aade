using Google.Protobuf;
using System.Collections.Immutable;
using AkkaRaft.Benchmarks.Load;
using AkkaRaft.Consensus;
using AkkaRaft.KeyValue;
using AkkaRaft.Log;
using AkkaRaft.Protocol;

namespace AkkaRaft.Benchmarks.Micro;

/// <summary>What the benchmarks of the inner pieces work on: batches of puts, 16 B keys, 100 B values.</summary>
internal static class Inputs
{
    public static RaftHeader Header { get; } = new("akkaraft", new MemberId(0), new MemberId(1), 7) { FromAddress = "127.0.0.1:4100", Incarnation = 42 };

    public static RaftSettings Settings { get; } = new()
    {
        ClusterId = "akkaraft", Id = new MemberId(0), Members = MembersOf(3).ToImmutableSortedDictionary(m => m.Id, m => m),
    };

    public static Configuration Voters(int count) => Configuration.Of(MembersOf(count));

    public static ReadOnlyMemory<byte> Batch(long session, long firstSerial, int operations) =>
        SessionCodec.EncodeBatch(session, firstSerial, firstSerial - 1, Enumerable.Range(0, operations).Select(i =>
            KeyValueCodec.ToWire(new Put(ClosedLoop.Key((firstSerial + i) * 7919 % 10_000), ClosedLoop.Value(new Random(i), 100))).ToByteString()));

    public static LogEntry Entry(long index, ReadOnlyMemory<byte> payload) => new(index, 7, 1_700_000_000_000 + index, EntryKind.Command, payload);

    private static IEnumerable<RaftEndpoint> MembersOf(int count) => Enumerable.Range(0, count).Select(i => new RaftEndpoint(new MemberId(i), $"127.0.0.1:{4100 + i}"));
}
