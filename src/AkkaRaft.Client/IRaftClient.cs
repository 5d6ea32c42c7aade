using System.Collections.Immutable;
using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;

namespace AkkaRaft.Client;

/// <summary>
/// What a service asks of the store: <see cref="RaftClient"/> over a cluster, <c>InMemoryRaft.Client</c> of AkkaRaft.TestKit, or a service's own in a unit test.
/// Text, types of the application's, ranges and leases that are kept alive are <see cref="RaftClientExtensions"/> over these.
/// </summary>
public interface IRaftClient
{
    /// <summary>How the typed calls write keys and values that are neither text nor bytes.</summary>
    IRaftCodec Codec { get; }

    /// <inheritdoc cref="RaftClient.PutAsync(ReadOnlyMemory{byte}, ReadOnlyMemory{byte}, long, CancellationToken)" />
    Task<PutReply> PutAsync(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, long lease, CancellationToken cancellationToken = default);

    /// <inheritdoc cref="RaftClient.GetAsync(ReadOnlyMemory{byte}, ReadConsistency, CancellationToken)" />
    Task<GetReply> GetAsync(ReadOnlyMemory<byte> key, ReadConsistency consistency = ReadConsistency.Linearizable, CancellationToken cancellationToken = default);

    /// <inheritdoc cref="RaftClient.DeleteAsync(ReadOnlyMemory{byte}, CancellationToken)" />
    Task<DeleteReply> DeleteAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default);

    /// <inheritdoc cref="RaftClient.CompareAndSetAsync(ReadOnlyMemory{byte}, ReadOnlyMemory{byte}, long, long, CancellationToken)" />
    Task<CompareAndSetReply> CompareAndSetAsync(
        ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, long expectedVersion, long lease, CancellationToken cancellationToken = default);

    /// <inheritdoc cref="RaftClient.CommitAsync" />
    Task<TransactionReply> CommitAsync(KeyValueTransaction transaction, CancellationToken cancellationToken = default);

    /// <inheritdoc cref="RaftClient.PageAsync" />
    Task<RangeReply> PageAsync(GetRange range, CancellationToken cancellationToken = default);

    /// <inheritdoc cref="RaftClient.WatchAsync" />
    IAsyncEnumerable<Change> WatchAsync(KeyRange range, long? fromRevision = null, CancellationToken cancellationToken = default);

    /// <inheritdoc cref="RaftClient.GrantLeaseAsync" />
    Task<LeaseStatus> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default);

    /// <inheritdoc cref="RaftClient.KeepLeaseAliveAsync" />
    Task<LeaseStatus> KeepLeaseAliveAsync(long lease, CancellationToken cancellationToken = default);

    /// <inheritdoc cref="RaftClient.RevokeLeaseAsync" />
    Task<LeaseStatus> RevokeLeaseAsync(long lease, CancellationToken cancellationToken = default);

    /// <inheritdoc cref="RaftClient.LeasesAsync" />
    Task<ImmutableArray<LeaseStatus>> LeasesAsync(ReadConsistency consistency = ReadConsistency.Linearizable, CancellationToken cancellationToken = default);
}
