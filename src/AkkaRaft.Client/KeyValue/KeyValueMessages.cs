using System.Collections.Immutable;
using AkkaRaft.Protocol;

namespace AkkaRaft.KeyValue;

/// <summary>A request that any actor may tell to <c>/user/raft</c> of any member, local or remote; the reply goes to the sender.</summary>
public interface IKeyValueRequest : IRaftRequest;

/// <summary>A request that goes through the log, and takes effect exactly once.</summary>
public interface IKeyValueWrite : IKeyValueRequest, IRaftWrite;

/// <summary>A request that changes nothing.</summary>
public interface IKeyValueRead : IKeyValueRequest, IRaftRead;

/// <summary>A reply from <c>/user/raft</c>.</summary>
public interface IKeyValueReply : IRaftReply;

/// <summary>Sets a key. Answered by <see cref="PutReply"/> once it is committed and applied, or by <see cref="RequestFailed"/>.</summary>
/// <param name="Key">One to <c>akkaraft.max-key-bytes</c> bytes.</param>
/// <param name="Value">Up to <c>akkaraft.max-value-bytes</c> bytes; may be empty.</param>
/// <param name="RequestId">The asker's own number, echoed in the reply.</param>
public sealed record Put(ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> Value, long RequestId = 0) : IKeyValueWrite
{
    /// <summary>The lease with which the key ends; 0 for none. Each put decides it anew.</summary>
    public long Lease { get; init; }
}

/// <summary>A <see cref="Put"/> took effect.</summary>
/// <param name="Version">The key's new version: the store's revision with this change. Each change makes the revision greater.</param>
public sealed record PutReply(long Version) : IKeyValueReply
{
    internal long RequestId { get; init; }

    long IRaftReply.RequestId => RequestId;
}

/// <summary>Reads a key. Answered by <see cref="GetReply"/> or <see cref="RequestFailed"/>.</summary>
/// <param name="Key">One to <c>akkaraft.max-key-bytes</c> bytes.</param>
/// <param name="Consistency">How fresh the answer must be.</param>
/// <param name="RequestId">The asker's own number, echoed in the reply.</param>
public sealed record Get(ReadOnlyMemory<byte> Key, ReadConsistency Consistency = ReadConsistency.Linearizable, long RequestId = 0) : IKeyValueRead;

/// <summary>What a key holds.</summary>
/// <param name="Found">Whether the key is there.</param>
/// <param name="Value">Its value; empty also when it is not there.</param>
/// <param name="Version">Store revision of the key's last change; 0 when it is not there.</param>
public sealed record GetReply(bool Found, ReadOnlyMemory<byte> Value, long Version) : IKeyValueReply
{
    internal long RequestId { get; init; }

    long IRaftReply.RequestId => RequestId;

    /// <summary>The lease with which the key ends; 0 for none.</summary>
    public long Lease { get; init; }
}

/// <summary>Removes a key. Answered by <see cref="DeleteReply"/> or <see cref="RequestFailed"/>.</summary>
/// <param name="Key">One to <c>akkaraft.max-key-bytes</c> bytes.</param>
/// <param name="RequestId">The asker's own number, echoed in the reply.</param>
public sealed record Delete(ReadOnlyMemory<byte> Key, long RequestId = 0) : IKeyValueWrite;

/// <summary>A <see cref="Delete"/> took effect.</summary>
/// <param name="Deleted">Whether the key was there.</param>
/// <param name="Version">The store's revision with this change; unchanged when the key was not there.</param>
public sealed record DeleteReply(bool Deleted, long Version) : IKeyValueReply
{
    internal long RequestId { get; init; }

    long IRaftReply.RequestId => RequestId;
}

/// <summary>Sets a key if it has the expected version. Answered by <see cref="CompareAndSetReply"/> or <see cref="RequestFailed"/>.</summary>
/// <param name="Key">One to <c>akkaraft.max-key-bytes</c> bytes.</param>
/// <param name="Value">Up to <c>akkaraft.max-value-bytes</c> bytes; may be empty.</param>
/// <param name="ExpectedVersion">The version that the key must have; 0 when it must not be there.</param>
/// <param name="RequestId">The asker's own number, echoed in the reply.</param>
public sealed record CompareAndSet(ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> Value, long ExpectedVersion, long RequestId = 0) : IKeyValueWrite
{
    /// <summary>The lease with which the key ends; 0 for none.</summary>
    public long Lease { get; init; }
}

