using Akka.Actor;
using AkkaRaft.Consensus;
using AkkaRaft.Hosting;
using AkkaRaft.Storage;
using BenchmarkDotNet.Attributes;

namespace AkkaRaft.Benchmarks.Micro;

/// <summary>An AppendEntries of one client batch, and the event that stores it: to bytes and back.</summary>
[MemoryDiagnoser]
public class SerializerBenchmarks
{
    private ActorSystem _system = null!;
    private RaftSerializer _serializer = null!;
    private AppendEntries _append = null!;
    private byte[] _bytes = null!;
    private EventChain _chain = null!;

    /// <summary>Puts in the batch.</summary>
    [Params(1, 100, 1000)]
    public int Operations { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _system = ActorSystem.Create("micro");
        _serializer = new RaftSerializer((ExtendedActorSystem)_system);
        _append = new AppendEntries(Inputs.Header, 4, 7, [Inputs.Entry(5, Inputs.Batch(1, 1, Operations))], 4, 9);
        _bytes = _serializer.ToBinary(_append);
        _chain = new EventChain();
    }

    [GlobalCleanup]
    public void Cleanup() => _system.Dispose();

    [Benchmark]
    public byte[] WriteAppendEntries() => _serializer.ToBinary(_append);

    [Benchmark]
    public object ReadAppendEntries() => _serializer.FromBinary(_bytes, "r1");

    [Benchmark]
    public byte[] SealAndWriteEvent() => _serializer.ToBinary(_chain.Seal(new EntriesAppended(4, 7, _append.Entries)));
}
