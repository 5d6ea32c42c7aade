using Akka.Actor;
using Akka.Event;
using AkkaRaft.Protocol;
using AkkaRaft.StateMachines;

namespace AkkaRaft.Consensus;

/// <summary>A follower answers leaders and candidates, and campaigns when it hears of neither for an election timeout (§3.4).</summary>
internal sealed partial class RaftActor
{
    private void BecomeFollower(long term, MemberId? leader)
    {
        if (_leading is not null)
        {
            _logger.Info("Member {0} no longer leads at term {1}; the term is {2} now.", Me, _term, term);
            EndLeadership(_leading, "The member no longer leads.");
        }
        if (term > _term) SetTermAndVote(term, votedFor: null);
        _leader = leader;
        _candidate = null;
        _leading = null;
        _follower = new FollowerState(Now, Now + RandomElectionTimeout());
        WakeAt(_follower.ElectionDeadline);
        Become(Follower);
    }

    private void Follower(object message)
    {
        if (HandledAlike(message) || _follower is null) return;
        switch (message)
        {
            case AppendEntries append:
                Follow(_follower, append);
                break;
            case InstallSnapshot install:
                Follow(_follower, install);
                break;
            case RequestVote request:
                Vote(_follower, request);
                break;
            case PreVote request:
                AnswerPreVote(request);
                break;
            case TimeoutNow:
                if (MayCampaign && !JournalStuck && CanServe) Campaign(leadershipTransfer: true);
                break;
            case Wake:
                CheckElectionDeadline(_follower);
                break;
            case Submit submit:
                Refuse(submit.RequestId, RefusalReason.NotLeader, "This member follows.");
                break;
            case Read read:
                Refuse(read.RequestId, RefusalReason.NotLeader, "This member follows.");
                break;
            case TransferLeadership transfer:
                Refuse(transfer.RequestId, RefusalReason.NotLeader, "This member follows.");
                break;
            // Answers to what an earlier role of this member asked, and greetings that only a leader heeds.
            case AppendEntriesReply or InstallSnapshotReply or RequestVoteReply or PreVoteReply or Hello or HelloReply or Pump:
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void CheckElectionDeadline(FollowerState follower)
    {
        if (Now >= follower.ElectionDeadline && MayCampaign && !JournalStuck && !WritesHardState && (CanServe || IsLastResort(follower)))
        {
            AskForPreVotes();
            return;
        }
        if (Now >= follower.ElectionDeadline)
        {
            follower.ElectionDeadline = Now + RandomElectionTimeout();
            // No voter campaigns in vain to learn that it was removed; whoever knows tells one that greets.
            if (!MayCampaign) Greet();
            SayIfNobodyAnswers(follower);
        }
        WakeAt(follower.ElectionDeadline);
    }

    private TimeSpan? _saidNobodyAnswers;

    /// <summary>One without a vote knows of the cluster what it was told when it was started, and what its log tells, and both may be old.</summary>
    private void SayIfNobodyAnswers(FollowerState follower)
    {
        var since = Now - 4 * _settings.ElectionTimeoutMax;
        if (IsVoter || follower.Since > since || _heardFrom.Values.Any(at => at > since) || !MaySay(ref _saidNobodyAnswers)) return;
        _logger.Warning(
            "Member {0} has no vote, and none of the members that it knows of answers: {1}. 'akkaraft status' tells whether they run; if they were removed, start it anew, with --join and members that there are.",
            Me, string.Join(", ", WhoMayAnswer));
    }

    private long LacksStateTo => LacksSnapshot ? _log.BaseIndex : 0;

    /// <summary>Nobody who can serve was elected in that time, as when this member's log is the longest: it leads to pass its log on, and then makes way.</summary>
    private bool IsLastResort(FollowerState follower)
    {
        var quietSince = follower.Since > _lastLeaderContact ? follower.Since : _lastLeaderContact;
        return !IsQuorumAlone && Now - quietSince >= 4 * _settings.ElectionTimeoutMax;
    }

    /// <summary>
    /// A leader that hears of a later term, of one that campaigned in vain or starts anew, leads no more; its voters hold on to nobody else, so that it may
    /// campaign at once, and the cluster waits for no election timeout. Whoever it has voted for, or follows, goes first.
    /// </summary>
    private void LeadAgain()
    {
        if (_follower is not null && _leader is null && _votedFor is null && MayCampaign && !JournalStuck) AskForPreVotes();
    }

    /// <summary>
    /// A leader whose connection broke is gone, mostly: its follower campaigns as soon as the others may vote, which is never before a lease that
    /// the leader may still hold has ended.
    /// </summary>
    private void LeaderMayBeGone(FollowerState follower, ConnectionLost lost)
    {
        if (_leader is not { } leader || !lost.Address.Equals(Locate(leader)?.Address, StringComparison.OrdinalIgnoreCase)) return;
        // The others may have heard of it one heartbeat later. All know of it at once, so that chance would let two campaign together too often.
        var before = _log.Configuration.Voters.Keys.Count(id => id.Value < Me.Value && id != leader);
        var soonest = _lastLeaderContact + _settings.ElectionTimeoutMin + _settings.HeartbeatInterval;
        var at = soonest + (_settings.ElectionTimeoutMax - _settings.ElectionTimeoutMin) / 4 * before;
        if (at >= follower.ElectionDeadline) return;
        follower.ElectionDeadline = at;
        WakeAt(at);
    }

    /// <summary>AppendEntries, receiver's part (§3.5).</summary>
    private void Follow(FollowerState follower, AppendEntries append)
    {
        if (Contradicted(append) is { } committed)
        {
            Refuse(follower, append.Header, append.Round, committed);
            return;
        }
        HearLeader(follower, append.Header.From);
        _clockMs = Math.Max(_clockMs, append.ClockMs);
        foreach (var (voter, index) in append.Acknowledged) Acknowledged(voter, index);

        if (append.PrevLogIndex >= _log.BaseIndex && _log.TermAt(append.PrevLogIndex) != append.PrevLogTerm)
        {
            var hint = _log.FindConflict(Math.Min(append.PrevLogIndex, _log.LastIndex), append.PrevLogTerm);
            ReplyMismatch(append, hint, _log.TermAt(hint) ?? 0);
            return;
        }

        _log.Merge(append.Entries);
        var verified = append.PrevLogIndex + append.Entries.Count;
        // Only what this leader has vouched for is committed by its word (§3.5, rule 5).
        if (Math.Min(append.LeaderCommit, verified) > _commitIndex)
        {
            _commitIndex = Math.Min(append.LeaderCommit, verified);
            Apply();
            LeaveIfRemoved();
        }

        // A heartbeat is answered at once with what is durable, so that a slow disk does not look like a lost leader.
        var waitFor = append.Entries.Count == 0 ? 0 : verified;
        AfterDurable(waitFor, () => Send(append.Header.From, h => new AppendEntriesReply(
            h, Success: true, append.PrevLogIndex, Math.Min(verified, _log.DurableIndex), 0, 0, append.Round) { LacksStateTo = LacksStateTo }));
    }

    private void HearLeader(FollowerState follower, MemberId leader)
    {
        follower.ElectionDeadline = Now + RandomElectionTimeout();
        _lastLeaderContact = Now;
        _lastLeader = leader;
        _fruitless = 0;
        _contradiction = null;
        if (_leader == leader) return;
        _leader = leader;
        _logger.Info("Member {0} follows {1} at term {2}.", Me, leader, _term);
        if (_transferAsker is { } asker) asker.Asker.Tell(new LeadershipTransferred(asker.RequestId, leader));
        _transferAsker = null;
    }

    private void ReplyMismatch(AppendEntries append, long hintIndex, long hintTerm) =>
        AfterDurable(0, () => Send(append.Header.From, h => new AppendEntriesReply(
            h, Success: false, append.PrevLogIndex, 0, hintIndex, hintTerm, append.Round) { LacksStateTo = LacksStateTo }));

    /// <summary>RequestVote, receiver's part (§3.4, §3.6.1): one vote a term, durable before it is told, for a log at least as up to date.</summary>
    private void Vote(FollowerState follower, RequestVote request)
    {
        var candidate = request.Header.From;
        var granted = (_votedFor is null || _votedFor == candidate)
            && _leader is null
            && IsUpToDate(candidate, request.LastLogIndex, request.LastLogTerm);
        if (granted)
        {
            if (_votedFor is null) SetTermAndVote(_term, candidate);
            follower.ElectionDeadline = Now + RandomElectionTimeout();
        }
        AfterDurable(0, () =>
        {
            Send(candidate, h => new RequestVoteReply(h, granted));
            // However long the vote took to write, whoever has it gets the time to lead.
            if (granted && _follower is { } still) still.ElectionDeadline = Now + RandomElectionTimeout();
        });
    }
}
