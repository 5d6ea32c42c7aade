using System.Collections.Immutable;
using Akka.Actor;
using Akka.Event;
using AkkaRaft.Log;
using AkkaRaft.Protocol;
using AkkaRaft.StateMachines;

namespace AkkaRaft.Consensus;

/// <summary>A leader replicates its log, commits what a quorum holds durably (§3.5, §3.6.2), and steps down when it cannot reach one (§6.2).</summary>
internal sealed partial class RaftActor
{
    private const int MaxReadsAskedAhead = 16;

    private bool _pumpPending;
    private bool _queried;

    /// <summary>A state machine that has left entries unapplied for too long: its member neither leads nor campaigns while another can.</summary>
    private bool StateMachineStuck => _applyStarted is { } started && Now - started > _settings.StateMachineTimeout;

    private bool CanServe => !LacksSnapshot && !StateMachineStuck;

    private void BecomeLeader()
    {
        _candidate = null;
        _leader = Me;
        // Only an empty log has no timestamp.
        var from = _log.LastTimestampMs > 0 ? Math.Max(_log.LastTimestampMs, _clockMs) : Context.System.Scheduler.Now.ToUnixTimeMilliseconds();
        _leading = new LeaderState(_log.LastIndex + 1, new LogClock(from, Now, longestStep: _settings.ElectionTimeoutMax)) { Probed = (Now, _appliedIndex), ComparedAt = Now };
        foreach (var peer in Peers) _leading.Progress.Add(peer.Id, new Progress(_log.LastIndex + 1, Now));
        _logger.Info("Member {0} leads at term {1}, from entry {2}.", Me, _term, _log.LastIndex + 1);
        Become(Leader);
        // Lets entries of earlier terms commit, and reads begin (§3.6.2, §6.4).
        AppendOwn(EntryKind.NoOp, _leaderProposal);
        Heartbeat(_leading);
        PumpNow(_leading);
    }

