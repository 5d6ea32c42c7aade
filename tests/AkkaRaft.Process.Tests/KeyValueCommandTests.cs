using System.Text.Json;

namespace AkkaRaft.Process.Tests;

/// <summary>The commands beyond put, get and del, from the outside.</summary>
public sealed class KeyValueCommandTests(RunningCluster running) : IClassFixture<RunningCluster>
{
    private readonly string _members = running.Cluster.Members;

    [Fact(Timeout = 300_000)] // ends a hang; says nothing about speed
    public async Task Cas_sets_a_key_of_the_expected_version_and_ends_with_4_otherwise()
    {
        var first = await RunAsync("cas", "cas", "one", "--version", "0");
        Assert.Equal(0, first.Code);
        string version = first.Out.Trim();

        var conflict = await RunAsync("cas", "cas", "two", "--version", "0");
        Assert.Equal((4, version), (conflict.Code, conflict.Out.Trim()));
        Assert.Equal($"akkaraft: cas has version {version}.", conflict.Err.Trim());
        Assert.Equal("one", (await RunAsync("get", "cas")).Out.Trim());

        var json = Parse((await RunAsync("cas", "cas", "two", "--version", version, "--json")).Out);
        Assert.True(json.GetProperty("succeeded").GetBoolean());
        Assert.True(json.GetProperty("version").GetInt64() > long.Parse(version));

        var refused = await RunAsync("cas", "cas", "three", "--version", version, "--json");
        Assert.Equal(4, refused.Code);
        json = Parse(refused.Out);
        Assert.Equal((true, "cas", false, "two"), (json.GetProperty("ok").GetBoolean(), json.GetProperty("op").GetString(), json.GetProperty("succeeded").GetBoolean(), json.GetProperty("value").GetString()));
        Assert.Equal((4, "0"), await RunAsync("cas", "cas-none", "x", "--version", "7") is var none ? (none.Code, none.Out.Trim()) : default);
        Assert.Equal(1, (await RunAsync("cas", "cas", "x")).Code);
    }

    [Fact(Timeout = 300_000)] // ends a hang; says nothing about speed
    public async Task Scan_prints_the_keys_of_a_prefix_in_order_and_over_pages()
    {
        const int Keys = 1_203;
        string puts = string.Concat(Enumerable.Range(0, Keys).Select(i => $"put scan/{i:0000} v{i}\n"));
        Assert.Equal(0, (await ShellAsync(puts + "put scan0 behind\nput scan. before\n")).Code);

        var all = Lines((await RunAsync("scan", "scan/", "--json")).Out).Select(Parse).ToList();
        Assert.Equal(Enumerable.Range(0, Keys).Select(i => ($"scan/{i:0000}", $"v{i}")), all.Select(r => (r.GetProperty("key").GetString()!, r.GetProperty("value").GetString()!)));
        Assert.All(all, r => Assert.True(r.GetProperty("version").GetInt64() > 0));

        Assert.Equal(["scan/0000", "scan/0001", "scan/0002"], Lines((await RunAsync("scan", "scan/", "--limit", "3", "--json")).Out).Select(l => Parse(l).GetProperty("key").GetString()!));
        Assert.Equal(600, Lines((await RunAsync("scan", "scan/", "--limit", "600", "--json")).Out).Length);
        string[] table = Lines((await RunAsync("scan", "scan/00")).Out);
        Assert.Matches("^KEY +VERSION +VALUE$", table[0]);
        Assert.Matches("^scan/0000 +[0-9]+ +v0$", table[1]);
        Assert.Equal(101, table.Length);

        await RunAsync("put", "scan-lines", "a\nb");
        Assert.EndsWith(@"a\u000ab", Lines((await RunAsync("scan", "scan-lines")).Out)[1], StringComparison.Ordinal);
        var none = await RunAsync("scan", "scan/none");
        Assert.Equal((0, ""), (none.Code, none.Out));
        Assert.Equal(1, (await RunAsync("scan", "scan/", "--limit", "-1")).Code);
    }

