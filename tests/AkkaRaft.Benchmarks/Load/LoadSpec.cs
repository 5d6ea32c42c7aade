using System.Text.Json;
using System.Text.Json.Serialization;

namespace AkkaRaft.Benchmarks.Load;

internal enum Operation
{
    Put,
    Get,
}

/// <summary>A closed loop: each caller sends its next operation once it has the answer to the last.</summary>
/// <param name="Operation">What is sent; gets are linearizable.</param>
/// <param name="Callers">How many operations are outstanding at any moment.</param>
/// <param name="Seconds">How long; ignored when <paramref name="Total"/> is given.</param>
/// <param name="Keys">Keys are drawn at random out of so many, load/0 and following.</param>
/// <param name="ValueBytes">Size of each value, which does not compress.</param>
/// <param name="Total">When it is not 0: so many operations instead, over the keys in order.</param>
/// <param name="LosesLeader">The callers must get over a leader that is lost.</param>
internal sealed record LoadSpec(Operation Operation, int Callers, double Seconds, long Keys = 10_000, int ValueBytes = 100, long Total = 0, bool LosesLeader = false)
{
    /// <summary>How a load's process is told, and tells what it measured.</summary>
    public static JsonSerializerOptions Json { get; } = new(JsonSerializerDefaults.Web) { Converters = { new JsonStringEnumConverter(JsonNamingPolicy.CamelCase) } };

    /// <summary>Writes each key once.</summary>
    public static LoadSpec Preload(long keys, int valueBytes) =>
        new(Operation.Put, valueBytes > 4096 ? 32 : 512, 0, keys, valueBytes, keys);
}

/// <summary>What a load measured.</summary>
/// <param name="Completed">Operations that succeeded.</param>
/// <param name="Failed">Operations that did not.</param>
/// <param name="Seconds">From the first to the last.</param>
/// <param name="P50Ms">Median latency; 0 when nothing succeeded.</param>
/// <param name="P99Ms">99th percentile of latency; 0 when nothing succeeded.</param>
/// <param name="LongestGapMs">Longest time in which nothing succeeded; null where a lost leader is never got over, and nobody asks.</param>
internal sealed record LoadResult(long Completed, long Failed, double Seconds, double P50Ms, double P99Ms, double? LongestGapMs)
{
    public double PerSecond => Completed / Seconds;
}
