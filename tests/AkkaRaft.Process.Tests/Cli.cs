using System.Diagnostics;
using AkkaRaft.Node;
using Microsoft.Data.Sqlite;
using OsProcess = System.Diagnostics.Process;

namespace AkkaRaft.Process.Tests;

internal sealed record Ended(int Code, string Out, string Err);

/// <summary>Bounds that end a hang with a word on what was waited for; they say nothing about speed.</summary>
internal static class Patience
{
    /// <summary>For one thing that is waited for, on a machine with far too much to do.</summary>
    public static readonly TimeSpan Wait = TimeSpan.FromMinutes(3);

    /// <summary>For a whole test: whatever it waits for has said so before.</summary>
    public const int TestMs = 10 * 60 * 1_000;

    /// <summary>Asks until it holds.</summary>
    /// <param name="what">What is waited for.</param>
    /// <param name="ask">What was seen, and whether it is enough.</param>
    public static async Task<T> UntilAsync<T>(string what, Func<Task<(bool Enough, T Seen)>> ask)
    {
        long began = Environment.TickCount64;
        while (true)
        {
            var (enough, seen) = await ask();
            if (enough)
            {
                return seen;
            }

            Assert.True(Environment.TickCount64 - began < Wait.TotalMilliseconds, $"Waited {Wait} for this: {what}. Last seen: {seen}");
            await Task.Delay(100);
        }
    }

    /// <summary>Waits until a process ends by itself; one that does not is killed.</summary>
    public static async Task<int> EndAsync(OsProcess process, string what)
    {
        using var late = new CancellationTokenSource(Wait);
        try
        {
            await process.WaitForExitAsync(late.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"This did not end within {Wait}: {what}");
        }

        return process.ExitCode;
    }
}

/// <summary>The command line as its own process.</summary>
internal static class Cli
{
    public static string Root { get; } = FindRoot();

    public static OsProcess Start(params string[] args) => StartWith([], ["dotnet"], args);

    /// <summary>What the processes run: this build, or another one's AkkaRaft.Node.dll, to see that a test fails there.</summary>
    public static string Program { get; } = Environment.GetEnvironmentVariable("AKKARAFT_TEST_PROGRAM") ?? typeof(ExitCodes).Assembly.Location;

    /// <summary>Starts it by a command that is given its command line, such as <c>ip netns exec NAME</c>, and that it replaces.</summary>
    public static OsProcess StartBy(string[] command, params string[] args) => StartWith([], [.. command, "dotnet"], args);

    private static OsProcess StartWith((string Name, string Value)[] variables, string[] command, string[] args)
    {
        var start = new ProcessStartInfo(command[0]) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Root };
        foreach (string arg in (string[])[.. command[1..], Cli.Program, .. args])
        {
            start.ArgumentList.Add(arg);
        }

        foreach (string name in start.Environment.Keys.Where(k => k.StartsWith("AKKARAFT_", StringComparison.Ordinal)).ToList())
        {
            start.Environment.Remove(name);
        }

