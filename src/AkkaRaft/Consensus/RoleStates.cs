using Akka.Actor;
using AkkaRaft.Protocol;

namespace AkkaRaft.Consensus;

/// <summary>What only a follower has.</summary>
/// <param name="since">When it became one.</param>
/// <param name="electionDeadline">When it campaigns unless a leader or a vote granted intervenes.</param>
internal sealed class FollowerState(TimeSpan since, TimeSpan electionDeadline)
{
    public TimeSpan Since { get; } = since;

    public TimeSpan ElectionDeadline { get; set; } = electionDeadline;
}

/// <summary>What only a candidate has.</summary>
/// <param name="isPreVote">Whether it asks who would vote for it, or asks for votes.</param>
/// <param name="deadline">When it asks anew.</param>
internal sealed class CandidateState(bool isPreVote, TimeSpan deadline)
{
    public bool IsPreVote { get; } = isPreVote;

    public TimeSpan Deadline { get; } = deadline;

    /// <summary>Who has granted, each counted once however often it answers.</summary>
    public HashSet<MemberId> Grants { get; } = [];
}

/// <summary>What only a leader has; all of it ends with the leadership.</summary>
internal sealed class LeaderState(long firstIndexOfTerm, LogClock clock)
{
    /// <summary>By which its entries get their timestamps.</summary>
    public LogClock Clock { get; } = clock;

    /// <summary>The no-op that began this leader's term: nothing is read before it is committed.</summary>
    public long FirstIndexOfTerm { get; } = firstIndexOfTerm;

    public SortedDictionary<MemberId, Progress> Progress { get; } = [];

    public ReadIndexQueue<PendingRead> Reads { get; } = new();

    /// <summary>Commands in the log whose clients wait, by log index.</summary>
    public Dictionary<long, PendingCommand> Commands { get; } = [];

    public long PendingBytes { get; set; }

    public TimeSpan NextHeartbeat { get; set; }

    /// <summary>When each round not yet confirmed began.</summary>
    public Queue<(long Round, TimeSpan Began)> Rounds { get; } = new();

    /// <summary>Start of the latest round that a quorum confirmed: until an election timeout after it no other leader can be (§6.4.1).</summary>
    public TimeSpan? ConfirmedAt { get; set; }

    public Transfer? Transfer { get; set; }

    /// <summary>A TimeoutNow was sent in this term, and may arrive however late.</summary>
    public bool ToldToTakeOver { get; set; }

    /// <summary>Its state machine does not serve: it takes no more calls, and hands over.</summary>
    public bool MakesWay { get; set; }

    /// <summary>When it was last seen that the state machine goes on.</summary>
    public (TimeSpan At, long AppliedIndex) Probed { get; set; }

    /// <summary>When the members' states were last compared, or would have been.</summary>
    public TimeSpan ComparedAt { get; set; }

    /// <summary>Whether there was a command since then.</summary>
    public bool HasCommands { get; set; }

    /// <summary>Why the last change of members was given up.</summary>
    public string? ChangeFailure { get; set; }

    /// <summary>Whom the change under way removes, to be told once it is committed.</summary>
    public IReadOnlyList<RaftEndpoint> Leaving { get; set; } = [];
}

internal sealed record PendingCommand(IActorRef Client, long RequestId, int Bytes);

internal sealed record PendingRead(IActorRef Client, long RequestId, ReadOnlyMemory<byte> Payload)
{
    /// <summary>Who holds the answer, when the state machine was asked before the read was confirmed.</summary>
    public HeldAnswer? Ahead { get; set; }
}

internal sealed record Transfer(MemberId Target, TimeSpan Deadline, IActorRef Asker, long RequestId);

/// <summary>
/// The log's clock while one leader leads: it goes on from the last timestamp in the leader's log, by the leader's monotonic clock, so that no member's
/// wall clock makes anything expire. Time without a leader, and time since a deposed leader's last entry, does not count.
/// </summary>
/// <param name="fromMs">Where it goes on from, in milliseconds.</param>
/// <param name="now">The leader's monotonic clock then.</param>
/// <param name="longestStep">
/// It advances by no more between two looks at it, which a heartbeat parts: time for which a leader did not run, and a clock that jumps, make nothing expire.
/// </param>
internal sealed class LogClock(long fromMs, TimeSpan now, TimeSpan longestStep)
{
    private TimeSpan _seen = now;
    private TimeSpan _elapsed;

    /// <summary>The log's time in milliseconds; it never goes back.</summary>
    public long At(TimeSpan now)
    {
        var step = now - _seen;
        if (step > TimeSpan.Zero)
        {
            _elapsed += step < longestStep ? step : longestStep;
            _seen = now;
        }
        return fromMs + (long)_elapsed.TotalMilliseconds;
    }
}
