using AkkaRaft.TestKit.Swarm;
using Xunit.Abstractions;

namespace AkkaRaft.Simulation.Tests.Scenarios;

public sealed class SwarmTests(ITestOutputHelper output)
{
    [Fact]
    public void A_fixed_set_of_seeds_is_clean()
    {
        var watch = System.Diagnostics.Stopwatch.StartNew();
        int elections = 0, faults = 0, operations = 0; long steps = 0;
        var n = ulong.Parse(Environment.GetEnvironmentVariable("SEEDS") ?? "100");
        for (ulong seed = 1; seed <= n; seed++)
        {
            var result = SwarmRun.Execute(SwarmPlan.Draw(seed, [3, 5], TimeSpan.FromSeconds(10)));
            Assert.True(result.Violation is null, result.Message);
            elections += result.Elections;
            faults += result.Faults;
            operations += result.Operations;
            steps += result.Steps;
        }
        output.WriteLine($"{n / watch.Elapsed.TotalMinutes:0} seeds/min, {elections} elections, {faults} faults, {operations} operations, {steps} steps");
    }
}
