using System.Diagnostics;
using System.Globalization;
using System.Runtime;
using AkkaRaft.TestKit.Swarm;

namespace AkkaRaft.Node;

/// <summary>Runs clusters in virtual time, one per seed, and stops at the first property that does not hold.</summary>
internal static class SimulateCommand
{
    // Below these, a run has proved too little to be called clean.
    private const int FewestOperationsPerSeed = 20;

    public static Command Create()
    {
        Option<int> seeds = new("--seeds") { Description = "How many seeds", DefaultValueFactory = _ => 1_000 };
        Option<ulong> first = new("--first") { Description = "The first seed", DefaultValueFactory = _ => 1 };
        Option<ulong?> one = new("--seed") { Description = "Run one seed, with its trace" };
        Option<bool> shrink = new("--shrink") { Description = "With --seed: when it breaks, look for the smallest plan that does, and write its trace" };
        Option<string> nodes = new("--nodes") { Description = "Cluster sizes to draw from", DefaultValueFactory = _ => "3,5" };
        Option<string> virtualTime = new("--virtual") { Description = "Virtual time of each seed with faults and load", DefaultValueFactory = _ => "10s" };
        Option<double?> minutes = new("--minutes") { Description = "Stop after so many minutes, however many seeds are left" };
        Option<string?> trace = new("--trace") { Description = "Where to write the trace of a violation, or of --seed; akkaraft-trace-SEED.html when nothing is said, text when the name ends in .txt" };
        Option<bool> json = new("--json") { Description = "Print one JSON object" };
        var command = new Command("simulate", "Run simulated clusters through faults, one per seed, and check every step") { seeds, first, one, shrink, nodes, virtualTime, minutes, trace, json };
        command.SetAction((parsed, cancel) =>
        {
            bool isOne = parsed.GetValue(one) is not null;
            if (((Option[])(isOne ? [seeds, first, minutes, json] : [shrink])).FirstOrDefault(o => parsed.GetResult(o) is { Implicit: false }) is { } unused)
            {
                throw new UsageException(isOne ? $"{unused.Name} cannot be given together with --seed." : $"{unused.Name} needs --seed.");
            }

            ClientOptions.Within(seeds.Name, parsed.GetValue(seeds), 0, int.MaxValue);
            if (parsed.GetValue(minutes) is { } bound)
            {
                ClientOptions.Within(minutes.Name, bound, 0.001, 1_000_000);
            }

            int[] sizes = Sizes(parsed.GetValue(nodes)!);
            TimeSpan duration = ClientOptions.ParseTimeout(parsed.GetValue(virtualTime)!, virtualTime.Name);
            string? file = parsed.GetValue(trace);
            if (file is not null)
            {
                ClientOptions.CheckDirectoryOf(file, "trace");
            }

            return Task.FromResult(parsed.GetValue(one) is { } seed
                ? RunOne(SwarmPlan.Draw(seed, sizes, duration), parsed.GetValue(shrink), file)
                : RunMany(parsed.GetValue(first), parsed.GetValue(seeds), sizes, duration, parsed.GetValue(minutes), file, parsed.GetValue(json), cancel));
        });
        return command;
    }

