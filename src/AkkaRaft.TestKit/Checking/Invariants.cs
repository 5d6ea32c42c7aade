using System.Collections.Immutable;
using AkkaRaft.Consensus;
using AkkaRaft.Log;
using AkkaRaft.Protocol;
using AkkaRaft.TestKit.Journaling;

namespace AkkaRaft.TestKit.Checking;

/// <summary>
/// The safety properties of Raft (dissertation figure 3.2) and those of this implementation, looked at after every step,
/// on the member that took it. Whatever is proved once of an entry is remembered, so that a step costs no more than it changed.
/// </summary>
internal sealed class Invariants(Func<int, DurableState> durable, Func<int, bool> isLost, Func<DateTimeOffset> latest, Action<int> elected, Action<LogEntry> committed, Action<int, string> violated)
{
    private readonly Dictionary<long, int> _leaderOfTerm = [];
    private readonly Dictionary<(long Index, long Term), (long PrevTerm, int Hash)> _entries = [];
    private readonly List<(long Term, long CommitTerm)> _committed = [(0, 0)];
    private readonly Dictionary<int, View> _views = [];
    private readonly Dictionary<(MemberId Leader, MemberId Follower, long Term), long> _rounds = [];
    private bool _configurationForced;

    public long Committed => _committed.Count - 1;

    public int LeaderChanges => _leaderOfTerm.Count;

    /// <summary>An operator has made a cluster of one: what only the others had committed is lost, and nobody is to be blamed for it.</summary>
    public void GoOnFrom(DurableState disk)
    {
        var kept = 0;
        while (kept < Committed && disk.Has(kept + 1, _committed[kept + 1].Term)) kept++;
        _committed.RemoveRange(kept + 1, _committed.Count - kept - 1);
        _configurationForced = true;
    }

    /// <summary>An operator has brought a backup back: what was committed after it is lost, and nobody is to be blamed for it.</summary>
    public void GoOnFrom(long index)
    {
        _committed.RemoveRange((int)index + 1, (int)(Committed - index));
        _configurationForced = true;
    }

    /// <summary>The member begins anew: what only its memory knew may go back to what its disk knows.</summary>
    public void Forget(int member) => _views.Remove(member);

    /// <summary>What a message says must be durable when it leaves.</summary>
    public void Sent(int from, IRaftMessage message)
    {
        var disk = durable(from);
        var term = message.Header.Term;
        if (message is not (PreVote or PreVoteReply or Hello or Dismissed or FetchSnapshot or SnapshotChunk) && disk.Term < term)
            violated(from, $"{message.GetType().Name} of term {term} leaves while the disk has term {disk.Term}");
        CheckRound(from, message);
        switch (message)
        {
            case RequestVoteReply { Granted: true } when disk.Term == term && disk.VotedFor != message.Header.To:
                violated(from, $"a vote for {message.Header.To} in term {term} is told while the disk has {disk.VotedFor?.ToString() ?? "none"}");
                break;
            case RequestVote when disk.Term == term && disk.VotedFor != message.Header.From:
                violated(from, $"votes are asked for in term {term} while the own one is not on the disk");
                break;
            case AppendEntriesReply { Success: true } reply when disk.LastIndex < reply.MatchIndex:
                violated(from, $"entry {reply.MatchIndex} is acknowledged while the disk has {disk.LastIndex}");
                break;
            case InstallSnapshotReply { Installed: true } reply when disk.LastIndex < reply.MatchIndex:
                violated(from, $"the snapshot to {reply.MatchIndex} is acknowledged while the disk has {disk.LastIndex}");
                break;
        }
    }

    /// <summary>Only a round that a leader has begun in its term is answered in that term: a read may be answered, and a lease be held, for it.</summary>
    private void CheckRound(int from, IRaftMessage message)
    {
        var header = message.Header;
        switch (message)
        {
            case AppendEntries begun:
                _rounds[(header.From, header.To, header.Term)] = begun.Round;
                break;
            case InstallSnapshot begun:
                _rounds[(header.From, header.To, header.Term)] = begun.Round;
                break;
            case AppendEntriesReply answer:
                Answered(answer.Round);
                break;
            case InstallSnapshotReply answer:
                Answered(answer.Round);
                break;
        }

        void Answered(long round)
        {
            if (round > _rounds.GetValueOrDefault((header.To, header.From, header.Term)))
                violated(from, $"round {round} of term {header.Term} is answered, which member {header.To} has not begun");
        }
    }

