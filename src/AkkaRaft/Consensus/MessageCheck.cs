using AkkaRaft.Log;

namespace AkkaRaft.Consensus;

/// <summary>
/// What no member of a cluster that works can have said, whatever came before: its sender is broken, or not what it says. Such a message is dropped before
/// anything of it is noted, so that no arithmetic overflows and no rule of the log is broken by it.
/// </summary>
internal static class MessageCheck
{
    // At a thousand elections a second these are fifty days.
    private const long MostTermsAhead = 1L << 32;

    // An index or a round counts what was done, one by one.
    private const long MostCounted = 1L << 56;

    /// <summary>Of so many members is heard and kept what others tell of them.</summary>
    public const int MostMembers = 1_000;

    // 9999-12-31.
    private const long LatestMs = 253_402_300_799_999;

    /// <summary>Why it is dropped; null for a message that may be true.</summary>
    /// <param name="message">What came.</param>
    /// <param name="term">The receiver's.</param>
    public static string? Complaint(IRaftMessage message, long term)
    {
        var header = message.Header;
        if (!IsTerm(header.Term, term) || !IsTerm(header.AckedTerm, term)) return $"its term {Math.Max(header.Term, header.AckedTerm)} cannot be, at term {term}";
        if (!IsIndex(header.AckedIndex)) return Impossible(header.AckedIndex);
        return message switch
        {
            PreVote m => End(m.LastLogIndex, m.LastLogTerm, header.Term),
            RequestVote m => End(m.LastLogIndex, m.LastLogTerm, header.Term),
            AppendEntries m => Complaint(m),
            AppendEntriesReply m => Indexes(m.PrevLogIndex, m.MatchIndex, m.HintIndex, m.Round, m.LacksStateTo, m.CommittedHere) ?? (m.HintTerm > header.Term || m.HintTerm < 0 ? Impossible(m.HintTerm) : null),
            InstallSnapshot m => Complaint(m),
            InstallSnapshotReply m => Indexes(m.MatchIndex, m.Received, m.Round),
            FetchSnapshot m => Indexes(m.Index, m.Offset),
            SnapshotChunk m => Indexes(m.Index, m.Offset),
            StateHash m => Indexes(m.Index),
            HelloReply m => Members(m.Incarnations.Count) ?? Indexes(m.Beginning.Index, m.Beginning.Term),
            _ => null,
        };
    }

    /// <summary>Why a leader drops what it is answered; null for an answer to what it has sent.</summary>
    public static string? Complaint(AppendEntriesReply reply, long lastIndex, long round) =>
        reply.MatchIndex > lastIndex || reply.PrevLogIndex > lastIndex || reply.LacksStateTo > lastIndex ? $"it answers for entry {Math.Max(reply.LacksStateTo, Math.Max(reply.MatchIndex, reply.PrevLogIndex))}, and there are {lastIndex}"
        : Late(reply.Round, round);

    /// <inheritdoc cref="Complaint(AppendEntriesReply, long, long)"/>
    public static string? Complaint(InstallSnapshotReply reply, long commitIndex, long round) =>
        reply.MatchIndex > commitIndex ? $"it answers for a snapshot to entry {reply.MatchIndex}, and {commitIndex} are committed" : Late(reply.Round, round);

    private static string? Late(long round, long latest) => round > latest ? $"it answers round {round}, and there were {latest}" : null;

    private static string? Complaint(AppendEntries append)
    {
        if (Indexes(append.PrevLogIndex, append.LeaderCommit, append.Round) is { } complaint) return complaint;
        if (append.ClockMs is < 0 or > LatestMs) return Impossible(append.ClockMs);
        if (End(append.PrevLogIndex, append.PrevLogTerm, append.Header.Term) is { } end) return end;
        if (Members(append.Acknowledged.Count) is { } many) return many;
        foreach (var (_, index) in append.Acknowledged)
            if (!IsIndex(index)) return Impossible(index);
        var (at, term, time) = (append.PrevLogIndex, append.PrevLogTerm, 0L);
        foreach (var entry in append.Entries)
        {
            if (entry.Index != at + 1 || entry.Term < term || entry.Term > append.Header.Term) return $"its entry {entry.Index} of term {entry.Term} cannot follow entry {at} of term {term}";
            if (entry.TimestampMs < time || entry.TimestampMs > LatestMs) return $"its entry {entry.Index} has the time {entry.TimestampMs}, which cannot be";
            if (entry.Kind == EntryKind.Configuration && !IsConfiguration(entry)) return $"its entry {entry.Index} is no configuration";
            (at, term, time) = (entry.Index, entry.Term, entry.TimestampMs);
        }
        return null;
    }

    private static string? Complaint(InstallSnapshot install)
    {
        if (install.Snapshot is not { } snapshot) return Indexes(install.Round);
        if (Indexes(install.Round, snapshot.Base.Index, snapshot.Length) is { } complaint) return complaint;
        if (snapshot.Base.TimestampMs is < 0 or > LatestMs) return Impossible(snapshot.Base.TimestampMs);
        if (snapshot.Base.Configuration.Voters.IsEmpty) return "its snapshot is of a cluster without voters";
        return End(snapshot.Base.Index, snapshot.Base.Term, install.Header.Term);
    }

    private static bool IsConfiguration(LogEntry entry)
    {
        try
        {
            return !ConfigurationCodec.Decode(entry.Payload).Voters.IsEmpty;
        }
        catch (Exception e) when (e is Google.Protobuf.InvalidProtocolBufferException or InvalidDataException or ArgumentException)
        {
            return false;
        }
    }

    private static string? Members(int count) => count > MostMembers ? $"it tells of {count} members" : null;

    private static string? End(long index, long term, long ofTerm) => !IsIndex(index) ? Impossible(index) : term < 0 || term > ofTerm ? Impossible(term) : null;

    private static string? Indexes(params ReadOnlySpan<long> indexes)
    {
        foreach (var index in indexes)
            if (!IsIndex(index)) return Impossible(index);
        return null;
    }

    private static string Impossible(long figure) => $"its figure {figure} cannot be";

    private static bool IsIndex(long index) => index is >= 0 and <= MostCounted;

    private static bool IsTerm(long term, long own) => term >= 0 && term - own <= MostTermsAhead;
}
