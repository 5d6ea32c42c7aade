using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.Json;
using AkkaRaft.Client;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Text;

namespace AkkaRaft.Simulation.Tests.PlantedBugs;

/// <summary>
/// What was built, in a directory of its own. Only what a bug is in is made anew for it, from the syntax trees of the source with a few of them changed:
/// no other project has to be built again.
/// </summary>
public sealed class CopyOfTheBuild : IDisposable
{
    // Ends a hang, with a word on what hung; says nothing about speed.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    private readonly string _directory = Directory.CreateTempSubdirectory("akkaraft-planted-").FullName;
    private readonly string _source = Path.Combine(FindRoot(), "src");
    private readonly Dictionary<Assembly, CSharpCompilation> _originals;

    public CopyOfTheBuild()
    {
        foreach (var file in Directory.EnumerateFiles(AppContext.BaseDirectory, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(_directory, Path.GetRelativePath(AppContext.BaseDirectory, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
        // Those below the others first.
        Assembly[] parts = [typeof(RaftConfigurationException).Assembly, typeof(RaftClient).Assembly, typeof(RaftSettings).Assembly];
        _originals = parts.ToDictionary(part => part, Original);
    }

    private CSharpCompilation Original(Assembly part)
    {
        var name = part.GetName().Name!;
        var source = Path.Combine(_source, name);
        // Those that the build generated: for the protocol, the usings and the assembly's attributes.
        var build = new DirectoryInfo(AppContext.BaseDirectory);
        var generated = Path.Combine(source, "obj", build.Parent!.Name, build.Name);
        var sources = Directory.EnumerateFiles(source, "*.cs", SearchOption.AllDirectories)
            .Where(f => !Path.GetRelativePath(source, f).Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj"))
            .Concat(Directory.EnumerateFiles(generated, "*.cs"))
            // What was published has a directory of its own in it, with all of that once more.
            .Concat(Directory.EnumerateDirectories(generated).Where(d => !Directory.EnumerateFiles(d, "*.AssemblyInfo.cs").Any())
                .SelectMany(d => Directory.EnumerateFiles(d, "*.cs", SearchOption.AllDirectories)));
        // Nothing of those above it, which would have its types once more.
        var references = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Where(f => !Path.GetFileName(f).StartsWith("AkkaRaft", StringComparison.Ordinal) || part.GetReferencedAssemblies().Any(r => $"{r.Name}.dll" == Path.GetFileName(f)));
        return CSharpCompilation.Create(
            name,
            sources.Select(f => Parse(File.ReadAllText(f), f)),
            references.Select(f => MetadataReference.CreateFromFile(f)),
            new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, optimizationLevel: OptimizationLevel.Release, nullableContextOptions: NullableContextOptions.Enable));
    }

    /// <summary>Runs the bug's seeds, or its scenario.</summary>
    /// <returns>What was found, and by which seed; null when all went well in spite of the bug.</returns>
    public async Task<(ulong Seed, string Violation)?> SimulateWithAsync(PlantedBug bug)
    {
        ArgumentNullException.ThrowIfNull(bug);
        Compile(bug);
        if (bug.Story is { } story)
        {
            var test = await RunAsync("test", "AkkaRaft.Simulation.Tests.dll", "--filter", $"FullyQualifiedName~{story}");
            Assert.True(test.Out.Contains("Failed!", StringComparison.Ordinal) || test.Out.Contains("Passed!", StringComparison.Ordinal), test.Out);
            return test.Out.Contains("Failed!", StringComparison.Ordinal) ? (0, $"the scenario {story} fails") : null;
        }
        var run = await RunAsync("AkkaRaft.Node.dll", "simulate", "--seeds", bug.Budget.ToString(CultureInfo.InvariantCulture), "--virtual", "3s", "--json");
        Assert.True(run.Out.Length > 0, $"The simulation ended with {run.Code} and without a result: {run.Errors}");
        using var result = JsonDocument.Parse(run.Out);
        if (!result.RootElement.TryGetProperty("violation", out var violation)) return null;
        return (result.RootElement.GetProperty("seed").GetUInt64(), violation.GetString()!.Split('\n')[0]);
    }

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    /// <summary>Runs a program of the copy.</summary>
    /// <param name="environment">What it finds in its environment beside all else.</param>
    /// <param name="arguments">The program, and what it is told.</param>
    public Process Start(IEnumerable<KeyValuePair<string, string>> environment, params string[] arguments)
    {
        ArgumentNullException.ThrowIfNull(environment);
        var start = new ProcessStartInfo("dotnet", arguments)
        {
            WorkingDirectory = _directory, RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true,
        };
        // What the test host was started with is not meant for another.
        start.Environment.Remove("MSBUILD_EXE_PATH");
        start.Environment.Remove("MSBuildExtensionsPath");
        start.Environment.Remove("MSBuildSDKsPath");
        foreach (var (name, value) in environment) start.Environment[name] = value;
        return Process.Start(start)!;
    }

    /// <summary>Makes all anew from changed sources.</summary>
    /// <param name="change">A source's path below <c>src</c> and its tree; returns the tree to take.</param>
    /// <param name="added">A source more, for the part that is below all others.</param>
    public void Compile(Func<string, SyntaxTree, SyntaxTree> change, string added)
    {
        ArgumentNullException.ThrowIfNull(change);
        foreach (var (part, original) in _originals)
        {
            var compilation = original;
            if (part == _originals.Keys.First()) compilation = compilation.AddSyntaxTrees(Parse(added, "Added.cs"));
            // What was added is in no build that could be referred to.
            else compilation = compilation.ReplaceReference(compilation.References.Single(r => Path.GetFileName(r.Display) == "AkkaRaft.Remoting.dll"), MetadataReference.CreateFromFile(FileOf(_originals.Keys.First())));
            foreach (var tree in original.SyntaxTrees)
                if (change(Path.GetRelativePath(_source, tree.FilePath), tree) is var changed && changed != tree) compilation = compilation.ReplaceSyntaxTree(tree, changed);
            Emit(part, compilation, "the changed source");
        }
    }

    /// <summary>Whether a source's text holds this exactly once.</summary>
    public bool Has(string file, string text) => File.ReadAllText(Path.Combine(_source, file)).ReplaceLineEndings("\n").Split(text).Length == 2;

    /// <summary>A text with one place of it replaced.</summary>
    /// <param name="text">The source.</param>
    /// <param name="old">What must be there exactly once.</param>
    /// <param name="replacement">What takes its place.</param>
    /// <param name="whose">Who asks, for people.</param>
    internal static string ReplaceOnce(string text, string old, string replacement, string whose)
    {
        Assert.True(text.Split(old).Length == 2, $"The text that {whose} replaces is not there exactly once: {old}");
        return text.Replace(old, replacement, StringComparison.Ordinal);
    }

    private void Compile(PlantedBug bug)
    {
        foreach (var (part, original) in _originals)
        {
            var compilation = original;
            foreach (var (file, old, replacement) in bug.Changes.Where(c => c.File.Split('/')[0] == part.GetName().Name))
            {
                var path = Path.Combine(_source, file);
                var tree = compilation.SyntaxTrees.Single(t => t.FilePath == path);
                compilation = compilation.ReplaceSyntaxTree(tree, Parse(ReplaceOnce(tree.ToString().ReplaceLineEndings("\n"), old, replacement, $"'{bug.Name}' in {file}"), path));
            }
            // That of the bug before may have been in it.
            if (compilation != original) Emit(part, compilation, $"'{bug.Name}'");
            else File.Copy(part.Location, FileOf(part), overwrite: true);
        }
    }

    private string FileOf(Assembly part) => Path.Combine(_directory, Path.GetFileName(part.Location));

    private void Emit(Assembly part, CSharpCompilation compilation, string what)
    {
        var resources = part.GetManifestResourceNames().Select(name => new ResourceDescription(name, () => part.GetManifestResourceStream(name)!, isPublic: true));
        using var assembly = File.Create(FileOf(part));
        var emitted = compilation.Emit(assembly, manifestResources: resources);
        Assert.True(emitted.Success, $"{what} does not compile:\n{string.Join('\n', emitted.Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error))}");
    }

    private static SyntaxTree Parse(string text, string path) =>
        CSharpSyntaxTree.ParseText(SourceText.From(text, Encoding.UTF8), new CSharpParseOptions(LanguageVersion.Latest), path);

    private async Task<(int Code, string Out, string Errors)> RunAsync(params string[] arguments)
    {
        using var process = Start([], arguments);
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
        return (process.ExitCode, await output, await errors);
    }

    internal static string FindRoot()
    {
        DirectoryInfo? at = new(AppContext.BaseDirectory);
        while (at is not null && !File.Exists(Path.Combine(at.FullName, "AkkaRaft.sln"))) at = at.Parent;
        return at?.FullName ?? throw new InvalidOperationException("AkkaRaft.sln is not above the tests.");
    }
}
