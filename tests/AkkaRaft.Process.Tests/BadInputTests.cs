using System.Net;
using System.Net.Sockets;
using AkkaRaft.Node;

namespace AkkaRaft.Process.Tests;

public sealed class BadInputTests
{
    [Theory(Timeout = Patience.TestMs)]
    [InlineData("frobnicate")]
    [InlineData("put|k")]
    [InlineData("put||v|--members|0=127.0.0.1:1")]
    [InlineData("get|k|--members|junk")]
    [InlineData("get|k|--members|0=127.0.0.1:1,0=127.0.0.1:2")]
    [InlineData("get|k|--timeout|soon")]
    [InlineData("get|k|--consistency|some|--members|0=127.0.0.1:1")]
    [InlineData("status|--config|/no/such/file.conf")]
    [InlineData("node|seven")]
    [InlineData("node|7|--check")]
    [InlineData("node|0|--check|--cluster-id|other")]
    [InlineData("node|0|--check|--listen|127.0.0.1:1")]
    [InlineData("node|3|--join|3=127.0.0.1:7100|--listen|127.0.0.1:7103")]
    [InlineData("watch|p|--count|0|--members|0=127.0.0.1:1")]
    [InlineData("cluster|--nodes|0")]
    [InlineData("cluster|--base-port|65535")]
    public async Task Bad_input_ends_with_1_and_says_why(string line)
    {
        var ended = await Cli.RunAsync(line.Split('|'));
        Assert.Equal(1, ended.Code);
        Assert.StartsWith("akkaraft: ", ended.Err, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", ended.Err, StringComparison.Ordinal);
    }

    [Theory(Timeout = Patience.TestMs)]
    [InlineData("frobnicate|--json")]
    [InlineData("put|k|--json")]
    [InlineData("watch|--from|soon|--json")]
    [InlineData("watch|prefix|--nonsense|--json")]
    [InlineData("lease|--json")]
    [InlineData("get|k|--members|junk|--json")]
    [InlineData("node|seven|--json")]
    [InlineData("node|0|--config|/no/such/file.conf|--json")]
    public async Task With_json_bad_input_is_an_object_too(string line)
    {
        var ended = await Cli.RunAsync(line.Split('|'));
        Assert.Equal(1, ended.Code);
        Assert.StartsWith("akkaraft: ", ended.Err, StringComparison.Ordinal);
        var error = System.Text.Json.JsonDocument.Parse(ended.Out.Trim()).RootElement;
        Assert.False(error.GetProperty("ok").GetBoolean());
        Assert.Equal("BadInput", error.GetProperty("error").GetString());
        Assert.NotEqual("", error.GetProperty("message").GetString());
    }

    [Fact(Timeout = Patience.TestMs)]
    public async Task Who_joins_is_of_the_cluster_that_the_option_names_or_the_environment_or_the_file()
    {
        string file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, "akkaraft { cluster-id = of-file, members { 0 = \"127.0.0.1:1\" } }");
            string[] join = ["node", "3", "--join", "0=127.0.0.1:1", "--listen", "127.0.0.1:2", "--check"];
            (string, string)[] environment = [("AKKARAFT_CLUSTER_ID", "of-environment")];
            Says("of-option", await Cli.RunWithAsync(environment, [.. join, "--config", file, "--cluster-id", "of-option"]));
            Says("of-environment", await Cli.RunWithAsync(environment, [.. join, "--config", file]));
            Says("of-environment", await Cli.RunWithAsync(environment, join));
            Says("of-file", await Cli.RunAsync([.. join, "--config", file]));
            Says("akkaraft", await Cli.RunAsync(join));
        }
        finally
        {
            File.Delete(file);
        }

        static void Says(string cluster, Ended ended)
        {
            Assert.True(ended.Code == 0, ended.Err);
            Assert.Equal($"The configuration of member 3@127.0.0.1:2 of cluster '{cluster}' is good.", ended.Out.TrimEnd());
        }
    }

    [Fact(Timeout = Patience.TestMs)]
    public async Task A_member_that_joins_needs_no_file_to_listen_where_other_machines_reach_it()
    {
        // An address of no machine, and where a system lets it be listened at, one that is in use: a member that gets as far as listening there says so.
        using var taken = new TcpListener(IPAddress.Parse("192.0.2.2"), 0);
        int port = 4100;
        try
        {
            taken.Start();
            port = ((IPEndPoint)taken.LocalEndpoint).Port;
        }
        catch (SocketException)
        {
            // As on most systems.
        }

        string[] join = ["node", "3", "--join", "0=192.0.2.1:1", "--listen", $"192.0.2.2:{port}", "--data", Path.Combine(Path.GetTempPath(), Path.GetRandomFileName())];
        Assert.Contains("allow-insecure-network", (await Cli.RunAsync(join)).Err, StringComparison.Ordinal);
        var allowed = await Cli.RunAsync([.. join, "--allow-insecure-network"]);
        Assert.Contains("is no address of this machine", allowed.Err, StringComparison.Ordinal);
        Directory.Delete(join[^1], recursive: true);
        Assert.Contains("system-name = \"shop\"", (await Cli.RunAsync([.. join, "--allow-insecure-network", "--system-name", "shop", "--print-config"])).Out, StringComparison.Ordinal);
        Assert.Contains("--system-name = \"the shop\"; expected", (await Cli.RunAsync([.. join, "--allow-insecure-network", "--system-name", "the shop", "--check"])).Err, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("put k v", "put|k|v")]
    [InlineData("  put 'a b'  \"c \\\" d\" ", "put|a b|c \" d")]
    [InlineData("put k ''", "put|k|")]
    public void The_shell_splits_words(string line, string words) => Assert.Equal(words.Split('|'), Words.Split(line));

    [Fact]
    public void The_shell_refuses_an_open_quote() => Assert.Throws<UsageException>(() => Words.Split("put 'k v"));

    [Theory]
    [InlineData("5", 5_000)]
    [InlineData("5s", 5_000)]
    [InlineData("250ms", 250)]
    public void Timeouts_are_read(string text, int ms) => Assert.Equal(TimeSpan.FromMilliseconds(ms), ClientOptions.ParseTimeout(text));
}
