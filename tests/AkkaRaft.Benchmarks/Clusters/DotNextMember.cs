using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text.Json;
using AkkaRaft.Benchmarks.Load;
using DotNext.IO;
using DotNext.Net.Cluster.Consensus.Raft;
using DotNext.Net.Cluster.Consensus.Raft.Membership;
using DotNext.Net.Cluster.Consensus.Raft.StateMachine;

namespace AkkaRaft.Benchmarks.Clusters;

/// <summary>
/// One process of <see cref="DotNextCluster"/>. Its state is a dictionary, with a snapshot now and then; its write-ahead log is flushed to the disk
/// with each append and commit, before either is acknowledged.
/// </summary>
internal sealed class DotNextMember : IAsyncDisposable
{
    public const string Verb = "dotnext-member";
    public const string AskIfLeader = "leader?";
    public const string Yes = "yes";

    private readonly State _state;
    private readonly WriteAheadLog _log;
    private readonly RaftCluster _cluster;

    private DotNextMember(int id, int[] ports, string directory)
    {
        _state = new State(new DirectoryInfo(Path.Combine(directory, "snapshots")));
        _log = new WriteAheadLog(new WriteAheadLog.Options { Location = directory, ChunkSize = 1 << 20 }, _state);
        var configuration = new RaftCluster.TcpConfiguration(new IPEndPoint(IPAddress.Loopback, ports[id])) { ConfigurationStorage = null, ColdStart = false, TransmissionBlockSize = 65_000 };
        var members = ((InMemoryClusterConfigurationStorage<EndPoint>)configuration.ConfigurationStorage!).CreateInitialConfigurationBuilder();
        foreach (var port in ports) members.Add(new IPEndPoint(IPAddress.Loopback, port));
        members.Build();
        _cluster = new RaftCluster(configuration) { AuditTrail = _log };
    }

    /// <summary>Answers, line by line, whether it leads, and what a load measured; ends with its input.</summary>
    public static async Task<int> RunAsync(int id, string ports, string directory)
    {
        var member = new DotNextMember(id, [.. ports.Split(',').Select(p => int.Parse(p, CultureInfo.InvariantCulture))], directory);
        await using (member.ConfigureAwait(false))
        {
            await member._state.RestoreAsync().ConfigureAwait(false);
            await member._cluster.StartAsync().ConfigureAwait(false);
            while (await Console.In.ReadLineAsync().ConfigureAwait(false) is { } line)
            {
                var answer = line == AskIfLeader
                    ? member._cluster.LeadershipToken.IsCancellationRequested ? "no" : Yes
                    : JsonSerializer.Serialize(await ClosedLoop.RunAsync(JsonSerializer.Deserialize<LoadSpec>(line, LoadSpec.Json)!, member.PutAsync, member.GetAsync).ConfigureAwait(false), LoadSpec.Json);
                await Console.Out.WriteLineAsync(answer).ConfigureAwait(false);
            }
            await member._cluster.StopAsync().ConfigureAwait(false);
        }
        return 0;
    }

    private async Task PutAsync(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value)
    {
        var entry = new byte[sizeof(int) + key.Length + value.Length];
        BinaryPrimitives.WriteInt32LittleEndian(entry, key.Length);
        key.CopyTo(entry.AsMemory(sizeof(int)));
        value.CopyTo(entry.AsMemory(sizeof(int) + key.Length));
        await _cluster.ReplicateAsync(entry).ConfigureAwait(false);
    }

    private async Task GetAsync(ReadOnlyMemory<byte> key)
    {
        await _cluster.ApplyReadBarrierAsync().ConfigureAwait(false);
        _state.Values.TryGetValue(Convert.ToHexString(key.Span), out _);
    }

    public async ValueTask DisposeAsync()
    {
        _cluster.Dispose();
        await _log.DisposeAsync().ConfigureAwait(false);
        await _state.DisposeAsync().ConfigureAwait(false);
    }

    private sealed class State(DirectoryInfo directory) : SimpleStateMachine(directory)
    {
        private const long SnapshotEvery = 100_000;

        public ConcurrentDictionary<string, byte[]> Values { get; } = new(StringComparer.Ordinal);

        protected override ValueTask<bool> ApplyAsync(LogEntry entry, CancellationToken token)
        {
            if (entry.TryGetPayload(out var payload) && payload.Length > sizeof(int))
            {
                var bytes = payload.ToArray();
                var keyLength = BinaryPrimitives.ReadInt32LittleEndian(bytes);
                Values[Convert.ToHexString(bytes.AsSpan(sizeof(int), keyLength))] = bytes[(sizeof(int) + keyLength)..];
            }
            return new(entry.Index % SnapshotEvery == 0);
        }

        protected override async ValueTask PersistAsync(IAsyncBinaryWriter writer, CancellationToken token) =>
            await writer.Invoke(JsonSerializer.SerializeToUtf8Bytes(Values.ToDictionary()), token).ConfigureAwait(false);

        protected override async ValueTask RestoreAsync(FileInfo snapshotFile, CancellationToken token)
        {
            foreach (var (key, value) in JsonSerializer.Deserialize<Dictionary<string, byte[]>>(await File.ReadAllBytesAsync(snapshotFile.FullName, token).ConfigureAwait(false))!) Values[key] = value;
        }
    }
}
