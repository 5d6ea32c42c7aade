using System.Collections.Immutable;
using System.Diagnostics;
using Akka.Actor;
using AkkaRaft.Benchmarks.Load;
using AkkaRaft.Client;
using AkkaRaft.Hosting;
using AkkaRaft.Protocol;

namespace AkkaRaft.Benchmarks.Clusters;

/// <summary>Members are <c>akkaraft node</c> with its defaults, but for the specification's settings; the load is one RaftClient with its defaults.</summary>
internal sealed class AkkaRaftCluster : IRestartableCluster, IStore
{
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(60);

    private readonly ClusterSpec _spec;
    private readonly string _program;
    private readonly ImmutableSortedDictionary<MemberId, Member> _members;
    private readonly List<ServerProcess> _processes = [];
    private readonly ActorSystem _system;
    private readonly RaftClient _client;

    /// <param name="name">What tables call it.</param>
    /// <param name="spec">The members.</param>
    /// <param name="program">AkkaRaft.Node.dll.</param>
    public AkkaRaftCluster(string name, ClusterSpec spec, string program)
    {
        Name = name;
        _spec = spec;
        _program = program;
        _members = Enumerable.Range(0, spec.Members).Select(i => new Member(new MemberId(i), $"127.0.0.1:{spec.BasePort + i}")).ToImmutableSortedDictionary(m => m.Id, m => m);
        _system = ActorSystem.Create("load", MemberConfiguration.ForClient());
        _client = ClientOf(_members);
    }

    public string Name { get; }

    public IReadOnlyList<ServerProcess> Members => _processes;

    public async Task StartAsync()
    {
        Directory.CreateDirectory(_spec.Directory);
        await File.WriteAllTextAsync(ConfigFile, $"akkaraft.cluster-id = \"akkaraft\"\nakkaraft.members {{\n{string.Join('\n', _members.Select(m => $"  {m.Key} = \"{m.Value.Address}\""))}\n}}\n{_spec.Settings}\n").ConfigureAwait(false);
        foreach (var id in _members.Keys) _processes.Add(Launch(id.Value));
        await ServedAsync(_client).ConfigureAwait(false);
    }

    public Task<LoadResult> LoadAsync(LoadSpec spec) => ClosedLoop.RunAsync(_ => this, spec);

    public IStore StoreOf(int caller) => this;

    public Task PutAsync(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value) => _client.PutAsync(key, value);

    public Task GetAsync(ReadOnlyMemory<byte> key) => _client.GetAsync(key);

    public async Task<int> LeaderAsync()
    {
        while (true)
        {
            foreach (var member in _members.Values)
            {
                try
                {
                    var answer = await RemoteTransport.Resolve(_system, "akkaraft", member).Ask<object>(new GetMemberStatus("akkaraft", 0), TimeSpan.FromSeconds(1)).ConfigureAwait(false);
                    if (answer is MemberStatus { Role: MemberRole.Leader }) return member.Id.Value;
                }
                catch (AskTimeoutException)
                {
                    // It is down, or busy: the next is asked.
                }
            }
        }
    }

    public async Task RestartAsync(int member)
    {
        _processes[member].Dispose();
        _processes[member] = Launch(member);
        var alone = ClientOf(_members.RemoveRange(_members.Keys.Where(id => id.Value != member)));
        await using (alone.ConfigureAwait(false))
        {
            await ServedAsync(alone).ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _client.DisposeAsync().ConfigureAwait(false);
        await _system.Terminate().ConfigureAwait(false);
        foreach (var process in _processes) process.Dispose();
    }

    private string ConfigFile => Path.Combine(_spec.Directory, "cluster.conf");

    private RaftClient ClientOf(ImmutableSortedDictionary<MemberId, Member> members) =>
        RaftClient.Create(_system, new RaftClientSettings { ClusterId = "akkaraft", Members = members });

    private ServerProcess Launch(int id) => ServerProcess.Start(
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