    [Fact(Timeout = 300_000)] // ends a hang; says nothing about speed
    public async Task Txn_takes_the_branch_that_its_conditions_say_and_all_of_it()
    {
        await RunAsync("put", "txn/a", "1");
        var taken = await RunAsync(
            "txn", "--if", "txn/a value = 1", "--if", "txn/b version = 0", "--then", "put txn/a 'two words'", "--then", "put txn/b x", "--then", "get txn/a", "--else", "del txn/a");
        Assert.Equal(0, taken.Code);
        Assert.Equal("SUCCESS", Lines(taken.Out)[0]);
        Assert.Equal("two words", Lines(taken.Out)[3]);

        var other = await RunAsync("txn", "--if", "txn/a value = 1", "--then", "del txn/a", "--else", "get txn/none", "--else", "scan txn/ --limit 1", "--else", "del txn/b", "--json");
        Assert.Equal(0, other.Code);
        var json = Parse(other.Out);
        Assert.False(json.GetProperty("succeeded").GetBoolean());
        var results = json.GetProperty("results").EnumerateArray().ToList();
        Assert.Equal(["get", "scan", "del"], results.Select(r => r.GetProperty("op").GetString()!));
        Assert.Equal(JsonValueKind.Null, results[0].GetProperty("value").ValueKind);
        Assert.Equal("txn/a", results[1].GetProperty("rows")[0].GetProperty("key").GetString());
        Assert.True(results[1].GetProperty("more").GetBoolean());
        Assert.True(results[2].GetProperty("deleted").GetBoolean());
        Assert.Equal("two words", (await RunAsync("get", "txn/a")).Out.Trim());

        foreach (string[] wrong in new string[][] { ["txn"], ["txn", "--if", "k", "--then", "get k"], ["txn", "--if", "k version ~ 3", "--then", "get k"], ["txn", "--then", "fetch k"] })
        {
            var ended = await RunAsync(wrong);
            Assert.Equal(1, ended.Code);
            Assert.StartsWith("akkaraft: ", ended.Err, StringComparison.Ordinal);
        }
    }

    [UnixFact(Timeout = 300_000)] // ends a hang; says nothing about speed
    public async Task Watch_prints_each_change_and_ends_with_0_on_a_signal()
    {
        long from = long.Parse((await RunAsync("put", "watch/a", "1")).Out);
        using var watch = Cli.Start("watch", "watch/", "--from", $"{from}", "--json", "--members", _members);
        Task<string> error = watch.StandardError.ReadToEndAsync();
        try
        {
            Assert.Equal(("put", "watch/a", from), Read(await watch.StandardOutput.ReadLineAsync()));
            await RunAsync("put", "elsewhere", "x");
            long put = long.Parse((await RunAsync("put", "watch/b", "2")).Out);
            await RunAsync("del", "watch/a");
            Assert.Equal(("put", "watch/b", put), Read(await watch.StandardOutput.ReadLineAsync()));
            Assert.Equal(("del", "watch/a", put + 1), Read(await watch.StandardOutput.ReadLineAsync()));
            // SIGINT may be ignored by children of a shell without job control; both are the same to the command.
            await Cli.SignalAsync("TERM", watch.Id);
            await watch.WaitForExitAsync();
            Assert.Equal((0, ""), (watch.ExitCode, await error));
        }
        finally
        {
            watch.Kill();
        }

        Assert.Equal(2, Lines((await RunAsync("watch", "watch/", "--from", $"{from}", "--count", "2")).Out).Length);

        static (string, string, long) Read(string? line) => Parse(line!) is var c ? (c.GetProperty("op").GetString()!, c.GetProperty("key").GetString()!, c.GetProperty("version").GetInt64()) : default;
    }

