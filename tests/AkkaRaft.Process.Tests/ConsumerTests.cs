using System.Diagnostics;
using System.Text.Json;
using OsProcess = System.Diagnostics.Process;

namespace AkkaRaft.Process.Tests;

/// <summary>Applications that use the packages, as they are published: what compiles for us by a reference to a project need not for them.</summary>
public sealed class ConsumerTests(RunningCluster running) : IClassFixture<RunningCluster>, IDisposable
{
    private static readonly string[] Packages = ["AkkaRaft.Remoting", "AkkaRaft.Client", "AkkaRaft", "AkkaRaft.Hosting"];

    private static readonly string[] OfMembers = ["Akka.Persistence.Sql", "Akka.Persistence", "linq2db", "Microsoft.Data.Sqlite", "Microsoft.Data.Sqlite.Core", "SQLitePCLRaw.core"];

    private readonly string _directory = Directory.CreateTempSubdirectory("akkaraft-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    /// <param name="framework">What the application runs on.</param>
    /// <param name="package">The package that it uses.</param>
    /// <param name="also">What brings ToListAsync, where the framework does not.</param>
    [Theory(Timeout = Patience.TestMs)]
    [InlineData("net8.0", "AkkaRaft.Client", "System.Linq.Async")]
    [InlineData("net10.0", "AkkaRaft.Client", null)]
    [InlineData("net10.0", "AkkaRaft.Hosting", null)]
    public async Task An_application_that_uses_the_package_scans_into_a_list(string framework, string package, string? also)
    {
        string feed = Path.Combine(_directory, "feed");
        // None that was made before may be taken for it.
        string version = $"0.0.1-test.{Guid.NewGuid():N}";
        // The tests themselves need but the other framework's, which is not to be written while they run.
        await DotnetAsync(Cli.Root, "build", Path.Combine(Cli.Root, "src", "AkkaRaft.Client"), "--configuration", Configuration, "--framework", "net8.0");
        foreach (string name in Packages.Take(Array.IndexOf(Packages, package) + 1))
            await DotnetAsync(Cli.Root, "pack", Path.Combine(Cli.Root, "src", name), "--configuration", Configuration, "--no-build", "--output", feed, $"-p:PackageVersion={version}");

        string application = Path.Combine(_directory, "application");
        Directory.CreateDirectory(application);
        string reference = also is null ? "" : $"""<PackageReference Include="{also}" Version="7.0.1" />""";
        await File.WriteAllTextAsync(Path.Combine(application, "Application.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>{framework}</TargetFramework>
                <Nullable>enable</Nullable>
                <ImplicitUsings>enable</ImplicitUsings>
                <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
                <UseAppHost>false</UseAppHost>
                <RollForward>Major</RollForward>
              </PropertyGroup>
              <ItemGroup>
                <PackageReference Include="{package}" Version="{version}" />
                {reference}
              </ItemGroup>
            </Project>
            """);
        await File.WriteAllTextAsync(Path.Combine(application, "Program.cs"), """
            using AkkaRaft;
            using AkkaRaft.Client;
            using AkkaRaft.KeyValue;
            using AkkaRaft.Protocol;

            await using var client = RaftClient.Create(new RaftClientSettings { ClusterId = "akkaraft", Members = RaftEndpoints.Parse(args[0]) });
            try
            {
                PutReply put = await client.PutAsync("consumer/" + args[1], "1");
                List<Row> rows = await client.ScanAsync("consumer/" + args[1]).ToListAsync();
                List<string> changes = await client.WatchAsync<string>(KeyRange.Key("consumer/" + args[1]), put.Version).Take(1).Select(change => change.Key + "=" + change.Value).ToListAsync();
                Console.WriteLine(rows.Count + " " + string.Join(' ', changes));
            }
            catch (RaftException e)
            {
                Console.WriteLine(e.Message);
            }

            """);
        await DotnetAsync(application, "build", "--configuration", "Release", "--output", Path.Combine(_directory, "built"), $"-p:RestoreAdditionalProjectSources={feed}", $"-p:RestorePackagesPath={Path.Combine(_directory, "packages")}", $"-p:RestoreFallbackFolders={Cached}");
        string key = $"{framework}-{package}";
        Assert.Equal($"1 consumer/{key}=1", (await DotnetAsync(application, Path.Combine(_directory, "built", "Application.dll"), running.Cluster.Members, key)).Trim());

        if (package == "AkkaRaft.Client")
        {
            using var assets = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(application, "obj", "project.assets.json")));
            var libraries = assets.RootElement.GetProperty("libraries").EnumerateObject().Select(library => library.Name.Split('/')[0]).ToList();
            Assert.Contains("Akka.Remote", libraries);
            Assert.Empty(libraries.Intersect(OfMembers, StringComparer.OrdinalIgnoreCase));
        }
    }

    private static string Configuration => new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;

    private static string Cached => Environment.GetEnvironmentVariable("NUGET_PACKAGES") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");

    private static async Task<string> DotnetAsync(string directory, params string[] args)
    {
        using var process = OsProcess.Start(new ProcessStartInfo("dotnet", args) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = directory })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        string command = "dotnet " + string.Join(' ', args);
        int code = await Patience.EndAsync(process, command);
        Assert.True(code == 0, $"{command} ended with {code}:\n{await output}\n{await error}");
        return await output;
    }
}
