namespace AkkaRaft.Protocol;

/// <summary>What each message between members carries; any of them may be lost, repeated, delayed or reordered.</summary>
/// <param name="ClusterId">Messages of another cluster are dropped.</param>
/// <param name="From">The sender.</param>
/// <param name="To">The member it was meant for.</param>
/// <param name="Term">The sender's current term; in a <see cref="PreVote"/> the term it would campaign in.</param>
internal readonly record struct RaftHeader(string ClusterId, MemberId From, MemberId To, long Term);

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
    long Round) : IRaftMessage;

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
    long Round) : IRaftMessage;

/// <summary>The leader hands over: "campaign now" (Raft dissertation §3.10).</summary>
internal sealed record TimeoutNow(RaftHeader Header) : IRaftMessage;

/// <summary>A member that has just started tells its peers, so that they connect to it at once.</summary>
internal sealed record Hello(RaftHeader Header) : IRaftMessage;
