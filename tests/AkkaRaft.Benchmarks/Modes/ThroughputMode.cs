using System.Globalization;
using AkkaRaft.Benchmarks.Clusters;
using AkkaRaft.Benchmarks.Load;
using AkkaRaft.Benchmarks.Report;

namespace AkkaRaft.Benchmarks.Modes;

/// <summary>Puts and linearizable gets per second by number of callers. The systems take turns, so that what else the machine does meets all alike.</summary>
internal static class ThroughputMode
{
    private const double WarmUpSeconds = 4;
    private const int WarmUpCallers = 256;

    public static async Task RunAsync(BenchmarkOptions options)
    {
        int[] callers = options.Callers.Count > 0 ? [.. options.Callers] : options.IsQuick ? [1, 64, 1024] : [1, 16, 64, 256, 1024];
        var rounds = options.Rounds > 0 ? options.Rounds : options.IsQuick ? 1 : 5;
        var seconds = options.IsQuick ? 2.0 : 3.0;
        var clusters = options.CreateClusters().ToList();
        var results = (from cluster in clusters from operation in Enum.GetValues<Operation>() from count in callers.Distinct() select (cluster.Name, operation, count))
            .ToDictionary(key => key, _ => new List<Measurement>());
        // A system that breaks down under the load takes no further part; what was measured before stands.
        Dictionary<string, string> brokenDown = [];
        try
        {
            foreach (var cluster in clusters)
            {
                options.Say($"{cluster.Name}: start");
                await cluster.StartAsync().ConfigureAwait(false);
                await cluster.LoadAsync(LoadSpec.Preload(10_000, 100)).ConfigureAwait(false);
                await cluster.LoadAsync(new LoadSpec(Operation.Put, WarmUpCallers, WarmUpSeconds)).ConfigureAwait(false);
                await cluster.LoadAsync(new LoadSpec(Operation.Get, WarmUpCallers, WarmUpSeconds)).ConfigureAwait(false);
            }
            var done = 0;
            var all = rounds * callers.Length * clusters.Count * 2;
            for (var round = 1; round <= rounds; round++)
                foreach (var operation in Enum.GetValues<Operation>())
                    foreach (var count in callers)
                        foreach (var cluster in clusters.Where(c => !brokenDown.ContainsKey(c.Name)))
                        {
                            Measurement sample;
                            try
                            {
                                sample = await Measurement.TakeAsync(cluster, new LoadSpec(operation, count, seconds)).ConfigureAwait(false);
                            }
                            catch (IOException e)
                            {
                                brokenDown[cluster.Name] = string.Create(CultureInfo.InvariantCulture, $"{cluster.Name} broke down in round {round}, {operation} C = {count}: {e.Message} Its figures are of what it did before.");
                                options.Say(brokenDown[cluster.Name]);
                                continue;
                            }
                            results[(cluster.Name, operation, count)].Add(sample);
                            var result = sample.Result;
                            options.Say(string.Create(CultureInfo.InvariantCulture,
                                $"[{++done,3}/{all}] {cluster.Name,-8} {operation} C={count,-4} round {round}: {result.PerSecond,8:N0}/s  p50 {result.P50Ms:0.00} ms  p99 {result.P99Ms:0.00} ms  cpu {sample.MembersCpuMicroseconds:0} µs{(sample.LoadCpuMicroseconds is { } load ? $"  load {load:0} µs" : "")}{(result.Failed > 0 ? $"  {result.Failed} failed" : "")}"));
                        }
        }
        finally
        {
            foreach (var cluster in clusters) await cluster.DisposeAsync().ConfigureAwait(false);
        }

        var report = new MarkdownReport(options, "throughput", $"Median of {rounds} rounds of {seconds:0} s each, in which the systems take turns; a ratio is the median of the rounds' ratios. Three members and one load process each, 10 000 keys, 100 B values. For one operation, *CPU* is that of all members and *load* that of the load's process; DotNext's load is in its leader.");
        foreach (var how in brokenDown.Values) report.Note(how);
        string Ratios(Operation operation, ICluster other) => string.Join(", ", callers.Select(count => Ratio(results[(clusters[0].Name, operation, count)], results[(other.Name, operation, count)])));
        foreach (var other in clusters.Skip(1))
            report.Note($"{clusters[0].Name} : {other.Name} at C = {string.Join(", ", callers.Select(c => Figures.Whole(c)))}: puts {Ratios(Operation.Put, other)}; linearizable gets {Ratios(Operation.Get, other)}.");
        foreach (var operation in Enum.GetValues<Operation>())
        {
            var title = operation == Operation.Put ? "Puts" : "Linearizable gets";
            report.Table(
                title,
                ["C", .. clusters.SelectMany(c => new[] { $"{c.Name} /s", "p50 ms", "p99 ms", "CPU µs", "load µs" }), .. clusters.Skip(1).Select(c => $"{clusters[0].Name} : {c.Name}")],
                callers.Select(count => (IReadOnlyList<string>)
                [
                    $"{count}",
                    .. clusters.SelectMany(c => Cells(results[(c.Name, operation, count)])),
                    .. clusters.Skip(1).Select(c => Ratio(results[(clusters[0].Name, operation, count)], results[(c.Name, operation, count)])),
                ]));
            report.Chart(
                $"{title} per second", "callers", "per second", operation == Operation.Put ? "puts" : "gets",
                clusters.Select(c => new Series(
                    c.Name, [.. callers.Where(count => results[(c.Name, operation, count)].Count > 0).Select(count => ((double)count, Median(results[(c.Name, operation, count)].Select(r => r.Result.PerSecond))))])));
        }
        report.Write();
    }

    private static string[] Cells(List<Measurement> samples) => samples.Count == 0 ? ["–", "–", "–", "–", "–"] :
    [
        Figures.Whole(Median(samples.Select(s => s.Result.PerSecond))), Figures.Ms(Median(samples.Select(s => s.Result.P50Ms))), Figures.Ms(Median(samples.Select(s => s.Result.P99Ms))),
        Figures.Whole(Median(samples.Select(s => s.MembersCpuMicroseconds))),
        samples.Select(s => s.LoadCpuMicroseconds).OfType<double>().ToList() is { Count: > 0 } load ? Figures.Whole(Median(load)) : "in CPU",
    ];

    /// <summary>Over the rounds that both have.</summary>
    private static string Ratio(List<Measurement> mine, List<Measurement> theirs) =>
        mine.Count == 0 || theirs.Count == 0 ? "–" : Figures.Ratio(Median(mine.Zip(theirs, (a, b) => a.Result.PerSecond / b.Result.PerSecond)));

    private static double Median(IEnumerable<double> values) => Figures.Median(values);
}
