using System.Collections.Immutable;
using AkkaRaft.Log;
using AkkaRaft.Protocol;

namespace AkkaRaft.Consensus;

/// <summary>What each message between members carries; any of them may be lost, repeated, delayed or reordered.</summary>
/// <param name="ClusterId">Messages of another cluster are dropped.</param>
/// <param name="From">The sender.</param>
/// <param name="To">The member it was meant for.</param>
/// <param name="Term">The sender's current term; in a <see cref="PreVote"/> the term it would campaign in.</param>
internal readonly record struct RaftHeader(string ClusterId, MemberId From, MemberId To, long Term)
{
    /// <summary>Where the sender listens, for a receiver that has it in no configuration yet; null when it did not say.</summary>
    public string? FromAddress { get; init; }

    /// <summary>Tells the sender from one that began anew, with nothing, under its id; 0 when it did not say.</summary>
    public ulong Incarnation { get; init; }

    /// <summary>
    /// The receiver's, as the sender knows it; 0 when it does not. Incarnations are random and told to members alone: whoever names the receiver's has it from
    /// the receiver, or from a member.
    /// </summary>
    public ulong ToIncarnation { get; init; }

    /// <summary>The highest committed index that the sender knows the receiver to have acknowledged: a receiver whose log is shorter has lost entries.</summary>
    public long AckedIndex { get; init; }

    /// <summary>The highest term in which the sender heard from the receiver: a receiver whose term is lower has lost it, and its vote.</summary>
    public long AckedTerm { get; init; }
}

/// <summary>A message from member to member.</summary>
internal interface IRaftMessage
{
    RaftHeader Header { get; }
}

/// <summary>"Would you vote for me?" Asked before a term is spent on it (Raft dissertation §9.6).</summary>
internal sealed record PreVote(RaftHeader Header, long LastLogIndex, long LastLogTerm) : IRaftMessage;

/// <summary>Answer to <see cref="PreVote"/>: with the proposed term when granted, with the voter's own when refused.</summary>
internal sealed record PreVoteReply(RaftHeader Header, bool Granted) : IRaftMessage;

/// <summary>A candidate asks for a vote (Raft dissertation §3.4).</summary>
/// <param name="Header">Sender, receiver and term.</param>
/// <param name="LastLogIndex">Index of the candidate's last entry.</param>
/// <param name="LastLogTerm">Term of the candidate's last entry.</param>
/// <param name="LeadershipTransfer">The old leader asked for this election: a voter does not hold on to that leader (§3.10, §4.2.3).</param>
internal sealed record RequestVote(RaftHeader Header, long LastLogIndex, long LastLogTerm, bool LeadershipTransfer) : IRaftMessage;

/// <summary>Answer to <see cref="RequestVote"/>; the vote is durable when it is sent.</summary>
internal sealed record RequestVoteReply(RaftHeader Header, bool Granted) : IRaftMessage;

/// <summary>The leader replicates entries, or says that it is there when there are none (Raft dissertation §3.5).</summary>
/// <param name="Header">Sender, receiver and term.</param>
/// <param name="PrevLogIndex">Index of the entry right before <paramref name="Entries"/>.</param>
/// <param name="PrevLogTerm">Term of that entry.</param>
/// <param name="Entries">What to append after it, in order.</param>
/// <param name="LeaderCommit">The leader's commit index.</param>
/// <param name="Round">The leader's latest round of asking whether it still leads, echoed in the reply; counts up within a term (§6.4).</param>
internal sealed record AppendEntries(
    RaftHeader Header,
    long PrevLogIndex,
    long PrevLogTerm,
    IReadOnlyList<LogEntry> Entries,
    long LeaderCommit,
    long Round) : IRaftMessage
{
    /// <summary>Of the entry at PrevLogIndex; null when the leader's log begins after it. Index and term alone do not tell what two leaders of one term made.</summary>
    public uint? PrevLogChecksum { get; init; }

    /// <summary>The log's clock as the leader has it, in milliseconds; 0 when it did not say. Whoever leads next goes on from there.</summary>
    public long ClockMs { get; init; }

    /// <summary>Up to where the leader knows each voter to have acknowledged what is committed; empty when it did not say.</summary>
    public ImmutableSortedDictionary<MemberId, long> Acknowledged { get; init; } = ImmutableSortedDictionary<MemberId, long>.Empty;
}

/// <summary>Answer to <see cref="AppendEntries"/>.</summary>
/// <param name="Header">Sender, receiver and term.</param>
/// <param name="Success">The entry at <paramref name="PrevLogIndex"/> matched.</param>
/// <param name="PrevLogIndex">Of the request answered: tells a late answer from a fresh one.</param>
/// <param name="MatchIndex">When it matched: the follower's log equals the leader's, durably, up to here.</param>
/// <param name="HintIndex">When it did not: the last index at which the logs may still agree.</param>
/// <param name="HintTerm">When it did not: the follower's term at <paramref name="HintIndex"/>.</param>
/// <param name="Round">Echo of the request's round.</param>
internal sealed record AppendEntriesReply(
    RaftHeader Header,
    bool Success,
    long PrevLogIndex,
    long MatchIndex,
    long HintIndex,
    long HintTerm,
    long Round) : IRaftMessage
{
    /// <summary>The follower's state machine lacks what its log no longer has, up to this index: it needs a snapshot of it or of a later one. 0 when it lacks nothing.</summary>
    public long LacksStateTo { get; init; }

    /// <summary>The follower has this entry, committed or of the same term, and the leader has it otherwise: it does not follow. 0 when there is none.</summary>
    public long CommittedHere { get; init; }
}