    private void Leader(object message)
    {
        if (HandledAlike(message) || _leading is null) return;
        switch (message)
        {
            case Submit submit:
                Accept(_leading, submit);
                break;
            case Read read:
                Accept(_leading, read);
                break;
            case Pump:
                _pumpPending = false;
                PumpNow(_leading);
                break;
            case AppendEntriesReply { CommittedHere: > 0 } reply when ProgressOf(_leading, reply.Header) is { } progress:
                Contradicted(progress, reply);
                break;
            case AppendEntriesReply reply when ProgressOf(_leading, reply.Header) is { } progress:
                Answered(_leading, progress, reply);
                break;
            case InstallSnapshotReply reply when ProgressOf(_leading, reply.Header) is { } progress:
                Answered(_leading, progress, reply);
                break;
            case ChangeMembers change:
                Change(_leading, change);
                break;
            case Wake:
                Beat(_leading);
                break;
            case Hello hello when _leading.Progress.TryGetValue(hello.Header.From, out var progress):
                SendHeartbeat(_leading, hello.Header.From, progress);
                break;
            case TransferLeadership transfer:
                BeginTransfer(_leading, transfer);
                break;
            case PreVote request:
                AnswerPreVote(request);
                break;
            case RequestVote request:
                AfterDurable(0, () => Send(request.Header.From, h => new RequestVoteReply(h, Granted: false)));
                break;
            case AppendEntries or InstallSnapshot:
                RefuseSecondLeader((IRaftMessage)message);
                break;
            // Votes beyond the quorum, answers of strangers, and a demand to campaign that came late.
            case RequestVoteReply or PreVoteReply or AppendEntriesReply or InstallSnapshotReply or TimeoutNow or Hello or HelloReply:
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    /// <summary>What is known of a member that answers; one that began anew before it was a voter has nothing of what it had.</summary>
    private Progress? ProgressOf(LeaderState leading, RaftHeader header)
    {
        if (!leading.Progress.TryGetValue(header.From, out var progress) || header.Incarnation == 0 || progress.Incarnation == header.Incarnation) return progress;
        if (progress.Incarnation == 0)
        {
            progress.Incarnation = header.Incarnation;
            return progress;
        }
        _logger.Info("Member {0} sends {1}, which began anew before it was a voter, all that it lacks.", Me, header.From);
        leading.Progress[header.From] = new Progress(_log.LastIndex + 1, Now) { Incarnation = header.Incarnation };
        return null;
    }

    private void Accept(LeaderState leading, Submit submit)
    {
        if (submit.Payload.Length > _settings.MaxCommandBytes)
            Refuse(submit.RequestId, RefusalReason.BadRequest, $"A command of {submit.Payload.Length} bytes is above the limit of {_settings.MaxCommandBytes}.");
        else if (leading.MakesWay)
            Refuse(submit.RequestId, RefusalReason.NotReady, WhyItMakesWay);
        else if (leading.Transfer is { } transfer)
            Refuse(submit.RequestId, RefusalReason.NotReady, $"Leadership is being handed over to {transfer.Target}.");
        else if (leading.Commands.Count >= _settings.MaxPendingCommands || leading.PendingBytes + submit.Payload.Length > _settings.MaxPendingBytes)
            Refuse(submit.RequestId, RefusalReason.Overloaded, $"{leading.Commands.Count} commands of {leading.PendingBytes} bytes wait already.");
        else
        {
            AppendOwn(EntryKind.Command, submit.Payload);
            leading.HasCommands = true;
            leading.Commands.Add(_log.LastIndex, new PendingCommand(Sender, submit.RequestId, submit.Payload.Length));
            leading.PendingBytes += submit.Payload.Length;
            SchedulePump();
        }
    }

    private void Accept(LeaderState leading, Read read)
    {
        if (leading.MakesWay)
            Refuse(read.RequestId, RefusalReason.NotReady, WhyItMakesWay);
        else if (read.Consistency == ReadConsistency.Lease && HasLease(leading) && _commitIndex >= leading.FirstIndexOfTerm && _appliedIndex >= _commitIndex)
            Ask(read.RequestId, read.Payload, Sender);
        else if (leading.Reads.Count >= _settings.MaxPendingReads)
            Refuse(read.RequestId, RefusalReason.Overloaded, $"{leading.Reads.Count} reads wait already.");
        else
        {
            leading.Reads.Add(new PendingRead(Sender, read.RequestId, read.Payload));
            SchedulePump();
        }
    }

    /// <summary>
    /// No other leader can be before an election timeout after a confirmed round began; a tenth is kept for clocks that drift (§6.4.1).
    /// A member told to take over may campaign at any later time without anyone holding on to this leader, so that the term's lease ends there.
    /// </summary>
    private bool HasLease(LeaderState leading) =>
        !leading.ToldToTakeOver && leading.ConfirmedAt is { } at && Now - at < _settings.ElectionTimeoutMin * 0.9;

    private void AppendOwn(EntryKind kind, ReadOnlyMemory<byte> payload) =>
        _log.Append(new LogEntry(_log.LastIndex + 1, _term, _leading?.Clock.At(Now) ?? _log.LastTimestampMs, kind, payload));

    /// <summary>What is in the mailbox already goes out together, at no delay.</summary>
    private void SchedulePump()
    {
        if (_pumpPending) return;
        _pumpPending = true;
        Self.Tell(Pump.Instance);
    }

    private void PumpNow(LeaderState leading)
    {
        // The followers' disks and the own one work at the same time.
        foreach (var (id, progress) in leading.Progress) Replicate(leading, id, progress);
        Flush();
        BeginReads(leading);
        AdvanceCommit(leading);
    }

    private void Replicate(LeaderState leading, MemberId id, Progress progress)
    {
        if (progress.State != ProgressState.Snapshot && IsBehindLog(progress)) OfferSnapshot(leading, id, progress);
        while (progress.CanSend(_settings.MaxInflightBytes))
        {
            var entries = _log.Slice(progress.NextIndex, _log.LastIndex, _settings.MaxAppendBytes);
            if (entries.Count == 0) return;
            SendAppend(leading, id, progress, entries);
            progress.Sent(entries);
        }
    }

    private void SendHeartbeat(LeaderState leading, MemberId id, Progress progress, ImmutableSortedDictionary<MemberId, long>? acknowledged = null)
    {
        if (progress.State == ProgressState.Snapshot || IsBehindLog(progress))
        {
            OfferSnapshot(leading, id, progress);
            return;
        }
        if (progress.LacksStateTo > 0) OfferState(leading, id, progress);
        SendAppend(leading, id, progress, [], acknowledged);
    }

    private void SendAppend(LeaderState leading, MemberId id, Progress progress, IReadOnlyList<LogEntry> entries, ImmutableSortedDictionary<MemberId, long>? acknowledged = null)
    {
        var prev = progress.NextIndex - 1;
        var prevTerm = _log.TermAt(prev) ?? throw new InvariantViolationException($"Entry {prev}, needed by member {id}, is not in the log.");
        Send(id, h => new AppendEntries(h, prev, prevTerm, entries, _commitIndex, leading.Reads.Round)
        {
            PrevLogChecksum = _log.ChecksumAt(prev), ClockMs = leading.Clock.At(Now), Acknowledged = acknowledged ?? ImmutableSortedDictionary<MemberId, long>.Empty,
        });
    }

    private void Answered(LeaderState leading, Progress progress, AppendEntriesReply reply)
    {
        if (MessageCheck.Complaint(reply, _log.LastIndex, leading.Reads.Round) is { } complaint)
        {
            Drop(DropReason.Impossible, reply.Header, complaint);
            return;
        }
        Heard(progress, reply.Header.From, reply.Round);
        progress.LacksStateTo = reply.LacksStateTo;
        progress.ContradictsAt = 0;
        if (reply.Success) progress.Matched(reply.PrevLogIndex, reply.MatchIndex, leading.Reads.Round);
        else if (progress.HasLost(reply.PrevLogIndex, reply.Round)) Dismiss(progress, reply.Header.From);
        else progress.Mismatched(reply.PrevLogIndex, _log.FindConflict(reply.HintIndex, reply.HintTerm));
        AfterAnswer(leading, reply.Header.From, progress);
    }

    private void Heard(Progress progress, MemberId from, long round)
    {
        if (progress.SaidSilent)
        {
            progress.SaidSilent = false;
            _logger.Info("Member {0} hears from {1} again.", Me, from);
        }
        progress.Contacted(Now, round);
    }

    private void AfterAnswer(LeaderState leading, MemberId from, Progress progress)
    {
        Replicate(leading, from, progress);
        AdvanceCommit(leading);
        if (_leading is null) return;
        ConfirmRounds(leading);
        ContinueTransfer(leading);
        if (_log.Configuration.Phase == MembershipPhase.CatchingUp) ContinueChange(leading);
    }

    /// <summary>Commits by counting only entries of the own term (§3.6.2), and itself only for what is durable here.</summary>
    private void AdvanceCommit(LeaderState leading)
    {
        var index = _log.Configuration.QuorumIndex(id => id == Me ? _log.DurableIndex : leading.Progress.TryGetValue(id, out var p) ? p.CountsTo : 0);
        if (index <= _commitIndex || _log.TermAt(index) != _term) return;
        _commitIndex = index;
        Apply();
        ContinueChange(leading);
        if (_leading is not null) BeginReads(leading);
    }

    // ---- reads ---------------------------------------------------------------------------------------------------

    private void BeginReads(LeaderState leading)
    {
        if (!leading.Reads.HasArrivals || leading.Reads.RoundPending || _commitIndex < leading.FirstIndexOfTerm) return;
        BroadcastRound(leading);
    }

    private void BroadcastRound(LeaderState leading, ImmutableSortedDictionary<MemberId, long>? acknowledged = null)
    {
        var round = leading.Reads.Begin(_commitIndex, withReads: _commitIndex >= leading.FirstIndexOfTerm);
        leading.Rounds.Enqueue((round, Now));
        foreach (var (id, progress) in leading.Progress) SendHeartbeat(leading, id, progress, acknowledged);
        ConfirmRounds(leading);
        AskAhead(leading);
    }

    /// <summary>While the round is under way the state machine reads: what it answers is held until the round is confirmed, and is no older than that round (§6.4).</summary>
    private void AskAhead(LeaderState leading)
    {
        // Many reads are not waiting for one change of thread, and their answers would be held all at once.
        if (leading.Reads.Count > MaxReadsAskedAhead || _appliedIndex < _commitIndex) return;
        foreach (var read in leading.Reads.Unconfirmed)
        {
            if (read.Ahead is not null) continue;
            read.Ahead = new HeldAnswer(read.Client);
            Ask(read.RequestId, read.Payload, read.Ahead);
        }
    }

    private void ConfirmRounds(LeaderState leading)
    {
        var confirmed = _log.Configuration.QuorumIndex(id => id == Me ? leading.Reads.Round : leading.Progress.TryGetValue(id, out var p) ? p.Round : 0);
        while (leading.Rounds.TryPeek(out var oldest) && oldest.Round <= confirmed)
        {
            leading.Rounds.Dequeue();
            leading.ConfirmedAt = oldest.Began;
            _fruitless = 0;
        }
        leading.Reads.Confirm(confirmed);
        ServeReads(leading);
        BeginReads(leading);
    }

    private void ServeReads(LeaderState leading)
    {
        foreach (var read in leading.Reads.TakeReady(_appliedIndex))
        {
            if (read.Ahead is { } held) held.Release();
            else Ask(read.RequestId, read.Payload, read.Client);
        }
    }

    private void Ask(long requestId, ReadOnlyMemory<byte> payload, IActorRef asker)
    {
        _queried = true;
        _stateMachine.Tell(new Query(requestId, payload), asker);
    }

    private void AnswerClients(LeaderState leading, long firstIndex, IReadOnlyList<ReadOnlyMemory<byte>> results)
    {
        for (var i = 0; i < results.Count; i++)
        {
            if (!leading.Commands.Remove(firstIndex + i, out var command)) continue;
            leading.PendingBytes -= command.Bytes;
            command.Client.Tell(new SubmitReply(command.RequestId, firstIndex + i, results[i]));
        }
        ServeReads(leading);
    }

    // ---- time ----------------------------------------------------------------------------------------------------

    private void Beat(LeaderState leading)
    {
        if (JournalStuck)
        {
            _logger.Warning("Member {0}'s journal has not answered for {1}; it steps down at term {2}.", Me, Now - _flushStarted, _term);
            BecomeFollower(_term, leader: null);
            return;
        }
        // CheckQuorum (§6.2): a leader that reaches no quorum makes way, and its clients look elsewhere.
        if (!_log.Configuration.HasQuorum(id => id == Me || leading.Progress.TryGetValue(id, out var p) && Now - p.LastContact < Patience * _settings.ElectionTimeoutMax))
        {
            _logger.Warning("Member {0} has not heard from a quorum for {1}; it steps down at term {2}.", Me, SettingsCheck.Text(Patience * _settings.ElectionTimeoutMax), _term);
            BecomeFollower(_term, leader: null);
            return;
        }
        if (leading.Transfer is { } transfer && Now >= transfer.Deadline)
        {
            leading.Transfer = null;
            transfer.Asker.Tell(new Refused(transfer.RequestId, RefusalReason.NotReady, LeaderMember, $"Member {transfer.Target} did not take over in time."));
        }
        SaySilent(leading);
        ProbeStateMachine(leading);
        MakeWay(leading);
        if (_leading is null) return;
        LetTimePass(leading);
        CompareStates(leading);
        ContinueChange(leading);
        if (_leading is null) return;
        if (Now >= leading.NextHeartbeat) Heartbeat(leading);
        else WakeAt(leading.NextHeartbeat);
    }

    /// <summary>What falls due in the state machine does so with an entry, and without writes there would be none.</summary>
    private void LetTimePass(LeaderState leading)
    {
        // An entry that is yet to be applied will do; one that was applied has not, where something fell due meanwhile that was due before.
        var isSeenTo = _log.LastTimestampMs >= _timeDue && _appliedIndex < _log.LastIndex;
        if (leading.Transfer is not null || isSeenTo || !(leading.Clock.At(Now) >= _timeDue)) return;
        AppendOwn(EntryKind.NoOp, default);
        SchedulePump();
    }

    /// <summary>Whether a query is answered is not seen from here; whether an entry is applied is.</summary>
    private void ProbeStateMachine(LeaderState leading)
    {
        if (Now - leading.Probed.At < _settings.StateMachineTimeout / 2) return;
        var applies = _appliedIndex > leading.Probed.AppliedIndex || _applyStarted is not null || leading.Transfer is not null;
        leading.Probed = (Now, _appliedIndex);
        if (!_queried || applies) return;
        _queried = false;
        AppendOwn(EntryKind.NoOp, default);
        SchedulePump();
    }

    private string WhyItMakesWay => LacksSnapshot
        ? $"Member {Me}'s state machine lacks a snapshot."
        : $"Member {Me}'s state machine has applied nothing for {_settings.StateMachineTimeout.TotalSeconds:0.#} s; its disk, the machine, or the code that applies entries does not keep up.";

    /// <summary>A leader that cannot serve hands over to a voter that can, once one has all of its log.</summary>
    private void MakeWay(LeaderState leading)
    {
        var made = leading.MakesWay;
        leading.MakesWay = !CanServe;
        if (!leading.MakesWay) return;
        if (!made) _logger.Warning("{0} It hands leadership over at term {1}.", WhyItMakesWay, _term);
        if (IsQuorumAlone)
        {
            BecomeFollower(_term, leader: null);
            return;
        }
        if (leading.Transfer is not null) return;
        var able = leading.Progress
            .Where(p => _log.Configuration.IsVoter(p.Key) && p.Value.MatchIndex == _log.LastIndex && p.Value.LacksStateTo == 0 && Now - p.Value.LastContact < _settings.ElectionTimeoutMin)
            .Select(p => p.Key).ToList();
        if (able.Count == 0) return;
        // Another one the next time, should this one not take over.
        leading.Transfer = new Transfer(able[_random.Next(able.Count)], Now + _settings.ElectionTimeoutMax, ActorRefs.Nobody, 0);
        ContinueTransfer(leading);
    }

    private void SaySilent(LeaderState leading)
    {
        foreach (var (id, progress) in leading.Progress)
        {
            if (progress.SaidSilent || progress.ContradictsAt > 0 || Now - progress.LastContact < _settings.ElectionTimeoutMax) continue;
            progress.SaidSilent = true;
            _logger.Warning(
                "Member {0} has heard nothing from {1} for {2}; {3}.", Me, Locate(id), SettingsCheck.Text(_settings.ElectionTimeoutMax),
                progress.MatchIndex > 0 ? $"it has the log to {progress.MatchIndex}" : "what it has of the log is not known yet");
        }
    }

    private void Heartbeat(LeaderState leading)
    {
        leading.NextHeartbeat = Now + _settings.HeartbeatInterval;
        WakeAt(leading.NextHeartbeat);
        NoteAcknowledged(leading);
        BroadcastRound(leading, _acknowledged);
    }

    // ---- leadership transfer (§3.10) -----------------------------------------------------------------------------

    private void BeginTransfer(LeaderState leading, TransferLeadership request)
    {
        var candidates = leading.Progress.Where(p => _log.Configuration.IsVoter(p.Key)).ToList();
        if (request.Target is { } wanted && candidates.All(c => c.Key != wanted) || candidates.Count == 0)
        {
            Refuse(request.RequestId, RefusalReason.BadRequest, request.Target is null ? "There is no other voter." : $"Member {request.Target} is no other voter.");
            return;
        }
        if (leading.Transfer is not null || _log.Configuration.Phase != MembershipPhase.Stable)
        {
            Refuse(request.RequestId, RefusalReason.NotReady, "Leadership is being handed over already, or the members change.");
            return;
        }
        var target = request.Target ?? BestOf(candidates);
        leading.Transfer = new Transfer(target, Now + _settings.ElectionTimeoutMax, Sender, request.RequestId);
        ContinueTransfer(leading);
    }

    private void ContinueTransfer(LeaderState leading)
    {
        if (leading.Transfer is not { } transfer || !leading.Progress.TryGetValue(transfer.Target, out var progress) || progress.MatchIndex != _log.LastIndex) return;
        leading.ToldToTakeOver = true;
        Send(transfer.Target, h => new TimeoutNow(h));
    }

    /// <summary>One that answers, and among those the one with the longest log.</summary>
    private MemberId BestOf(IEnumerable<KeyValuePair<MemberId, Progress>> candidates) =>
        candidates.MaxBy(c => (Now - c.Value.LastContact < _settings.ElectionTimeoutMin, c.Value.MatchIndex)).Key;

    // ---- the end -------------------------------------------------------------------------------------------------

    /// <summary>Commands in the log may commit under the next leader: their outcome is unknown. Reads were surely not served.</summary>
    private void EndLeadership(LeaderState leading, string why)
    {
        NoteAcknowledged(leading);
        foreach (var command in leading.Commands.Values)
            command.Client.Tell(new Refused(command.RequestId, RefusalReason.OutcomeUnknown, null, why));
        foreach (var read in leading.Reads.TakeAll())
        {
            read.Ahead?.Drop();
            read.Client.Tell(new Refused(read.RequestId, RefusalReason.NotLeader, null, why));
        }
        if (leading.Transfer is { } transfer) _transferAsker = (transfer.Asker, transfer.RequestId);
        _pumpPending = false;
    }

    private sealed class Pump
    {
        public static readonly Pump Instance = new();
    }
}
