using System.Diagnostics;
using System.Globalization;
using AkkaRaft.Benchmarks.Clusters;
using AkkaRaft.Benchmarks.Load;
using AkkaRaft.Benchmarks.Report;

namespace AkkaRaft.Benchmarks.Modes;

/// <summary>The longest time between two successful puts when the leader is killed (kill -9), with each system's own defaults.</summary>
internal static class FailoverMode
{
    private const int Callers = 16;
    private const double GiveUpSeconds = 30;
    private const int SuccessesAfter = 200;

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

        var report = new MarkdownReport(options, "failover", $"Longest time between two successful puts around the `kill -9` of the leader, over {kills} kills; C = {Callers}, defaults of both.");
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

    private static async Task<double> LongestGapAsync(IRestartableCluster cluster)
    {
        List<long> successes = [];
        using var stop = new CancellationTokenSource();

        async Task Caller(int caller)
        {
            var store = cluster.StoreOf(caller);
            var random = new Random(caller);
            while (!stop.IsCancellationRequested)
            {
                try
                {
                    await store.PutAsync(ClosedLoop.Key(random.Next(10_000)), ClosedLoop.Value(random, 100)).ConfigureAwait(false);
                    lock (successes) successes.Add(Stopwatch.GetTimestamp());
                }
                catch (Exception e) when (e is not OutOfMemoryException)
                {
                    await Task.Delay(5).ConfigureAwait(false);
                }
            }
        }

        var callers = Enumerable.Range(0, Callers).Select(i => Task.Run(() => Caller(i))).ToList();
        await Task.Delay(TimeSpan.FromSeconds(1.5)).ConfigureAwait(false);
        var leader = await cluster.LeaderAsync().ConfigureAwait(false);
        var killedAt = Stopwatch.GetTimestamp();
        await cluster.Members[leader].KillAsync().ConfigureAwait(false);
        int SuccessesSinceGap()
        {
            lock (successes) return successes.Count(t => Stopwatch.GetElapsedTime(killedAt, t).TotalSeconds > 0.05);
        }

        while (SuccessesSinceGap() < SuccessesAfter && Stopwatch.GetElapsedTime(killedAt).TotalSeconds < GiveUpSeconds) await Task.Delay(50).ConfigureAwait(false);
        await Task.Delay(TimeSpan.FromSeconds(1)).ConfigureAwait(false);
        await stop.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(callers).ConfigureAwait(false);
        await cluster.RestartAsync(leader).ConfigureAwait(false);

        var around = successes.Order().Where(t => Stopwatch.GetElapsedTime(killedAt, t).TotalSeconds > -0.5).ToList();
        return around.Count < 2 ? GiveUpSeconds * 1000 : around.Zip(around.Skip(1), (a, b) => Stopwatch.GetElapsedTime(a, b).TotalMilliseconds).Max();
    }
}
