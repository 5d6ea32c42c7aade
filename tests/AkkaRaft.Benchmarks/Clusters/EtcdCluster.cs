using System.Text.Json;
using AkkaRaft.Benchmarks.Load;

namespace AkkaRaft.Benchmarks.Clusters;

/// <summary>etcd with its defaults; the load is its own Go client, by the program in the folder Etcd.</summary>
/// <param name="spec">The members.</param>
/// <param name="loadProgram">The program, built.</param>
internal sealed class EtcdCluster(ClusterSpec spec, string loadProgram) : IRestartableCluster
{
    private const int PeerPortOffset = 10;

    private readonly List<MeasuredProcess> _members = [];
    private MeasuredProcess? _load;

    // The same program in another process: what is asked of it is no part of the load, and may be asked while that runs.
    private MeasuredProcess? _probe;

    public string Name => "etcd";

    public IReadOnlyList<MeasuredProcess> Members => _members;

    public MeasuredProcess? LoadProcess => _load;

    public async Task StartAsync()
    {
        Directory.CreateDirectory(spec.Directory);
        for (var i = 0; i < spec.Members; i++) _members.Add(Launch(i));
        _load = LaunchClient("load");
        _probe = LaunchClient("probe");
        for (var i = 0; i < spec.Members; i++) await AwaitAsync(i).ConfigureAwait(false);
    }

    public async Task<LoadResult> LoadAsync(LoadSpec load) => await AskAsync<LoadResult>(_load!, new { Command = "load", Load = load }).ConfigureAwait(false);

    public async Task<int> LeaderAsync() => (await AskAsync<MemberAnswer>(_probe!, new { Command = "leader" }).ConfigureAwait(false)).Member;

    public async Task RestartAsync(int member)
    {
        _members[member].Dispose();
        _members[member] = Launch(member);
        await AwaitAsync(member).ConfigureAwait(false);
    }

    public ValueTask DisposeAsync()
    {
        _load?.Dispose();
        _probe?.Dispose();
        foreach (var member in _members) member.Dispose();
        return ValueTask.CompletedTask;
    }

    private Task AwaitAsync(int member) => AskAsync<MemberAnswer>(_probe!, new { Command = "await", Member = member });

    private static async Task<T> AskAsync<T>(MeasuredProcess client, object question)
    {
        using var answer = JsonDocument.Parse(await client.AskAsync(JsonSerializer.Serialize(question, LoadSpec.Json)).ConfigureAwait(false));
        return answer.RootElement.TryGetProperty("error", out var error)
            ? throw new IOException($"etcd's client: {error.GetString()}")
            : answer.Deserialize<T>(LoadSpec.Json)!;
    }

    private string Client(int member) => $"127.0.0.1:{spec.BasePort + member}";

    private string Peer(int member) => $"http://127.0.0.1:{spec.BasePort + PeerPortOffset + member}";

    private MeasuredProcess LaunchClient(string name) => MeasuredProcess.StartConversation(
        Path.Combine(spec.Directory, $"{name}.log"), loadProgram, "-endpoints", string.Join(',', Enumerable.Range(0, spec.Members).Select(Client)));

    private MeasuredProcess Launch(int member) => MeasuredProcess.Start(
        Path.Combine(spec.Directory, $"{member}.log"),
        "etcd", "--name", $"m{member}", "--data-dir", Path.Combine(spec.Directory, $"{member}"),
        "--listen-client-urls", $"http://{Client(member)}", "--advertise-client-urls", $"http://{Client(member)}",
        "--listen-peer-urls", Peer(member), "--initial-advertise-peer-urls", Peer(member),
        "--initial-cluster", string.Join(',', Enumerable.Range(0, spec.Members).Select(i => $"m{i}={Peer(i)}")),
        "--initial-cluster-state", "new", "--initial-cluster-token", "benchmark", "--log-level", "error",
        // Otherwise a long load fills it.
        "--quota-backend-bytes", "8589934592");

    private sealed record MemberAnswer(int Member);
}
