using System.Collections.Immutable;
using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;

namespace AkkaRaft.Client;

/// <summary>More than single keys: conditions, transactions, ranges, leases.</summary>
public sealed partial class RaftClient
{
    /// <summary>Sets a key if it has the expected version.</summary>
    /// <param name="key">The key.</param>
    /// <param name="value">Its new value.</param>
    /// <param name="expectedVersion">The version that it must have; 0 when it must not be there.</param>
    /// <param name="cancellationToken">Ends the wait; the change may take effect all the same.</param>
    /// <returns>Whether it was set, and the version that the key has now.</returns>
    /// <exception cref="RaftException">It got no result; the type says whether it may have taken effect.</exception>
    public Task<CompareAndSetReply> CompareAndSetAsync(
        ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, long expectedVersion, CancellationToken cancellationToken = default) =>
        Ask<CompareAndSetReply>(new CompareAndSet(key, value, expectedVersion), cancellationToken);

    /// <summary>Sets a key that ends with a lease, if it has the expected version; with version 0 that is a lock.</summary>
    /// <param name="key">The key.</param>
    /// <param name="value">Its new value.</param>
    /// <param name="expectedVersion">The version that it must have; 0 when it must not be there.</param>
    /// <param name="lease">The lease's number, of <see cref="GrantLeaseAsync"/> or <see cref="HeldLease.Id"/>; 0 for none.</param>
    /// <param name="cancellationToken">Ends the wait; the change may take effect all the same.</param>
    /// <returns>Whether it was set, and the version that the key has now.</returns>
    /// <exception cref="LeaseNotFoundException">The lease has expired, or was revoked; nothing was changed.</exception>
    /// <exception cref="RaftException">It got no result; the type says whether it may have taken effect.</exception>
    public Task<CompareAndSetReply> CompareAndSetAsync(
        ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, long expectedVersion, long lease, CancellationToken cancellationToken = default) =>
        Ask<CompareAndSetReply>(new CompareAndSet(key, value, expectedVersion) { Lease = lease }, cancellationToken);

    /// <summary>Carries out a transaction: compares, and then one of two branches, in one moment and of one revision.</summary>
    /// <param name="transaction">The transaction.</param>
    /// <param name="cancellationToken">Ends the wait; the transaction may take place all the same.</param>
    /// <exception cref="RaftException">It got no result; the type says whether it may have taken effect.</exception>
    public Task<TransactionReply> CommitAsync(KeyValueTransaction transaction, CancellationToken cancellationToken = default) =>
        Ask<TransactionReply>(transaction ?? throw new ArgumentNullException(nameof(transaction)), cancellationToken);

    /// <summary>Reads one page of a range of keys, all of one moment.</summary>
    /// <param name="range">Which keys, how many, how fresh.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="RaftException">It could not be read.</exception>
    public Task<RangeReply> PageAsync(GetRange range, CancellationToken cancellationToken = default) => Ask<RangeReply>(range, cancellationToken);

    /// <summary>Asks for a lease: keys put with it are removed once it expires.</summary>
    /// <param name="timeToLive">How long it lives without being kept alive; one second to ten days.</param>
    /// <param name="cancellationToken">Ends the wait; the lease may be granted all the same, and expire.</param>
    /// <exception cref="RaftException">It got no result; the type says whether it may have taken effect.</exception>
    public async Task<LeaseStatus> GrantLeaseAsync(TimeSpan timeToLive, CancellationToken cancellationToken = default) =>
        (await Ask<LeaseReply>(new GrantLease(timeToLive), cancellationToken).ConfigureAwait(false)).Status;

    /// <summary>Lets a lease begin its time anew.</summary>
    /// <param name="lease">Its number.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="LeaseNotFoundException">It has expired, or was revoked.</exception>
    /// <exception cref="RaftException">It got no result; the type says whether it may have taken effect.</exception>
    public async Task<LeaseStatus> KeepLeaseAliveAsync(long lease, CancellationToken cancellationToken = default) =>
        (await Ask<LeaseReply>(new KeepLeaseAlive(lease), cancellationToken).ConfigureAwait(false)).Status;

    /// <summary>Ends a lease and removes its keys.</summary>
    /// <param name="lease">Its number.</param>
    /// <param name="cancellationToken">Ends the wait; it may end all the same.</param>
    /// <exception cref="LeaseNotFoundException">It has expired, or was revoked.</exception>
    /// <exception cref="RaftException">It got no result; the type says whether it may have taken effect.</exception>
    public async Task<LeaseStatus> RevokeLeaseAsync(long lease, CancellationToken cancellationToken = default) =>
        (await Ask<LeaseReply>(new RevokeLease(lease), cancellationToken).ConfigureAwait(false)).Status;

    /// <summary>Lists the leases.</summary>
    /// <param name="consistency">How fresh the answer must be.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="RaftException">They could not be read.</exception>
    public async Task<ImmutableArray<LeaseStatus>> LeasesAsync(ReadConsistency consistency = ReadConsistency.Linearizable, CancellationToken cancellationToken = default) =>
        (await Ask<LeasesReply>(new GetLeases(consistency), cancellationToken).ConfigureAwait(false)).Leases;
}