    [Fact(Timeout = 300_000)] // ends a hang; says nothing about speed
    public async Task A_lease_takes_its_keys_with_it()
    {
        string lease = (await RunAsync("lease", "grant", "600")).Out.Trim();
        Assert.Equal(0, (await RunAsync("put", "leased", "v", "--lease", lease)).Code);
        Assert.Equal(lease, $"{Parse((await RunAsync("scan", "leased", "--json")).Out).GetProperty("lease").GetInt64()}");
        var listed = Lines((await RunAsync("lease", "list", "--json")).Out).Select(Parse).Single(l => $"{l.GetProperty("lease").GetInt64()}" == lease);
        Assert.Equal((600.0, 1), (listed.GetProperty("ttlSeconds").GetDouble(), listed.GetProperty("keys").GetInt32()));
        Assert.Equal(0, (await RunAsync("lease", "keep-alive", lease, "--once")).Code);
        Assert.Equal(0, (await RunAsync("lease", "revoke", lease)).Code);
        Assert.Equal(3, (await RunAsync("get", "leased")).Code);

        var gone = await RunAsync("put", "leased", "v", "--lease", lease, "--json");
        Assert.Equal((3, "LeaseNotFound"), (gone.Code, Parse(gone.Out).GetProperty("error").GetString()));
        Assert.Equal(3, (await RunAsync("lease", "keep-alive", lease)).Code);
        Assert.Equal(3, (await RunAsync("lease", "revoke", lease)).Code);
        Assert.Equal(1, (await RunAsync("lease", "grant", "0.5")).Code);
        Assert.Equal(1, (await RunAsync("lease")).Code);
    }

    [Fact(Timeout = 300_000)] // ends a hang; says nothing about speed
    public async Task A_lease_that_nobody_keeps_alive_expires_with_its_keys()
    {
        string lease = (await RunAsync("lease", "grant", "1")).Out.Trim();
        await RunAsync("put", "short", "v", "--lease", lease);
        while ((await RunAsync("get", "short")).Code != 3)
        {
            await Task.Delay(100);
        }

        Assert.Equal(3, (await RunAsync("lease", "keep-alive", lease, "--once")).Code);
    }

    [Fact(Timeout = 300_000)] // ends a hang; says nothing about speed
    public async Task Load_measures_each_operation_and_says_the_sum_as_its_last_line()
    {
        Ended ended;
        JsonElement summary;
        int seconds = 1;
        do
        {
            seconds *= 2; // on a machine that stands still, the first two may pass before the first answer
            ended = await RunAsync("load", "--clients", "4", "--seconds", $"{seconds}", "--mix", "put=50,get=30,cas=20", "--value-size", "50", "--keys", "10", "--json");
            Assert.Equal(0, ended.Code);
            summary = Parse(Lines(ended.Out)[^1]);
        }
        while (summary.GetProperty("total").GetProperty("count").GetInt64() < 100);

        long sum = 0;
        foreach (string op in new[] { "put", "get", "cas", "total" })
        {
            var figures = summary.GetProperty(op);
            long count = figures.GetProperty("count").GetInt64();
            Assert.True(count > 0, op);
            sum += op == "total" ? 0 : count;
            Assert.Equal(0, figures.GetProperty("errors").GetInt64());
            double[] times = [.. new[] { "p50Ms", "p99Ms", "maxMs" }.Select(n => figures.GetProperty(n).GetDouble())];
            Assert.Equal(times.Order(), times);
            Assert.True(figures.GetProperty("opsPerSecond").GetDouble() > 0);
        }

        Assert.Equal(sum, summary.GetProperty("total").GetProperty("count").GetInt64());
        Assert.Equal(50, (await RunAsync("get", "load/1")).Out.Trim().Length);
        Assert.Contains("ops/s", ended.Err, StringComparison.Ordinal);

        var burst = Parse(Lines((await RunAsync("load", "burst", "--json", "--timeout", "60s")).Out)[^1]);
        Assert.Equal((3_333, 3_334, 3_333, 10_000), (Count("put"), Count("get"), Count("del"), Count("total")));
        var counted = Parse(Lines((await RunAsync("load", "--requests", "25", "--keys", "10", "--mix", "put=1", "--json")).Out)[^1]);
        Assert.Equal(25, counted.GetProperty("put").GetProperty("count").GetInt64());
        Assert.True(counted.GetProperty("longestGapMs").GetDouble() > 0);
        var trickle = await RunAsync("load", "trickle", "--seconds", "1");
        Assert.Equal(0, trickle.Code);
        Assert.Contains("p99 ms", trickle.Out, StringComparison.Ordinal);

        long Count(string op) => burst.GetProperty(op).GetProperty("count").GetInt64();
    }

    [Fact(Timeout = 300_000)] // ends a hang; says nothing about speed
    public async Task A_load_that_nobody_answers_says_so_and_ends_with_2()
    {
        int port = Ports.Free(1)[0];
        var ended = await Cli.RunAsync("load", "--clients", "2", "--seconds", "2", "--timeout", "1s", "--json", "--members", $"0=127.0.0.1:{port}");
        Assert.Equal(2, ended.Code);
        var total = Parse(Lines(ended.Out)[^1]).GetProperty("total");
        Assert.Equal(0, total.GetProperty("count").GetInt64());
        Assert.True(total.GetProperty("errorsClusterUnreachable").GetInt64() > 0);
    }