    /// <summary>While a leader holds a lease no other has committed anything: a lease read is what a linearizable read would be (§6.4.1).</summary>
    public void CheckLease(int member, RaftActor leader)
    {
        if (leader.Term < _committed[^1].Term && leader.HoldsLease)
            violated(member, $"the leader of term {leader.Term} holds a lease, and an entry of term {_committed[^1].Term} is committed");
    }

    /// <summary>Looks at the member after its step.</summary>
    public void Check(int member, RaftActor raft)
    {
        if (!raft.IsUp) return;
        if (!_views.TryGetValue(member, out var view) || view.Actor != raft)
        {
            view = new View(raft);
            _views[member] = view;
        }
        if (raft.Term < view.Term) violated(member, $"the term went back from {view.Term} to {raft.Term}");
        if (raft.CommitIndex < view.CommitIndex) violated(member, $"the commit index went back from {view.CommitIndex} to {raft.CommitIndex}");
        if (raft.AppliedIndex > raft.CommitIndex) violated(member, $"applied {raft.AppliedIndex} is beyond committed {raft.CommitIndex}");
        if (raft.CommitIndex > raft.RaftLog.LastIndex) violated(member, $"committed {raft.CommitIndex} is beyond the log's end {raft.RaftLog.LastIndex}");

        CheckLog(member, raft, view);
        if (raft.IsLeader) CheckLeader(member, raft, view);
        CheckCommitted(member, raft, view);
        (view.Term, view.CommitIndex, view.LeaderTerm, view.LastIndex) = (raft.Term, raft.CommitIndex, raft.IsLeader ? raft.Term : 0, raft.RaftLog.LastIndex);
    }

    /// <summary>Log Matching: two entries of one index and term are the same entry, and so is all before them (§3.5).</summary>
    private void CheckLog(int member, RaftActor raft, View view)
    {
        var log = raft.RaftLog;
        var last = log.LastIndex;
        if (!FollowBase(member, log, view)) return;
        if (last == view.Terms.Count - 1 && log.LastTerm == view.Terms[^1]) return;

        var same = Math.Min(last, view.Terms.Count - 1);
        while (same > log.BaseIndex && log.TermAt(same) != view.Terms[(int)same]) same--;
        if (view.LeaderTerm == raft.Term && raft.IsLeader && same < view.Terms.Count - 1)
            violated(member, $"the leader of term {raft.Term} overwrote or dropped entry {same + 1} of its own log");
        view.Terms.RemoveRange((int)same + 1, view.Terms.Count - (int)same - 1);
        for (var index = same + 1; index <= last; index++)
        {
            var entry = log[index];
            var content = (view.Terms[^1], HashOf(entry));
            if (!_entries.TryAdd((index, entry.Term), content) && _entries[(index, entry.Term)] != content)
                violated(member, $"entry {index} of term {entry.Term} differs from the one that another log has, or follows another entry");
            view.Terms.Add(entry.Term);
            CheckTimestamp(member, log, entry);
        }
    }

    /// <summary>The log's clock neither goes back nor runs ahead of every member's.</summary>
    private void CheckTimestamp(int member, RaftLog log, LogEntry entry)
    {
        var before = entry.Index - 1 == log.BaseIndex ? log.Base.TimestampMs : log[entry.Index - 1].TimestampMs;
        if (entry.TimestampMs < before) violated(member, $"entry {entry.Index} of term {entry.Term} has time {entry.TimestampMs}, and the one before it {before}");
        if (entry.TimestampMs > latest().ToUnixTimeMilliseconds()) violated(member, $"entry {entry.Index} of term {entry.Term} has time {entry.TimestampMs}, which is yet to come");
    }

    /// <summary>One configuration follows another by one step: any majority of the one meets any majority of the other (§4.3).</summary>
    private void CheckConfiguration(int member, RaftLog log, long index)
    {
        if (index <= log.BaseIndex || log[index].Kind != EntryKind.Configuration) return;
        if (_configurationForced)
        {
            _configurationForced = false;
            return;
        }
        var (before, now) = (log.ConfigurationAt(index - 1), log.ConfigurationAt(index));
        var follows = (before.IsJoint, now.IsJoint) switch
        {
            (false, false) or (true, true) => Same(before.Voters, now.Voters) && Same(before.Outgoing, now.Outgoing),
            (false, true) => Same(before.Voters, now.Outgoing),
            (true, false) => Same(before.Voters, now.Voters),
        };
        if (!follows || !before.Removed.IsSubsetOf(now.Removed)) violated(member, $"the configuration of entry {index} does not follow the one before it by one step");

        static bool Same(ImmutableSortedDictionary<MemberId, RaftEndpoint> a, ImmutableSortedDictionary<MemberId, RaftEndpoint> b) => a.Keys.SequenceEqual(b.Keys);
    }

