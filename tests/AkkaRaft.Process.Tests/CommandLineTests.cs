using System.Text.Json;
using AkkaRaft.Node;
using AkkaRaft.Protocol;

namespace AkkaRaft.Process.Tests;

/// <summary>What the console of this process prints is of one test at a time.</summary>
[CollectionDefinition(nameof(CommandLineTests), DisableParallelization = true)]
public sealed class ConsoleCollection;

/// <summary>What is wrong with a command line is said in one line that helps; the command runs in this process.</summary>
[Collection(nameof(CommandLineTests))]
public sealed class CommandLineTests
{
    private const string One = "|--members|0=127.0.0.1:1";

    [Theory(Timeout = Patience.TestMs)]
    [InlineData("putt|k|v", "'putt' is no command of akkaraft; did you mean 'put'?")]
    [InlineData("frobnicate", "'frobnicate' is no command of akkaraft; known are node, ")]
    [InlineData("lease|gant|5", "'gant' is no command of lease; did you mean 'grant'?")]
    [InlineData("lease", "lease needs a command: grant, keep-alive, revoke, list.")]
    [InlineData("members|ad|3=h:1", "'ad' is no command of members; did you mean 'add'?")]
    [InlineData("put|k|v|--leese|5", "'--leese' is no option of put; did you mean '--lease'?")]
    [InlineData("put|--leese|5|k|v", "'--leese' is no option of put; did you mean '--lease'?")]
    [InlineData("get|k|--consistancy=local", "'--consistancy' is no option of get; did you mean '--consistency'?")]
    [InlineData("get|k|--frobnicate", "'--frobnicate' is no option of get.")]
    [InlineData("put|k|v|w|x", "'w' is more than put takes, which is KEY VALUE.")]
    [InlineData("put", "put needs KEY and VALUE.")]
    [InlineData("put|k", "put needs VALUE.")]
    [InlineData("cas|k|v", "cas needs --version.")]
    [InlineData("lease|grant", "lease grant needs SECONDS.")]
    [InlineData("put|k|v|--members", "--members needs a value.")]
    [InlineData("watch|--count|3|--count|4", "--count is given 2 times.")]
    [InlineData("put|k|v|--lease|abc", "--lease: \"abc\" is not a whole number.")]
    [InlineData("put|k|v|--lease|99999999999999999999", "--lease: \"99999999999999999999\" is not between -9223372036854775808 and 9223372036854775807.")]
    [InlineData("node|seven", "ID: \"seven\" is not a whole number.")]
    [InlineData("node|3000000000", "ID: \"3000000000\" is not between -2147483648 and 2147483647.")]
    [InlineData("transfer|x", "ID: \"x\" is not a whole number.")]
    [InlineData("backup|f|--from|x", "--from: \"x\" is not a whole number.")]
    [InlineData("lease|grant|soon", "SECONDS: \"soon\" is not a number.")]
    [InlineData("simulate|--seed|-1", "--seed: \"-1\" is not between 0 and 18446744073709551615.")]
    [InlineData("simulate|--minutes|soon", "--minutes: \"soon\" is not a number.")]
    [InlineData("simulate|--minutes|NaN", "--minutes: NaN is not between")]
    [InlineData("simulate|--minutes|-1", "--minutes: -1 is not between")]
    [InlineData("simulate|--seeds|-1", "--seeds: -1 is not between")]
    [InlineData("simulate|--shrink", "--shrink needs --seed.")]
    [InlineData("simulate|--seed|1|--minutes|1", "--minutes cannot be given together with --seed.")]
    [InlineData("simulate|--seed|1|--json", "--json cannot be given together with --seed.")]
    [InlineData("simulate|--virtual|NaN", "--virtual: 'NaN' is not a time")]
    [InlineData("simulate|--nodes|3,", "--nodes: '' is not a number")]
    [InlineData("lease|grant|NaN" + One, "SECONDS: NaN is not between")]
    [InlineData("load|--seconds|NaN" + One, "--seconds: NaN is not between")]
    [InlineData("load|--mix|put=1,put=2" + One, "--mix: put is there twice.")]
    [InlineData("load|--mix|put=1,PUT=2" + One, "--mix: put is there twice.")]
    [InlineData("load|--mix|1=1" + One, "--mix: '1=1' is not of the form put=50")]
    [InlineData("load|100|--mix|put=1" + One, "--mix cannot be given together with the mode '100'.")]
    [InlineData("load|burst|--clients|2" + One, "--clients cannot be given together with the mode 'burst'.")]
    [InlineData("get|k|--timeout|NaN" + One, "--timeout: 'NaN' is not a time")]
    [InlineData("get|k|--members|0=127.0.0.1:1;1=127.0.0.1:2", "members have commas between them")]
    [InlineData("get|k|--members|0=127.0.0.1:1 1=127.0.0.1:2", "is not of the form host:port")]
    [InlineData("get|k|--members|0=127.0.0.1:1,0=127.0.0.1:2", "--members: member 0 is there twice.")]
    [InlineData("get|k|--members|0=127.0.0.1:1,1=127.0.0.1:1", "--members: members 0 and 1 have the same address, 127.0.0.1:1.")]
    [InlineData("get|k|--members|0=h:1,1=H:1", "--members: members 0 and 1 have the same address")]
    [InlineData("get|k|--members|,", "--members: no member is named.")]
    [InlineData("get|k|--members|-1=127.0.0.1:1", "--members: '-1=127.0.0.1:1' is not of the form id=host:port.")]
    [InlineData("node|3|--check|--listen|127.0.0.1:2|--join|0=127.0.0.1:1;1=127.0.0.1:3", "--join: ")]
    [InlineData("node|3|--check|--listen|127.0.0.1|--join|0=127.0.0.1:1", "--listen: \"127.0.0.1\" is not of the form host:port")]
    [InlineData("node|3|--check|--listen|127.0.0.1:1|--join|0=127.0.0.1:1", "an address of its own")]
    [InlineData("node|3|--check|--listen|127.0.0.1:2|--join|0=127.0.0.1:1|--cluster-id|../..", "--cluster-id = \"../..\"; expected")]
    [InlineData("node|3|--check|--print-config|--listen|127.0.0.1:2|--join|0=127.0.0.1:1", "--check and --print-config cannot be given together.")]
    [InlineData("node|3|--check|--listen|192.0.2.7:2|--join|0=127.0.0.1:1", "is not a loopback address")]
    [InlineData("node|3|--check|--listen|[0:0::1]:2|--join|0=127.0.0.1:1", "addresses are compared: \"[::1]:2\"")]
    [InlineData("members|update|2=foo" + One, "MEMBERS: \"foo\" is not of the form host:port")]
    [InlineData("members|remove|2,2" + One, "MEMBERS: member 2 is there twice.")]
    [InlineData("members|set|1,2=h:1,3=h:1" + One, "MEMBERS: members 2 and 3 have the same address")]
    [InlineData("members|add|;" + One, "MEMBERS: ';' is neither a member's id, such as 2, nor ID=host:port.")]
    [InlineData("get|k|--cluster-id||--members|0=127.0.0.1:1", "--cluster-id = \"\"; expected")]
    [InlineData("get|k|--cluster-id|  " + One, "--cluster-id = \"  \"; expected")]
    [InlineData("get|k|--cluster-id|a\nb" + One, "--cluster-id = \"a\\u000ab\"; expected")]
    [InlineData("get|k|--cluster-id|../.." + One, "--cluster-id = \"../..\"; expected")]
    [InlineData("get|k|--system-name|a b" + One, "--system-name = \"a b\"; expected")]
    [InlineData("get|k|--config|/no/such.conf", "The configuration file '/no/such.conf' does not exist.")]
    [InlineData("get|k|--config|/", "The configuration file '/' is a directory.")]
    [InlineData("put|k|@/no/such" + One, "The value's file '/no/such' cannot be read: ")]
    [InlineData("backup|/no/such/file" + One, "The directory '/no/such', in which the backup is to be, does not exist.")]
    [InlineData("backup|/" + One, "'/' exists; a backup is written to a file that does not.")]
    [InlineData("simulate|--seed|1|--trace|/no/such/trace.html", "The directory '/no/such', in which the trace is to be, does not exist.")]
    [InlineData("restore|/no/such.db", "'/no/such.db'")]
    [InlineData("recover|0|--force-single|--data|/no/such", "There is no journal of member 0 in /no/such.")]
    public async Task What_is_wrong_is_said_in_one_line(string line, string said)
    {
        var ended = await RunAsync(line.Split('|'));
        Assert.Equal(ExitCodes.Usage, ended.Code);
        Assert.Contains(said, ended.Err, StringComparison.Ordinal);
        Assert.StartsWith("akkaraft: ", ended.Err, StringComparison.Ordinal);
        Assert.DoesNotContain("System.", ended.Err, StringComparison.Ordinal);
        // The operator of a member that is left is told first what recover does.
        Assert.Equal(line.StartsWith("recover", StringComparison.Ordinal) ? 2 : 1, ended.Err.TrimEnd().Split('\n').Length);
    }

