using System.Text;
using System.Text.Json;
using AkkaRaft.Benchmarks.Clusters;
using AkkaRaft.Benchmarks.Load;
using AkkaRaft.Benchmarks.Report;

namespace AkkaRaft.Tests.Benchmarks;

public class LoadTests
{
    [Fact]
    public void A_timed_load_is_told_to_the_shell() =>
        Assert.Equal(
            "load --mix get=1 --clients 64 --keys 10000 --value-size 100 --seconds 2.5",
            AkkaRaftCluster.CommandOf(new LoadSpec(Operation.Get, 64, 2.5)));

    [Fact]
    public void A_load_of_so_many_operations_is_told_to_the_shell() =>
        Assert.Equal(
            "load --mix put=1 --clients 512 --keys 1000000 --value-size 16 --requests 1000000",
            AkkaRaftCluster.CommandOf(LoadSpec.Preload(1_000_000, 16)));

    [Fact]
    public void The_shells_summary_is_read()
    {
        var figures = """{"count":3000,"opsPerSecond":1000,"p50Ms":0.9,"p99Ms":4.5,"maxMs":20,"errors":2,"errorsNoLeader":2}""";
        Assert.Equal(
            new LoadResult(3_000, 2, 3, 0.9, 4.5, 412.5),
            AkkaRaftCluster.ResultOf($$"""{"ok":true,"op":"load","seconds":3,"longestGapMs":412.5,"put":{{figures}},"total":{{figures}}}""", Operation.Put));
    }

    [Fact]
    public void A_summary_in_which_nothing_happened_counts_nothing() =>
        Assert.Equal(
            new LoadResult(0, 0, 3, 0, 0, 3_000),
            AkkaRaftCluster.ResultOf("""{"ok":true,"op":"load","seconds":3,"longestGapMs":3000,"total":{"count":0,"errors":0}}""", Operation.Get));

    [Fact]
    public void An_error_of_the_shell_is_told() =>
        Assert.Contains("--keys", Assert.Throws<IOException>(() => AkkaRaftCluster.ResultOf("""{"error":"BadInput","message":"--keys: 0 is not …"}""", Operation.Put)).Message, StringComparison.Ordinal);

    [Fact]
    public void What_goes_to_a_loads_process_and_back_is_the_same()
    {
        var load = new LoadSpec(Operation.Get, 16, 1.5, Keys: 7, ValueBytes: 3, Total: 9, LosesLeader: true);
        var line = JsonSerializer.Serialize(load, LoadSpec.Json);
        Assert.Equal("""{"operation":"get","callers":16,"seconds":1.5,"keys":7,"valueBytes":3,"total":9,"losesLeader":true}""", line);
        Assert.Equal(load, JsonSerializer.Deserialize<LoadSpec>(line, LoadSpec.Json));
        Assert.Equal(
            new LoadResult(5, 1, 2, 0.5, 1.5, 100),
            JsonSerializer.Deserialize<LoadResult>("""{"completed":5,"failed":1,"seconds":2,"p50Ms":0.5,"p99Ms":1.5,"longestGapMs":100}""", LoadSpec.Json));
    }

    [Fact]
    public void Latencies_are_summed_up_in_whatever_order_they_came()
    {
        var result = ClosedLoop.Sum(TimeSpan.FromSeconds(2), Enumerable.Range(1, 100).Select(i => 101_000 - (i * 1_000)), failed: 3);
        Assert.Equal((100, 3, 50), (result.Completed, result.Failed, result.PerSecond));
        Assert.Equal((51, 100), (result.P50Ms, result.P99Ms));
    }

    [Fact]
    public void A_load_of_which_nothing_succeeded_has_no_latencies() =>
        Assert.Equal(new LoadResult(0, 1, 2, 0, 0, null), ClosedLoop.Sum(TimeSpan.FromSeconds(2), [], failed: 1));

    [Fact]
    public async Task So_many_operations_go_over_the_keys_in_order()
    {
        List<string> keys = [];
        var result = await ClosedLoop.RunAsync(
            new LoadSpec(Operation.Put, 1, 0, Keys: 3, Total: 7),
            (key, value) =>
            {
                keys.Add($"{Encoding.ASCII.GetString(key.Span)} {value.Length}");
                return keys.Count == 2 ? Task.FromException(new IOException()) : Task.CompletedTask;
            },
            _ => Task.CompletedTask);
        Assert.Equal(["load/0 100", "load/1 100", "load/2 100", "load/0 100", "load/1 100", "load/2 100", "load/0 100"], keys);
        Assert.Equal((6, 1), (result.Completed, result.Failed));
    }

    [Fact]
    public void CPU_is_told_per_operation()
    {
        var measured = new Measurement(new LoadResult(1_000, 0, 1, 0, 0, null), 0.5, null);
        Assert.Equal((500.0, null), (measured.MembersCpuMicroseconds, measured.LoadCpuMicroseconds));
        Assert.Equal(20, (measured with { LoadCpuSeconds = 0.02 }).LoadCpuMicroseconds);
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(0.5, 3)]
    [InlineData(1, 5)]
    public void A_quantile_is_one_of_the_values(double fraction, double expected) => Assert.Equal(expected, Figures.Quantile([5, 3, 1, 4, 2], fraction));
}
