using System.Globalization;
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
    return await DotNextMember.RunAsync(int.Parse(id, CultureInfo.InvariantCulture), ports, directory).ConfigureAwait(false);

return await BenchmarkCommand.Create().Parse(args).InvokeAsync().ConfigureAwait(false);
