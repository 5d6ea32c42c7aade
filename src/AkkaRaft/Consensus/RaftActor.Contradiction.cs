using Akka.Event;
using AkkaRaft.Protocol;

namespace AkkaRaft.Consensus;

/// <summary>
/// A leader has all that was ever committed, and of one index and term there is one entry (Raft dissertation §3.6.3, §3.5). A leader that would overwrite what is
/// committed here, or has another entry of an index and term that are here, proves that voters have forgotten what they acknowledged or voted, as when an older copy of a directory was put back, or that they were restored from different backups. This member then keeps what it has, follows nobody who lacks it, and says so.
/// </summary>
internal sealed partial class RaftActor
{
    private Contradiction? _contradiction;
    private TimeSpan? _saidContradiction;

    /// <summary>What an operator has to know of this; null when there is nothing.</summary>
    private string? WhatContradicts =>
        _contradiction is { } found ? Words(Me, found.Leader, found.Term, found.Index)
        : _leading?.Progress.FirstOrDefault(p => p.Value.ContradictsAt > 0) is { Value: { } progress } follower ? Words(follower.Key, Me, _term, progress.ContradictsAt)
        : null;

    /// <summary>The first entry that the leader must not have otherwise, and has; null when there is none.</summary>
    private long? Contradicted(AppendEntries append)
    {
        if ((CommittedOtherwise(append.PrevLogIndex, append.PrevLogTerm) ?? Another(append.PrevLogIndex, append.PrevLogTerm, append.PrevLogChecksum)) is { } previous) return previous;
        foreach (var entry in append.Entries)
        {
            if (entry.Index > _log.LastIndex) break;
            if ((CommittedOtherwise(entry.Index, entry.Term) ?? Another(entry.Index, entry.Term, entry.Checksum)) is { } index) return index;
        }
        return null;
    }

    private long? Contradicted(InstallSnapshot install) => install.Snapshot is { Base: var end } ? CommittedOtherwise(end.Index, end.Term) : null;

    /// <summary>Of what is compacted the last term is known, and terms never fall along a log: none before it is of a later one, none behind what is committed of an earlier one.</summary>
    private long? CommittedOtherwise(long index, long term)
    {
        if (index > _commitIndex) return term < _log.TermAt(_commitIndex) ? _commitIndex : null;
        return index < _log.BaseIndex ? term > _log.BaseTerm ? index : null
            : _log.TermAt(index) != term ? index : null;
    }

    private long? Another(long index, long term, uint? checksum) => checksum is { } there && _log.TermAt(index) == term && _log.ChecksumAt(index) is { } here && here != there ? index : null;

    /// <summary>It is neither followed nor disturbed.</summary>
    private void Refuse(FollowerState follower, RaftHeader leader, long round, long index)
    {
        _contradiction = new Contradiction(leader.From, leader.Term, index);
        _leader = null;
        follower.ElectionDeadline = Now + RandomElectionTimeout();
        SayWhatContradicts();
        AfterDurable(0, () => Send(leader.From, h => new AppendEntriesReply(h, Success: false, 0, 0, 0, 0, round) { CommittedHere = index }));
    }

    private void Contradicted(Progress progress, AppendEntriesReply reply)
    {
        progress.ContradictsAt = reply.CommittedHere;
        SayWhatContradicts();
    }

    /// <summary>A vote was forgotten, or the message is not what it says: one of the two is heard by a quorum, and the other by none.</summary>
    private void RefuseSecondLeader(IRaftMessage message)
    {
        if (!MaySay(ref _saidContradiction)) return;
        _logger.Error("Member {0} leads at term {1}, and so says member {2}: a voter has voted twice, or {2}'s directory runs twice. What {2} sends is dropped.", Me, _term, message.Header.From);
    }

    private void SayWhatContradicts()
    {
        if (MaySay(ref _saidContradiction)) _logger.Error(WhatContradicts!);
    }

    private static string Words(MemberId member, MemberId leader, long term, long index) =>
        $"Member {member} has entry {index}, which leader {leader} of term {term} has otherwise: voters have forgotten what they acknowledged, as when an older copy of a directory is put back, or have begun with different backups. "
        + $"Member {member} keeps its log and does not follow {leader}. To go on with what {leader} has, remove it ('akkaraft members remove {member}') and add a member under a new id; "
        + $"to go on with what {member} has, stop the others and see 'akkaraft recover'.";

    private sealed record Contradiction(MemberId Leader, long Term, long Index);
}
