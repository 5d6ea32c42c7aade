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
    [InlineData("cluster|--nodes|0")]
    [InlineData("cluster|--base-port|65535")]
    public async Task Bad_input_ends_with_1_and_says_why(string line)
    {
        var ended = await Cli.RunAsync(line.Split('|'));
        Assert.Equal(1, ended.Code);
        Assert.StartsWith("akkaraft: ", ended.Err, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", ended.Err, StringComparison.Ordinal);
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