/// <summary>How a <see cref="CompareAndSet"/> ended.</summary>
/// <param name="Succeeded">Whether the key had the expected version, and has the new value now.</param>
/// <param name="Version">The key's version now: the new one after success; otherwise the one it has, 0 when it is not there.</param>
/// <param name="Value">The key's value when it has another version; empty when it is not there, or after success.</param>
public sealed record CompareAndSetReply(bool Succeeded, long Version, ReadOnlyMemory<byte> Value) : IKeyValueReply
{
    internal long RequestId { get; init; }

    long IRaftReply.RequestId => RequestId;
}

/// <summary>A key with what it holds.</summary>
/// <param name="Key">The key.</param>
/// <param name="Value">Its value.</param>
/// <param name="Version">Store revision of its last change.</param>
/// <param name="Lease">The lease with which it ends; 0 for none.</param>
public sealed record Row(ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> Value, long Version, long Lease);

/// <summary>Reads the keys of a range in order of their bytes, one page of them. Answered by <see cref="RangeReply"/> or <see cref="RequestFailed"/>.</summary>
/// <param name="From">The first key wanted; empty for the first there is.</param>
/// <param name="To">The first key no longer wanted; empty for no end.</param>
/// <param name="Limit">Most rows; 0 for as many as a page holds (<c>max-page-bytes</c>). A page has at least one row, when there is one.</param>
/// <param name="Consistency">How fresh the answer must be.</param>
/// <param name="RequestId">The asker's own number, echoed in the reply.</param>
public sealed record GetRange(
    ReadOnlyMemory<byte> From, ReadOnlyMemory<byte> To, int Limit = 0, ReadConsistency Consistency = ReadConsistency.Linearizable, long RequestId = 0) : IKeyValueRead;

/// <summary>A page of a <see cref="GetRange"/>, all of one moment.</summary>
/// <param name="Rows">In order of key.</param>
/// <param name="More">Whether more keys of the range follow: they begin after the last row's key.</param>
/// <param name="Revision">The store's revision of that moment.</param>
public sealed record RangeReply(ImmutableArray<Row> Rows, bool More, long Revision) : IKeyValueReply
{
    internal long RequestId { get; init; }

    long IRaftReply.RequestId => RequestId;
}

/// <summary>How a <see cref="Compare"/> compares what the key holds with what it names.</summary>
public enum Comparison
{
    /// <summary>Equal to it.</summary>
    Equal = 0,

    /// <summary>Anything else; a key that is not there is unequal to every value.</summary>
    NotEqual = 1,

    /// <summary>Less than it; values compare byte by byte.</summary>
    Less = 2,

    /// <summary>Greater than it.</summary>
    Greater = 3,
}

/// <summary>A condition of a <see cref="KeyValueTransaction"/>.</summary>
/// <param name="Key">Of which key.</param>
/// <param name="Comparison">How.</param>
/// <param name="Version">The version compared with, 0 being that of a key that is not there; null to compare the value.</param>
/// <param name="Value">The value compared with, when <paramref name="Version"/> is null.</param>
public sealed record Compare(ReadOnlyMemory<byte> Key, Comparison Comparison, long? Version, ReadOnlyMemory<byte> Value = default);

/// <summary>One step of a <see cref="KeyValueTransaction"/>: a <see cref="PutStep"/>, a <see cref="DeleteStep"/> or a <see cref="RangeStep"/>.</summary>
public abstract record TransactionStep;

/// <summary>Sets a key.</summary>
/// <param name="Key">The key.</param>
/// <param name="Value">Its new value.</param>
/// <param name="Lease">The lease with which the key ends; 0 for none.</param>
public sealed record PutStep(ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> Value, long Lease = 0) : TransactionStep;

/// <summary>Removes a key.</summary>
/// <param name="Key">The key.</param>
public sealed record DeleteStep(ReadOnlyMemory<byte> Key) : TransactionStep;

