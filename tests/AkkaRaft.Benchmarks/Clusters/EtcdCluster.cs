using System.Diagnostics;
using AkkaRaft.Benchmarks.Clusters.Etcd;
using AkkaRaft.Benchmarks.Load;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;

namespace AkkaRaft.Benchmarks.Clusters;

/// <summary>etcd with its defaults; the load goes to the leader over its gRPC API, which saves it a hop.</summary>
internal sealed class EtcdCluster(ClusterSpec spec) : IRestartableCluster
{
    // One HTTP/2 connection would be the load's bottleneck before it is etcd's.
    private const int ChannelsPerMember = 4;
    private const int PeerPortOffset = 10;

    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan AttemptTimeout = TimeSpan.FromSeconds(1);

    private readonly GrpcChannel[][] _channels =
        [.. Enumerable.Range(0, spec.Members).Select(m => Enumerable.Range(0, ChannelsPerMember).Select(_ => GrpcChannel.ForAddress($"http://127.0.0.1:{spec.BasePort + m}")).ToArray())];

    private readonly List<ServerProcess> _processes = [];

    public string Name => "etcd";

    public IReadOnlyList<ServerProcess> Members => _processes;

    public async Task StartAsync()
    {
        Directory.CreateDirectory(spec.Directory);
        for (var i = 0; i < spec.Members; i++) _processes.Add(Launch(i));
        for (var i = 0; i < spec.Members; i++) await ServedAsync(i).ConfigureAwait(false);
    }

    public async Task<LoadResult> LoadAsync(LoadSpec load)
    {
        var leader = await LeaderAsync().ConfigureAwait(false);
        var stores = _channels[leader].Select(c => new Store([new KV.KVClient(c)], 0, attemptTimeout: null)).ToArray();
        return await ClosedLoop.RunAsync(caller => stores[caller % stores.Length], load).ConfigureAwait(false);
    }

    /// <summary>Callers are spread over the members; one whose member does not answer goes on with the next.</summary>
    public IStore StoreOf(int caller) => new Store([.. _channels.Select(c => new KV.KVClient(c[caller % ChannelsPerMember]))], caller % spec.Members, AttemptTimeout);

    public async Task<int> LeaderAsync()
    {
        while (true)
        {
            for (var i = 0; i < spec.Members; i++)
            {
                try
                {
                    var status = await new Maintenance.MaintenanceClient(_channels[i][0]).StatusAsync(new StatusRequest(), deadline: DateTime.UtcNow + AttemptTimeout).ConfigureAwait(false);
                    if (status.Leader == status.Header.MemberId) return i;
                }
                catch (RpcException)
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
        await ServedAsync(member).ConfigureAwait(false);
    }

    public ValueTask DisposeAsync()
    {
        foreach (var channel in _channels.SelectMany(c => c)) channel.Dispose();
        foreach (var process in _processes) process.Dispose();
        return ValueTask.CompletedTask;
    }

    private string Client(int member) => $"http://127.0.0.1:{spec.BasePort + member}";

    private string Peer(int member) => $"http://127.0.0.1:{spec.BasePort + PeerPortOffset + member}";

    private ServerProcess Launch(int member) => ServerProcess.Start(
        Path.Combine(spec.Directory, $"{member}.log"),
        "etcd", "--name", $"m{member}", "--data-dir", Path.Combine(spec.Directory, $"{member}"),
        "--listen-client-urls", Client(member), "--advertise-client-urls", Client(member),
        "--listen-peer-urls", Peer(member), "--initial-advertise-peer-urls", Peer(member),
        "--initial-cluster", string.Join(',', Enumerable.Range(0, spec.Members).Select(i => $"m{i}={Peer(i)}")),
        "--initial-cluster-state", "new", "--initial-cluster-token", "benchmark", "--log-level", "error",
        // Otherwise a long load fills it.
        "--quota-backend-bytes", "8589934592");

    private async Task ServedAsync(int member)
    {
        var began = Stopwatch.GetTimestamp();
        // A channel that was refused waits a second and more before it connects again.
        using var channel = GrpcChannel.ForAddress(Client(member), new GrpcChannelOptions { InitialReconnectBackoff = TimeSpan.FromMilliseconds(10), MaxReconnectBackoff = TimeSpan.FromMilliseconds(10) });
        var store = new Store([new KV.KVClient(channel)], 0, attemptTimeout: null);
        while (true)
        {
            try
            {
                await store.GetAsync(ClosedLoop.Key(0)).ConfigureAwait(false);
                return;
            }
            catch (RpcException) when (Stopwatch.GetElapsedTime(began) < StartTimeout)
            {
                await Task.Delay(5).ConfigureAwait(false);
            }
        }
    }

    private sealed class Store(KV.KVClient[] members, int first, TimeSpan? attemptTimeout) : IStore
    {
        private int _at = first;

        public async Task PutAsync(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value) =>
            await Attempt(kv => kv.PutAsync(new PutRequest { Key = UnsafeByteOperations.UnsafeWrap(key), Value = UnsafeByteOperations.UnsafeWrap(value) }, deadline: Deadline)).ConfigureAwait(false);

        public async Task GetAsync(ReadOnlyMemory<byte> key) =>
            await Attempt(kv => kv.RangeAsync(new RangeRequest { Key = UnsafeByteOperations.UnsafeWrap(key) }, deadline: Deadline)).ConfigureAwait(false);

        private DateTime? Deadline => attemptTimeout is { } timeout ? DateTime.UtcNow + timeout : null;

        private async Task Attempt<T>(Func<KV.KVClient, AsyncUnaryCall<T>> call)
        {
            try
            {
                using var answer = call(members[_at]);
                await answer.ResponseAsync.ConfigureAwait(false);
            }
            catch (RpcException)
            {
                _at = (_at + 1) % members.Length;
                throw;
            }
        }
    }
}
