using System.Diagnostics;
using AkkaRaft.Benchmarks.Load;
using AkkaRaft.Benchmarks.Report;

namespace AkkaRaft.Benchmarks.Modes;

/// <summary>What the members use: CPU and memory for puts, CPU for nothing, and time to start.</summary>
internal static class CostMode
{
    private const int Puts = 100_000;

    public static async Task RunAsync(BenchmarkOptions options)
    {
        int[] callers = options.Callers.Count > 0 ? [.. options.Callers] : options.IsQuick ? [256] : [16, 256, 1024];
        var rounds = options.Rounds > 0 ? options.Rounds : options.IsQuick ? 1 : 5;
        var starts = options.IsQuick ? 2 : 5;
        long[] keys = options.IsQuick ? [10_000] : [10_000, 1_000_000];
        var idle = TimeSpan.FromSeconds(options.IsQuick ? 10 : 30);
        Dictionary<(string System, string What), List<double>> figures = [];
        void Add(string system, string what, double value) => (figures.TryGetValue((system, what), out var list) ? list : figures[(system, what)] = []).Add(value);
        List<string> rows = [];

        List<string> names = [];
        foreach (var cluster in options.CreateRestartable())
        {
            await using (cluster.ConfigureAwait(false))
            {
                names.Add(cluster.Name);
                options.Say($"{cluster.Name}: start");
                await cluster.StartAsync().ConfigureAwait(false);
                await cluster.LoadAsync(LoadSpec.Preload(10_000, 100)).ConfigureAwait(false);
                for (var round = 1; round <= rounds; round++)
                    foreach (var count in callers)
                    {
                        options.Say($"{cluster.Name}: {Puts:N0} puts, C = {count}, round {round}/{rounds}");
                        var measured = await Measurement.TakeAsync(cluster, new LoadSpec(Operation.Put, count, 0, Total: Puts)).ConfigureAwait(false);
                        Add(cluster.Name, $"CPU seconds of all members per {Puts:N0} puts, C = {count}", measured.MembersCpuSeconds);
                        if (measured.LoadCpuSeconds is { } load) Add(cluster.Name, $"CPU seconds of the load per {Puts:N0} puts, C = {count}", load);
                    }
                Add(cluster.Name, "Peak memory of a member, MiB (largest of three)", cluster.Members.Max(m => m.PeakMiB));

                options.Say($"{cluster.Name}: idle for {idle.TotalSeconds:0} s");
                await Task.Delay(TimeSpan.FromSeconds(5)).ConfigureAwait(false);
                var idleBefore = cluster.Members.Select(m => m.CpuSeconds).ToArray();
                var began = Stopwatch.GetTimestamp();
                await Task.Delay(idle).ConfigureAwait(false);
                var most = cluster.Members.Zip(idleBefore, (m, b) => m.CpuSeconds - b).Max();
                Add(cluster.Name, "CPU of an idle member, % of a core (largest of three)", 100 * most / Stopwatch.GetElapsedTime(began).TotalSeconds);

                foreach (var count in keys)
                {
                    options.Say($"{cluster.Name}: starts on {count:N0} keys");
                    if (count > 10_000) await cluster.LoadAsync(LoadSpec.Preload(count, 100)).ConfigureAwait(false);
                    for (var i = 0; i < starts; i++)
                    {
                        var follower = (await cluster.LeaderAsync().ConfigureAwait(false) + 1) % 3;
                        await cluster.Members[follower].KillAsync().ConfigureAwait(false);
                        var at = Stopwatch.GetTimestamp();
                        await cluster.RestartAsync(follower).ConfigureAwait(false);
                        Add(cluster.Name, $"Start of a killed member until it answers a read, {count:N0} keys, ms", Stopwatch.GetElapsedTime(at).TotalMilliseconds);
                        await Task.Delay(TimeSpan.FromSeconds(1)).ConfigureAwait(false);
                    }
                }
            }
        }

        var report = new MarkdownReport(options, "cost", $"Medians over {rounds} rounds; {starts} starts each. Memory is that of the members alone.");
        rows.AddRange(figures.Keys.Select(k => k.What).Distinct());
        report.Table(
            "Cost",
            ["", .. names, .. names.Skip(1).Select(n => $"{names[0]} : {n}")],
            rows.Select(what => (IReadOnlyList<string>)
            [
                what,
                .. names.Select(n => Figures.Ms(Figures.Median(figures[(n, what)]))),
                .. names.Skip(1).Select(n => Figures.Ratio(Figures.Median(figures[(names[0], what)]) / Figures.Median(figures[(n, what)]))),
            ]));
        report.Write();
    }
}