    /// <summary>A snapshot stands only for what was committed.</summary>
    private bool FollowBase(int member, RaftLog log, View view)
    {
        var index = log.BaseIndex;
        if (index < view.Terms.Count && view.Terms[(int)index] == log.BaseTerm) return true;
        if (index > Committed || _committed[(int)index].Term != log.BaseTerm)
        {
            violated(member, $"the log begins after entry {index} of term {log.BaseTerm}, which was not committed");
            return false;
        }
        view.Terms.Clear();
        for (var i = 0; i <= index; i++) view.Terms.Add(_committed[i].Term);
        return true;
    }

    /// <summary>Election Safety, and Leader Completeness: one leader a term, who has all that was committed before (§3.4, §3.6).</summary>
    private void CheckLeader(int member, RaftActor raft, View view)
    {
        if (view.LeaderTerm == raft.Term) return;
        elected(member);
        if (!_leaderOfTerm.TryAdd(raft.Term, member) && _leaderOfTerm[raft.Term] != member)
            violated(member, $"members {_leaderOfTerm[raft.Term]} and {member} both lead in term {raft.Term}");
        var index = Committed;
        while (index > 0 && _committed[(int)index].CommitTerm >= raft.Term) index--;
        if (index > 0 && raft.RaftLog.TermAt(index) is { } term && term != _committed[(int)index].Term || index > raft.RaftLog.LastIndex)
            violated(member, $"the leader of term {raft.Term} lacks entry {index} of term {_committed[(int)index].Term}, which was committed in term {_committed[(int)index].CommitTerm}");
    }

    /// <summary>State Machine Safety: what one member takes for committed is so for all, for ever, and lies on the disks of a quorum (§3.6.3).</summary>
    private void CheckCommitted(int member, RaftActor raft, View view)
    {
        for (var index = view.CommitIndex + 1; index <= raft.CommitIndex; index++)
        {
            if (raft.RaftLog.TermAt(index) is not { } term) continue;
            if (index > Committed)
            {
                _committed.Add((term, raft.Term));
                if (index > raft.RaftLog.BaseIndex) committed(raft.RaftLog[index]);
                CheckConfiguration(member, raft.RaftLog, index);
                // Who has lost its disk may have acknowledged before.
                if (!ConfigurationsOf(raft.RaftLog, view).Any(c => IsQuorum(c, id => isLost(id.Value) || durable(id.Value).Has(index, term))))
                    violated(member, $"entry {index} of term {term} counts as committed, and no quorum of disks has it");
            }
            else if (_committed[(int)index].Term != term)
            {
                violated(member, $"entry {index} of term {term} counts as committed, and another member has committed one of term {_committed[(int)index].Term} there");
            }
        }
    }

    /// <summary>Those that were in force at some time of the step: a leader may append the next as soon as the last is committed.</summary>
    private static IEnumerable<Configuration> ConfigurationsOf(RaftLog log, View view)
    {
        yield return log.Configuration;
        if (log.ConfigurationIndex > view.LastIndex && view.LastIndex >= log.BaseIndex) yield return log.ConfigurationAt(view.LastIndex);
    }

    /// <summary>Counted here, and not by the configuration: what the members count wrongly must not excuse itself.</summary>
    private static bool IsQuorum(Configuration configuration, Func<MemberId, bool> agrees) =>
        IsMajority([.. configuration.Voters.Keys], agrees) && (configuration.Outgoing.IsEmpty || IsMajority([.. configuration.Outgoing.Keys], agrees));

    private static bool IsMajority(HashSet<MemberId> voters, Func<MemberId, bool> agrees) => 2 * voters.Count(agrees) > voters.Count;

    private static int HashOf(LogEntry entry)
    {
        var hash = 17;
        foreach (var b in entry.Payload.Span) hash = unchecked(hash * 31 + b);
        return unchecked(hash * 31 + (int)entry.Kind + (int)entry.TimestampMs);
    }

    /// <summary>A member as it was when last looked at.</summary>
    private sealed class View(RaftActor actor)
    {
        public RaftActor Actor { get; } = actor;

        public long Term { get; set; } = actor.Term;

        public long CommitIndex { get; set; }

        public long LastIndex { get; set; }

        /// <summary>The term it led in; 0 when it did not lead.</summary>
        public long LeaderTerm { get; set; }

        public List<long> Terms { get; } = [0];
    }
}
