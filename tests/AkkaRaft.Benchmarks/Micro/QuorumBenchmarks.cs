using AkkaRaft.Log;
using AkkaRaft.Protocol;
using BenchmarkDotNet.Attributes;

namespace AkkaRaft.Benchmarks.Micro;

/// <summary>The index that a quorum has, as a leader asks for it with each answer.</summary>
[MemoryDiagnoser]
public class QuorumBenchmarks
{
    private Configuration _configuration = null!;
    private Dictionary<MemberId, long> _match = null!;

    [Params(3, 5, 7)]
    public int Members { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _configuration = Inputs.Voters(Members);
        _match = _configuration.Voters.Keys.ToDictionary(id => id, id => 100L - id.Value);
    }

    [Benchmark]
    public long QuorumIndex() => _configuration.QuorumIndex(id => _match[id]);
}
