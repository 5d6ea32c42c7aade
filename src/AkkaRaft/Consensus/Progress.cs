using AkkaRaft.Log;

namespace AkkaRaft.Consensus;

/// <summary>How a leader sends to one follower.</summary>
internal enum ProgressState
{
    /// <summary>Where the logs agree is not known: one message at a time.</summary>
    Probe,

    /// <summary>The logs agree up to MatchIndex: messages are sent one after the other without waiting, within a window of bytes.</summary>
    Replicate,

    /// <summary>The leader no longer holds the follower's next entry: the follower fetches a snapshot.</summary>
    Snapshot,
}

/// <summary>
/// What a leader knows of one follower's log. Invariant: <c>0 ≤ MatchIndex &lt; NextIndex</c>; MatchIndex never goes back.
/// </summary>
internal sealed class Progress(long nextIndex, TimeSpan now)
{
    private readonly Queue<(long LastIndex, int Bytes)> _inflight = new();
    private long _inflightBytes;
    private long _matchedInRound;
    private long _catchesUpTo;

    public ProgressState State { get; private set; } = ProgressState.Probe;

    public long MatchIndex { get; private set; }

    /// <summary>The follower's; 0 while it has not said. It is not there twice: one that began anew has a <see cref="Progress"/> of its own.</summary>
    public ulong Incarnation { get; set; }

    /// <summary>The follower lacks what it acknowledged: nothing that it says counts.</summary>
    public bool IsDismissed { get; private set; }

    /// <summary>Up to here the follower counts for what is committed.</summary>
    public long CountsTo => IsDismissed ? 0 : MatchIndex;

    public long NextIndex { get; private set; } = nextIndex;

    /// <summary>When the follower was last heard from in this term.</summary>
    public TimeSpan LastContact { get; private set; } = now;

    /// <summary>The leader has said that it hears nothing of the follower.</summary>
    public bool SaidSilent { get; set; }

    /// <summary>The follower has an entry here that the leader must not have otherwise, and has; 0 when it has not said so.</summary>
    public long ContradictsAt { get; set; }

    /// <summary>The latest round the follower has echoed.</summary>
    public long Round { get; private set; }

    /// <summary>A probe was sent and not answered; should it be lost, the next heartbeat's answer settles the same.</summary>
    public bool ProbeSent { get; private set; }

    /// <summary>The snapshot that the follower was told to fetch.</summary>
    public Snapshot? Snapshot { get; private set; }

    /// <summary>Bytes that the follower has received of it.</summary>
    public long SnapshotReceived { get; private set; }

    /// <summary>The follower's state machine needs a snapshot of this index or a later one, though its log may be whole; 0 when it needs none.</summary>
    public long LacksStateTo { get; set; }

    /// <summary>The last entry that need not be held for this follower.</summary>
    public long KeepsFrom => State == ProgressState.Snapshot ? Snapshot?.Base.Index ?? 0 : MatchIndex;

    public bool CanSend(int maxInflightBytes) => State switch
    {
        ProgressState.Probe => !ProbeSent,
        ProgressState.Replicate => _inflightBytes < maxInflightBytes,
        _ => false,
    };

    /// <summary>The follower fetches a snapshot, or what was written meanwhile: were that taken from the log, it would fetch one snapshot after the other for ever.</summary>
    public bool CatchesUp => State == ProgressState.Snapshot || MatchIndex < _catchesUpTo;

    /// <summary>How often the log began after what the follower had of it, or was told to fetch: it then begins anew.</summary>
    public int Outruns { get; private set; }

    /// <summary>The follower is to fetch <paramref name="snapshot"/>, or to wait until there is one.</summary>
    /// <param name="snapshot">What it is to fetch.</param>
    /// <param name="baseIndex">The last entry that the leader's log no longer has.</param>
    public void NeedsSnapshot(Snapshot? snapshot, long baseIndex)
    {
        if (KeepsFrom > 0 && KeepsFrom < baseIndex) Outruns++;
        if (State != ProgressState.Snapshot) Forget();
        State = ProgressState.Snapshot;
        if (snapshot is null || Snapshot?.IsSameImage(snapshot) != true) SnapshotReceived = 0;
        Snapshot = snapshot;
    }

