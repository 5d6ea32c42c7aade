using System.Collections.Immutable;
using AkkaRaft.Node;
using AkkaRaft.Protocol;
using Spectre.Console;

namespace AkkaRaft.Process.Tests;

/// <summary>What 'akkaraft cluster' shows in windows of different width.</summary>
public sealed class ClusterScreenTests
{
    [Theory]
    [InlineData(50)]
    [InlineData(80)]
    [InlineData(200)]
    public void Each_member_has_one_line_with_its_whole_address_and_nothing_is_wider_than_the_window(int width)
    {
        string[] lines = Draw(width, []);
        Assert.All(lines, l => Assert.InRange(l.Length, 0, width));
        for (int id = 0; id < 3; id++)
        {
            Assert.Single(lines, l => l.TrimStart().StartsWith($"{id} ", StringComparison.Ordinal) && l.Contains($"127.0.0.1:410{id}", StringComparison.Ordinal));
        }

        Assert.Equal(width >= 100, lines.Any(l => l.Contains("pid", StringComparison.Ordinal)));
        Assert.Contains(lines, l => l.Contains("Unreachable", StringComparison.Ordinal));
    }

    [Fact]
    public void What_a_member_said_at_its_end_stands_under_the_table()
    {
        string[] lines = Draw(50, ["akkaraft: member 1 ended with exit code 137.", string.Join(Environment.NewLine, Enumerable.Range(0, 20).Select(i => $"line {i} [x]"))]);
        Assert.Equal("line 19 [x]", lines[^1].Trim());
        Assert.DoesNotContain("line 2 [x]", lines);
        Assert.Contains(lines, l => l.Contains("127.0.0.1:4102", StringComparison.Ordinal));
    }

    private static string[] Draw(int width, string[] notices)
    {
        using var output = new StringWriter();
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, Out = new AnsiConsoleOutput(output) });
        console.Profile.Width = width;
        RaftStatus[] all =
        [
            .. Enumerable.Range(0, 3).Select(i => new RaftStatus(
                new MemberId(i), $"127.0.0.1:410{i}", i == 1 ? RaftRole.Unreachable : RaftRole.Follower, 12, new MemberId(0), 123_456, 123_456, 123_456, 31_234, ImmutableArray<MemberId>.Empty)),
        ];
        console.Write(ClusterCommand.Screen(all, notices, width));
        return output.ToString().TrimEnd().Split('\n');
    }
}
