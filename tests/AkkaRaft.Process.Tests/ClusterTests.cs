using System.Text.Json;

namespace AkkaRaft.Process.Tests;

public sealed class ClusterTests
{
    private const int Puts = 2_000;

    [Fact(Timeout = Patience.TestMs)]
    public async Task No_acknowledged_put_is_lost_when_the_leader_is_killed_and_then_all_are()
    {
        await using var cluster = new Cluster();
        cluster.StartAll();
        await cluster.LeaderAsync();
        using var shell = Cli.Start("shell", "--json", "--timeout", "60s", "--members", cluster.Members);
        _ = shell.StandardError.ReadToEndAsync();
        var acknowledged = new List<string>();
        var half = new TaskCompletionSource();
        Task reader = Task.Run(async () =>
        {
            int lines = 0;
            while (await shell.StandardOutput.ReadLineAsync() is { } line)
            {
                var answer = JsonDocument.Parse(line).RootElement;
                if (answer.GetProperty("ok").GetBoolean())
                {
                    acknowledged.Add(answer.GetProperty("key").GetString()!);
                }

                if (++lines == Puts / 4)
                {
                    half.TrySetResult();
                }
            }

            half.TrySetResult();
        });
        for (int i = 0; i < Puts / 2; i++)
        {
            await shell.StandardInput.WriteLineAsync($"put k{i} v{i}");
        }

        await shell.StandardInput.FlushAsync();
        await half.Task.WaitAsync(Patience.Wait);
        int leader = await cluster.LeaderAsync();
        await cluster.KillAsync(leader);
        for (int i = Puts / 2; i < Puts; i++)
        {
            await shell.StandardInput.WriteLineAsync($"put k{i} v{i}");
        }

        shell.StandardInput.Close();
        await Patience.EndAsync(shell, "the shell, once it has answered all lines");
        await reader;
        Assert.True(acknowledged.Count > Puts / 2, $"the shell did not go on after the failover: {acknowledged.Count} acknowledged");
        Assert.Equal(acknowledged.OrderBy(k => int.Parse(k[1..])), acknowledged);

        cluster.Start(leader);
        await cluster.InSyncAsync();
        AssertRows(cluster, acknowledged);

        for (int i = 0; i < 3; i++)
        {
            await cluster.KillAsync(i);
        }

        cluster.StartAll();
        await cluster.InSyncAsync();
        AssertRows(cluster, acknowledged);
    }

    [Fact(Timeout = Patience.TestMs)]
    public async Task A_lone_member_of_three_takes_no_put_and_serves_no_linearizable_read()
    {
        await using var cluster = new Cluster();
        cluster.StartAll();
        int leader = await cluster.LeaderAsync();
        Assert.Equal(0, (await Cli.RunAsync("put", "k", "v", "--members", cluster.Members)).Code);
        Assert.Equal("v", (await Cli.RunAsync("get", "k", "--members", cluster.Members)).Out.Trim());
        Assert.Equal(3, (await Cli.RunAsync("get", "missing", "--members", cluster.Members)).Code);
        Assert.Equal(0, (await Cli.RunAsync("health", "--members", cluster.Members)).Code);
        await cluster.KillAsync((leader + 1) % 3);
        await cluster.KillAsync((leader + 2) % 3);
        Assert.Contains((await Cli.RunAsync("put", "k", "w", "--timeout", "2s", "--members", cluster.Members)).Code, new[] { 2, 5 });
        var read = await Cli.RunAsync("get", "k", "--timeout", "2s", "--members", cluster.Members);
        Assert.Equal(2, read.Code);
        Assert.Empty(read.Out);

        await Patience.UntilAsync("the leader without a quorum has stepped down", async () =>
            (!(await cluster.StatusAsync()).Exists(s => s.GetProperty("role").GetString() == "Leader"), ""));
        foreach (string command in new[] { "status", "health" })
        {
            var text = await Cli.RunAsync(command, "--timeout", "2s", "--members", cluster.Members);
            Assert.Equal(2, text.Code);
            Assert.Contains("no leader", text.Out, StringComparison.Ordinal);
            Assert.Contains("1 of 3 voters answer", text.Out, StringComparison.Ordinal);
            var json = await Cli.RunAsync(command, "--json", "--timeout", "2s", "--members", cluster.Members);
            var verdict = JsonDocument.Parse(json.Out.TrimEnd().Split('\n')[^1]).RootElement;
            Assert.Equal((2, command, false), (json.Code, verdict.GetProperty("op").GetString(), verdict.GetProperty("healthy").GetBoolean()));
            Assert.Equal(2, verdict.GetProperty("reasons").GetArrayLength());
        }
    }

    private static void AssertRows(Cluster cluster, List<string> acknowledged)
    {
        var first = cluster.Rows(0);
        for (int i = 1; i < 3; i++)
        {
            Assert.Equal(first.OrderBy(r => r.Key, StringComparer.Ordinal), cluster.Rows(i).OrderBy(r => r.Key, StringComparer.Ordinal));
        }

        Assert.All(acknowledged, k => Assert.Equal("v" + k[1..], first.GetValueOrDefault(k)));
    }
}