    [Fact(Timeout = 300_000)] // ends a hang; says nothing about speed
    public async Task The_shell_has_the_same_commands_in_the_order_of_its_lines()
    {
        var shell = await ShellAsync("""
            put shell 1
            get shell
            put shell 2
            get shell
            cas shell 3 --version 0
            scan shell
            txn --if "shell value = 2" --then "put shell 'and 4'" --then "get shell"
            put shell --
            get shell
            put shell --help
            get shell --consistency local
            lease grant 60
            members
            frobnicate
            get
            watch shell --from 1 --count 1
            load --seconds 1 --clients 1
            get shell
            exit
            put shell after
            """);
        var lines = Lines(shell.Out).Select(Parse).ToList();
        Assert.Equal(["1", "2"], lines.Where(l => Is(l, "get")).Take(2).Select(l => l.GetProperty("value").GetString()!));
        Assert.Equal(["--", "--help", "--help"], lines.Where(l => Is(l, "get")).Skip(2).Select(l => l.GetProperty("value").GetString()!));
        Assert.False(lines.Single(l => Is(l, "cas")).GetProperty("succeeded").GetBoolean());
        Assert.Equal(1, lines.Single(l => Is(l, "scan")).GetProperty("rows").GetInt32());
        Assert.Equal("and 4", lines.Single(l => Is(l, "txn")).GetProperty("results")[1].GetProperty("value").GetString());
        Assert.Equal(60, lines.Single(l => Is(l, "lease grant")).GetProperty("ttlSeconds").GetDouble());
        Assert.Equal(3, lines.Count(l => l.TryGetProperty("matchIndex", out _)));
        Assert.Equal(2, lines.Count(l => l.TryGetProperty("error", out var e) && e.GetString() == "BadInput"));
        Assert.Single(lines, l => Is(l, "watch"));
        Assert.Single(lines, l => Is(l, "load"));
        // A conflict is an answer; the first failure is the word that is no command.
        Assert.Equal(1, shell.Code);
        Assert.Equal("--help", (await RunAsync("get", "shell")).Out.Trim());

        static bool Is(JsonElement line, string op) => line.TryGetProperty("ok", out _) && line.TryGetProperty("op", out var name) && name.GetString() == op;
    }

    [Fact(Timeout = Patience.TestMs)]
    public async Task A_co_process_is_answered_while_its_standard_input_stays_open()
    {
        using var shell = Cli.Start("shell", "--json", "--members", _members);
        _ = shell.StandardError.ReadToEndAsync();
        try
        {
            for (int i = 0; i < 50; i++)
            {
                await shell.StandardInput.WriteAsync($"put co/a {i}\nput co/b {i}\nget co/a\n");
                await shell.StandardInput.FlushAsync();
                foreach (string op in new[] { "put", "put", "get" })
                {
                    string line = (await shell.StandardOutput.ReadLineAsync().WaitAsync(Patience.Wait))!;
                    Assert.Equal(op, Parse(line).GetProperty("op").GetString());
                }
            }

            shell.StandardInput.Close();
            Assert.Equal(0, await Patience.EndAsync(shell, "the shell whose input was closed"));
        }
        finally
        {
            shell.Kill();
        }
    }

    [Fact(Timeout = Patience.TestMs)]
    public async Task Each_command_of_the_shell_ends_with_an_object_that_says_ok()
    {
        var ended = await ShellAsync("put ends/a 1\nstatus\nmembers\nscan ends/\nlease list\nhealth\nfrobnicate");
        string[] ends = [.. Lines(ended.Out).Select(Parse).Where(l => l.TryGetProperty("ok", out _)).Select(l => l.TryGetProperty("op", out var op) ? op.GetString()! : l.GetProperty("error").GetString()!)];
        Assert.Equal(["put", "status", "members", "scan", "lease list", "health", "BadInput"], ends);
        var status = Lines(ended.Out).Select(Parse).Single(l => l.TryGetProperty("op", out var op) && op.GetString() == "status");
        Assert.Equal((true, 3), (status.GetProperty("healthy").GetBoolean(), status.GetProperty("count").GetInt32()));
        Assert.Empty(status.GetProperty("reasons").EnumerateArray());
    }

