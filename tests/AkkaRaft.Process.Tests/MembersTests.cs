using System.Text.Json;
using OsProcess = System.Diagnostics.Process;

namespace AkkaRaft.Process.Tests;

public sealed class MembersTests
{
    private const int Puts = 3_000;

    [UnixFact(Timeout = Patience.TestMs)]
    public async Task Every_original_is_replaced_and_the_rest_restarted_under_load_and_no_put_fails()
    {
        await using var cluster = new Cluster();
        cluster.StartAll();
        await cluster.LeaderAsync();
        string[] addresses = [.. Enumerable.Range(3, 3).Select(Cluster.NewAddress)];
        string Address(int id) => addresses[id - 3];
        OsProcess Join(int id) => cluster.Join(id, Address(id));
        var joined = new Dictionary<int, OsProcess>();
        try
        {
            using var shell = Cli.Start("shell", "--json", "--timeout", "60s", "--members", cluster.Members);
            _ = shell.StandardError.ReadToEndAsync();
            var answers = Task.Run(async () =>
            {
                var lines = new List<string>();
                while (await shell.StandardOutput.ReadLineAsync() is { } line) lines.Add(line);
                return lines;
            });
            var feed = Task.Run(async () =>
            {
                for (int i = 0; i < Puts; i++)
                {
                    await shell.StandardInput.WriteLineAsync($"put k{i} v{i}");
                    await shell.StandardInput.FlushAsync();
                    await Task.Delay(5);
                }

                shell.StandardInput.Close();
            });

            foreach (int id in new[] { 3, 4, 5 }) joined[id] = Drained(Join(id));
            string all = $"{cluster.Members},3={Address(3)},4={Address(4)},5={Address(5)}";
            await Change(all, "add", $"3={Address(3)},4={Address(4)}");
            Assert.Equal(["0", "1", "2", "3", "4"], await Members(all));
            await Change(all, "set", $"3,4,5={Address(5)}");
            Assert.Equal(["3", "4", "5"], await Members(all));
            foreach (int id in new[] { 0, 1, 2 }) Assert.Equal(0, await cluster.EndAsync(id));

            // One after the other is stopped as an operator stops it; whoever leads hands over first.
            foreach (int id in new[] { 3, 4, 5 })
            {
                await Cli.SignalAsync("TERM", joined[id].Id);
                Assert.Equal(0, await Patience.EndAsync(joined[id], $"member {id}, told to stop"));
                joined[id] = Drained(Join(id));
                await Served(all);
            }

            await feed;
            var lines = await answers.WaitAsync(Patience.Wait);
            Assert.Equal(Puts, lines.Count);
            Assert.All(lines, l => Assert.True(JsonDocument.Parse(l).RootElement.GetProperty("ok").GetBoolean(), l));
            await Cli.RunAsync("get", "k0", "--members", all);
            foreach (int id in new[] { 3, 4, 5 }) await Patience.UntilAsync($"{Puts} rows of member {id}", () => Task.FromResult((cluster.Rows(id).Count == Puts, cluster.Rows(id).Count)));

            var again = await Cli.RunAsync("members", "add", $"1={Address(3)}", "--members", all);
            Assert.Equal(1, again.Code);
            Assert.Contains("never used again", again.Err, StringComparison.Ordinal);
        }
        finally
        {
            foreach (var process in joined.Values)
            {
                if (!process.HasExited) process.Kill();
                await process.WaitForExitAsync();
                process.Dispose();
            }
        }
    }

    [Fact(Timeout = Patience.TestMs)]
    public async Task Leadership_goes_where_it_is_asked_to_and_a_backup_holds_what_was_acknowledged()
    {
        await using var cluster = new Cluster();
        cluster.StartAll();
        int leader = await cluster.LeaderAsync();
        Assert.Equal(0, (await Cli.RunAsync("put", "k", "v", "--members", cluster.Members)).Code);
        int heir = (leader + 1) % 3;
        // On a machine with too much to do another election may follow; then it is asked again.
        await Patience.UntilAsync($"member {heir} leads", async () =>
        {
            var transfer = await Cli.RunAsync("transfer", $"{heir}", "--members", cluster.Members);
            return (transfer.Out.Trim() == $"{heir}" && await cluster.LeaderAsync() == heir, transfer);
        });
        Assert.Equal(1, (await Cli.RunAsync("transfer", "9", "--members", cluster.Members)).Code);

        string file = Path.Combine(cluster.Data, "backup.db");
        var backup = await Cli.RunAsync("backup", file, "--json", "--members", cluster.Members);
        Assert.Equal(0, backup.Code);
        Assert.True(JsonDocument.Parse(backup.Out).RootElement.GetProperty("bytes").GetInt64() > 0);
        Assert.Equal("v", Cluster.RowsOf(file)["k"]);
        Assert.NotEqual(0, (await Cli.RunAsync("backup", file, "--members", cluster.Members)).Code);
    }

