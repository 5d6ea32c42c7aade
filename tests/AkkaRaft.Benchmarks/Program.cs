using System.CommandLine;
using AkkaRaft.Benchmarks.Clusters;
using AkkaRaft.Benchmarks.Modes;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

// Verbs: throughput, failover, cost and growth drive whole clusters; micro measures the inner pieces with BenchmarkDotNet and takes its arguments.
if (args is ["micro", ..])
{
    // In this process: the out-of-process toolchain builds a project of its own, which knows nothing of this solution's rules.
    var inProcess = DefaultConfig.Instance.AddJob(Job.ShortRun.WithToolchain(new InProcessEmitToolchain(TimeSpan.FromMinutes(10), logOutput: false))).WithArtifactsPath("artifacts/micro");
    BenchmarkSwitcher.FromAssembly(typeof(BenchmarkOptions).Assembly).Run(args[1..], inProcess);
    return 0;
}
if (args is [DotNextMember.Verb, var id, var ports, var directory])
    return await DotNextMember.RunAsync(int.Parse(id, System.Globalization.CultureInfo.InvariantCulture), ports, directory).ConfigureAwait(false);

var root = new RootCommand("Measures AkkaRaft beside etcd and DotNext.Net.Cluster; scripts/bench.sh prepares all that it needs.");
foreach (var (name, description, run) in new (string, string, Func<BenchmarkOptions, Task>)[]
{
    ("throughput", "Puts and linearizable gets per second, by number of callers", ThroughputMode.RunAsync),
    ("failover", "Longest time without a successful put when the leader is killed", FailoverMode.RunAsync),
    ("cost", "CPU and memory per put, CPU of an idle member, time to start", CostMode.RunAsync),
    ("growth", "Cost of a put by number of keys, size of the value and number of members", GrowthMode.RunAsync),
})
{
    Option<string> program = new("--akkaraft") { Description = "AkkaRaft.Node.dll", Required = true };
    Option<string?> baseline = new("--baseline") { Description = "AkkaRaft.Node.dll of another build, for --systems akkaraft,baseline" };
    Option<string> work = new("--work") { Description = "Directory for the members' files, on the disk to be measured", Required = true };
    Option<string> output = new("--output") { Description = "Directory for tables and charts", DefaultValueFactory = _ => "docs/benchmarks" };
    Option<string> systems = new("--systems") { Description = "Which systems, the first of them compared with the others", DefaultValueFactory = _ => string.Join(',', BenchmarkOptions.DefaultSystems) };
    Option<int> port = new("--base-port") { Description = "The first of eighty ports of 127.0.0.1", DefaultValueFactory = _ => 22000 };
    Option<int> rounds = new("--rounds") { Description = "How many times each figure is measured; 0 for the mode's own number" };
    Option<string> callers = new("--callers") { Description = "Numbers of callers, as 1,16,64", DefaultValueFactory = _ => "" };
    Option<string?> pids = new("--pid-file") { Description = "Where the numbers of all processes started are written" };
    Option<bool> quick = new("--quick") { Description = "Smaller, and less to rely on" };
    var command = new Command(name, description) { program, baseline, work, output, systems, port, rounds, callers, pids, quick };
    command.SetAction(async (parsed, _) =>
    {
        ServerProcess.PidFile = parsed.GetValue(pids);
        await run(new BenchmarkOptions(
            [.. parsed.GetRequiredValue(systems).Split(',')], Path.GetFullPath(parsed.GetRequiredValue(program)), parsed.GetValue(baseline) is { } other ? Path.GetFullPath(other) : null, Path.GetFullPath(parsed.GetRequiredValue(work)),
            Path.GetFullPath(parsed.GetRequiredValue(output)), parsed.GetValue(port), parsed.GetValue(quick), parsed.GetValue(rounds),
            [.. parsed.GetRequiredValue(callers).Split(',', StringSplitOptions.RemoveEmptyEntries).Select(c => int.Parse(c, System.Globalization.CultureInfo.InvariantCulture))])).ConfigureAwait(false);
    });
    root.Subcommands.Add(command);
}
return await root.Parse(args).InvokeAsync().ConfigureAwait(false);
