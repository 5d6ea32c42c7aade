using AkkaRaft.Benchmarks.Modes;

namespace AkkaRaft.Tests.Benchmarks;

public class BenchmarkCommandTests
{
    // Any file that is there: parsing starts nothing.
    private static readonly string Program = typeof(BenchmarkCommandTests).Assembly.Location;

    [Fact]
    public void What_is_right_has_no_errors()
    {
        Assert.Empty(Errors("throughput", "--etcd-load", Program));
        Assert.Empty(Errors("throughput", "--systems", "dotnext,baseline", "--baseline", Program, "--callers", "1,16", "--rounds", "3", "--base-port", "30000", "--quick"));
        Assert.Empty(Errors("failover", "--systems", "akkaraft"));
    }

    [Theory]
    [InlineData("--systems: 'etdc' is none of akkaraft, etcd, dotnext, baseline.", "throughput", "--systems", "akkaraft,etdc")]
    [InlineData("--systems names none of akkaraft, etcd, dotnext, baseline.", "throughput", "--systems", ",")]
    [InlineData("--systems names a system twice.", "throughput", "--systems", "akkaraft,akkaraft")]
    [InlineData("--systems: DotNext takes no part here, so that nothing is left.", "failover", "--systems", "dotnext")]
    [InlineData("--systems names 'baseline': say which build with --baseline FILE.", "throughput", "--systems", "akkaraft,baseline")]
    [InlineData("--systems names 'etcd': say what drives it with --etcd-load FILE, as scripts/bench.sh does.", "cost")]
    [InlineData("--callers: 'x' is no number from 1 to 100000.", "throughput", "--systems", "akkaraft", "--callers", "1,x")]
    [InlineData("--callers: '0' is no number from 1 to 100000.", "throughput", "--systems", "akkaraft", "--callers", "0")]
    [InlineData("--rounds: '0' is no number from 1 to 1000.", "throughput", "--systems", "akkaraft", "--rounds", "0")]
    [InlineData("--rounds: 'x' is no number from 1 to 1000.", "throughput", "--systems", "akkaraft", "--rounds", "x")]
    [InlineData("--base-port: '65500' is no number from 1 to 65456.", "throughput", "--systems", "akkaraft", "--base-port", "65500")]
    public void What_is_wrong_is_named_before_anything_starts(string error, params string[] arguments) => Assert.Equal([error], Errors(arguments));

    [Fact]
    public void A_program_that_is_not_there_is_an_error() =>
        Assert.Contains("nowhere", Assert.Single(Errors("throughput", "--systems", "akkaraft,baseline", "--baseline", "/nowhere/AkkaRaft.Node.dll")), StringComparison.Ordinal);

    private static IEnumerable<string> Errors(params string[] arguments) =>
        BenchmarkCommand.Create().Parse([.. arguments, "--akkaraft", Program, "--work", "work"]).Errors.Select(e => e.Message);
}
