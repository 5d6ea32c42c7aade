using System.Collections.Immutable;
using Akka.Actor;
using Akka.Event;
using Akka.Persistence;
using AkkaRaft.Log;
using AkkaRaft.Protocol;
using AkkaRaft.Remoting;
using AkkaRaft.StateMachines;
using AkkaRaft.Storage;

namespace AkkaRaft.Consensus;

/// <summary>
/// One member: follower, candidate and leader are the behaviours it becomes, each in its own file; here is what they share.
/// The algorithm is that of Ongaro's dissertation; section numbers refer to it.
/// </summary>
internal sealed partial class RaftActor : UntypedPersistentActor
{
    private readonly RaftSettings _settings;
    private readonly IMemberTransport _transport;
    private readonly Props _stateMachineProps;
    private readonly Random _random;
    private readonly ILoggingAdapter _logger;
    private readonly EventChain _chain = new();
    private readonly Dictionary<MemberId, TimeSpan> _heardFrom = [];
    private readonly MemberAddresses _addresses = new();

    private RaftLog _log = new(LogBase.Empty(Configuration.Of([])));
    private Bootstrapped? _origin;
    private long _term;
    private MemberId? _votedFor;
    private long _commitIndex;
    private long _appliedIndex;
    private TimeSpan? _applyStarted;
    private long? _timeDue;
    private ReadOnlyMemory<byte> _leaderProposal;
    private MemberId? _leader;
    private TimeSpan _lastLeaderContact;
    private MemberId? _lastLeader;
    private long _clockMs;
    private IActorRef _stateMachine = ActorRefs.Nobody;
    private IActorRef _snapshots = ActorRefs.Nobody;
    private (IActorRef Asker, long RequestId)? _transferAsker;

    private FollowerState? _follower;
    private CandidateState? _candidate;
    private LeaderState? _leading;

    private ICancelable? _wake;
    private TimeSpan? _wakeAt;

    public RaftActor(RaftSettings settings, IMemberTransport transport, Props stateMachine, Random random)
    {
        _settings = settings;
        _transport = transport;
        _stateMachineProps = stateMachine;
        _random = random;
        _writeTime = new WriteTime(most: 4 * settings.ElectionTimeoutMax);
        _writeTime.Add(settings.SyncTime);
        _fetchPause = new GrowingPause(settings.ElectionTimeoutMin, TimeSpan.FromMinutes(1));
        _savePause = new GrowingPause(settings.ElectionTimeoutMin, TimeSpan.FromMinutes(1));
        _logger = Context.GetLogger();
        _chunks = new AnswerWindows(Self, () => Now);
        PersistenceId = $"akkaraft-member-{settings.Id}";
        JournalPluginId = settings.JournalPlugin;
        SnapshotPluginId = settings.SnapshotPlugin;
    }

    public static Props Props(RaftSettings settings, IMemberTransport transport, Props stateMachine, Random random) =>
        Akka.Actor.Props.CreateBy(new Producer<RaftActor>(() => new RaftActor(settings, transport, stateMachine, random)));

    public override string PersistenceId { get; }

    /// <summary>The events are the state; there are no actor snapshots.</summary>
    public override Recovery Recovery { get; } = new(SnapshotSelectionCriteria.None);

    internal MemberId Me => _settings.Id;

    private TimeSpan Now => _settings.Clock?.Invoke() ?? Context.System.Scheduler.MonotonicClock;

    private RaftRole Role =>
        _leading is not null ? RaftRole.Leader
        : _candidate is not null ? RaftRole.Candidate
        : IsVoter ? RaftRole.Follower
        : RaftRole.Learner;

    // ---- what a simulation's checks look at ---------------------------------------------------------------------

    internal bool IsUp => _follower is not null || _candidate is not null || _leading is not null;

    internal bool IsLeader => _leading is not null;

    internal RaftRole CurrentRole => Role;

    internal long Term => _term;

    internal MemberId? KnownLeader => _leader;

    internal RaftLog RaftLog => _log;

    internal long CommitIndex => _commitIndex;

    internal long AppliedIndex => _appliedIndex;

    internal bool ForgetsState => _forgetsState;

    internal bool HoldsLease => _leading is { } leading && HasLease(leading);