        foreach ((string name, string value) in variables) start.Environment[name] = value;
        return OsProcess.Start(start)!;
    }

    public static Task<Ended> RunAsync(params string[] args) => PipeAsync("", args);

    /// <summary>Runs it with these environment variables.</summary>
    public static Task<Ended> RunWithAsync((string Name, string Value)[] variables, params string[] args) => EndAsync(StartWith(variables, ["dotnet"], args), "", args);

    /// <summary>As <see cref="StartBy"/>, and waits for its end.</summary>
    public static Task<Ended> RunByAsync(string[] command, params string[] args) => EndAsync(StartBy(command, args), "", args);

    /// <summary>Runs it with <paramref name="input"/> on a pipe.</summary>
    public static Task<Ended> PipeAsync(string input, params string[] args) => EndAsync(Start(args), input, args);

    /// <summary>Runs it with these bytes on a pipe; what it prints is given as bytes.</summary>
    public static async Task<(int Code, byte[] Out)> PipeBytesAsync(byte[] input, string[] args)
    {
        using var process = Start(args);
        using var output = new MemoryStream();
        Task copied = process.StandardOutput.BaseStream.CopyToAsync(output);
        _ = process.StandardError.ReadToEndAsync();
        await process.StandardInput.BaseStream.WriteAsync(input);
        process.StandardInput.Close();
        int code = await Patience.EndAsync(process, "akkaraft " + string.Join(' ', args));
        await copied;
        return (code, output.ToArray());
    }

    private static async Task<Ended> EndAsync(OsProcess started, string input, string[] args)
    {
        using var process = started;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        int code = await Patience.EndAsync(process, "akkaraft " + string.Join(' ', args));
        return new(code, await output, await error);
    }

    /// <summary>Sends a signal, as <c>kill -NAME pid</c> does.</summary>
    public static async Task SignalAsync(string name, int pid)
    {
        using var kill = OsProcess.Start("kill", [$"-{name}", $"{pid}"]);
        Assert.Equal(0, await Patience.EndAsync(kill, $"kill -{name}"));
    }

    private static string FindRoot()
    {
        DirectoryInfo? at = new(AppContext.BaseDirectory);
        while (at is not null && !File.Exists(Path.Combine(at.FullName, "AkkaRaft.sln")))
        {
            at = at.Parent;
        }

        return at?.FullName ?? throw new InvalidOperationException("AkkaRaft.sln is not above the tests.");
    }
}

/// <summary>Three member processes on free ports with data in a temporary directory.</summary>
internal sealed class Cluster : IAsyncDisposable
{
    private readonly MemberProcesses _members = new();

    public Cluster()
    {
        Data = Directory.CreateTempSubdirectory("akkaraft-").FullName;
        AkkaRaft.Protocol.RaftEndpoint[] members = [.. Ports.Free(3).Select((p, i) => new AkkaRaft.Protocol.RaftEndpoint(new(i), $"{Places.Host(i)}:{p}"))];
        Members = string.Join(',', members.Select(m => $"{m.Id}={m.Address}"));
        Config = Path.Combine(Data, "cluster.conf");
        File.WriteAllText(Config, ClusterCommand.Hocon(members));
    }

    /// <summary>Called with each line that a member prints.</summary>
    public Action<int, string> Printed
    {
        set => _members.Printed = value;
    }

    public string Data { get; }

    public string Config { get; }

    public string Members { get; }

    public void Start(int id) => Start(id, Config);

    /// <summary>Starts a member with a file of its own.</summary>
    public void Start(int id, string config)
    {
        _members.Add(id, Cli.StartBy(Places.Command(id), ["node", $"{id}", "--config", config, "--data", Data, "--stop-with-stdin", .. Places.Options]));
    }

    /// <summary>An address for a member that joins, or moves.</summary>
    public static string NewAddress(int id) => $"{Places.Host(id)}:{Ports.Free(1)[0]}";

    /// <summary>Starts a member that joins.</summary>
    public OsProcess Join(int id, string address) => Cli.StartBy(Places.Command(id), ["node", $"{id}", "--join", Members, "--listen", address, "--data", Data, .. Places.Options]);

    /// <summary>Starts a member by a command that is given its command line, and that it replaces.</summary>
    public void StartBy(int id, params string[] command) =>
        _members.Add(id, Cli.StartBy([.. Places.Command(id), .. command], ["node", $"{id}", "--config", Config, "--data", Data, "--stop-with-stdin", .. Places.Options]));

    public void StartAll()
    {
        for (int i = 0; i < 3; i++)
        {
            Start(i);
        }
    }

    /// <summary>As kill -9 does.</summary>
    public Task KillAsync(int id) => _members.KillAsync(id);

    /// <summary>Waits until the member's process ends by itself.</summary>
    public Task<int> EndAsync(int id) => _members.EndAsync(id);