/// <summary>Reads keys; a single key is the range from it to itself with a zero byte behind.</summary>
/// <param name="From">As in <see cref="GetRange"/>.</param>
/// <param name="To">As in <see cref="GetRange"/>.</param>
/// <param name="Limit">As in <see cref="GetRange"/>.</param>
public sealed record RangeStep(ReadOnlyMemory<byte> From, ReadOnlyMemory<byte> To, int Limit = 0) : TransactionStep;

/// <summary>
/// Compares, and then takes one of two branches, all in one moment and of one revision, or none of it. Steps see the effects of those before them.
/// Answered by <see cref="TransactionReply"/> or <see cref="RequestFailed"/>.
/// </summary>
/// <param name="Compares">All must hold for <paramref name="Then"/>; none hold always.</param>
/// <param name="Then">Taken when they hold.</param>
/// <param name="Else">Taken otherwise.</param>
public sealed record KeyValueTransaction(ImmutableArray<Compare> Compares, ImmutableArray<TransactionStep> Then, ImmutableArray<TransactionStep> Else) : IKeyValueWrite
{
    /// <summary>The asker's own number, echoed in the reply; a client sets its own.</summary>
    public long RequestId { get; init; }
}

/// <summary>What one step came to.</summary>
/// <param name="Existed">Of a put or delete: whether the key was there before.</param>
/// <param name="Rows">Of a range: its rows; else empty.</param>
/// <param name="More">Of a range: whether more keys follow.</param>
public sealed record StepResult(bool Existed, ImmutableArray<Row> Rows, bool More);

/// <summary>A <see cref="KeyValueTransaction"/> took place.</summary>
/// <param name="Succeeded">Whether the compares held, so that the first branch was taken.</param>
/// <param name="Version">The store's revision afterwards; unchanged when nothing was.</param>
/// <param name="Steps">One result for each step of the branch that was taken.</param>
public sealed record TransactionReply(bool Succeeded, long Version, ImmutableArray<StepResult> Steps) : IKeyValueReply
{
    internal long RequestId { get; init; }

    long IRaftReply.RequestId => RequestId;
}

/// <summary>
/// Asks for the changes of a range from a revision on, in order and without gap; answered once by <see cref="WatchReply"/>, as soon as there is a change to tell
/// or <paramref name="Wait"/> is over. To go on, ask again from <see cref="WatchReply.NextRevision"/>, of this member or any other.
/// </summary>
/// <param name="From">The first key watched; empty for the first there is.</param>
/// <param name="To">The first key no longer watched; empty for no end.</param>
/// <param name="FromRevision">First revision whose changes are wanted, 1 or more.</param>
/// <param name="Wait">How long the member may wait for a change; up to a minute.</param>
/// <param name="RequestId">The asker's own number, echoed in the reply.</param>
public sealed record Watch(ReadOnlyMemory<byte> From, ReadOnlyMemory<byte> To, long FromRevision, TimeSpan Wait, long RequestId = 0) : IKeyValueRead
{
    /// <summary>A member tells the changes that it has applied; it may be behind, and never leaves one out.</summary>
    public ReadConsistency Consistency => ReadConsistency.Local;
}

/// <summary>A change of one key.</summary>
/// <param name="Key">The key.</param>
/// <param name="Value">Its new value; empty when it was removed.</param>
/// <param name="Version">The store's revision with this change.</param>
/// <param name="Deleted">Whether it was removed: by a delete, or with its lease.</param>
/// <param name="Lease">The lease with which it ends; 0 for none.</param>
public sealed record Change(ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> Value, long Version, bool Deleted, long Lease);

/// <summary>Answer to <see cref="Watch"/>.</summary>
/// <param name="Changes">In order of revision; those of one revision are never parted. Empty when the wait was over.</param>
/// <param name="NextRevision">Where to go on.</param>
/// <param name="OldestRevision">Null unless changes that were asked for are no longer kept: then the oldest revision that is.</param>
public sealed record WatchReply(ImmutableArray<Change> Changes, long NextRevision, long? OldestRevision) : IKeyValueReply
{
    internal long RequestId { get; init; }

    long IRaftReply.RequestId => RequestId;
}

