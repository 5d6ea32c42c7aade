using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace AkkaRaft.Simulation.Tests.PlantedBugs;

/// <summary>A checker is trusted once it has caught what was planted: each bug goes into a copy of the source, which is built and simulated.</summary>
public sealed class PlantedBugTests(CopyOfTheSource copy) : IClassFixture<CopyOfTheSource>
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

/// <summary>The sources in a directory of their own, so that a bug never touches the real ones.</summary>
public sealed class CopyOfTheSource : IAsyncLifetime
{
    private const string Tests = "tests/AkkaRaft.Simulation.Tests";
    private const string Node = "src/AkkaRaft.Node";

    // Ends a hang, with a word on what hung; says nothing about speed.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    private static readonly string[] Quick = ["-c", "Release", "-v", "q", "-p:TreatWarningsAsErrors=false", "-p:RunAnalyzers=false"];

    private readonly string _root = Directory.CreateTempSubdirectory("akkaraft-planted-").FullName;

    public CopyOfTheSource()
    {
        var from = FindRoot();
        foreach (var file in new[] { "Directory.Build.props", "Directory.Packages.props", "global.json", ".editorconfig", "README.md" }.Where(f => File.Exists(Path.Combine(from, f))))
            File.Copy(Path.Combine(from, file), Path.Combine(_root, file));
        var files = new[] { "src", Path.Combine("tests", "AkkaRaft.Simulation.Tests") }.SelectMany(d => Directory.EnumerateFiles(Path.Combine(from, d), "*", SearchOption.AllDirectories));
        foreach (var file in files)
        {
            var relative = Path.GetRelativePath(from, file);
            if (relative.Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj")) continue;
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(_root, relative))!);
            File.Copy(file, Path.Combine(_root, relative));
        }
    }

    public async Task<(ulong Seed, string Violation)?> SimulateWithAsync(PlantedBug bug)
    {
        ArgumentNullException.ThrowIfNull(bug);
        var originals = new Dictionary<string, string>();
        try
        {
            foreach (var (file, old, replacement) in bug.Changes)
            {
                var path = Path.Combine(_root, "src", "AkkaRaft", file);
                var text = (await File.ReadAllTextAsync(path)).ReplaceLineEndings("\n");
                originals.TryAdd(path, text);
                Assert.True(text.Split(old).Length == 2, $"The text that '{bug.Name}' replaces is not there exactly once in {file}: {old}");
                await File.WriteAllTextAsync(path, text.Replace(old, replacement, StringComparison.Ordinal));
            }
            // Only the library differs; what was built around it stays.
            await BuildAsync("src/AkkaRaft", bug.Name, "--no-restore");
            foreach (var user in new[] { Tests, Node }) File.Copy(Path.Combine(Output("src/AkkaRaft"), "AkkaRaft.dll"), Path.Combine(Output(user), "AkkaRaft.dll"), overwrite: true);
            if (bug.Story is { } story)
            {
                var test = await RunAsync("test", Tests, "-c", "Release", "--no-build", "--filter", $"FullyQualifiedName~{story}");
                Assert.True(test.Out.Contains("Failed!", StringComparison.Ordinal) || test.Out.Contains("Passed!", StringComparison.Ordinal), test.Out);
                return test.Out.Contains("Failed!", StringComparison.Ordinal) ? (0, $"the scenario {story} fails") : null;
            }
            var run = await RunAsync(Path.Combine(Output(Node), "AkkaRaft.Node.dll"), "simulate", "--seeds", bug.Budget.ToString(CultureInfo.InvariantCulture), "--virtual", "3s", "--json");
            using var result = JsonDocument.Parse(run.Out);
            if (!result.RootElement.TryGetProperty("violation", out var violation)) return null;
            return (result.RootElement.GetProperty("seed").GetUInt64(), violation.GetString()!.Split('\n')[0]);
        }
        finally
        {
            foreach (var (path, text) in originals) await File.WriteAllTextAsync(path, text);
        }
    }

    /// <summary>Builds all that runs the library, once.</summary>
    public async Task InitializeAsync()
    {
        await BuildAsync(Node, "the source as it is");
        await BuildAsync(Tests, "the source as it is");
    }

    public Task DisposeAsync()
    {
        Directory.Delete(_root, recursive: true);
        return Task.CompletedTask;
    }

    private string Output(string project) => Path.Combine(_root, project, "bin", "Release", "net10.0");

    private async Task BuildAsync(string project, string what, params string[] more)
    {
        var build = await RunAsync(["build", project, .. Quick, .. more]);
        Assert.True(build.Code == 0, $"'{what}' does not build:\n{build.Out}");
    }

    private async Task<(int Code, string Out)> RunAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", arguments) { WorkingDirectory = _root, RedirectStandardOutput = true, RedirectStandardError = true };
        // What the test host was started with is not meant for the build.
        start.Environment.Remove("MSBUILD_EXE_PATH");
        start.Environment.Remove("MSBuildExtensionsPath");
        start.Environment.Remove("MSBuildSDKsPath");
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        using var late = new CancellationTokenSource(Patience);
        try
        {
            await process.WaitForExitAsync(late.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"This did not end within {Patience}: dotnet {string.Join(' ', arguments)}");
        }
        await errors;
        return (process.ExitCode, await output);
    }

    private static string FindRoot()
    {
        DirectoryInfo? at = new(AppContext.BaseDirectory);
        while (at is not null && !File.Exists(Path.Combine(at.FullName, "AkkaRaft.sln"))) at = at.Parent;
        return at?.FullName ?? throw new InvalidOperationException("AkkaRaft.sln is not above the tests.");
    }
}
