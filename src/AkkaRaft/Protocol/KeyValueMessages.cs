namespace AkkaRaft.Protocol;

/// <summary>A request that any actor may tell to <c>/user/raft</c> of any member, local or remote; the reply goes to the sender.</summary>
public interface IKeyValueRequest
{
    /// <summary>The asker's own number, echoed in the reply.</summary>
    long RequestId { get; }
}

/// <summary>A reply from <c>/user/raft</c>.</summary>
public interface IKeyValueReply
{
    /// <summary>Echo of the request's number.</summary>
    long RequestId { get; }
}

/// <summary>Sets a key. Answered by <see cref="PutReply"/> once it is committed and applied, or by <see cref="RequestFailed"/>.</summary>
/// <param name="Key">One to <c>akkaraft.limits.max-key-bytes</c> bytes.</param>
/// <param name="Value">Up to <c>akkaraft.limits.max-value-bytes</c> bytes; may be empty.</param>
/// <param name="RequestId">The asker's own number, echoed in the reply.</param>
public sealed record Put(ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> Value, long RequestId = 0) : IKeyValueRequest;

/// <summary>A <see cref="Put"/> took effect.</summary>
/// <param name="RequestId">Echo of the request's number.</param>
/// <param name="Version">The key's new version: the store's revision with this change. Each change makes the revision greater.</param>
public sealed record PutReply(long RequestId, long Version) : IKeyValueReply;

/// <summary>Reads a key. Answered by <see cref="GetReply"/> or <see cref="RequestFailed"/>.</summary>
/// <param name="Key">One to <c>akkaraft.limits.max-key-bytes</c> bytes.</param>
/// <param name="Consistency">How fresh the answer must be.</param>
/// <param name="RequestId">The asker's own number, echoed in the reply.</param>
public sealed record Get(ReadOnlyMemory<byte> Key, ReadConsistency Consistency = ReadConsistency.Linearizable, long RequestId = 0) : IKeyValueRequest;

/// <summary>What a key holds.</summary>
/// <param name="RequestId">Echo of the request's number.</param>
/// <param name="Found">Whether the key is there.</param>
/// <param name="Value">Its value; empty also when it is not there.</param>
/// <param name="Version">Store revision of the key's last change; 0 when it is not there.</param>
public sealed record GetReply(long RequestId, bool Found, ReadOnlyMemory<byte> Value, long Version) : IKeyValueReply;

/// <summary>Removes a key. Answered by <see cref="DeleteReply"/> or <see cref="RequestFailed"/>.</summary>
/// <param name="Key">One to <c>akkaraft.limits.max-key-bytes</c> bytes.</param>
/// <param name="RequestId">The asker's own number, echoed in the reply.</param>
public sealed record Delete(ReadOnlyMemory<byte> Key, long RequestId = 0) : IKeyValueRequest;

/// <summary>A <see cref="Delete"/> took effect.</summary>
/// <param name="RequestId">Echo of the request's number.</param>
/// <param name="Deleted">Whether the key was there.</param>
/// <param name="Version">The store's revision with this change; unchanged when the key was not there.</param>
public sealed record DeleteReply(long RequestId, bool Deleted, long Version) : IKeyValueReply;

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

    /// <summary>The request is wrong in itself (empty key, value above the limit): surely not executed.</summary>
    BadInput = 5,
}

/// <summary>A request that got no result.</summary>
/// <param name="RequestId">Echo of the request's number.</param>
/// <param name="Kind">Which kind of failure, and so whether the request may have taken effect.</param>
/// <param name="Message">What was tried and what to do, for people.</param>
public sealed record RequestFailed(long RequestId, FailureKind Kind, string Message) : IKeyValueReply;