    // ---- recovery ----------------------------------------------------------------------------------------------

    protected override void OnRecover(object message)
    {
        switch (message)
        {
            case SealedEvent sealedEvent:
                if (_firstSequenceNr == 0) (_firstSequenceNr, _firstPreviousChecksum) = (LastSequenceNr, sealedEvent.PreviousChecksum);
                Replay(_chain.Open(sealedEvent, LastSequenceNr), sealedEvent.PreviousChecksum);
                break;
            case RecoveryCompleted:
                Recovered();
                break;
        }
    }

    private void Replay(IRaftEvent raftEvent, uint previousChecksum)
    {
        switch (raftEvent)
        {
            case Bootstrapped b:
                ReplayOrigin(b);
                _log = new RaftLog(LogBase.Empty(b.Configuration));
                break;
            case ClusterBegun begun:
                _log.BeginWith(begun.Incarnations);
                break;
            case BeganAnew known:
                _beganAnew = known;
                break;
            case TermAndVote t:
                _term = t.Term;
                _votedFor = t.VotedFor;
                break;
            case EntriesAppended e:
                // The first event of a journal whose beginning was deleted: a checkpoint that follows says the rest of the base.
                if (_firstSequenceNr == LastSequenceNr && LastSequenceNr > 1) _log = new RaftLog(LogBase.Empty(_log.Configuration) with { Index = e.PrevLogIndex, Term = e.PrevLogTerm });
                if (_log.TermAt(e.PrevLogIndex) != e.PrevLogTerm)
                    throw new JournalCorruptException($"The journal appends after entry {e.PrevLogIndex} of term {e.PrevLogTerm}, which the log does not have.");
                _log.TruncateFrom(e.PrevLogIndex + 1);
                foreach (var entry in e.Entries) _log.Append(entry);
                _log.MarkWritten(_log.LastIndex);
                _log.MarkDurable(_log.LastIndex);
                Appended(LastSequenceNr, e.PrevLogIndex, previousChecksum);
                break;
            case LogCompacted c:
                ReplayCheckpoint(c.Checkpoint);
                break;
            case SnapshotInstalled s:
                ReplayCheckpoint(s.Checkpoint);
                break;
        }
    }

    private void ReplayOrigin(Bootstrapped b)
    {
        if (b.ClusterId != _settings.ClusterId || b.MemberId != Me)
            throw new JournalCorruptException($"The journal is that of member {b.MemberId} of cluster '{b.ClusterId}', not of member {Me} of '{_settings.ClusterId}'.");
        _origin = b;
    }

    /// <summary>The journal's first event: as it was read, or as it is to be written.</summary>
    private Bootstrapped Origin => _origin ??= new Bootstrapped(
        _settings.ClusterId, Me, Configuration.Of(_settings.Joins ? [] : _settings.Members.Values), (ulong)_random.NextInt64(1, long.MaxValue),
        _settings.RestoreFrom?.Snapshot.Checksum ?? 0);

    private void Recovered()
    {
        if (_firstSequenceNr > 1 && !_vouched)
        {
            Fail($"Member {Me}'s journal begins with event {_firstSequenceNr}, and no checkpoint in it stands for what was before. It does not vote or serve. {JournalGuard.AfterDamage(Me)}");
            return;
        }
        if (_beganAnew is not null)
        {
            Fail(WhatBeganAnew(_beganAnew));
            return;
        }
        if (_origin is null)
        {
            _log = new RaftLog(LogBase.Empty(Origin.Configuration));
            // Whatever is said waits for it.
            _hardStateVersion++;
        }
        else
        {
            _originWritten = _originDurable = true;
            _writtenTermAndVote = (_term, _votedFor);
        }
        _durableSequenceNr = LastSequenceNr;
        _stateMachine = Context.Watch(Context.ActorOf(_stateMachineProps, "state-machine"));
        _snapshots = Context.Watch(Context.ActorOf(SnapshotActor.Props(_settings).WithDispatcher(
            _settings.SnapshotDispatcher.Length > 0 ? _settings.SnapshotDispatcher : _stateMachineProps.Dispatcher), "snapshots"));
        Become(Starting);
        Context.Parent.Tell(JournalRead.Instance);
    }

