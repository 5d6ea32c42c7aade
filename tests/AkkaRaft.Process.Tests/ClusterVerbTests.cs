using System.Text.RegularExpressions;
using OsProcess = System.Diagnostics.Process;

namespace AkkaRaft.Process.Tests;

public sealed class ClusterVerbTests
{
    [UnixFact(Timeout = Patience.TestMs)]
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

    [UnixFact(Timeout = Patience.TestMs)]
    public async Task Members_end_with_the_process_that_started_them_however_it_ended()
    {
        using var data = new TemporaryDirectory();
        int port = Ports.FreeRow(3);
        using var cluster = Cli.Start("cluster", "--data", data.Path, "--base-port", $"{port}");
        _ = cluster.StandardError.ReadToEndAsync();
        int[] pids;
        try
        {
            await UntilAsync(cluster, said => said.Contains("READY"));
            pids = await PidsAsync(string.Join(',', Enumerable.Range(0, 3).Select(i => $"{i}=127.0.0.1:{port + i}")));
        }
        finally
        {
            cluster.Kill();
        }

        await Patience.EndAsync(cluster, "the command that was killed");
        await Patience.UntilAsync("the end of all members", () => Task.FromResult((!pids.Any(IsRunning), string.Join(", ", pids.Where(IsRunning)))));
    }

    [UnixFact(Timeout = Patience.TestMs)]
    public async Task What_is_stored_goes_before_how_many_members_are_started_and_others_on_the_same_data_are_not_taken_for_its_own()
    {
        using var data = new TemporaryDirectory();
        int port = Ports.FreeRow(3);
        using (var alone = Start(1))
        {
            _ = alone.StandardError.ReadToEndAsync();
            await UntilAsync(alone, said => said.Contains("READY"));
            await Cli.SignalAsync("TERM", alone.Id);
            await Patience.EndAsync(alone, "the cluster of one");
        }

        using var two = Start(2);
        try
        {
            Task<string> error = two.StandardError.ReadToEndAsync();
            await UntilAsync(two, said => said.Contains("READY"));
            using var again = Start(3);
            Task<string> complaint = again.StandardError.ReadToEndAsync();
            Assert.DoesNotContain("READY", await again.StandardOutput.ReadToEndAsync().WaitAsync(Patience.Wait), StringComparison.Ordinal);
            await Patience.EndAsync(again, "the cluster on data in use");
            Assert.Equal(1, again.ExitCode);
            Assert.Contains("most members ended before the cluster served", await complaint, StringComparison.Ordinal);

            await Cli.SignalAsync("TERM", two.Id);
            await Patience.EndAsync(two, "the cluster of two");
            Assert.Contains($"has the members 0, and not 1, which run and serve nothing. Make them members: akkaraft members add 1=127.0.0.1:{port + 1}", await error, StringComparison.Ordinal);
        }
        finally
        {
            two.Kill(entireProcessTree: true);
        }

        OsProcess Start(int nodes) => Cli.Start("cluster", "--nodes", $"{nodes}", "--data", data.Path, "--base-port", $"{port}");
    }

    /// <summary>Runs the verb until READY, then <paramref name="use"/>, then interrupts it; returns the members' process numbers.</summary>
    private static async Task<int[]> RunAsync(string data, int port, Func<Task> use, string members)
    {
        using var cluster = Cli.Start("cluster", "--data", data, "--base-port", $"{port}");
        Task<string> error = cluster.StandardError.ReadToEndAsync();
        try
        {
            // A leader and a quorum serve; the third may start later.
            var said = await UntilAsync(cluster, said => said.Contains("READY") && Enumerable.Range(0, 3).All(i => said.Exists(l =>
                Regex.IsMatch(l, $@"^{i} 127\.0\.0\.1:{port + i} (Leader|Follower|Candidate) term=\d+ last=\d+ commit=\d+ applied=\d+$"))));
            Assert.All(said.Where(l => l != "READY"), l => Assert.Matches($@"^[0-2] 127\.0\.0\.1:\d+ (Unreachable|\w+ term=\d+ last=\d+ commit=\d+ applied=\d+)$", l));
            var pids = await PidsAsync(members);
            Assert.All(pids, pid => Assert.True(IsRunning(pid)));
            await use();

            Task<string> rest = cluster.StandardOutput.ReadToEndAsync();
            await Cli.SignalAsync(IgnoresInterrupt(cluster.Id) ? "TERM" : "INT", cluster.Id);
            await Patience.EndAsync(cluster, "the command that was interrupted");
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

    /// <summary>Reads what it says until that is enough.</summary>
    private static async Task<List<string>> UntilAsync(OsProcess cluster, Predicate<List<string>> enough)
    {
        var said = new List<string>();
        using var late = new CancellationTokenSource(Patience.Wait);
        try
        {
            while (!enough(said) && await cluster.StandardOutput.ReadLineAsync(late.Token) is { } line)
            {
                said.Add(line);
            }
        }
        catch (OperationCanceledException)
        {
            // Told by what was said.
        }

        Assert.True(enough(said), $"Within {Patience.Wait} it said only:\n{string.Join('\n', said)}");
        return said;
    }

    private static async Task<int[]> PidsAsync(string members)
    {
        int[] pids = [];
        await Patience.UntilAsync("the process numbers of all members", async () =>
        {
            var status = await Cli.RunAsync("status", "--json", "--members", members);
            pids = [.. status.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => System.Text.Json.JsonDocument.Parse(l).RootElement)
                .Where(s => s.TryGetProperty("role", out _)).Select(s => s.GetProperty("pid").GetInt32())];
            return (pids.Length == 3 && !pids.Contains(0), status.Out);
        });
        Assert.Equal(3, pids.Distinct().Count());
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
