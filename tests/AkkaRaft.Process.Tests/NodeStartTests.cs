using AkkaRaft.Node;
using OsProcess = System.Diagnostics.Process;

namespace AkkaRaft.Process.Tests;

/// <summary>What a member that cannot start says, and that it ends.</summary>
public sealed class NodeStartTests(RunningCluster running) : IClassFixture<RunningCluster>
{
    private readonly Cluster _cluster = running.Cluster;

    [Fact(Timeout = Patience.TestMs)]
    public async Task A_port_in_use_is_named()
    {
        using var data = new TemporaryDirectory();
        AssertRefused(
            await Cli.RunAsync("node", "0", "--config", _cluster.Config, "--data", data.Path),
            _cluster.Members.Split(',')[0][2..]);
    }

    [Fact(Timeout = Patience.TestMs)]
    public async Task A_directory_that_another_process_holds_is_named()
    {
        using var files = new TemporaryDirectory();
        string config = WriteConfig(files);
        AssertRefused(
            await Cli.RunAsync("node", "0", "--config", config, "--data", _cluster.Data),
            Path.Combine(_cluster.Data, "0"), "in use by another process");
    }

    [UnixFact(Timeout = Patience.TestMs)]
    public async Task A_process_with_too_few_file_descriptors_says_so_and_what_to_do()
    {
        foreach (int files in new[] { 30, 64, 255 })
        {
            using var shell = OsProcess.Start(new System.Diagnostics.ProcessStartInfo("sh", ["-c", $"ulimit -n {files}; exec dotnet \"$0\" node 0 --check", Cli.Program])
            {
                RedirectStandardError = true, RedirectStandardOutput = true, WorkingDirectory = Cli.Root,
            })!;
            string said = await shell.StandardError.ReadToEndAsync();
            Assert.Equal(1, await Patience.EndAsync(shell, $"akkaraft node with {files} files"));
            Assert.StartsWith($"akkaraft: this process may have {files} files open, and needs 256", said, StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", said, StringComparison.Ordinal);
        }
    }

    [Fact(Timeout = Patience.TestMs)]
    public async Task The_files_of_another_member_are_refused()
    {
        using var data = new TemporaryDirectory();
        string config = WriteConfig(data);
        string directory = Directory.CreateDirectory(Path.Combine(data.Path, "1")).FullName;
        foreach (string file in Directory.GetFiles(Path.Combine(_cluster.Data, "0"), "*.db*"))
        {
            File.Copy(file, Path.Combine(directory, Path.GetFileName(file)));
        }

        AssertRefused(
            await Cli.RunAsync("node", "1", "--config", config, "--data", data.Path),
            Path.Combine(directory, "journal.db"), "belongs to member 0", "not to member 1");
    }

    [Fact(Timeout = Patience.TestMs)]
    public async Task The_files_of_another_cluster_are_refused()
    {
        using var data = new TemporaryDirectory();
        string config = WriteConfig(data);
        await File.WriteAllTextAsync(config, (await File.ReadAllTextAsync(config)).Replace("\"akkaraft\"", "\"other\"", StringComparison.Ordinal));
        string directory = Directory.CreateDirectory(Path.Combine(data.Path, "0")).FullName;
        foreach (string file in Directory.GetFiles(Path.Combine(_cluster.Data, "0"), "*.db*"))
        {
            File.Copy(file, Path.Combine(directory, Path.GetFileName(file)));
        }

        AssertRefused(
            await Cli.RunAsync("node", "0", "--config", config, "--data", data.Path),
            Path.Combine(directory, "journal.db"), "of cluster 'akkaraft'", "of 'other'");
    }

    [Theory(Timeout = Patience.TestMs)]
    [InlineData("journal.db")]
    public async Task A_file_that_is_garbage_is_named(string name)
    {
        using var data = new TemporaryDirectory();
        string config = WriteConfig(data);
        string file = Path.Combine(Directory.CreateDirectory(Path.Combine(data.Path, "0")).FullName, name);
        byte[] garbage = new byte[8_192];
        new Random(1).NextBytes(garbage);
        await File.WriteAllBytesAsync(file, garbage);
        AssertRefused(await Cli.RunAsync("node", "0", "--config", config, "--data", data.Path), file);
        Assert.Equal(garbage, await File.ReadAllBytesAsync(file));
    }

    [Theory(Timeout = Patience.TestMs)]
    [InlineData("heartbeat-intervall = 50ms", "akkaraft.heartbeat-intervall")]
    [InlineData("heartbeat-interval = 1ms", "akkaraft.heartbeat-interval")]
    [InlineData("heartbeat-interval = 50", "akkaraft.heartbeat-interval")]
    [InlineData("election-timeout-max = 301ms", "akkaraft.election-timeout-max")]
    [InlineData("max-append-bytes = 1GiB", "akkaraft.max-append-bytes")]
    [InlineData("max-sessions = 0", "akkaraft.max-sessions")]
    [InlineData("log-messages = maybe", "akkaraft.log-messages")]
    [InlineData("members.2 = \"127.0.0.1\"", "akkaraft.members.2")]
    [InlineData("members.2 = \"192.0.2.1:4100\"", "akkaraft.allow-insecure-network")]
    public async Task A_wrong_setting_is_named(string line, string key)
    {
        using var data = new TemporaryDirectory();
        string config = WriteConfig(data);
        string[] without = [.. (await File.ReadAllLinesAsync(config)).Where(l => !l.TrimStart().StartsWith("2 =", StringComparison.Ordinal) || !line.StartsWith("members.2", StringComparison.Ordinal))];
        await File.WriteAllLinesAsync(config, [.. without, $"akkaraft.{line}"]);
        var ended = await Cli.RunAsync("node", "2", "--config", config, "--data", data.Path);
        AssertRefused(ended, key);
        // What a start refuses, a check does not call good.
        AssertRefused(await Cli.RunAsync("node", "2", "--check", "--config", config, "--data", data.Path), key);
        if (!key.EndsWith("network", StringComparison.Ordinal))
        {
            Assert.Contains(config, ended.Err, StringComparison.Ordinal);
        }
    }

    /// <summary>The same members on ports of their own.</summary>
    private static string WriteConfig(TemporaryDirectory directory)
    {
        string config = Path.Combine(directory.Path, "cluster.conf");
        File.WriteAllText(config, ClusterCommand.Hocon(Ports.Free(3).Select((p, i) => new AkkaRaft.Protocol.RaftEndpoint(new(i), $"127.0.0.1:{p}"))));
        return config;
    }

    private static void AssertRefused(Ended ended, params string[] named)
    {
        Assert.StartsWith("akkaraft: ", ended.Err, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", ended.Err, StringComparison.Ordinal);
        Assert.All(named, n => Assert.Contains(n, ended.Err, StringComparison.Ordinal));
        Assert.Equal(1, ended.Code);
    }
}