    protected override void OnRecoveryFailure(Exception reason, object? message = null)
    {
        // An event that was read and cannot be replayed is there each time; what kept the journal from being read may pass.
        if (message is null && !JournalCorruptException.IsShownBy(reason))
        {
            Context.Parent.Tell(new MemberHindered($"Member {Me} cannot read its journal in {DataDirectory.PathOf(_settings)} now: {reason.Message}"));
            Context.Stop(Self);
            return;
        }
        // What is wrong with it is said below; anything else is a fault of the program's.
        if (!JournalCorruptException.IsShownBy(reason)) _logger.Error(reason, "Member {0} cannot recover its journal.", Me);
        Fail($"Member {Me}'s journal in {DataDirectory.PathOf(_settings)} is damaged: {reason.Message} It does not vote or serve. {JournalGuard.AfterDamage(Me)}");
    }

    /// <summary>The state machine opens its state; nothing of Raft goes on before it is there.</summary>
    private void Starting(object message)
    {
        switch (message)
        {
            case StateMachineReady ready:
                Start(ready);
                break;
            case StateMachineFailed failed:
                Fail(failed.Reason, failed.LogIsOf);
                break;
            case TimeDue due:
                _timeDue = due.TimestampMs;
                break;
            case SnapshotActor.Found { Snapshot: var snapshot } found when _log.TermAt(snapshot.Base.Index) == snapshot.Base.Term:
                Load(snapshot, found.File);
                break;
            case SnapshotActor.Found or SnapshotActor.NoneFound:
                StartWithoutState();
                break;
            case ImageLoaded loaded:
                Loaded(loaded);
                if (LacksSnapshot) StartWithoutState();
                else Started();
                break;
            case Terminated { ActorRef: var stopped }:
                ChildStopped(stopped);
                break;
            case GetMemberStatus get:
                Sender.Tell(Status(get.RequestId));
                break;
            case GetMembership get:
                Sender.Tell(MembershipNow(get.RequestId));
                break;
            case TransferLeadership transfer:
                Refuse(transfer.RequestId, RefusalReason.NotLeader, "The member is recovering.");
                break;
            case ChangeMembers change:
                Refuse(change.RequestId, RefusalReason.NotReady, "The member is recovering.");
                break;
            case Submit submit:
                Refuse(submit.RequestId, RefusalReason.NotReady, "The member is recovering.");
                break;
            case Read read:
                Refuse(read.RequestId, RefusalReason.NotReady, "The member is recovering.");
                break;
        }
    }

    private void Start(StateMachineReady ready)
    {
        var installs = ready.AppliedIndex < _log.BaseIndex;
        if (ready.JournalSequenceNr > LastSequenceNr || (!installs && _log.TermAt(ready.AppliedIndex) != ready.AppliedTerm))
        {
            Fail($"Member {Me}'s journal has lost entries: its state machine has applied entry {ready.AppliedIndex} of term {ready.AppliedTerm} (event {ready.JournalSequenceNr}), but its journal ends at entry {_log.LastIndex} of term {_log.LastTerm} (event {LastSequenceNr}). It does not vote or serve. {JournalGuard.AfterDamage(Me)}");
            return;
        }
        _appliedIndex = ready.AppliedIndex;
        _leaderProposal = ready.LeaderProposal;
        _hashesState = ready.HashesState;
        if (installs)
        {
            // The last run ended before the state machine had taken a snapshot over, or the state machine's file was moved away.
            _snapshots.Tell(new SnapshotActor.FindLatest(_log.BaseIndex));
            return;
        }
        Started();
    }

    /// <summary>The state is lost, and no promise is: the member votes, acknowledges and follows, and fetches a snapshot from whoever leads.</summary>
    private void StartWithoutState()
    {
        var lacks = $"Member {Me}'s log begins after entry {_log.BaseIndex}, its state machine has applied entry {_appliedIndex}, and no snapshot of what is between is here.";
        if (IsQuorumAlone || _settings.ForcesSingle)
        {
            Fail($"{lacks} No other voter has one either. It does not serve; begin a new cluster from a backup with 'akkaraft restore FILE'.");
            return;
        }
        _logger.Warning("{0} It votes and follows, and fetches a snapshot from the leader.", lacks);
        Started();
    }