    [Fact(Timeout = Patience.TestMs)]
    public async Task Members_that_were_killed_are_removed_by_remove_and_by_set_and_one_that_comes_back_ends()
    {
        await using var cluster = new Cluster();
        cluster.StartAll();
        int killed = await cluster.LeaderAsync();
        Assert.Equal(0, (await Cli.RunAsync("put", "k0", "v", "--members", cluster.Members)).Code);
        await cluster.KillAsync(killed);
        await Change(cluster.Members, "remove", $"{killed}");
        string[] left = [.. new[] { 0, 1, 2 }.Where(id => id != killed).Select(id => $"{id}")];
        Assert.Equal(left, await Members(cluster.Members));
        await Served(cluster.Members);

        string address = Cluster.NewAddress(3);
        using (var joined = Drained(cluster.Join(3, address)))
        {
            try
            {
                await Change(cluster.Members, "add", $"3={address}");
                Assert.Equal([.. left, "3"], await Members(cluster.Members));
            }
            finally
            {
                joined.Kill();
                await joined.WaitForExitAsync();
            }
        }

        await Change(cluster.Members, "set", string.Join(',', left));
        Assert.Equal(left, await Members(cluster.Members));
        Assert.Equal(0, (await Cli.RunAsync("put", "k1", "v", "--timeout", "30s", "--members", cluster.Members)).Code);

        cluster.Start(killed);
        Assert.Equal(0, await cluster.EndAsync(killed));
    }

    [Fact(Timeout = Patience.TestMs)]
    public async Task A_member_that_was_wiped_is_refused_under_its_old_id()
    {
        await using var cluster = new Cluster();
        cluster.StartAll();
        int leader = await cluster.LeaderAsync();
        Assert.Equal(0, (await Cli.RunAsync("put", "k", "v", "--members", cluster.Members)).Code);
        int wiped = (leader + 1) % 3;
        await cluster.KillAsync(wiped);
        Directory.Delete(Path.Combine(cluster.Data, $"{wiped}"), recursive: true);
        var ended = await Cli.RunByAsync(Places.Command(wiped), ["node", $"{wiped}", "--config", cluster.Config, "--data", cluster.Data, .. Places.Options]);
        Assert.Equal(1, ended.Code);
        Assert.Contains("began anew", ended.Err, StringComparison.Ordinal);
    }

    [Fact(Timeout = Patience.TestMs)]
    public async Task A_member_that_was_started_for_another_cluster_is_named_and_the_others_are_shown()
    {
        await using var cluster = new Cluster();
        string other = Path.Combine(cluster.Data, "other.conf");
        await File.WriteAllTextAsync(other, (await File.ReadAllTextAsync(cluster.Config)).Replace("cluster-id = \"akkaraft\"", "cluster-id = \"other\"", StringComparison.Ordinal));
        cluster.StartAll();
        Assert.Equal(0, (await Cli.RunAsync("put", "k", "v", "--config", cluster.Config, "--timeout", "60s")).Code);
        await cluster.KillAsync(2);
        Directory.Delete(Path.Combine(cluster.Data, "2"), recursive: true);
        cluster.Start(2, other);
        foreach (string verb in new[] { "status", "health" })
        {
            await Patience.UntilAsync("a word of it", async () =>
            {
                var said = await Cli.RunAsync(verb, "--config", cluster.Config);
                return (said.Code == 2 && said.Out.Contains("Where member 2@", StringComparison.Ordinal) && said.Out.Contains("This is a member of cluster 'other', not of 'akkaraft'", StringComparison.Ordinal), said.Out + said.Err);
            });
        }

        Assert.Equal(3, (await Cli.RunAsync("status", "--json", "--config", cluster.Config)).Out.Split('\n').Count(l => l.Contains("\"role\"", StringComparison.Ordinal)));
        // Its refusal is not the cluster's.
        var put = await Cli.RunAsync("put", "k", "v", "--config", cluster.Config, "--timeout", "60s");
        Assert.True(put.Code == 0, put.Err);
    }

