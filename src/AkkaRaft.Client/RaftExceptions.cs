#pragma warning disable CA1032 // The kind of failure and its text always belong together.

namespace AkkaRaft.Client;

/// <summary>Members answered, and none led in time: surely not executed.</summary>
public sealed class NoLeaderException(string message) : RaftException(message);

/// <summary>No member answered in time: surely not executed.</summary>
public sealed class ClusterUnreachableException(string message) : RaftException(message);

/// <summary>The call was sent, and nothing tells whether it took effect: it may have, and it may yet.</summary>
public sealed class OutcomeUnknownException(string message) : RaftException(message);

/// <summary>The client or the leader holds as much as it takes: surely not executed.</summary>
public sealed class OverloadedException(string message) : RaftException(message);

/// <summary>The client's session has expired: surely not executed.</summary>
public sealed class SessionExpiredException(string message) : RaftException(message);

/// <summary>The request is not one the store takes: surely not executed.</summary>
public sealed class BadInputException(string message) : RaftException(message);

/// <summary>A key, a value or a whole transaction is above the limit: surely not executed.</summary>
public sealed class ValueTooLargeException(string message) : RaftException(message);

/// <summary>What was asked for does not fit what is under way: surely not executed.</summary>
public sealed class ConflictException(string message) : RaftException(message);

/// <summary>A change of members was given up before it took effect: nothing was changed.</summary>
public sealed class ChangeGivenUpException(string message) : RaftException(message);

/// <summary>The call names a lease that was never granted, has expired or was revoked: surely not executed.</summary>
public sealed class LeaseNotFoundException(string message) : RaftException(message);

/// <summary>An application's own state machine threw for a command, which is applied with whatever it had changed by then, or for a query. It is an answer: nothing is to be repeated.</summary>
public sealed class StateMachineException(string message) : RaftException(message);

/// <summary>The client's codec refuses a type, or cannot read what a key holds: nothing was written.</summary>
public sealed class CodecException(string message) : RaftException(message);

/// <summary>What a member answers cannot be an answer: it is damaged, or comes from something that is no member.</summary>
public sealed class BadAnswerException(string message) : RaftException(message);

/// <summary>Changes that a watch asked for are no longer kept: read the keys anew, and watch from there.</summary>
public sealed class CompactedException(string message, long oldestRevision) : RaftException(message)
{
    /// <summary>The oldest revision whose changes are still kept.</summary>
    public long OldestRevision { get; } = oldestRevision;
}

/// <summary>A watch names a revision that is more than one ahead of the store, as after a restore of an older backup: read the keys anew, and watch from there.</summary>
public sealed class FutureRevisionException(string message, long fromRevision, long currentRevision) : RaftException(message)
{
    /// <summary>The first revision whose changes were asked for.</summary>
    public long FromRevision { get; } = fromRevision;

    /// <summary>The store's revision.</summary>
    public long CurrentRevision { get; } = currentRevision;
}
