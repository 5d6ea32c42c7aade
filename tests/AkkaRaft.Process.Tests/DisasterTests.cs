namespace AkkaRaft.Process.Tests;

public sealed class DisasterTests
{
    [Fact(Timeout = Patience.TestMs)]
    public async Task A_backup_is_restored_into_a_new_cluster_and_one_member_of_it_goes_on_alone()
    {
        await using var old = new Cluster();
        old.StartAll();
        await old.LeaderAsync();
        Assert.Equal(0, (await Cli.RunAsync("put", "k", "v", "--members", old.Members)).Code);
        string backup = Path.Combine(old.Data, "backup.db");
        Assert.Equal(0, (await Cli.RunAsync("backup", backup, "--members", old.Members)).Code);

        await using var cluster = new Cluster();
        var same = await Cli.RunAsync("restore", backup, "--config", cluster.Config, "--data", cluster.Data);
        Assert.Equal(1, same.Code);
        Assert.Contains("cluster-id", same.Err, StringComparison.Ordinal);
        await File.WriteAllTextAsync(cluster.Config, (await File.ReadAllTextAsync(cluster.Config)).Replace("cluster-id = \"akkaraft\"", "cluster-id = \"another\"", StringComparison.Ordinal));
        var restored = await Cli.RunAsync("restore", backup, "--config", cluster.Config, "--data", cluster.Data);
        Assert.True(restored.Code == 0, restored.Err);
        // As after a run that was killed between two members: whoever has the state already keeps it.
        Assert.Equal(0, (await Cli.RunAsync("restore", backup, "--config", cluster.Config, "--data", cluster.Data)).Code);
        Assert.Equal(1, (await Cli.RunAsync("restore", cluster.Config, "0", "--config", cluster.Config, "--data", Path.Combine(cluster.Data, "elsewhere"))).Code);

        cluster.StartAll();
        Assert.Equal("v", (await Cli.RunAsync("get", "k", "--config", cluster.Config, "--timeout", "30s")).Out.Trim());
        Assert.Equal(0, (await Cli.RunAsync("put", "k2", "v2", "--config", cluster.Config)).Code);
        await cluster.InSyncAsync();
        for (int i = 0; i < 3; i++) await cluster.KillAsync(i);

        Assert.Equal(1, (await Cli.RunAsync("recover", "1", "--config", cluster.Config, "--data", cluster.Data)).Code);
        const int left = 2;
        var recovered = await Cli.RunAsync("recover", $"{left}", "--force-single", "--config", cluster.Config, "--data", cluster.Data);
        Assert.True(recovered.Code == 0, recovered.Err);
        Assert.Contains("goes on alone", recovered.Err, StringComparison.Ordinal);
        cluster.Start(left);
        Assert.Equal("v2", (await Cli.RunAsync("get", "k2", "--config", cluster.Config, "--timeout", "30s")).Out.Trim());
        // The others are told that they are members no more, and leave the end to an operator: one alone is not believed.
        int other = (left + 1) % 3;
        cluster.Start(other);
        await Patience.UntilAsync("a word of it", async () =>
        {
            var status = await Cli.RunAsync("status", "--config", cluster.Config);
            return (status.Code == 2 && status.Out.Contains($"Member {left} says of member {other}: it was removed", StringComparison.Ordinal), status.Out + status.Err);
        });
        Assert.Equal("v2", (await Cli.RunAsync("get", "k2", "--config", cluster.Config, "--timeout", "30s")).Out.Trim());
    }

    [Fact(Timeout = Patience.TestMs)]
    public async Task A_member_keeps_what_an_older_copy_of_another_has_forgotten_and_says_so()
    {
        await using var cluster = new Cluster();
        cluster.StartAll();
        await cluster.LeaderAsync();
        Assert.Equal(0, (await Cli.RunAsync("put", "k", "old", "--config", cluster.Config)).Code);
        await cluster.InSyncAsync();
        for (int i = 0; i < 3; i++) await cluster.KillAsync(i);
        string directory = Path.Combine(cluster.Data, "0");
        string copy = Path.Combine(cluster.Data, "copy");
        Copy(directory, copy);

        cluster.Start(0);
        cluster.Start(1);
        Assert.Equal(0, (await Cli.RunAsync("put", "k", "new", "--config", cluster.Config, "--timeout", "30s")).Code);
        await Patience.UntilAsync("the new value in member 1's file", () => Task.FromResult((cluster.Rows(1)["k"] == "new", cluster.Rows(1)["k"])));
        await cluster.KillAsync(0);
        await cluster.KillAsync(1);
        Directory.Delete(directory, recursive: true);
        Directory.Move(copy, directory);

        cluster.Start(0);
        cluster.Start(2);
        Assert.Equal("old", (await Cli.RunAsync("get", "k", "--config", cluster.Config, "--timeout", "30s")).Out.Trim());
        cluster.Start(1);
        await Patience.UntilAsync("a word of it", async () =>
        {
            var status = await Cli.RunAsync("status", "--config", cluster.Config);
            return (status.Code == 2 && status.Out.Contains("Member 1 has committed entry", StringComparison.Ordinal), status.Out + status.Err);
        });
        Assert.Equal(2, (await Cli.RunAsync("health", "--config", cluster.Config)).Code);
        // What it has is still there, to go on with.
        Assert.Equal("new", cluster.Rows(1)["k"]);
        Assert.Equal(0, (await Cli.RunAsync("members", "remove", "1", "--config", cluster.Config)).Code);
        Assert.Equal(0, await cluster.EndAsync(1));
        Assert.Equal("new", cluster.Rows(1)["k"]);
        Assert.Equal(0, (await Cli.RunAsync("health", "--config", cluster.Config)).Code);
    }

    private static void Copy(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (string file in Directory.EnumerateFiles(from)) File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        foreach (string directory in Directory.EnumerateDirectories(from)) Copy(directory, Path.Combine(to, Path.GetFileName(directory)));
    }
}
