namespace AkkaRaft.Benchmarks.Load;

internal enum Operation
{
    Put,
    Get,
}

/// <summary>A closed loop: each caller sends its next operation once it has the answer to the last.</summary>
/// <param name="Operation">What is sent.</param>
/// <param name="Callers">How many operations are outstanding at any moment.</param>
/// <param name="Seconds">How long; ignored when <paramref name="Total"/> is given.</param>
/// <param name="Keys">Keys are drawn at random out of so many, each of 16 bytes.</param>
/// <param name="ValueBytes">Size of each value, of random bytes.</param>
/// <param name="Total">When it is not 0: so many operations instead, over the keys in order.</param>
internal sealed record LoadSpec(Operation Operation, int Callers, double Seconds, long Keys = 10_000, int ValueBytes = 100, long Total = 0)
{
    /// <summary>Writes each key once.</summary>
    public static LoadSpec Preload(long keys, int valueBytes) =>
        new(Operation.Put, valueBytes > 4096 ? 32 : 512, 0, keys, valueBytes, keys);
}

/// <summary>What a load measured.</summary>
/// <param name="Completed">Operations that succeeded.</param>
/// <param name="Failed">Operations that did not.</param>
/// <param name="Seconds">From the first to the last.</param>
/// <param name="P50Ms">Median latency.</param>
/// <param name="P99Ms">99th percentile of latency.</param>
/// <param name="MaxMs">Longest latency.</param>
internal sealed record LoadResult(long Completed, long Failed, double Seconds, double P50Ms, double P99Ms, double MaxMs)
{
    public double PerSecond => Completed / Seconds;
}
