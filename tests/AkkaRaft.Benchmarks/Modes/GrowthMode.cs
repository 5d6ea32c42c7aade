using AkkaRaft.Benchmarks.Clusters;
using AkkaRaft.Benchmarks.Load;
using AkkaRaft.Benchmarks.Report;

namespace AkkaRaft.Benchmarks.Modes;

/// <summary>How the cost of a put grows: with the keys that are there, the size of the value, the number of members, and the length of the log.</summary>
internal static class GrowthMode
{
    private const int Callers = 64;

    public static async Task RunAsync(BenchmarkOptions options)
    {
        long[] keys = options.IsQuick ? [10_000, 100_000] : [10_000, 100_000, 1_000_000, 10_000_000];
        int[] valueBytes = options.IsQuick ? [16, 4096] : [16, 100, 1024, 4096, 16 * 1024, 64 * 1024];
        int[] members = options.IsQuick ? [3, 5] : [3, 5, 7];
        int[] logMiB = options.IsQuick ? [1, 32] : [1, 4, 16, 32];
        var rounds = options.Rounds > 0 ? options.Rounds : options.IsQuick ? 1 : 5;
        var seconds = options.IsQuick ? 2.0 : 3.0;
        var report = new MarkdownReport(options, "growth", $"C = {Callers}, median of {rounds} rounds of {seconds:0} s. 100 B values and 10 000 keys where nothing else is said.");

        async Task Start(ICluster cluster, string what, double warmUpSeconds)
        {
            options.Say($"{cluster.Name}: {what}");
            await cluster.StartAsync().ConfigureAwait(false);
            await cluster.LoadAsync(LoadSpec.Preload(10_000, 100)).ConfigureAwait(false);
            await cluster.LoadAsync(new LoadSpec(Operation.Put, 256, warmUpSeconds)).ConfigureAwait(false);
        }

        async Task<double> Measure(ICluster cluster, LoadSpec load)
        {
            List<double> microseconds = [];
            for (var i = 0; i < rounds; i++) microseconds.Add(1_000_000 / (await cluster.LoadAsync(load).ConfigureAwait(false)).PerSecond);
            return Figures.Median(microseconds);
        }

        Dictionary<string, List<(double X, double Y)>> byKeys = [], bySize = [], byMembers = [], byLog = [];
        foreach (var count in members)
            foreach (var cluster in options.CreateRestartable(count))
            {
                await using (cluster.ConfigureAwait(false))
                {
                    await Start(cluster, $"{count} members", warmUpSeconds: 4).ConfigureAwait(false);
                    Add(byMembers, cluster.Name, count, await Measure(cluster, new LoadSpec(Operation.Put, Callers, seconds)).ConfigureAwait(false));
                    if (count != members[0]) continue;

                    foreach (var size in valueBytes)
                    {
                        options.Say($"{cluster.Name}: values of {size:N0} B");
                        Add(bySize, cluster.Name, size, await Measure(cluster, new LoadSpec(Operation.Put, Callers, seconds, 1_000, size)).ConfigureAwait(false));
                    }
                    foreach (var number in keys)
                    {
                        options.Say($"{cluster.Name}: {number:N0} keys");
                        if (number > 10_000) await cluster.LoadAsync(LoadSpec.Preload(number, 100)).ConfigureAwait(false);
                        Add(byKeys, cluster.Name, number, await Measure(cluster, new LoadSpec(Operation.Put, Callers, seconds, number)).ConfigureAwait(false));
                    }
                }
            }

        // Half of the last is the default; entries are no bound here.
        foreach (var mib in logMiB)
            foreach (var cluster in options.CreateWith($"akkaraft.retain-bytes = {mib}MiB\nakkaraft.retain-entries = 1000000"))
            {
                await using (cluster.ConfigureAwait(false))
                {
                    await Start(cluster, $"a log of {mib} MiB", warmUpSeconds: 8).ConfigureAwait(false);
                    Add(byLog, cluster.Name, mib, await Measure(cluster, new LoadSpec(Operation.Put, Callers, seconds)).ConfigureAwait(false));
                }
            }

        Curves("Microseconds per put, by keys", "keys", byKeys);
        Curves("Microseconds per put, by bytes of the value", "bytes", bySize);
        Curves("Microseconds per put, by members", "members", byMembers);
        if (byLog.Count > 0) Curves("Microseconds per put, by MiB of log that is held", "MiB", byLog);
        report.Write();

        void Curves(string title, string x, Dictionary<string, List<(double X, double Y)>> curves)
        {
            report.Table(title, [x, .. curves.Keys], curves.Values.First().Select((point, i) => (IReadOnlyList<string>)[Figures.Whole(point.X), .. curves.Values.Select(c => Figures.Ms(c[i].Y))]));
            report.Chart(title, x, "µs per put", $"by-{x}", curves.Select(c => new Series(c.Key, c.Value)));
        }
    }

    private static void Add(Dictionary<string, List<(double X, double Y)>> curves, string name, double x, double y) =>
        (curves.TryGetValue(name, out var curve) ? curve : curves[name] = []).Add((x, y));
}