    public void Fetching(long received) => SnapshotReceived = received;

    /// <summary>The follower's log goes on from a snapshot's base.</summary>
    /// <param name="index">Of the snapshot.</param>
    /// <param name="round">The leader's latest.</param>
    /// <param name="lastIndex">Where the leader's log ends.</param>
    public void Installed(long index, long round, long lastIndex)
    {
        if (index > MatchIndex) (MatchIndex, _matchedInRound) = (index, round);
        NextIndex = Math.Max(NextIndex, MatchIndex + 1);
        if (State != ProgressState.Snapshot) return;
        _catchesUpTo = lastIndex;
        State = ProgressState.Probe;
        ProbeSent = false;
        Snapshot = null;
        NextIndex = MatchIndex + 1;
    }

    private void Forget()
    {
        ProbeSent = false;
        _inflight.Clear();
        _inflightBytes = 0;
    }

    public void Contacted(TimeSpan now, long round)
    {
        LastContact = now;
        Round = Math.Max(Round, round);
    }

    public void Sent(IReadOnlyList<LogEntry> entries)
    {
        if (State == ProgressState.Probe)
        {
            ProbeSent = true;
            return;
        }
        if (entries.Count == 0) return;
        var bytes = entries.Sum(e => e.EncodedBytes);
        NextIndex = entries[^1].Index + 1;
        _inflight.Enqueue((NextIndex - 1, bytes));
        _inflightBytes += bytes;
    }

    /// <summary>The follower's log equals ours up to <paramref name="matchIndex"/>, durably.</summary>
    /// <param name="prevLogIndex">Of the request that is answered.</param>
    /// <param name="matchIndex">What the follower has.</param>
    /// <param name="round">The leader's latest: whatever is sent in a later one begins at or after the match.</param>
    public void Matched(long prevLogIndex, long matchIndex, long round)
    {
        if (matchIndex > MatchIndex) (MatchIndex, _matchedInRound) = (matchIndex, round);
        NextIndex = Math.Max(NextIndex, MatchIndex + 1);
        while (_inflight.TryPeek(out var oldest) && oldest.LastIndex <= MatchIndex)
        {
            _inflight.Dequeue();
            _inflightBytes -= oldest.Bytes;
        }
        // A match below the probed place comes of an earlier message and settles nothing about this one.
        if (State == ProgressState.Probe && Math.Max(prevLogIndex, MatchIndex) >= NextIndex - 1)
        {
            State = ProgressState.Replicate;
            ProbeSent = false;
        }
    }

    /// <summary>Whether a follower that says that it has nothing like ours at <paramref name="prevLogIndex"/> denies what it acknowledged, and not in a late answer.</summary>
    public bool HasLost(long prevLogIndex, long round) => prevLogIndex <= MatchIndex && MatchIndex > 0 && round > _matchedInRound;

    public void Dismiss() => IsDismissed = true;

    /// <summary>The follower's log has nothing like ours at <paramref name="prevLogIndex"/>; it may agree at <paramref name="agreeIndex"/>.</summary>
    /// <returns>False for a late answer that tells nothing new.</returns>
    public bool Mismatched(long prevLogIndex, long agreeIndex)
    {
        if (prevLogIndex <= MatchIndex || State == ProgressState.Snapshot) return false;
        if (State == ProgressState.Probe && prevLogIndex != NextIndex - 1) return false;
        State = ProgressState.Probe;
        Forget();
        NextIndex = Math.Max(Math.Min(prevLogIndex, agreeIndex + 1), MatchIndex + 1);
        return true;
    }
}
