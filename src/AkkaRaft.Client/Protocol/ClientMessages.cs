using System.Collections.Immutable;

namespace AkkaRaft.Protocol;

/// <summary>How fresh a read must be.</summary>
public enum ReadConsistency
{
    /// <summary>Sees every write acknowledged before the read began; costs one quorum round, shared by all reads that wait (ReadIndex, Raft dissertation §6.4).</summary>
    Linearizable = 0,

    /// <summary>As linearizable while clocks drift less than the stated bound: the leader answers under its lease without a round (§6.4.1).</summary>
    Lease = 1,

    /// <summary>The asked member's own state, which may be old.</summary>
    Local = 2,
}

/// <summary>Why a member did not carry out a request.</summary>
public enum RefusalReason
{
    /// <summary>Not the leader: surely not executed by this member.</summary>
    NotLeader = 0,

    /// <summary>The leader has as much outstanding as it takes: surely not executed by this member.</summary>
    Overloaded = 1,

    /// <summary>The member lost its leadership, or stopped, with the request in its log: it may or may not be executed.</summary>
    OutcomeUnknown = 2,

    /// <summary>The request itself is wrong (too large, malformed): surely not executed, whoever is asked.</summary>
    BadRequest = 3,

    /// <summary>The member is still recovering, or its leadership is being handed over: surely not executed; ask again.</summary>
    NotReady = 4,

    /// <summary>Another change of members is under way: surely not executed.</summary>
    Conflict = 5,

    /// <summary>The member is of another cluster than the one meant: surely not executed by it; others may be of that one.</summary>
    OtherCluster = 6,
}

/// <summary>What a client asks of a cluster; the gateway of another one's member refuses it.</summary>
internal interface IClusterRequest
{
    /// <summary>The cluster meant.</summary>
    string ClusterId { get; }

    /// <summary>The asker's own number, echoed in the reply.</summary>
    long RequestId { get; }
}

/// <summary>A client asks the leader to append a command and to answer with the state machine's result.</summary>
/// <param name="ClusterId">The cluster meant; another one's member refuses.</param>
/// <param name="RequestId">The client's own number, echoed in the reply.</param>
/// <param name="Payload">The command, which only the state machine understands.</param>
internal sealed record Submit(string ClusterId, long RequestId, ReadOnlyMemory<byte> Payload) : IClusterRequest;

/// <summary>The command of <see cref="Submit"/> is committed and applied.</summary>
internal sealed record SubmitReply(long RequestId, long Index, ReadOnlyMemory<byte> Result);

/// <summary>A client asks for a query of the state machine.</summary>
/// <param name="ClusterId">The cluster meant; another one's member refuses.</param>
/// <param name="RequestId">The client's own number, echoed in the reply.</param>
/// <param name="Consistency">How fresh the answer must be.</param>
/// <param name="Payload">The query, which only the state machine understands.</param>
internal sealed record Read(string ClusterId, long RequestId, ReadConsistency Consistency, ReadOnlyMemory<byte> Payload) : IClusterRequest
{
    /// <summary>A member that hears of no leader refuses: a watch there would tell nothing, for ever.</summary>
    public bool NeedsLeader { get; init; }
}

/// <summary>A <see cref="Submit"/> or <see cref="Read"/> that was not carried out.</summary>
/// <param name="RequestId">Echo of the request's number.</param>
/// <param name="Reason">Why, and whether it may yet be executed.</param>
/// <param name="Leader">Whom the member takes for the leader, if it knows.</param>
/// <param name="Message">For people.</param>
internal sealed record Refused(long RequestId, RefusalReason Reason, RaftEndpoint? Leader, string Message);

/// <summary>Asks one member how it stands.</summary>
internal sealed record GetMemberStatus(string ClusterId, long RequestId) : IClusterRequest;

/// <summary>What a member is doing.</summary>
public enum RaftRole
{
    /// <summary>Follows a leader, or waits for one.</summary>
    Follower = 0,

    /// <summary>Asks for votes.</summary>
    Candidate = 1,

    /// <summary>Leads.</summary>
    Leader = 2,

    /// <summary>Receives the log and has no vote.</summary>
    Learner = 3,

    /// <summary>Gave no answer in time; the other figures are not known.</summary>
    Unreachable = 4,
}

/// <summary>How one member stands.</summary>
/// <param name="Id">The member.</param>
/// <param name="Address">Its <c>host:port</c>.</param>
/// <param name="Role">What it is doing.</param>
/// <param name="Term">Its current term.</param>
/// <param name="Leader">Whom it follows; itself when it leads; null when it knows none.</param>
/// <param name="LastIndex">Index of its last log entry.</param>
/// <param name="CommitIndex">Up to where it knows the log to be committed.</param>
/// <param name="AppliedIndex">Up to where its state machine has applied the log, durably.</param>
/// <param name="ProcessId">Operating system's number of its process.</param>
/// <param name="Waiting">Voters it has not heard from within an election timeout, while it waits for a leader or leads.</param>
public sealed record RaftStatus(
    MemberId Id,
    string Address,
    RaftRole Role,
    long Term,
    MemberId? Leader,
    long LastIndex,
    long CommitIndex,
    long AppliedIndex,
    int ProcessId,
    ImmutableArray<MemberId> Waiting)
{
    internal long RequestId { get; init; }

    /// <summary>Bytes received of the snapshot that it fetches.</summary>
    public long SnapshotReceived { get; init; }

    /// <summary>Size in bytes of the snapshot that it fetches; 0 when it fetches none.</summary>
    public long SnapshotLength { get; init; }

    /// <summary>What keeps it from taking part and does not pass by itself, and what to do; null when nothing does.</summary>
    public string? Problem { get; init; }
}

/// <summary>Asks the leader to hand over.</summary>
/// <param name="ClusterId">The cluster meant.</param>
/// <param name="RequestId">The asker's own number, echoed in the reply.</param>
/// <param name="Target">The voter to hand over to, or null for the one that is furthest.</param>
internal sealed record TransferLeadership(string ClusterId, long RequestId, MemberId? Target) : IClusterRequest;

/// <summary>Another member leads now.</summary>
internal sealed record LeadershipTransferred(long RequestId, MemberId Leader);
