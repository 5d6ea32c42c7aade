using System.Text.Json;

namespace AkkaRaft.Process.Tests;

/// <summary>What the client commands refuse, and what they do while a member is stopped.</summary>
public sealed class ClientTests(RunningCluster running) : IClassFixture<RunningCluster>
{
    private const int MiB = 1024 * 1024;
    private readonly Cluster _cluster = running.Cluster;

    [Fact(Timeout = Patience.TestMs)]
    public async Task An_empty_key_is_bad_input_and_nothing_is_written()
    {
        var put = await Cli.RunAsync("put", "", "v", "--json", "--members", _cluster.Members);
        Assert.Equal(1, put.Code);
        Assert.Equal("BadInput", Parse(put.Out).GetProperty("error").GetString());
        Assert.StartsWith("akkaraft: ", put.Err, StringComparison.Ordinal);

        var shell = await Cli.PipeAsync("put '' v\nget ''\ndel ''\n", "shell", "--json", "--members", _cluster.Members);
        Assert.Equal(1, shell.Code);
        Assert.All(Lines(shell.Out), l => Assert.Equal("BadInput", Parse(l).GetProperty("error").GetString()));
        Assert.Equal(3, Lines(shell.Out).Length);
        await _cluster.InSyncAsync();
        Assert.DoesNotContain("", _cluster.Rows(0).Keys);
    }

    [Fact(Timeout = Patience.TestMs)]
    public async Task A_value_of_1_MiB_is_taken_and_a_longer_one_is_bad_input_and_not_written()
    {
        string most = new('m', MiB);
        string input = $"put most {most}\nput more {most}m\nget more\nget most\nput after v\n";
        var shell = await Cli.PipeAsync(input, "shell", "--json", "--members", _cluster.Members);
        Assert.Equal(1, shell.Code);
        Assert.DoesNotContain("   at ", shell.Err, StringComparison.Ordinal);
        var answers = Lines(shell.Out).Select(Parse).ToList();
        Assert.Equal([true, false, true, true, true], answers.Select(a => a.GetProperty("ok").GetBoolean()));
        Assert.Equal("BadInput", answers[1].GetProperty("error").GetString());
        Assert.Contains($"{MiB + 1} bytes; the limit is {MiB}", answers[1].GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Equal(JsonValueKind.Null, answers[2].GetProperty("value").ValueKind);
        Assert.Equal(most, (await Cli.RunAsync("get", "most", "--members", _cluster.Members)).Out.TrimEnd());
        await _cluster.InSyncAsync();
        for (int i = 0; i < 3; i++)
        {
            var rows = _cluster.Rows(i);
            Assert.Equal("v", rows["after"]);
            Assert.Equal(most, rows["most"]);
            Assert.DoesNotContain("more", rows.Keys);
        }
    }

    [Fact(Timeout = Patience.TestMs)]
    public async Task A_shell_says_once_what_is_to_be_said_of_local_reads()
    {
        var shell = await Cli.PipeAsync("get a --consistency local\nget b --consistency local\nget c\n", "shell", "--json", "--members", _cluster.Members);
        Assert.Equal(3, Lines(shell.Out).Length);
        Assert.Equal("akkaraft: a local read: the value is one member's own and may be old.", shell.Err.Trim());
    }

    [Fact(Timeout = Patience.TestMs)]
    public async Task A_client_of_another_cluster_is_refused()
    {
        foreach (string line in new[] { "put|stranger|v", "get|stranger", "get|stranger|--consistency|local", "del|stranger", "status", "health", "members", "members|remove|0", "transfer" })
        {
            var ended = await Cli.RunAsync([.. line.Split('|'), "--cluster-id", "other", "--members", _cluster.Members]);
            Assert.Equal(1, ended.Code);
            Assert.Empty(ended.Out);
            Assert.Contains("akkaraft: This is a member of cluster 'akkaraft', not of 'other'.", ended.Err, StringComparison.Ordinal);
        }

        Assert.Equal(3, (await Cli.RunAsync("get", "stranger", "--members", _cluster.Members)).Code);
    }

    [Fact(Timeout = Patience.TestMs)]
    public async Task A_missing_key_ends_with_3()
    {
        var get = await Cli.RunAsync("get", "missing", "--members", _cluster.Members);
        Assert.Equal(3, get.Code);
        Assert.Empty(get.Out);
        Assert.Equal("akkaraft: there is no key missing.", get.Err.Trim());

        var json = await Cli.RunAsync("get", "missing", "--json", "--members", _cluster.Members);
        Assert.Equal(3, json.Code);
        Assert.Equal(JsonValueKind.Null, Parse(json.Out).GetProperty("value").ValueKind);
        Assert.Equal(3, (await Cli.RunAsync("del", "missing", "--members", _cluster.Members)).Code);
    }

    [UnixFact(Timeout = Patience.TestMs)]
    public async Task A_follower_that_stood_still_catches_up()
    {
        const int Puts = 1_000;
        int pid = (await _cluster.AllAsync()).First(s => s.GetProperty("role").GetString() == "Follower").GetProperty("pid").GetInt32();
        await Cli.SignalAsync("STOP", pid);
        Ended shell;
        try
        {
            string input = string.Concat(Enumerable.Range(0, Puts).Select(i => $"put still{i} v{i}\n"));
            shell = await Cli.PipeAsync(input, "shell", "--json", "--timeout", "60s", "--members", _cluster.Members);
        }
        finally
        {
            await Cli.SignalAsync("CONT", pid);
        }

        Assert.Equal(0, shell.Code);
        Assert.Equal(
            Enumerable.Range(0, Puts).Select(i => $"still{i}"),
            Lines(shell.Out).Select(Parse).Where(a => a.GetProperty("ok").GetBoolean()).Select(a => a.GetProperty("key").GetString()!));

        await _cluster.InSyncAsync();
        var first = _cluster.Rows(0);
        Assert.All(Enumerable.Range(0, Puts), i => Assert.Equal($"v{i}", first[$"still{i}"]));
        for (int i = 1; i < 3; i++)
        {
            Assert.Equal(first.OrderBy(r => r.Key, StringComparer.Ordinal), _cluster.Rows(i).OrderBy(r => r.Key, StringComparer.Ordinal));
        }
    }

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private static JsonElement Parse(string line) => JsonDocument.Parse(line).RootElement;
}