    private bool IsQuorumAlone => _log.Configuration.HasQuorum(id => id == Me);

    private void Started()
    {
        _commitIndex = Math.Max(_appliedIndex, _log.BaseIndex);
        _lastLeaderContact = Now;
        if (_settings.ForcesSingle) GoOnAlone();
        SayIfSlow();
        BecomeFollower(_term, leader: null);
        if (_settings.RestoreFrom is { } image && _firstSequenceNr == 0)
        {
            SetTermAndVote(image.Snapshot.Base.Term, votedFor: null);
            Install(image.Snapshot, image.File);
        }
        Flush();
        AfterDurable(0, Greet);
        _logger.Info("Member {0} is up at term {1} with entries {2} to {3}, applied to {4}.", Me, _term, _log.FirstIndex, _log.LastIndex, _appliedIndex);
    }

    private void Fail(string reason, string? logIsOf = null)
    {
        _logger.Error(reason);
        Context.Parent.Tell(new MemberFailed(Me, reason) { LogIsOf = logIsOf });
        Context.Stop(Self);
    }

    // ---- what every role does alike ----------------------------------------------------------------------------

    protected override void OnCommand(object message) => Starting(message);

    /// <summary>Handles what does not depend on the role, and drops what no role may see.</summary>
    /// <returns>True when nothing is left to do for the role.</returns>
    private bool HandledAlike(object message)
    {
        switch (message)
        {
            case IRaftMessage raft:
                return !Admit(raft) || HandledBySnapshots(raft) || HandledByStateChecks(raft);
            case EntriesApplied applied:
                Applied(applied);
                return true;
            case StateMachineFailed failed:
                Fail(failed.Reason, failed.LogIsOf);
                return true;
            case TimeDue due:
                _timeDue = due.TimestampMs;
                return true;
            case Read { Consistency: ReadConsistency.Local, NeedsLeader: true } read when !HearsLeader:
                Refuse(read.RequestId, RefusalReason.NotLeader, "This member hears of no leader.");
                return true;
            case Read { Consistency: ReadConsistency.Local } read when IsStateBehindLog:
                Refuse(read.RequestId, RefusalReason.NotReady, "This member's state machine lacks a snapshot; ask another member.");
                return true;
            case Read { Consistency: ReadConsistency.Local } read:
                _stateMachine.Tell(new Query(read.RequestId, read.Payload), Sender);
                return true;
            case GetMemberStatus get:
                Sender.Tell(Status(get.RequestId));
                return true;
            case GetMembership get:
                Sender.Tell(MembershipNow(get.RequestId));
                return true;
            case ChangeMembers change when _leading is null:
                Refuse(change.RequestId, RefusalReason.NotLeader, "This member does not lead.");
                return true;
            case ConnectionLost lost:
                if (_follower is not null) LeaderMayBeGone(_follower, lost);
                _stateMachine.Tell(lost);
                _chunks.Remove(lost.Address);
                return true;
            case Wake wake when wake.At != _wakeAt:
                return true;
            case Wake:
                _wakeAt = null;
                return false;
            case Terminated { ActorRef: var stopped }:
                ChildStopped(stopped);
                return true;
            default:
                return HandledByCompaction(message) || HandledBySnapshots(message) || HandledByStateChecks(message);
        }
    }

