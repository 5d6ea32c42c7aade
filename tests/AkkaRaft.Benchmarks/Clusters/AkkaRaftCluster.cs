using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Akka.Actor;
using AkkaRaft.Benchmarks.Load;
using AkkaRaft.Client;
using AkkaRaft.Protocol;

namespace AkkaRaft.Benchmarks.Clusters;

/// <summary>Members are <c>akkaraft node</c> with its defaults, but for the specification's settings; the load is <c>akkaraft load</c>, over one client of one <c>akkaraft shell</c>.</summary>
internal sealed class AkkaRaftCluster : IRestartableCluster
{
    private const string ClusterId = "akkaraft";

    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(60);

    private readonly ClusterSpec _spec;
    private readonly string _program;
    private readonly ImmutableSortedDictionary<MemberId, RaftEndpoint> _addresses;
    private readonly List<MeasuredProcess> _members = [];
    private readonly ActorSystem _system;
    private readonly RaftClient _probe;
    private MeasuredProcess? _shell;

    /// <param name="name">What tables call it.</param>
    /// <param name="spec">The members.</param>
    /// <param name="program">AkkaRaft.Node.dll.</param>
    public AkkaRaftCluster(string name, ClusterSpec spec, string program)
    {
        Name = name;
        _spec = spec;
        _program = program;
        _addresses = Enumerable.Range(0, spec.Members).Select(i => new RaftEndpoint(new MemberId(i), $"127.0.0.1:{spec.BasePort + i}")).ToImmutableSortedDictionary(m => m.Id, m => m);
        _system = ActorSystem.Create("probe", ClientConfiguration.OfItsOwn());
        _probe = ClientOf(_addresses);
    }

    public string Name { get; }

    public IReadOnlyList<MeasuredProcess> Members => _members;

    public MeasuredProcess? LoadProcess => _shell;

    public async Task StartAsync()
    {
        Directory.CreateDirectory(_spec.Directory);
        await File.WriteAllTextAsync(ConfigFile, $"akkaraft.cluster-id = \"{ClusterId}\"\nakkaraft.members {{\n{string.Join('\n', _addresses.Select(m => $"  {m.Key} = \"{m.Value.Address}\""))}\n}}\n{_spec.Settings}\n").ConfigureAwait(false);
        foreach (var id in _addresses.Keys) _members.Add(Launch(id.Value));
        _shell = MeasuredProcess.StartConversation(Path.Combine(_spec.Directory, "load.log"), "dotnet", _program, "shell", "--json", "--config", ConfigFile);
        await ServedAsync(_probe).ConfigureAwait(false);
    }

    public async Task<LoadResult> LoadAsync(LoadSpec load) => ResultOf(await _shell!.AskAsync(CommandOf(load)).ConfigureAwait(false), load.Operation);

    public async Task<int> LeaderAsync()
    {
        while (true)
        {
            if ((await _probe.StatusAsync().ConfigureAwait(false)).FirstOrDefault(s => s.Role == RaftRole.Leader) is { } leader) return leader.Id.Value;
        }
    }

    public async Task RestartAsync(int member)
    {
        _members[member].Dispose();
        _members[member] = Launch(member);
        var alone = ClientOf(_addresses.RemoveRange(_addresses.Keys.Where(id => id.Value != member)));
        await using (alone.ConfigureAwait(false))
        {
            await ServedAsync(alone).ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _shell?.Dispose();
        await _probe.DisposeAsync().ConfigureAwait(false);
        await _system.Terminate().ConfigureAwait(false);
        foreach (var member in _members) member.Dispose();
    }

    /// <summary>What the shell is told. Its client gets over a lost leader as it is.</summary>
    internal static string CommandOf(LoadSpec load) => string.Create(
        CultureInfo.InvariantCulture,
        $"load --mix {Word(load.Operation)}=1 --clients {load.Callers} --keys {load.Keys} --value-size {load.ValueBytes} {(load.Total > 0 ? $"--requests {load.Total}" : $"--seconds {load.Seconds}")}");

    /// <summary>What the shell's answer says.</summary>
    /// <exception cref="IOException">It says that the load could not be driven.</exception>
    internal static LoadResult ResultOf(string answer, Operation operation)
    {
        using var json = JsonDocument.Parse(answer);
        var summary = json.RootElement;
        if (summary.TryGetProperty("error", out _)) throw new IOException($"akkaraft load: {answer}");
        var seconds = summary.GetProperty("seconds").GetDouble();
        var gap = summary.GetProperty("longestGapMs").GetDouble();
        // An operation of which none was answered and none failed is not there.
        return summary.TryGetProperty(Word(operation), out var figures)
            ? new LoadResult(
                figures.GetProperty("count").GetInt64(), figures.GetProperty("errors").GetInt64(), seconds, figures.GetProperty("p50Ms").GetDouble(), figures.GetProperty("p99Ms").GetDouble(), gap)
            : new LoadResult(0, 0, seconds, 0, 0, gap);
    }

    private static string Word(Operation operation) => operation == Operation.Put ? "put" : "get";

    private string ConfigFile => Path.Combine(_spec.Directory, "cluster.conf");

    private RaftClient ClientOf(ImmutableSortedDictionary<MemberId, RaftEndpoint> members) =>
        RaftClient.Create(_system, new RaftClientSettings { ClusterId = ClusterId, Members = members });

    private MeasuredProcess Launch(int id) => MeasuredProcess.Start(
        Path.Combine(_spec.Directory, $"{id}.log"),
        "dotnet", _program, "node", $"{id}", "--config", ConfigFile, "--data", Path.Combine(_spec.Directory, "data"), "--stop-with-stdin");

    private static async Task ServedAsync(RaftClient client)
    {
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                await client.GetAsync(ClosedLoop.Key(0)).ConfigureAwait(false);
                return;
            }
            catch (RaftException) when (Stopwatch.GetElapsedTime(began) < StartTimeout)
            {
                // Not yet.
            }
        }
    }
}
