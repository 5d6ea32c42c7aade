using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using AkkaRaft.Benchmarks.Clusters;

namespace AkkaRaft.Benchmarks.Modes;

/// <summary>The command line of the modes that drive whole clusters.</summary>
internal static class BenchmarkCommand
{
    private const int HighestPort = 65_535;

    public static RootCommand Create() => new("Measures AkkaRaft beside etcd and DotNext.Net.Cluster; scripts/bench.sh prepares all that it needs.")
    {
        Mode("throughput", "Puts and linearizable gets per second, by number of callers", ThroughputMode.RunAsync, killsMembers: false),
        Mode("failover", "Longest time without a successful put when the leader is killed", FailoverMode.RunAsync, killsMembers: true),
        Mode("cost", "CPU and memory per put, CPU of an idle member, time to start", CostMode.RunAsync, killsMembers: true),
        Mode("growth", "Cost of a put by number of keys, size of the value and number of members", GrowthMode.RunAsync, killsMembers: true),
    };

    private static Command Mode(string name, string description, Func<BenchmarkOptions, Task> run, bool killsMembers)
    {
        var program = new Option<FileInfo>("--akkaraft") { Description = "AkkaRaft.Node.dll", Required = true }.AcceptExistingOnly();
        var baseline = new Option<FileInfo>("--baseline") { Description = "AkkaRaft.Node.dll of another build, for --systems akkaraft,baseline" }.AcceptExistingOnly();
        var etcdLoad = new Option<FileInfo>("--etcd-load") { Description = "The program that drives etcd, built from the folder Etcd" }.AcceptExistingOnly();
        Option<DirectoryInfo> work = new("--work") { Description = "Directory for the members' files, on the disk to be measured", Required = true };
        Option<DirectoryInfo> output = new("--output") { Description = "Directory for tables and charts", DefaultValueFactory = _ => new DirectoryInfo("docs/benchmarks") };
        Option<IReadOnlyList<string>> systems = new("--systems")
        {
            Description = "Which systems, the first of them compared with the others",
            CustomParser = result => Systems(result, killsMembers),
            DefaultValueFactory = _ => BenchmarkOptions.DefaultSystems,
        };
        Option<int> port = new("--base-port")
        {
            Description = $"The first of {BenchmarkOptions.Ports} ports of 127.0.0.1",
            CustomParser = result => Number(result, "--base-port", 1, HighestPort - BenchmarkOptions.Ports + 1),
            DefaultValueFactory = _ => 22000,
        };
        Option<int> rounds = new("--rounds") { Description = "How many times each figure is measured, instead of the mode's own number", CustomParser = result => Number(result, "--rounds", 1, 1_000) };
        Option<IReadOnlyList<int>> callers = new("--callers") { Description = "Numbers of callers, as 1,16,64, instead of the mode's own", CustomParser = Callers, DefaultValueFactory = _ => [] };
        Option<string?> pids = new("--pid-file") { Description = "Where the numbers of all processes started are written" };
        Option<bool> quick = new("--quick") { Description = "Smaller, and less to rely on" };

        var command = new Command(name, description) { program, baseline, etcdLoad, work, output, systems, port, rounds, callers, pids, quick };
        command.Validators.Add(result =>
        {
            // As they were written: a value that is in error cannot be had.
            IReadOnlyList<string> named = result.GetResult(systems) is { Implicit: false } given ? Parts(given.Tokens) : BenchmarkOptions.DefaultSystems;
            if (named.Contains(BenchmarkOptions.Baseline) && result.GetValue(baseline) is null) result.AddError("--systems names 'baseline': say which build with --baseline FILE.");
            if (named.Contains(BenchmarkOptions.Etcd) && result.GetValue(etcdLoad) is null) result.AddError("--systems names 'etcd': say what drives it with --etcd-load FILE, as scripts/bench.sh does.");
        });
        command.SetAction(async (parsed, _) =>
        {
            MeasuredProcess.PidFile = parsed.GetValue(pids);
            try
            {
                await run(new BenchmarkOptions(
                    parsed.GetRequiredValue(systems), parsed.GetRequiredValue(program).FullName, parsed.GetValue(baseline)?.FullName, parsed.GetValue(etcdLoad)?.FullName,
                    parsed.GetRequiredValue(work).FullName, parsed.GetRequiredValue(output).FullName, parsed.GetValue(port), parsed.GetValue(quick), parsed.GetValue(rounds),
                    parsed.GetRequiredValue(callers))).ConfigureAwait(false);
                return 0;
            }
            catch (IOException e)
            {
                await Console.Error.WriteLineAsync($"{name}: {e.Message}").ConfigureAwait(false);
                return 1;
            }
        });
        return command;
    }

    private static IReadOnlyList<string>? Systems(ArgumentResult result, bool killsMembers)
    {
        string[] names = Parts(result.Tokens);
        if (names.FirstOrDefault(n => !BenchmarkOptions.AllSystems.Contains(n)) is { } unknown)
            result.AddError($"--systems: '{unknown}' is none of {string.Join(", ", BenchmarkOptions.AllSystems)}.");
        else if (names.Length == 0)
            result.AddError($"--systems names none of {string.Join(", ", BenchmarkOptions.AllSystems)}.");
        else if (names.Distinct().Count() < names.Length)
            result.AddError("--systems names a system twice.");
        else if (killsMembers && names is [BenchmarkOptions.DotNext])
            result.AddError("--systems: DotNext takes no part here, so that nothing is left.");
        return names;
    }

    private static IReadOnlyList<int> Callers(ArgumentResult result) =>
        [.. Parts(result.Tokens).Select(part => Number(result, part, "--callers", 1, 100_000)).Distinct()];

    private static int Number(ArgumentResult result, string name, int least, int most) => Number(result, result.Tokens[0].Value, name, least, most);

    private static int Number(ArgumentResult result, string text, string name, int least, int most)
    {
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most) return number;
        result.AddError($"{name}: '{text}' is no number from {least} to {most}.");
        return least;
    }

    private static string[] Parts(IReadOnlyList<Token> tokens) =>
        [.. tokens.SelectMany(t => t.Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))];
}