    [Fact(Timeout = Patience.TestMs)]
    public async Task A_member_that_moved_is_given_its_new_address_and_is_found_there_by_members_whose_files_have_the_old_one()
    {
        await using var cluster = new Cluster();
        cluster.StartAll();
        int leader = await cluster.LeaderAsync();
        int moved = (leader + 1) % 3;
        string before = cluster.Members.Split(',')[moved];
        string now = $"{moved}={Cluster.NewAddress(moved)}";
        string all = cluster.Members.Replace(before, now, StringComparison.Ordinal);

        var refused = await Cli.RunAsync("members", "update", $"{moved}={cluster.Members.Split(',')[leader][2..]}", "--members", cluster.Members);
        Assert.Equal(1, refused.Code);
        Assert.Contains($"Member {leader} has the address", refused.Err, StringComparison.Ordinal);
        Assert.Equal(1, (await Cli.RunAsync("members", "update", "9=127.0.0.1:1", "--members", cluster.Members)).Code);

        await Change(cluster.Members, "update", now);
        await cluster.KillAsync(moved);
        string config = Path.Combine(cluster.Data, "moved.conf");
        await File.WriteAllTextAsync(config, (await File.ReadAllTextAsync(cluster.Config)).Replace($"\"{before[2..]}\"", $"\"{now[2..]}\"", StringComparison.Ordinal));
        cluster.Start(moved, config);
        var listed = await Cli.RunAsync("members", "--json", "--members", all);
        Assert.Contains($"\"id\":{moved},\"address\":\"{now[2..]}\"", listed.Out, StringComparison.Ordinal);

        // The others start anew, with the old address in their files, and of them one alone: it needs the one that moved.
        for (int id = 0; id < 3; id++)
        {
            if (id != moved) await cluster.KillAsync(id);
        }

        cluster.Start(leader);
        Assert.Equal(0, (await Cli.RunAsync("put", "k", "v", "--timeout", "60s", "--members", all)).Code);
    }

    [Fact(Timeout = Patience.TestMs)]
    public async Task A_leader_that_is_elsewhere_than_the_client_and_the_log_have_it_is_found()
    {
        await using var cluster = new Cluster();
        cluster.StartAll();
        int leader = await cluster.LeaderAsync();
        string before = cluster.Members.Split(',')[leader];
        string now = Cluster.NewAddress(leader);
        await cluster.KillAsync(leader);
        string config = Path.Combine(cluster.Data, "moved.conf");
        await File.WriteAllTextAsync(config, (await File.ReadAllTextAsync(cluster.Config)).Replace($"\"{before[2..]}\"", $"\"{now}\"", StringComparison.Ordinal));
        cluster.Start(leader, config);
        Assert.Equal(0, (await Cli.RunAsync("transfer", $"{leader}", "--timeout", "60s", "--members", cluster.Members)).Code);

        var listed = await Cli.RunAsync("members", "--json", "--timeout", "30s", "--members", cluster.Members);
        Assert.Equal(0, listed.Code);
        foreach (string command in new[] { "status", "health" })
        {
            var ended = await Cli.RunAsync(command, "--timeout", "30s", "--members", cluster.Members);
            Assert.True(ended.Code == 0, ended.Out + ended.Err);
        }

        // Of the others one leads then, and says where it reaches this one.
        int other = (leader + 1) % 3;
        Assert.Equal(0, (await Cli.RunAsync("transfer", $"{other}", "--timeout", "30s", "--members", cluster.Members)).Code);
        listed = await Cli.RunAsync("members", "--json", "--timeout", "30s", "--members", cluster.Members);
        Assert.Contains($"\"address\":\"{before[2..]}\",\"role\":\"Voter\",\"reachedAt\":\"{now}\"", listed.Out, StringComparison.Ordinal);
        Assert.Equal(0, (await Cli.RunAsync("members", "update", $"{leader}={now}", "--timeout", "30s", "--members", cluster.Members)).Code);
        Assert.DoesNotContain("reachedAt", (await Cli.RunAsync("members", "--json", "--members", cluster.Members)).Out, StringComparison.Ordinal);
    }

    private static OsProcess Drained(OsProcess process)
    {
        _ = process.StandardOutput.ReadToEndAsync();
        _ = process.StandardError.ReadToEndAsync();
        return process;
    }

    private static async Task Change(string all, string verb, string members)
    {
        var ended = await Cli.RunAsync("members", verb, members, "--timeout", "30s", "--members", all);
        Assert.True(ended.Code == 0, ended.Err);
    }

    private static async Task<List<string>> Members(string all) =>
        [.. (await Cli.RunAsync("members", "--json", "--members", all)).Out.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(l => JsonDocument.Parse(l).RootElement.GetProperty("id").GetRawText())];

    private static async Task Served(string all) => Assert.Equal(0, (await Cli.RunAsync("get", "k0", "--timeout", "30s", "--members", all)).Code);

}
