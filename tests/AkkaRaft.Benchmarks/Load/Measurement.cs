using AkkaRaft.Benchmarks.Clusters;

namespace AkkaRaft.Benchmarks.Load;

/// <summary>A load, and the CPU that it took.</summary>
/// <param name="Result">What the load saw.</param>
/// <param name="MembersCpuSeconds">What all members used, together.</param>
/// <param name="LoadCpuSeconds">What the load's process used; null where that is a member.</param>
internal sealed record Measurement(LoadResult Result, double MembersCpuSeconds, double? LoadCpuSeconds)
{
    public double MembersCpuMicroseconds => 1_000_000 * MembersCpuSeconds / Result.Completed;

    public double? LoadCpuMicroseconds => 1_000_000 * LoadCpuSeconds / Result.Completed;

    public static async Task<Measurement> TakeAsync(ICluster cluster, LoadSpec load)
    {
        var (members, client) = (cluster.Members.Sum(m => m.CpuSeconds), cluster.LoadProcess?.CpuSeconds);
        var result = await cluster.LoadAsync(load).ConfigureAwait(false);
        return new Measurement(result, cluster.Members.Sum(m => m.CpuSeconds) - members, cluster.LoadProcess?.CpuSeconds - client);
    }
}