    private static int[] Sizes(string text)
    {
        int[] sizes = [.. text.Split(',', StringSplitOptions.TrimEntries).Select(part =>
            int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int size) && size is >= 1 and <= 15
                ? size
                : throw new UsageException($"--nodes: '{part}' is not a number from 1 to 15."))];
        return sizes;
    }

    private static int RunOne(SwarmPlan plan, bool shrink, string? file)
    {
        string trace = file ?? Trace(plan.Seed);
        Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Seed {plan.Seed}: {plan.Members} members, {plan.Clients} clients, {plan.Faults.Count} faults."));
        foreach (var fault in plan.Faults)
        {
            Console.Out.WriteLine($"  {fault}");
        }

        var result = SwarmRun.Execute(plan, trace);
        if (shrink && result.Violation is not null)
        {
            result = Shrink(plan, trace);
        }

        Console.Out.WriteLine($"Trace: {Path.GetFullPath(trace)}");
        return result.Violation is null ? Clean(Line(1, TimeSpan.Zero, new Totals().Add(result))) : Broken(result);
    }

    private static int RunMany(ulong first, int seeds, int[] sizes, TimeSpan duration, double? minutes, string? file, bool json, CancellationToken cancel)
    {
        // No pause matters here, and a collector that runs beside the clusters takes its share of the cores.
        GCSettings.LatencyMode = GCLatencyMode.Batch;
        // What SQLite counts of memory is counted under one lock for all clusters.
        SQLitePCL.Batteries_V2.Init();
        _ = SQLitePCL.raw.sqlite3_config(SQLitePCL.raw.SQLITE_CONFIG_MEMSTATUS, 0);
        var watch = Stopwatch.StartNew();
        var totals = new Totals();
        SwarmResult? broken = null;
        long next = -1;
        object gate = new();
        TimeSpan said = TimeSpan.Zero;
        var threads = Enumerable.Range(0, Environment.ProcessorCount).Select(_ => new Thread(Work)).ToList();
        threads.ForEach(t => t.Start());
        threads.ForEach(t => t.Join());

        if (broken is not null && json)
        {
            Console.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $$"""{"seed":{{broken.Plan.Seed}},"seeds":{{totals.Seeds}},"violation":{{System.Text.Json.JsonSerializer.Serialize(broken.Violation)}}}"""));
            return Broken(broken);
        }

        if (broken is not null)
        {
            Console.Error.WriteLine($"akkaraft: {broken.Message}");
            string trace = file ?? Trace(broken.Plan.Seed);
            var shrunk = Shrink(broken.Plan, trace);
            Console.Error.WriteLine($"Trace: {Path.GetFullPath(trace)}");
            return Broken(shrunk);
        }

        string line = json ? totals.Json(watch.Elapsed) : Line(totals.Seeds, watch.Elapsed, totals);
        if (totals.Elections <= totals.Seeds || totals.Faults == 0 || totals.Operations < totals.Seeds * FewestOperationsPerSeed)
        {
            throw new UsageException($"The run proved too little: {line}");
        }

        return Clean(line);

        void Work()
        {
            while (!cancel.IsCancellationRequested && Volatile.Read(ref broken) is null && !(watch.Elapsed.TotalMinutes > minutes))
            {
                long at = Interlocked.Increment(ref next);
                if (at >= seeds)
                {
                    return;
                }

                var result = SwarmRun.Execute(SwarmPlan.Draw(first + (ulong)at, sizes, duration));
                lock (gate)
                {
                    totals.Add(result);
                    if (result.Violation is not null && (broken is null || result.Plan.Seed < broken.Plan.Seed))
                    {
                        broken = result;
                    }

                    if (watch.Elapsed - said > TimeSpan.FromSeconds(5))
                    {
                        said = watch.Elapsed;
                        Console.Error.WriteLine(Line(totals.Seeds, watch.Elapsed, totals));
                    }
                }
            }
        }
    }

    private static SwarmResult Shrink(SwarmPlan plan, string trace)
    {
        Console.Error.WriteLine("Looking for the smallest plan that breaks.");
        var smallest = SwarmRun.Shrink(plan);
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Smallest: {smallest.Members} members, {smallest.Clients} clients, {smallest.Keys} keys, {smallest.Duration.TotalSeconds:0.0} s, {smallest.Faults.Count} faults of {plan.Faults.Count}:"));
        foreach (var fault in smallest.Faults)
        {
            Console.Error.WriteLine($"  {fault}");
        }

        return SwarmRun.Execute(smallest, trace);
    }

    private static string Trace(ulong seed) => string.Create(CultureInfo.InvariantCulture, $"akkaraft-trace-{seed}.html");

    private static int Clean(string line)
    {
        Console.Out.WriteLine(line);
        return ExitCodes.Ok;
    }

    private static int Broken(SwarmResult result)
    {
        Console.Error.WriteLine($"akkaraft: {result.Message}");
        return ExitCodes.Usage;
    }

    private static string Line(int seeds, TimeSpan elapsed, Totals totals) => string.Create(
        CultureInfo.InvariantCulture,
        $"{seeds} seeds{(elapsed > TimeSpan.Zero ? $" ({seeds / elapsed.TotalMinutes:0} a minute)" : "")}, {totals.Virtual.TotalHours:0.00} virtual hours, {totals.Elections} elections, {totals.Faults} faults, {totals.Operations} operations checked, {totals.Steps} steps");

    private sealed class Totals
    {
        public int Seeds { get; private set; }

        public TimeSpan Virtual { get; private set; }

        public long Elections { get; private set; }

        public long Faults { get; private set; }

        public long Operations { get; private set; }

        public long Steps { get; private set; }

        public Totals Add(SwarmResult result)
        {
            Seeds++;
            Virtual += result.Virtual;
            Elections += result.Elections;
            Faults += result.Faults;
            Operations += result.Operations;
            Steps += result.Steps;
            return this;
        }

        public string Json(TimeSpan elapsed) => string.Create(
            CultureInfo.InvariantCulture,
            $$"""{"seeds":{{Seeds}},"seedsPerMinute":{{Seeds / elapsed.TotalMinutes:0}},"virtualHours":{{Virtual.TotalHours:0.00}},"elections":{{Elections}},"faults":{{Faults}},"operations":{{Operations}},"steps":{{Steps}}}""");
    }
}
