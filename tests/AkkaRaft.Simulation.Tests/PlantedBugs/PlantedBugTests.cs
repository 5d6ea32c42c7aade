using System.Globalization;

namespace AkkaRaft.Simulation.Tests.PlantedBugs;

/// <summary>A checker is trusted once it has caught what was planted: each bug is compiled into a copy of AkkaRaft.dll, which is simulated.</summary>
public sealed class PlantedBugTests(CopyOfTheBuild copy) : IClassFixture<CopyOfTheBuild>
{
    public static TheoryData<string> Names => [.. PlantedBug.All.Select(b => b.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task It_is_found_within_its_budget_of_seeds(string name)
    {
        var bug = PlantedBug.All.Single(b => b.Name == name);
        var found = await copy.SimulateWithAsync(bug);
        Assert.True(found is not null, $"{bug.Budget} seeds, or the scenario, ran clean though the bug '{name}' is in.");
        if (Environment.GetEnvironmentVariable("AKKARAFT_PLANTED_BUGS_TABLE") is { Length: > 0 } table)
            await File.AppendAllTextAsync(table, string.Create(CultureInfo.InvariantCulture, $"| {name} | {(bug.Story is null ? bug.Budget : "a scenario")} | {(bug.Story is null ? found.Value.Seed : "-")} | {found.Value.Violation.Replace('|', '/')} |\n"));
    }

    /// <summary>Says in a second what a changed source left behind; the bugs take minutes.</summary>
    [Fact]
    public void Each_text_that_is_replaced_is_in_the_source_once() => Assert.Empty(PlantedBug.All.SelectMany(b => b.Changes.Where(c => !copy.Has(c.File, c.Old)).Select(c => $"{b.Name}: {c.File}: {c.Old}")));

    [Fact]
    public async Task Without_a_bug_nothing_is_found() => Assert.Null(await copy.SimulateWithAsync(new PlantedBug("none", 200, [])));
}

/// <summary>A bug as text to replace.</summary>
public sealed record PlantedBug(string Name, int Budget, IReadOnlyList<(string File, string Old, string New)> Changes)
{
    /// <summary>The scenario that must fail; null when the swarm finds it.</summary>
    public string? Story { get; init; }

    public static IReadOnlyList<PlantedBug> All { get; } = Read();

    private static List<PlantedBug> Read()
    {
        var bugs = new List<PlantedBug>();
        var changes = new List<(string, string, string)>();
        string file = "", old = "";
        foreach (var line in File.ReadLines(Path.Combine(AppContext.BaseDirectory, "PlantedBugs", "planted-bugs.txt")))
        {
            var (word, rest) = line.Split(' ', 2) is [var first, var second] ? (first, second) : ("", "");
            rest = rest.Replace("\\n", "\n", StringComparison.Ordinal);
            switch (word)
            {
                case "bug":
                    var parts = rest.Split(' ');
                    changes = [];
                    bugs.Add(new PlantedBug(parts[0], int.Parse(parts[1], CultureInfo.InvariantCulture), changes));
                    break;
                case "story":
                    bugs[^1] = bugs[^1] with { Story = rest };
                    break;
                case "in":
                    file = rest;
                    break;
                case "replace":
                    old = rest;
                    break;
                case "by":
                    changes.Add((file, old, rest));
                    break;
            }
        }
        return bugs;
    }
}