    [UnixFact(Timeout = Patience.TestMs)]
    public async Task What_is_not_UTF8_is_refused_as_text_and_stored_as_bytes_from_standard_input_and_from_a_file()
    {
        byte[] bytes = [0xff, 0x00, 0x0a, 0xc3, 0x28, 0xfe];
        string[] members = ["--members", _members];

        // As an argument, which only a shell can write.
        using var sh = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo(
            "sh", ["-c", "exec dotnet \"$0\" put utf/argument \"$(printf '\\377x')\" --json --members \"$1\"", typeof(AkkaRaft.Node.ExitCodes).Assembly.Location, _members])
        { RedirectStandardOutput = true, RedirectStandardError = true })!;
        string said = await sh.StandardOutput.ReadToEndAsync();
        Assert.Equal(1, await Patience.EndAsync(sh, "put of an argument that is not UTF-8"));
        Assert.Equal("BadInput", Parse(said).GetProperty("error").GetString());
        Assert.Contains("UTF-8", await sh.StandardError.ReadToEndAsync(), StringComparison.Ordinal);
        Assert.Equal(3, (await RunAsync("get", "utf/argument")).Code);

        // As a line of the shell: the line is refused, and those around it are carried out.
        var shell = await Cli.PipeBytesAsync([.. "put utf/before 1\nput utf/line "u8, .. new byte[] { 0xff }, .. "\nput utf/behind \u00e9\n"u8], ["shell", "--json", .. members]);
        Assert.Equal(1, shell.Code);
        Assert.Equal(["True", "False", "True"], Lines(System.Text.Encoding.UTF8.GetString(shell.Out)).Select(l => $"{Parse(l).GetProperty("ok").GetBoolean()}"));
        Assert.Equal("\u00e9", (await RunAsync("get", "utf/behind")).Out.Trim());

        // A character that stands for unreadable ones is one that may be stored.
        Assert.Equal(0, (await RunAsync("put", "utf/replacement", "\ufffd")).Code);
        Assert.Equal("\ufffd", (await RunAsync("get", "utf/replacement")).Out.Trim());

        Assert.Equal(0, (await Cli.PipeBytesAsync(bytes, ["put", "utf/stdin", "-", .. members])).Code);
        using var directory = new TemporaryDirectory();
        string file = Path.Combine(directory.Path, "value");
        await File.WriteAllBytesAsync(file, bytes);
        Assert.Equal(0, (await RunAsync("put", "utf/file", $"@{file}")).Code);
        foreach (string key in new[] { "utf/stdin", "utf/file" })
        {
            var got = await Cli.PipeBytesAsync([], ["get", key, .. members]);
            Assert.Equal([.. bytes, (byte)'\n'], got.Out);
            var json = Parse((await RunAsync("get", key, "--json")).Out);
            Assert.Equal(bytes, json.GetProperty("valueBase64").GetBytesFromBase64());
        }

        // The same words as they stand.
        Assert.Equal(0, (await RunAsync("put", "utf/raw", $"@{file}", "--raw")).Code);
        Assert.Equal($"@{file}", (await RunAsync("get", "utf/raw")).Out.Trim());
        Assert.Equal(0, (await RunAsync("put", "utf/raw", "-", "--raw")).Code);
        Assert.Equal("-", (await RunAsync("get", "utf/raw")).Out.Trim());