/// <summary>The leader hands over: "campaign now" (Raft dissertation §3.10).</summary>
internal sealed record TimeoutNow(RaftHeader Header) : IRaftMessage;

/// <summary>A member that has just started tells its peers, so that they connect to it at once, and asks who has begun.</summary>
internal sealed record Hello(RaftHeader Header) : IRaftMessage;

/// <summary>Answer to <see cref="Hello"/>.</summary>
/// <param name="Header">Sender, receiver and term; an answer to one that was there before under the receiver's id has another <see cref="RaftHeader.ToIncarnation"/>, and tells it nothing.</param>
/// <param name="Incarnations">Those of the cluster's members as the sender's configuration has them; empty when its cluster has not begun.</param>
/// <param name="Beginning">Where the sender's log begins.</param>
internal sealed record HelloReply(RaftHeader Header, ImmutableSortedDictionary<MemberId, ulong> Incarnations, LogBeginning Beginning = default) : IRaftMessage;

/// <summary>Where a log begins, and with what: all 0 for an empty one.</summary>
/// <param name="Index">Of the last entry whose effect is in the backup.</param>
/// <param name="Term">Of that entry.</param>
/// <param name="Backup">CRC-32C of the file: other clusters have entries of that index and term too.</param>
internal readonly record struct LogBeginning(long Index, long Term, uint Backup);

/// <summary>To a follower whose next entries the leader no longer holds: "fetch this". It stands for a heartbeat too (Raft dissertation §5.2).</summary>
/// <param name="Header">Sender, receiver and term.</param>
/// <param name="Snapshot">What to fetch from the sender; null while its state machine still writes the image.</param>
/// <param name="Round">As in <see cref="AppendEntries"/>.</param>
internal sealed record InstallSnapshot(RaftHeader Header, Snapshot? Snapshot, long Round) : IRaftMessage;

/// <summary>Answer to <see cref="InstallSnapshot"/>.</summary>
/// <param name="Header">Sender, receiver and term.</param>
/// <param name="Installed">The follower's log goes on from the snapshot's base, durably, or was there already.</param>
/// <param name="MatchIndex">When installed: the snapshot's index.</param>
/// <param name="Received">Bytes of the image received so far.</param>
/// <param name="Round">Echo of the request's round.</param>
internal sealed record InstallSnapshotReply(RaftHeader Header, bool Installed, long MatchIndex, long Received, long Round) : IRaftMessage
{
    /// <summary>Checksum of an image that came whole and was another than described; null for none.</summary>
    public uint? Damaged { get; init; }
}

/// <summary>The follower fetches the next piece of an image; it asks again when none comes.</summary>
internal sealed record FetchSnapshot(RaftHeader Header, long Index, uint SnapshotChecksum, long Offset) : IRaftMessage;

/// <summary>A piece of an image.</summary>
/// <param name="Header">Sender, receiver and term.</param>
/// <param name="Index">Of the snapshot.</param>
/// <param name="SnapshotChecksum">Of the whole image: says which one it is a piece of.</param>
/// <param name="Offset">Where the piece begins.</param>
/// <param name="Bytes">The piece.</param>
/// <param name="Checksum">CRC-32C of the piece.</param>
internal sealed record SnapshotChunk(RaftHeader Header, long Index, uint SnapshotChecksum, long Offset, ReadOnlyMemory<byte> Bytes, uint Checksum) : IRaftMessage;

/// <summary>What the sender's state is after an entry by which the log asks for it (<see cref="EntryKind.StateCheck"/>).</summary>
/// <param name="Header">Sender, receiver and term.</param>
/// <param name="Index">Of the entry.</param>
/// <param name="Hash">Of the state: the same on all members that applied the same.</param>
internal sealed record StateHash(RaftHeader Header, long Index, ulong Hash) : IRaftMessage;

/// <summary>Why a member is no longer one.</summary>
internal enum DismissalReason
{
    /// <summary>A committed configuration removed it.</summary>
    Removed = 0,

    /// <summary>It began anew, with nothing, under an id that the cluster knows: its votes and acknowledgements are forgotten.</summary>
    BeganAnew = 1,

    /// <summary>Its log is shorter than what it acknowledged: it has an older copy of its directory, or a disk that lost what it had synced.</summary>
    LostEntries = 2,

    /// <summary>Another process runs on a copy of its directory, and has run for longer.</summary>
    RunsTwice = 3,
}

/// <summary>To a member that is none any more; heeded by the incarnation that it names alone, and once enough voters say so.</summary>
internal sealed record Dismissed(RaftHeader Header, DismissalReason Reason) : IRaftMessage;
