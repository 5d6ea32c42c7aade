using System.Diagnostics;
using System.Text.Json;
using AkkaRaft.Node;
using OsProcess = System.Diagnostics.Process;

namespace AkkaRaft.Process.Tests;

/// <summary>Standard streams that are closed, full, or read by nobody.</summary>
public sealed class StreamsTests(RunningCluster running) : IClassFixture<RunningCluster>
{
    private readonly Cluster _cluster = running.Cluster;

    [UnixFact(Timeout = Patience.TestMs)]
    public async Task A_put_whose_answer_cannot_be_written_is_told_as_done()
    {
        foreach (string put in new[] { "put full 1 >/dev/full", "put full 1 --json >/dev/full", "put full 1 >&-" })
        {
            await Cli.RunAsync("del", "full", "--members", _cluster.Members);
            var ended = await ShAsync(put);
            Assert.Equal(ExitCodes.OutputLost, ended.Code);
            Assert.StartsWith("akkaraft: What was asked for is done, and the answer cannot be written to standard output: ", ended.Err, StringComparison.Ordinal);
            Assert.Equal("1", (await Cli.RunAsync("get", "full", "--members", _cluster.Members)).Out.Trim());
        }
    }

    [Fact]
    public async Task No_control_character_that_somebody_gave_reaches_the_terminal_with_a_complaint()
    {
        var ended = await Cli.RunAsync("ge\u001b[31mt");
        Assert.Equal(ExitCodes.Usage, ended.Code);
        Assert.StartsWith(@"akkaraft: 'ge\u001b[31mt' is no command of akkaraft", ended.Err, StringComparison.Ordinal);
    }

    [Theory(Timeout = Patience.TestMs)]
    [InlineData("get missing 2>/dev/full", ExitCodes.NotFound, "")]
    [InlineData("get missing 2>&-", ExitCodes.NotFound, "")]
    [InlineData("frobnicate 2>/dev/full", ExitCodes.Usage, "")]
    [InlineData("shell <&-", ExitCodes.Usage, "akkaraft: Standard input is closed.")]
    [InlineData("put k - <&-", ExitCodes.Usage, "akkaraft: Standard input is closed.")]
    [InlineData("status | true", ExitCodes.OutputLost, "")]
    public async Task A_command_ends_with_its_own_code_whatever_its_streams_are(string command, int code, string said)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        var ended = await ShAsync(command);
        Assert.Equal((code, said), (ended.Code, ended.Err.Trim()));
    }

    [UnixFact(Timeout = Patience.TestMs)]
    public async Task A_watch_whose_reader_is_gone_ends_though_nothing_changes()
    {
        using var watch = Sh("watch seen | head -1");
        Task<string> output = watch.StandardOutput.ReadToEndAsync();
        await Patience.UntilAsync("the watch has printed a change, and its reader has gone", async () =>
        {
            Assert.Equal(0, (await Cli.RunAsync("put", "seen", "1", "--members", _cluster.Members)).Code);
            return (output.IsCompleted, "");
        });
        Assert.Equal(0, await Patience.EndAsync(watch, "watch | head -1"));
        Assert.Contains("put seen 1", await output, StringComparison.Ordinal);
    }

    [UnixFact(Timeout = Patience.TestMs)]
    public async Task A_shell_that_cannot_answer_carries_out_no_further_line()
    {
        using var shell = Sh("shell >/dev/full");
        Task<string> error = shell.StandardError.ReadToEndAsync();
        await shell.StandardInput.WriteLineAsync("put heard 1");
        await shell.StandardInput.FlushAsync();
        // Its input stays open: it ends by itself.
        Assert.Equal(ExitCodes.OutputLost, await Patience.EndAsync(shell, "a shell whose output is full"));
        Assert.Contains("akkaraft: the shell ends", await error, StringComparison.Ordinal);
    }

    [UnixFact(Timeout = Patience.TestMs)]
    public async Task A_member_serves_though_its_output_cannot_be_written()
    {
        using var data = new TemporaryDirectory();
        string member = $"7=127.0.0.1:{Ports.Free(1)[0]}";
        string config = Path.Combine(data.Path, "cluster.conf");
        await File.WriteAllTextAsync(config, $"akkaraft {{ members {{ 7 = \"{member[2..]}\" }} }}");
        using var node = Sh($"node 7 --config '{config}' --data '{data.Path}' >/dev/full 2>/dev/full", isAlone: true);
        Assert.Equal(0, (await Cli.RunAsync("put", "k", "v", "--timeout", "60s", "--members", member)).Code);
        await Cli.SignalAsync("TERM", node.Id);
        Assert.Equal(0, await Patience.EndAsync(node, "a member whose output is full"));
    }

    [Fact(Timeout = Patience.TestMs)]
    public async Task A_piped_shell_says_how_it_is_used_and_names_what_was_meant()
    {
        var text = await Cli.PipeAsync("help\n--help\nhelp put\nputt k v\nmembers update 2=foo\nbackup /no/such/file\nget k --consistancy local\n", "shell", "--members", _cluster.Members);
        Assert.Equal(ExitCodes.Usage, text.Code);
        Assert.Equal(3, text.Out.Split("put KEY VALUE [--lease LEASE] [--raw]").Length - 1);
        Assert.Equal(2, text.Out.Split("members update MEMBERS").Length - 1);
        string[] errors = text.Err.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.True(errors.Length == 4, text.Err);
        Assert.Contains("did you mean 'put'?", errors[0], StringComparison.Ordinal);
        Assert.StartsWith("akkaraft: MEMBERS: \"foo\" is not of the form host:port", errors[1], StringComparison.Ordinal);
        Assert.Contains("'/no/such', in which the backup is to be, does not exist", errors[2], StringComparison.Ordinal);
        Assert.Contains("did you mean '--consistency'?", errors[3], StringComparison.Ordinal);

        var json = await Cli.PipeAsync("help\nputt\n", "shell", "--json", "--members", _cluster.Members);
        var answers = json.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonDocument.Parse(l).RootElement).ToList();
        Assert.Equal(2, answers.Count);
        Assert.Equal("help", answers[0].GetProperty("op").GetString());
        Assert.Equal("BadInput", answers[1].GetProperty("error").GetString());
    }

    private async Task<Ended> ShAsync(string command)
    {
        using var process = Sh(command);
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        return new Ended(await Patience.EndAsync(process, command), await output, await error);
    }

    /// <summary>Runs a command of the command line by bash, with redirections; of a pipe it ends with the command's own code.</summary>
    private OsProcess Sh(string command, bool isAlone = false)
    {
        var start = new ProcessStartInfo("bash", ["-c", $"set -o pipefail; {(isAlone ? "exec " : "")}dotnet \"$0\" {command}", Cli.Program])
        {
            RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Cli.Root,
        };
        start.Environment["AKKARAFT_MEMBERS"] = isAlone ? "" : _cluster.Members;
        return OsProcess.Start(start)!;
    }
}
