namespace AkkaRaft.Process.Tests;

/// <summary>What the pages quote is what is compiled and run.</summary>
public sealed class DocsTests
{
    [Theory]
    [InlineData("codecs.md", "tests/AkkaRaft.Tests/Client/TypedCallsTests.cs")]
    [InlineData("hosting.md", "tests/AkkaRaft.HostingSample/Program.cs", "tests/AkkaRaft.HostingSample/Shop.cs", "tests/AkkaRaft.Process.Tests/ConfigurationSectionTests.cs")]
    [InlineData("state-machines.md", "tests/AkkaRaft.BankSample/Bank.cs", "tests/AkkaRaft.BankSample/Program.cs", "tests/AkkaRaft.BankSample/Ledger.cs", "tests/AkkaRaft.Simulation.Tests/Conformance/StateMachineConformanceTests.cs", "tests/AkkaRaft.Simulation.Tests/Scenarios/PlainStateMachineTests.cs", "tests/AkkaRaft.Simulation.Tests/Scenarios/SwarmForUsersTests.cs")]
    public void Each_line_of_a_sample_is_in_a_file_that_is_run(string page, params string[] files)
    {
        var run = files.SelectMany(f => File.ReadAllLines(Path.Combine(Cli.Root, f))).Select(l => l.Trim()).ToHashSet();
        var quoted = Blocks(File.ReadAllLines(Path.Combine(Cli.Root, "docs", page))).Select(l => l.Trim()).Where(l => l.Length > 0).ToList();
        Assert.NotEmpty(quoted);
        Assert.All(quoted, line => Assert.Contains(line, run));
    }

    private static IEnumerable<string> Blocks(string[] lines)
    {
        bool inside = false;
        foreach (string line in lines)
        {
            if (line.StartsWith("```", StringComparison.Ordinal))
            {
                inside = line == "```csharp";
            }
            else if (inside)
            {
                yield return line;
            }
        }
    }
}