    /// <summary>The rules for terms that hold in every role (§3.3), and who is not listened to at all.</summary>
    private bool Admit(IRaftMessage message)
    {
        var header = message.Header;
        if (!IsForMe(message)) return false;
        if (_settings.LogMessages) _logger.Debug("{0} <- {1}", Me, message);
        if (!Knows(header))
        {
            HearStranger(message);
            return false;
        }
        if (MessageCheck.Complaint(message, _term) is { } complaint)
        {
            Drop(DropReason.Impossible, header, complaint);
            return false;
        }
        if (header.FromAddress is { } address && _addresses.Heard(header.From, address, Now) is { } places) RefuseCopy(header.From, places.Newer, places.Older);
        if (message is Dismissed dismissed)
        {
            if (IsToMe(header)) Heed(dismissed);
            return false;
        }
        // Whoever saw it acknowledge something knows it.
        if ((IsToMe(header) && HasLost(header)) || IsDismissed(message)) return false;
        _heardFrom[header.From] = Now;
        switch (message)
        {
            case Hello hello:
                Answer(hello);
                break;
            case HelloReply reply:
                Learn(reply);
                return false;
        }
        // It has yet to learn whether it forgot what it voted and acknowledged.
        if (!HasBegun) return false;
        HearTerm(message);

        // Whoever hears its leader does not let a candidate disturb it, by whatever it has learned of the term before (§4.2.3).
        if (message is RequestVote { LeadershipTransfer: false } && header.Term >= _term && _leading is null && HoldsOnTo(header.From)) return false;
        if (header.Term > _term)
        {
            // A proposed term is not yet anyone's term.
            if (message is PreVote or PreVoteReply { Granted: true }) return true;
            if (message is RequestVote { LeadershipTransfer: false } && _leading is not null) return false;
            var led = _leading is not null;
            BecomeFollower(header.Term, leader: null);
            Follower(message);
            if (led) LeadAgain();
            return false;
        }
        if (header.Term == _term) return true;

        switch (message)
        {
            // So that a deposed leader learns of the newer term. It may be leading in that one by now: no round or place of an earlier term is to be taken for one of this.
            case AppendEntries stale:
                AfterDurable(0, () => Send(stale.Header.From, h => new AppendEntriesReply(h, Success: false, 0, 0, 0, 0, Round: 0) { LacksStateTo = LacksStateTo }));
                return false;
            case InstallSnapshot stale:
                AfterDurable(0, () => Send(stale.Header.From, h => new InstallSnapshotReply(h, Installed: false, 0, 0, Round: 0)));
                return false;
            case RequestVote stale:
                AfterDurable(0, () => Send(stale.Header.From, h => new RequestVoteReply(h, Granted: false)));
                return false;
            default:
                return message is PreVote or Hello or FetchSnapshot or StateHash;
        }
    }

    /// <summary>Whether a leader that may still count on this member keeps it from voting for the candidate. A leader that asks itself counts on nobody any more.</summary>
    private bool HoldsOnTo(MemberId candidate) =>
        _leading is not null || (_lastLeader != candidate && Now - _lastLeaderContact < _settings.ElectionTimeoutMin);

    private bool HearsLeader => _leading is not null || (_leader is not null && Now - _lastLeaderContact < _settings.ElectionTimeoutMax);

    private void AnswerPreVote(PreVote request)
    {
        var granted = request.Header.Term > _term && !HoldsOnTo(request.Header.From) && IsUpToDate(request.Header.From, request.LastLogIndex, request.LastLogTerm);
        AfterDurable(0, () => Send(request.Header.From, h => new PreVoteReply(granted ? h with { Term = request.Header.Term } : h, granted)));
    }

    private void Apply()
    {
        if (_applyStarted is not null || IsStateBehindLog) return;
        // Never past what the own journal has: the state machine must not know more than the log that explains it.
        var entries = _log.Slice(_appliedIndex + 1, Math.Min(_commitIndex, _log.DurableIndex), _settings.MaxApplyBytes);
        if (entries.Count == 0) return;
        _applyStarted = Now;
        _stateMachine.Tell(new ApplyEntries(entries, _durableSequenceNr));
    }

    private void Applied(EntriesApplied applied)
    {
        var first = _appliedIndex + 1;
        if (applied.Results.Count != applied.LastIndex - _appliedIndex)
            throw new InvariantViolationException($"The state machine answered {applied.Results.Count} results for entries {first} to {applied.LastIndex}.");
        _appliedIndex = applied.LastIndex;
        _applyStarted = null;
        if (_leading is not null) AnswerClients(_leading, first, applied.Results);
        TellHashes(first, applied.Results);
        Apply();
        Compact();
    }

    private RaftStatus Status(long requestId) => new(
        Me, _settings.Members.GetValueOrDefault(Me)?.Address ?? "", Role, _term, _leader,
        _log.LastIndex, _commitIndex, _appliedIndex, Environment.ProcessId, Waiting())
    {
        RequestId = requestId,
        SnapshotReceived = _fetching?.Received ?? 0,
        SnapshotLength = _fetching?.Snapshot.Length ?? 0,
        Problem = WhatContradicts ?? WhoDismisses ?? WhoBeginsOtherwise ?? _noQuorumOfStates ?? WhatStateLacks,
    };

