using System.Diagnostics;
using AkkaRaft.Node;
using OsProcess = System.Diagnostics.Process;

namespace AkkaRaft.Process.Tests;

/// <summary>A fact about a disk of its own, which is a file system in memory that only the test sees.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class DiskFactAttribute : FactAttribute
{
    private static readonly Lazy<string?> Lacking = new(FindLacking);

    public DiskFactAttribute() => Skip = Lacking.Value;

    private static string? FindLacking()
    {
        if (!OperatingSystem.IsLinux())
        {
            return "Mount namespaces are Linux's.";
        }

        try
        {
            using var probe = OsProcess.Start(new ProcessStartInfo("unshare", ["-m", "sh", "-c", "mount -t tmpfs -o size=1m tmpfs /mnt"]) { RedirectStandardError = true })!;
            string error = probe.StandardError.ReadToEnd();
            probe.WaitForExit();
            return probe.ExitCode == 0 ? null : $"A mount in a namespace of its own is not allowed here, it needs root: {error.Trim()}";
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            return $"util-linux is needed: {e.Message}";
        }
    }
}

public sealed class DisasterTests
{
    [DiskFact(Timeout = Patience.TestMs)]
    public async Task To_recover_on_a_full_disk_ends_with_the_reason_and_succeeds_once_there_is_room()
    {
        using var directory = new TemporaryDirectory();
        string data = Directory.CreateDirectory(Path.Combine(directory.Path, "data")).FullName;
        string disk = Directory.CreateDirectory(Path.Combine(directory.Path, "disk")).FullName;
        string config = Path.Combine(data, "cluster.conf");
        using (var cluster = Cli.Start("cluster", "--nodes", "3", "--data", data, "--base-port", $"{Ports.FreeRow(3)}"))
        {
            _ = cluster.StandardOutput.ReadToEndAsync();
            _ = cluster.StandardError.ReadToEndAsync();
            await Patience.UntilAsync("the cluster's file", () => Task.FromResult((File.Exists(config), config)));
            Assert.Equal(0, (await Cli.RunAsync("put", "k", "v", "--timeout", "60s", "--config", config)).Code);
            await Cli.SignalAsync("TERM", cluster.Id);
            Assert.Equal(0, await Patience.EndAsync(cluster, "a cluster that was told to stop"));
        }

        // With no room the journal cannot be opened, and with some it is written to in vain.
        foreach (int kib in new[] { 0, 64 })
        {
            const string Script = """
                mount -t tmpfs -o size=8m tmpfs "$1" && cp -r "$2/0" "$1/" || exit 99
                cat /dev/zero >"$1/filler" 2>/dev/null
                truncate -s "-$3K" "$1/filler"
                dotnet "$0" recover 0 --force-single --config "$2/cluster.conf" --data "$1"
                [ $? = 1 ] || exit 98
                echo 'There is room now.' >&2
                rm "$1/filler"
                dotnet "$0" recover 0 --force-single --config "$2/cluster.conf" --data "$1"
                """;
            using var recover = OsProcess.Start(new ProcessStartInfo("unshare", ["-m", "sh", "-c", Script, Cli.Program, disk, data, $"{kib}"])
            {
                RedirectStandardOutput = true, RedirectStandardError = true,
            })!;
            Task<string> output = recover.StandardOutput.ReadToEndAsync();
            string[] said = (await recover.StandardError.ReadToEndAsync()).Split("There is room now.");
            Assert.True(await Patience.EndAsync(recover, "recover on a full disk") == 0, string.Join('|', said));
            string last = said[0].Trim().Split('\n')[^1];
            Assert.StartsWith("akkaraft: ", last, StringComparison.Ordinal);
            Assert.Contains("SQLite Error 1", last, StringComparison.Ordinal);
            Assert.Contains("Member 0 is the only one", await output, StringComparison.Ordinal);
        }
    }

