using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace AkkaRaft.Benchmarks.Load;

/// <summary>Drives a <see cref="LoadSpec"/> in this process and measures each operation's latency.</summary>
internal static class ClosedLoop
{
    private static readonly byte[] RandomBytes = MakeRandomBytes();

    /// <param name="spec">What to drive.</param>
    /// <param name="put">Writes a value; throws when that failed.</param>
    /// <param name="get">Reads one linearizably; throws when that failed.</param>
    public static async Task<LoadResult> RunAsync(LoadSpec spec, Func<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>, Task> put, Func<ReadOnlyMemory<byte>, Task> get)
    {
        var next = -1L;
        var failed = 0L;
        var began = Stopwatch.GetTimestamp();
        var end = began + (long)(spec.Seconds * Stopwatch.Frequency);

        async Task<List<int>> Caller(int caller)
        {
            var random = new Random(caller);
            List<int> latencies = [];
            while (true)
            {
                var at = Stopwatch.GetTimestamp();
                var number = 0L;
                if (spec.Total > 0 ? (number = Interlocked.Increment(ref next)) >= spec.Total : at >= end) return latencies;
                var key = Key(spec.Total > 0 ? number % spec.Keys : random.NextInt64(spec.Keys));
                try
                {
                    if (spec.Operation == Operation.Put) await put(key, Value(random, spec.ValueBytes)).ConfigureAwait(false);
                    else await get(key).ConfigureAwait(false);
                    latencies.Add((int)Math.Min(int.MaxValue, Stopwatch.GetElapsedTime(at).TotalMicroseconds));
                }
                catch (Exception e) when (e is not OutOfMemoryException)
                {
                    Interlocked.Increment(ref failed);
                    await Task.Delay(10).ConfigureAwait(false);
                }
            }
        }

        var all = await Task.WhenAll(Enumerable.Range(0, spec.Callers).Select(i => Task.Run(() => Caller(i)))).ConfigureAwait(false);
        return Sum(Stopwatch.GetElapsedTime(began), all.SelectMany(l => l), failed);
    }

    /// <summary>Key number <paramref name="number"/>, as <c>akkaraft load</c> calls it.</summary>
    public static byte[] Key(long number) => Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"load/{number}"));

    /// <summary>What comes of these latencies, in microseconds.</summary>
    internal static LoadResult Sum(TimeSpan took, IEnumerable<int> latencies, long failed)
    {
        int[] sorted = [.. latencies];
        Array.Sort(sorted);
        return new LoadResult(sorted.Length, failed, took.TotalSeconds, At(sorted, 0.5), At(sorted, 0.99), LongestGapMs: null);
    }

    /// <summary>Bytes that do not compress, cut from one block so that making them costs nothing.</summary>
    public static ReadOnlyMemory<byte> Value(Random random, int bytes) => RandomBytes.AsMemory(random.Next(RandomBytes.Length - bytes), bytes);

    private static byte[] MakeRandomBytes()
    {
        var bytes = new byte[1 << 20];
        new Random(1).NextBytes(bytes);
        return bytes;
    }

    private static double At(int[] sorted, double fraction) =>
        sorted.Length == 0 ? 0 : sorted[(int)Math.Min(sorted.Length - 1, fraction * sorted.Length)] / 1000.0;
}