        Assert.Equal(1, (await RunAsync("put", "utf/none", $"@{file}.none")).Code);
        var endless = await RunAsync("put", "utf/endless", "@/dev/zero");
        Assert.Equal(1, endless.Code);
        Assert.Contains("limit", endless.Err, StringComparison.Ordinal);
    }

    [Fact(Timeout = Patience.TestMs)]
    public async Task A_member_that_is_named_by_another_id_is_listed_once_under_its_own()
    {
        string address = _members.Split(',')[0][2..];
        var status = await Cli.RunAsync("status", "--json", "--members", $"7={address}");
        Assert.Equal(["0", "1", "2"], Lines(status.Out).Select(Parse).Where(l => l.TryGetProperty("role", out _)).Select(l => l.GetProperty("id").GetRawText()));
    }

    [Fact(Timeout = 300_000)] // ends a hang; says nothing about speed
    public async Task A_watch_from_before_what_is_kept_says_compacted_and_ends_with_4()
    {
        using var data = new TemporaryDirectory();
        string config = WriteConfig(data, "akkaraft.watch-retain-changes = 2");
        // The reads part the writes: those of one batch are kept together.
        string puts = string.Concat(Enumerable.Range(0, 10).Select(i => $"put k{i} v\nget k{i}\n"));
        var ended = await Cli.PipeAsync($"{puts}watch --from 1\n", "node", "0", "--config", config, "--data", data.Path, "--shell", "--json");
        Assert.Equal((4, "Compacted"), (ended.Code, Parse(Lines(ended.Out)[^1]).GetProperty("error").GetString()));
        Assert.Contains("no longer kept", ended.Err, StringComparison.Ordinal);
    }

    [Fact(Timeout = Patience.TestMs)]
    public async Task A_watch_from_a_revision_that_is_yet_to_come_says_so_and_ends_with_4()
    {
        var ended = await RunAsync("watch", "--from", "1000000", "--json");
        Assert.Equal((4, "FutureRevision"), (ended.Code, Parse(Lines(ended.Out)[^1]).GetProperty("error").GetString()));
        Assert.Contains("1000000", ended.Err, StringComparison.Ordinal);
    }

    [Fact(Timeout = 300_000)] // ends a hang; says nothing about speed
    public async Task A_node_with_a_shell_is_a_member_and_a_client_in_one_process()
    {
        using var data = new TemporaryDirectory();
        string config = WriteConfig(data);
        string[] node = ["node", "0", "--config", config, "--data", data.Path, "--shell", "--json"];
        var ended = await Cli.PipeAsync("put a 1\nget a\nstatus\n", node);
        var lines = Lines(ended.Out).Select(Parse).ToList();
        Assert.Equal((0, 4), (ended.Code, lines.Count));
        Assert.Equal("1", lines[1].GetProperty("value").GetString());
        Assert.Equal("Leader", lines[2].GetProperty("role").GetString());
        // It has stopped in good order, and goes on from its data.
        Assert.Equal("1", Parse(Lines((await Cli.PipeAsync("get a\n", node)).Out)[0]).GetProperty("value").GetString());
    }

    [UnixFact(Timeout = 300_000)] // ends a hang; says nothing about speed
    public async Task A_node_with_a_shell_ends_on_SIGTERM_though_a_command_stays()
    {
        using var data = new TemporaryDirectory();
        using var node = Cli.Start("node", "0", "--config", WriteConfig(data), "--data", data.Path, "--shell", "--json");
        Task<string> error = node.StandardError.ReadToEndAsync();
        try
        {
            await node.StandardInput.WriteAsync("put a 1\nwatch --from 1\n");
            await node.StandardInput.FlushAsync();
            await node.StandardOutput.ReadLineAsync();
            Assert.Equal("put", Parse((await node.StandardOutput.ReadLineAsync())!).GetProperty("op").GetString());
            await Cli.SignalAsync("TERM", node.Id);
            await node.WaitForExitAsync();
            Assert.Equal(0, node.ExitCode);
            await error;
        }
        finally
        {
            node.Kill();
        }
    }

    /// <summary>A cluster of one.</summary>
    private static string WriteConfig(TemporaryDirectory directory, string line = "")
    {
        string config = Path.Combine(directory.Path, "cluster.conf");
        File.WriteAllText(config, AkkaRaft.Node.ClusterCommand.Hocon([new AkkaRaft.Protocol.RaftEndpoint(new(0), $"127.0.0.1:{Ports.Free(1)[0]}")]) + line + "\n");
        return config;
    }

    private Task<Ended> RunAsync(params string[] args) => Cli.RunAsync([.. args, "--members", _members]);

    private Task<Ended> ShellAsync(string input) => Cli.PipeAsync(input.ReplaceLineEndings("\n") + "\n", "shell", "--json", "--members", _members);

    private static string[] Lines(string text) => text.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private static JsonElement Parse(string line) => JsonDocument.Parse(line).RootElement;
}