    public async Task<List<System.Text.Json.JsonElement>> StatusAsync()
    {
        var ended = await Cli.RunAsync("status", "--json", "--config", Config);
        return ended.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(l => System.Text.Json.JsonDocument.Parse(l).RootElement).Where(e => e.TryGetProperty("role", out _)).ToList();
    }

    /// <summary>Waits until some member leads.</summary>
    public async Task<int> LeaderAsync()
    {
        var all = await UntilAsync("a leader", all => all.Exists(s => s.GetProperty("role").GetString() == "Leader"));
        return all.Find(s => s.GetProperty("role").GetString() == "Leader").GetProperty("id").GetInt32();
    }

    /// <summary>Waits until all members answer.</summary>
    public Task<List<System.Text.Json.JsonElement>> AllAsync() =>
        UntilAsync("an answer of all members", all => all.Count == 3 && all.All(s => s.GetProperty("role").GetString() is "Leader" or "Follower"));

    private async Task<List<System.Text.Json.JsonElement>> UntilAsync(string what, Predicate<List<System.Text.Json.JsonElement>> enough)
    {
        List<System.Text.Json.JsonElement> all = [];
        await Patience.UntilAsync(what, async () =>
        {
            all = await StatusAsync();
            return (enough(all), string.Join('\n', all));
        });
        return all;
    }

    /// <summary>Waits until all members have applied the same index, and have that in their files.</summary>
    public Task InSyncAsync() => UntilAsync(
        "the same index applied by all members, and in their files",
        all => all.Count == 3 && all.All(s => s.GetProperty("role").GetString() is "Leader" or "Follower")
            && all.Select(s => (s.GetProperty("lastIndex").GetInt64(), s.GetProperty("appliedIndex").GetInt64())).Distinct().Count() == 1
            && Enumerable.Range(0, 3).All(i => AppliedIn(StateFile(i)) == all[0].GetProperty("appliedIndex").GetInt64()));

    public Dictionary<string, string> Rows(int id) => RowsOf(StateFile(id));

    private string StateFile(int id) => Path.Combine(Data, $"{id}", "kv.db");

    private static long AppliedIn(string file)
    {
        using var connection = Open(file);
        using var command = new SqliteCommand("SELECT applied_index FROM progress", connection);
        return (long)command.ExecuteScalar()!;
    }

    private static SqliteConnection Open(string file)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Pooling = false, Mode = SqliteOpenMode.ReadWrite }.ToString());
        connection.Open();
        return connection;
    }

    public static Dictionary<string, string> RowsOf(string file)
    {
        using var connection = Open(file);
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT CAST(key AS TEXT), CAST(value AS TEXT) FROM kv";
        using var reader = command.ExecuteReader();
        var rows = new Dictionary<string, string>();
        while (reader.Read())
        {
            rows.Add(reader.GetString(0), reader.GetString(1));
        }

        return rows;
    }

    public async ValueTask DisposeAsync()
    {
        await _members.DisposeAsync();
        Directory.Delete(Data, recursive: true);
    }
}

/// <summary>A directory that goes with the test.</summary>
internal sealed class TemporaryDirectory : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("akkaraft-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}

/// <summary>A cluster that runs and has a leader, for all tests of a class.</summary>
public sealed class RunningCluster : IAsyncLifetime
{
    internal Cluster Cluster { get; } = new();

    public async Task InitializeAsync()
    {
        Cluster.StartAll();
        await Cluster.LeaderAsync();
    }

    public async Task DisposeAsync() => await Cluster.DisposeAsync();
}

/// <summary>A fact about signals or a POSIX shell.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class UnixFactAttribute : FactAttribute
{
    public UnixFactAttribute()
    {
        if (OperatingSystem.IsWindows())
        {
            Skip = "Windows has no POSIX signals and no sh.";
        }
    }
}

/// <summary>As <see cref="UnixFactAttribute"/>, with data.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class UnixTheoryAttribute : TheoryAttribute
{
    public UnixTheoryAttribute()
    {
        if (OperatingSystem.IsWindows())
        {
            Skip = "Windows has no POSIX signals and no sh.";
        }
    }
}
