using System.Globalization;
using AkkaRaft.Benchmarks.Clusters;
using AkkaRaft.Benchmarks.Load;
using AkkaRaft.Benchmarks.Report;

namespace AkkaRaft.Benchmarks.Modes;

/// <summary>The longest time between two successful puts when the leader is killed (kill -9), with each system's own defaults.</summary>
internal static class FailoverMode
{
    private const int Callers = 16;
    private const double LoadSeconds = 10;

    private static readonly TimeSpan KillAfter = TimeSpan.FromSeconds(1.5);

    public static async Task RunAsync(BenchmarkOptions options)
    {
        var kills = options.Rounds > 0 ? options.Rounds : options.IsQuick ? 3 : 20;
        var clusters = options.CreateRestartable().ToList();
        Dictionary<string, List<double>> gaps = [];
        try
        {
            foreach (var cluster in clusters)
            {
                options.Say($"{cluster.Name}: start");
                await cluster.StartAsync().ConfigureAwait(false);
                await cluster.LoadAsync(LoadSpec.Preload(10_000, 100)).ConfigureAwait(false);
                gaps[cluster.Name] = [];
            }
            for (var kill = 1; kill <= kills; kill++)
                foreach (var cluster in clusters)
                {
                    var gap = await LongestGapAsync(cluster).ConfigureAwait(false);
                    gaps[cluster.Name].Add(gap);
                    options.Say(string.Create(CultureInfo.InvariantCulture, $"[{kill,2}/{kills}] {cluster.Name,-8} longest gap {gap:N0} ms"));
                }
        }
        finally
        {
            foreach (var cluster in clusters) await cluster.DisposeAsync().ConfigureAwait(false);
        }

        var report = new MarkdownReport(options, "failover", $"Longest time between two successful puts around the `kill -9` of the leader, over {kills} kills; C = {Callers}, in a load of {LoadSeconds:0} s each; defaults of both.");
        report.Table(
            "Failover",
            ["", .. clusters.Select(c => $"{c.Name} ms"), .. clusters.Skip(1).Select(c => $"{clusters[0].Name} : {c.Name}")],
            new (string Name, double Fraction)[] { ("shortest", 0), ("median", 0.5), ("longest", 1) }.Select(row => (IReadOnlyList<string>)
            [
                row.Name,
                .. clusters.Select(c => Figures.Whole(Figures.Quantile(gaps[c.Name], row.Fraction))),
                .. clusters.Skip(1).Select(c => Figures.Ratio(Figures.Quantile(gaps[clusters[0].Name], row.Fraction) / Figures.Quantile(gaps[c.Name], row.Fraction))),
            ]));
        report.Write();
    }

    /// <summary>In milliseconds; what is left of the load's time when nothing succeeded any more.</summary>
    private static async Task<double> LongestGapAsync(IRestartableCluster cluster)
    {
        var load = cluster.LoadAsync(new LoadSpec(Operation.Put, Callers, LoadSeconds, LosesLeader: true));
        await Task.Delay(KillAfter).ConfigureAwait(false);
        var leader = await cluster.LeaderAsync().ConfigureAwait(false);
        await cluster.Members[leader].KillAsync().ConfigureAwait(false);
        var result = await load.ConfigureAwait(false);
        await cluster.RestartAsync(leader).ConfigureAwait(false);
        return result.LongestGapMs ?? throw new InvalidOperationException($"{cluster.Name}'s load does not say how long nothing succeeded.");
    }
}
