using System.Diagnostics;
using System.Globalization;
using AkkaRaft.Client;
using AkkaRaft.Node;
using Xunit.Abstractions;

namespace AkkaRaft.Process.Tests;

/// <summary>More calls than the client holds and the cluster serves. AKKARAFT_OVERLOAD_SECONDS makes it longer than a few rounds.</summary>
public sealed class OverloadTests(RunningCluster running, ITestOutputHelper output) : IClassFixture<RunningCluster>
{
    private const int Callers = 20_000;
    private const int MaxQueued = 1_000;

    [UnixFact(Timeout = 600_000)] // ends a hang; says nothing about speed
    public async Task A_flood_of_calls_ends_in_results_and_immediate_typed_errors_and_costs_no_leader()
    {
        var seconds = int.Parse(Environment.GetEnvironmentVariable("AKKARAFT_OVERLOAD_SECONDS") ?? "3", CultureInfo.InvariantCulture);
        await using var client = RaftClient.Create(new RaftClientSettings
        {
            ClusterId = "akkaraft", Members = ClientOptions.ParseMembers(running.Cluster.Members), RequestTimeout = TimeSpan.FromSeconds(30), MaxQueued = MaxQueued, MaxOutstanding = MaxQueued,
        });
        await client.PutAsync("flood", "first");
        var before = await client.StatusAsync();
        output.WriteLine(Memory(before));

        long done = 0, overloaded = 0;
        var watch = Stopwatch.StartNew();
        var callers = Enumerable.Range(0, Callers).Select(async caller =>
        {
            while (watch.Elapsed.TotalSeconds < seconds)
            {
                try
                {
                    await client.PutAsync($"flood{caller}", "value");
                    Interlocked.Increment(ref done);
                }
                catch (OverloadedException)
                {
                    Interlocked.Increment(ref overloaded);
                    await Task.Delay(100);
                }
            }
        }).ToList();
        for (var said = 10; said < seconds; said += 10)
        {
            while (watch.Elapsed.TotalSeconds < said) await Task.Delay(100);
            output.WriteLine($"{said} s: {done} done, {overloaded} overloaded; {Memory(before)}");
        }
        await Task.WhenAll(callers);

        output.WriteLine($"{watch.Elapsed.TotalSeconds:0} s: {done} done, {overloaded} overloaded; {Memory(before)}");
        Assert.True(done > 0 && overloaded > 0);
        var after = await client.StatusAsync();
        Assert.Equal(before.Max(s => s.Term), after.Max(s => s.Term));
        Assert.Equal("first", await client.GetAsync("flood"));
    }

    private static string Memory(IEnumerable<AkkaRaft.Protocol.RaftStatus> members)
    {
        static long MiB(int pid) => System.Diagnostics.Process.GetProcessById(pid).WorkingSet64 >> 20;
        return $"client {MiB(Environment.ProcessId)} MiB, members {string.Join(", ", members.Select(m => MiB(m.ProcessId)))} MiB";
    }
}