    [Theory(Timeout = Patience.TestMs)]
    [InlineData("--json")]
    [InlineData("putt|k|v|--json")]
    [InlineData("put|k|--json=true")]
    [InlineData("put|k|--json:true")]
    [InlineData("--json|put|k")]
    [InlineData("lease|--json")]
    [InlineData("restore|--json")]
    [InlineData("simulate|--minutes|NaN|--json")]
    [InlineData("get|k|--members|0=127.0.0.1:1;1=127.0.0.1:2|--json")]
    [InlineData("get|k|--cluster-id|../..|--json" + One)]
    public async Task With_json_what_is_wrong_is_an_object_too(string line)
    {
        var ended = await RunAsync(line.Split('|'));
        Assert.Equal(ExitCodes.Usage, ended.Code);
        var error = JsonDocument.Parse(ended.Out).RootElement;
        Assert.False(error.GetProperty("ok").GetBoolean());
        Assert.Equal("BadInput", error.GetProperty("error").GetString());
        Assert.Equal(ended.Err.Trim(), $"akkaraft: {error.GetProperty("message").GetString()}");
    }

    [Fact(Timeout = Patience.TestMs)]
    public async Task A_value_that_is_json_is_none_that_asks_for_it() => Assert.Equal("", (await RunAsync("put", "--", "k", "--json", "v")).Out);

    [Fact]
    public void Of_a_member_that_was_not_heard_yet_no_place_in_the_log_is_told()
    {
        var joining = new ConfiguredMember(new RaftEndpoint(new MemberId(3), "127.0.0.1:1"), MembershipRole.Joining, 0, 0, 0);
        Assert.Equal("member 3 is not heard yet", MembersCommand.CaughtUp(joining));
        Assert.Equal("member 3 has the log to 7", MembersCommand.CaughtUp(joining with { MatchIndex = 7 }));
    }

    private static async Task<Ended> RunAsync(params string[] args)
    {
        var (before, beforeError) = (Console.Out, Console.Error);
        using var output = new StringWriter();
        using var error = new StringWriter();
        try
        {
            Console.SetOut(output);
            Console.SetError(error);
            return new Ended(await CommandLine.RunAsync(args), output.ToString(), error.ToString());
        }
        finally
        {
            Console.SetOut(before);
            Console.SetError(beforeError);
        }
    }
}
