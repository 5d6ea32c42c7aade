using AkkaRaft.Log;
using BenchmarkDotNet.Attributes;

namespace AkkaRaft.Benchmarks.Micro;

/// <summary>The log in memory: append, what a follower merges, and what is cut for a message.</summary>
[MemoryDiagnoser]
public class LogBenchmarks
{
    private readonly LogEntry[] _entries = [.. Enumerable.Range(1, 10_000).Select(i => Inputs.Entry(i, new byte[100]))];
    private RaftLog _full = null!;

    [GlobalSetup]
    public void Setup() => _full = Append();

    /// <summary>Ten thousand entries.</summary>
    [Benchmark(OperationsPerInvoke = 10_000)]
    public object AppendEntries() => Append();

    [Benchmark]
    public object? MergeWhatIsThere() => _full.Merge(_entries.AsSpan(9_000, 100).ToArray());

    [Benchmark]
    public object Slice64KiB() => _full.Slice(5_000, 10_000, 64 * 1024);

    private RaftLog Append()
    {
        var log = new RaftLog(LogBase.Empty(Inputs.Voters(3)));
        foreach (var entry in _entries) log.Append(entry);
        return log;
    }
}