    private ImmutableArray<MemberId> Waiting()
    {
        if (_leading is null && _leader is not null) return [];
        var since = Now - _settings.ElectionTimeoutMax;
        return [.. Peers.Where(p => _log.Configuration.IsVoter(p.Id) && (!_heardFrom.TryGetValue(p.Id, out var at) || at < since)).Select(p => p.Id)];
    }

    private void Refuse(long requestId, RefusalReason reason, string message) =>
        Sender.Tell(new Refused(requestId, reason, LeaderMember, message));

    private RaftEndpoint? LeaderMember => _leader is { } leader ? Locate(leader) : null;

    // ---- sending and time ---------------------------------------------------------------------------------------

    private IEnumerable<RaftEndpoint> Peers => _log.Configuration.Members.Where(m => m.Id != Me);

    /// <summary>Where a member is: it knows best itself. The settings know better than the log, since a machine may move, unless they name what an update has replaced.</summary>
    private RaftEndpoint? Locate(MemberId id)
    {
        if (_addresses.Of(id) is { } address) return new RaftEndpoint(id, address);
        return _settings.Members.GetValueOrDefault(id) is { } named && !_log.Configuration.Former.Contains(named) ? named : _log.Configuration.Find(id);
    }

    private void Send(MemberId to, Func<RaftHeader, IRaftMessage> message)
    {
        if (Locate(to) is { } member) Send(member, message);
    }

    private void Send(RaftEndpoint to, Func<RaftHeader, IRaftMessage> message) => SendTo(Locate(to.Id) ?? to, message);

    /// <summary>To the member that is at this very place.</summary>
    private void SendTo(RaftEndpoint to, Func<RaftHeader, IRaftMessage> message)
    {
        var header = new RaftHeader(_settings.ClusterId, Me, to.Id, _term)
        {
            // Until the journal has it, another run of this member may draw another.
            FromAddress = _settings.Members.GetValueOrDefault(Me)?.Address, Incarnation = _originDurable ? Origin.Incarnation : 0,
            ToIncarnation = IncarnationOf(to.Id), AckedIndex = AckedBy(to.Id), AckedTerm = _heardTerms.GetValueOrDefault(to.Id),
        };
        var sent = message(header);
        if (_settings.LogMessages) _logger.Debug("{0} -> {1}", Me, sent);
        _transport.Send(to, sent);
    }

    private TimeSpan RandomElectionTimeout()
    {
        var spread = _settings.ElectionTimeoutMax - _settings.ElectionTimeoutMin;
        return _settings.ElectionTimeoutMin + spread * _random.NextDouble();
    }

    /// <summary>Makes sure that the role looks at its deadlines at <paramref name="at"/>; one that moved later costs nothing until then.</summary>
    private void WakeAt(TimeSpan at)
    {
        if (_wakeAt is { } planned && planned <= at) return;
        _wake?.Cancel();
        _wakeAt = at;
        var delay = at - Now;
        _wake = Context.System.Scheduler.ScheduleTellOnceCancelable(delay > TimeSpan.Zero ? delay : TimeSpan.Zero, Self, new Wake(at), ActorRefs.NoSender);
    }

    private sealed record Wake(TimeSpan At);

    private Exception? _childFailure;

    protected override SupervisorStrategy SupervisorStrategy() => new OneForOneStrategy(cause =>
    {
        _childFailure = cause;
        return Directive.Stop;
    });

    private void ChildStopped(IActorRef child)
    {
        _logger.Error("Member {0}'s {1} stopped; the member starts anew with it.", Me, child.Path.Name);
        if (_childFailure is { } failure) Context.Parent.Tell(new MemberHindered($"Member {Me}'s {child.Path.Name} stopped: {failure.GetBaseException().Message}"));
        Context.Stop(Self);
    }

    protected override void PostStop()
    {
        _wake?.Cancel();
        if (_leading is not null) EndLeadership(_leading, "The member stopped.");
        base.PostStop();
    }
}
