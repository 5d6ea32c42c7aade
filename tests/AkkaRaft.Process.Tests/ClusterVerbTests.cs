using System.Text.RegularExpressions;
using OsProcess = System.Diagnostics.Process;

namespace AkkaRaft.Process.Tests;

public sealed class ClusterVerbTests
{
    [UnixFact(Timeout = 120_000)] // ends a hang; says nothing about speed
    public async Task Into_a_pipe_it_says_READY_serves_stops_on_SIGINT_and_goes_on_from_its_data()
    {
        using var data = new TemporaryDirectory();
        int port = Ports.FreeRow(3);
        string members = string.Join(',', Enumerable.Range(0, 3).Select(i => $"{i}=127.0.0.1:{port + i}"));

        var pids = await RunAsync(data.Path, port, async () =>
            Assert.Equal(0, (await Cli.RunAsync("put", "kept", "value", "--members", members)).Code), members);
        Assert.All(pids, AssertGone);

        pids = await RunAsync(data.Path, port, async () =>
            Assert.Equal("value", (await Cli.RunAsync("get", "kept", "--members", members)).Out.Trim()), members);
        Assert.All(pids, AssertGone);
    }

    [UnixFact(Timeout = 60_000)] // ends a hang; says nothing about speed
    public async Task Members_end_with_the_process_that_started_them_however_it_ended()
    {
        using var data = new TemporaryDirectory();
        int port = Ports.FreeRow(3);
        using var cluster = Cli.Start("cluster", "--data", data.Path, "--base-port", $"{port}");
        _ = cluster.StandardError.ReadToEndAsync();
        while (await cluster.StandardOutput.ReadLineAsync() is { } line && line != "READY")
        {
        }

        var pids = await PidsAsync(string.Join(',', Enumerable.Range(0, 3).Select(i => $"{i}=127.0.0.1:{port + i}")));
        cluster.Kill();
        await cluster.WaitForExitAsync();
        while (pids.Any(IsRunning))
        {
            await Task.Delay(50);
        }
    }

    /// <summary>Runs the verb until READY, then <paramref name="use"/>, then interrupts it; returns the members' process numbers.</summary>
    private static async Task<int[]> RunAsync(string data, int port, Func<Task> use, string members)
    {
        using var cluster = Cli.Start("cluster", "--data", data, "--base-port", $"{port}");
        Task<string> error = cluster.StandardError.ReadToEndAsync();
        try
        {
            var said = new List<string>();
            while (await cluster.StandardOutput.ReadLineAsync() is { } line && line != "READY")
            {
                said.Add(line);
            }

            for (int i = 0; i < 3; i++)
            {
                string form = $@"^{i} 127\.0\.0\.1:{port + i} (Leader|Follower|Candidate) term=\d+ last=\d+ commit=\d+ applied=\d+$";
                Assert.Contains(said, l => Regex.IsMatch(l, form));
            }

            Assert.All(said, l => Assert.Matches($@"^[0-2] 127\.0\.0\.1:\d+ (Unreachable|\w+ term=\d+ last=\d+ commit=\d+ applied=\d+)$", l));
            var pids = await PidsAsync(members);
            Assert.All(pids, pid => Assert.True(IsRunning(pid)));
            await use();

            Task<string> rest = cluster.StandardOutput.ReadToEndAsync();
            await Cli.SignalAsync(IgnoresInterrupt(cluster.Id) ? "TERM" : "INT", cluster.Id);
            await cluster.WaitForExitAsync();
            await rest;
            Assert.Equal("", await error);
            Assert.Equal(0, cluster.ExitCode);
            return pids;
        }
        finally
        {
            cluster.Kill(entireProcessTree: true);
        }
    }

    private static async Task<int[]> PidsAsync(string members)
    {
        var status = await Cli.RunAsync("status", "--json", "--members", members);
        int[] pids = [.. status.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => System.Text.Json.JsonDocument.Parse(l).RootElement.GetProperty("pid").GetInt32())];
        Assert.Equal(3, pids.Distinct().Count());
        Assert.DoesNotContain(0, pids);
        return pids;
    }

    /// <summary>Whether this suite itself runs in the background of a shell without job control: its children are then deaf to SIGINT.</summary>
    private static bool IgnoresInterrupt(int pid)
    {
        const int Sigint = 1 << (2 - 1);
        string file = $"/proc/{pid}/status";
        string? mask = File.Exists(file) ? File.ReadLines(file).FirstOrDefault(l => l.StartsWith("SigIgn:", StringComparison.Ordinal)) : null;
        return mask is not null && (Convert.ToUInt64(mask["SigIgn:".Length..].Trim(), 16) & Sigint) != 0;
    }

    private static void AssertGone(int pid) => Assert.False(IsRunning(pid), $"process {pid} is still there");

    private static bool IsRunning(int pid)
    {
        try
        {
            // One that has ended and that nobody has waited for is there in name only.
            string state = $"/proc/{pid}/stat";
            if (File.Exists(state))
            {
                string text = File.ReadAllText(state);
                return text[text.LastIndexOf(')') + 2] != 'Z';
            }

            using var process = OsProcess.GetProcessById(pid);
            return !process.HasExited;
        }
        catch (Exception e) when (e is ArgumentException or IOException)
        {
            return false;
        }
    }
}