/// <summary>Asks for a lease: keys put with it are removed when it expires. Answered by <see cref="LeaseReply"/> or <see cref="RequestFailed"/>.</summary>
/// <param name="TimeToLive">How long it lives without being kept alive, by the log's clock; one second to ten days. It never expires earlier, and stands still while there is no leader.</param>
/// <param name="RequestId">The asker's own number, echoed in the reply.</param>
public sealed record GrantLease(TimeSpan TimeToLive, long RequestId = 0) : IKeyValueWrite;

/// <summary>Lets a lease begin its time anew. Answered by <see cref="LeaseReply"/> or <see cref="RequestFailed"/>.</summary>
/// <param name="Lease">Which.</param>
/// <param name="RequestId">The asker's own number, echoed in the reply.</param>
public sealed record KeepLeaseAlive(long Lease, long RequestId = 0) : IKeyValueWrite;

/// <summary>Ends a lease and removes its keys, in one revision. Answered by <see cref="LeaseReply"/> or <see cref="RequestFailed"/>.</summary>
/// <param name="Lease">Which.</param>
/// <param name="RequestId">The asker's own number, echoed in the reply.</param>
public sealed record RevokeLease(long Lease, long RequestId = 0) : IKeyValueWrite;

/// <summary>How a lease stands.</summary>
/// <param name="Lease">Its number.</param>
/// <param name="TimeToLive">How long it lives without being kept alive.</param>
/// <param name="Remaining">What is left of that, by the log's clock.</param>
/// <param name="Keys">How many keys end with it.</param>
public sealed record LeaseStatus(long Lease, TimeSpan TimeToLive, TimeSpan Remaining, long Keys);

/// <summary>A lease was granted, kept alive or revoked.</summary>
/// <param name="Status">How it stands, or stood when it was revoked.</param>
public sealed record LeaseReply(LeaseStatus Status) : IKeyValueReply
{
    internal long RequestId { get; init; }

    long IRaftReply.RequestId => RequestId;
}

/// <summary>Asks which leases there are. Answered by <see cref="LeasesReply"/> or <see cref="RequestFailed"/>.</summary>
/// <param name="Consistency">How fresh the answer must be.</param>
/// <param name="RequestId">The asker's own number, echoed in the reply.</param>
public sealed record GetLeases(ReadConsistency Consistency = ReadConsistency.Linearizable, long RequestId = 0) : IKeyValueRead;

/// <summary>Answer to <see cref="GetLeases"/>.</summary>
/// <param name="Leases">In order of number.</param>
/// <param name="Revision">The store's revision.</param>
public sealed record LeasesReply(ImmutableArray<LeaseStatus> Leases, long Revision) : IKeyValueReply
{
    internal long RequestId { get; init; }

    long IRaftReply.RequestId => RequestId;
}

/// <summary>Why a request got no result.</summary>
public enum FailureKind
{
    /// <summary>No leader answered in time, though some member did: surely not executed.</summary>
    NoLeader = 0,

    /// <summary>No member answered at all: surely not executed.</summary>
    ClusterUnreachable = 1,

    /// <summary>It was sent, and no answer tells whether it took effect: it may have, and it may yet.</summary>
    OutcomeUnknown = 2,

    /// <summary>The client's queue or the leader is full: surely not executed.</summary>
    Overloaded = 3,

    /// <summary>The session that made it exactly-once has expired: earlier unanswered requests have an unknown outcome, this one was not executed.</summary>
    SessionExpired = 4,

    /// <summary>The request is wrong in itself (empty key, malformed): surely not executed.</summary>
    BadInput = 5,

    /// <summary>It names a lease that is not there (never granted, expired or revoked): surely not executed.</summary>
    LeaseNotFound = 6,

    /// <summary>A key, a value or a whole transaction is above the limit: surely not executed.</summary>
    ValueTooLarge = 7,

    /// <summary>The client that was asked has stopped: surely not executed.</summary>
    ClientStopped = 8,

    /// <summary>An application's own state machine threw: the command is applied, with whatever it had changed by then.</summary>
    StateMachineFailed = 9,
}

/// <summary>A request that got no result.</summary>
/// <param name="RequestId">Echo of the request's number.</param>
/// <param name="Kind">Which kind of failure, and so whether the request may have taken effect.</param>
/// <param name="Message">What was tried and what to do, for people.</param>
public sealed record RequestFailed(long RequestId, FailureKind Kind, string Message) : IKeyValueReply;