    [Fact(Timeout = Patience.TestMs)]
    public async Task A_backup_that_is_killed_leaves_nothing_under_its_name_and_is_made_by_the_next()
    {
        const int Values = 80;
        await using var cluster = new Cluster();
        cluster.StartAll();
        await cluster.LeaderAsync();
        Assert.Equal(0, (await Cli.RunAsync("load", "--requests", $"{Values}", "--mix", "put=1", "--value-size", "500000", "--timeout", "60s", "--members", cluster.Members)).Code);
        string file = Path.Combine(cluster.Data, "backup.db");
        using (var backup = Cli.Start("backup", file, "--timeout", "60s", "--members", cluster.Members))
        {
            // It has said that a part has come.
            Assert.Contains("10 % of", await backup.StandardError.ReadLineAsync(), StringComparison.Ordinal);
            backup.Kill();
            await backup.WaitForExitAsync();
            Assert.NotEqual(0, backup.ExitCode);
        }

        Assert.False(File.Exists(file));
        Assert.Single(Directory.GetFiles(cluster.Data, "backup.db.*.part"));
        var again = await Cli.RunAsync("backup", file, "--timeout", "60s", "--members", cluster.Members);
        Assert.True(again.Code == 0, again.Err);
        Assert.Equal(Values, Cluster.RowsOf(file).Count);
    }

    [Fact(Timeout = Patience.TestMs)]
    public async Task A_load_of_so_many_requests_ends_when_nothing_is_answered_any_more()
    {
        var ended = await Cli.RunAsync("load", "--requests", "1000000", "--timeout", "1s", "--members", $"0=127.0.0.1:{Ports.Free(1)[0]}");
        Assert.Equal(ExitCodes.Unavailable, ended.Code);
        Assert.Contains("akkaraft: given up: nothing was answered for 1s. No member answered", ended.Err, StringComparison.Ordinal);
    }

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
        Assert.Contains("is to go on alone", recovered.Err, StringComparison.Ordinal);
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
    public async Task Members_that_were_restored_from_different_backups_do_not_begin()
    {
        await using var cluster = new Cluster();
        string[] backups = [Path.Combine(cluster.Data, "first.db"), Path.Combine(cluster.Data, "second.db")];
        foreach (string backup in backups)
        {
            // Of two clusters they may well be to the same entry of the same term.
            await using var old = new Cluster();
            old.StartAll();
            Assert.Equal(0, (await Cli.RunAsync("put", "k", Path.GetFileName(backup), "--config", old.Config, "--timeout", "60s")).Code);
            Assert.Equal(0, (await Cli.RunAsync("backup", backup, "--config", old.Config)).Code);
        }

        await File.WriteAllTextAsync(cluster.Config, (await File.ReadAllTextAsync(cluster.Config)).Replace("cluster-id = \"akkaraft\"", "cluster-id = \"another\"", StringComparison.Ordinal));
        await RestoreAsync(backups[0], 0);
        await RestoreAsync(backups[1], 1);
        cluster.StartAll();
        await Patience.UntilAsync("a word of it", async () =>
        {
            var status = await Cli.RunAsync("status", "--config", cluster.Config);
            return (status.Code == 2 && status.Out.Contains("restored from different backups", StringComparison.Ordinal), status.Out + status.Err);
        });
        Assert.Equal(2, (await Cli.RunAsync("health", "--config", cluster.Config)).Code);

        await cluster.KillAsync(0);
        Directory.Delete(Path.Combine(cluster.Data, "0"), recursive: true);
        await RestoreAsync(backups[1], 0);
        cluster.Start(0);
        Assert.Equal("second.db", (await Cli.RunAsync("get", "k", "--config", cluster.Config, "--timeout", "30s")).Out.Trim());
        await cluster.InSyncAsync();
        Assert.Equal("second.db", cluster.Rows(2)["k"]);

        // As on a machine of its own.
        async Task RestoreAsync(string backup, int id)
        {
            string data = Directory.CreateDirectory(Path.Combine(cluster.Data, "elsewhere")).FullName;
            var restored = await Cli.RunAsync("restore", backup, $"{id}", "--config", cluster.Config, "--data", data);
            Assert.True(restored.Code == 0, restored.Err);
            Directory.Move(Path.Combine(data, $"{id}"), Path.Combine(cluster.Data, $"{id}"));
            Directory.Delete(data, recursive: true);
        }
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
            return (status.Code == 2 && status.Out.Contains("Member 1 has entry", StringComparison.Ordinal), status.Out + status.Err);
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
