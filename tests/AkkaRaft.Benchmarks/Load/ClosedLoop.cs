using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace AkkaRaft.Benchmarks.Load;

/// <summary>Drives a <see cref="LoadSpec"/> and measures each operation's latency.</summary>
internal static class ClosedLoop
{
    private static readonly byte[] RandomBytes = MakeRandomBytes();

    public static async Task<LoadResult> RunAsync(Func<int, IStore> storeOf, LoadSpec spec)
    {
        var next = -1L;
        var failed = 0L;
        var began = Stopwatch.GetTimestamp();
        var end = began + (long)(spec.Seconds * Stopwatch.Frequency);

        async Task<List<int>> Caller(int caller)
        {
            var store = storeOf(caller);
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
                    if (spec.Operation == Operation.Put) await store.PutAsync(key, Value(random, spec.ValueBytes)).ConfigureAwait(false);
                    else await store.GetAsync(key).ConfigureAwait(false);
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
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
        var sorted = all.SelectMany(l => l).ToArray();
        Array.Sort(sorted);
        return new LoadResult(sorted.Length, failed, seconds, At(sorted, 0.5), At(sorted, 0.99), At(sorted, 1));
    }

    /// <summary>Key number <paramref name="number"/>, of 16 bytes.</summary>
    public static byte[] Key(long number) => Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"key-{number:D12}"));

    /// <summary>Bytes that do not compress, cut from one block so that making them costs nothing.</summary>
    public static ReadOnlyMemory<byte> Value(Random random, int bytes) => RandomBytes.AsMemory(random.Next(RandomBytes.Length - bytes), bytes);

    private static byte[] MakeRandomBytes()
    {
        var bytes = new byte[1 << 20];
        new Random(1).NextBytes(bytes);
        return bytes;
    }

    private static double At(int[] sorted, double fraction) =>
        sorted.Length == 0 ? double.NaN : sorted[(int)Math.Min(sorted.Length - 1, fraction * sorted.Length)] / 1000.0;
}
