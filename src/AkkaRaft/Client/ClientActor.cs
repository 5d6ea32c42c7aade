using Akka.Actor;
using Akka.Remote;
using AkkaRaft.Protocol;
using AkkaRaft.StateMachine;

namespace AkkaRaft.Client;

/// <summary>
/// Takes calls, sends what has gathered as one batch to the leader, and sends it again until it is answered. Writes carry a session and serials,
/// so that the state machine executes each once however often it arrives (Raft dissertation §6.3).
/// </summary>
internal sealed class ClientActor : ReceiveActor, IWithTimers
{
    private readonly RaftClientSettings _settings;
    private readonly Func<Member, ICanTell> _resolve;
    private Member[] _members;
    private TimeSpan _askMembersAt = TimeSpan.MinValue;
    private MemberId? _membersAskedOf;
    private readonly Queue<PendingCall> _writes = new();
    private readonly Queue<PendingCall> _reads = new();
    private readonly SortedDictionary<MemberId, string> _lastOutcome = [];

    private Flight? _write;
    private Flight? _read;
    private Member _leader;
    private long _session;
    private long _nextSerial = 1;
    private long _nextRequestId;
    private bool _anyAnswer;
    private bool _ticking;

    public ClientActor(RaftClientSettings settings, Func<Member, ICanTell> resolve)
    {
        _settings = settings;
        _resolve = resolve;
        _members = [.. settings.Members.Values];
        _leader = _members[0];

        Receive<IKeyValueRequest>(Accept);
        Receive<SubmitReply>(reply => Executed(reply));
        Receive<QueryReply>(reply => Read(reply));
        Receive<Refused>(refused => Refused(refused));
        Receive<Membership>(membership => Learn(membership));
        Receive<Pump>(_ => PumpNow());
        Receive<Tick>(_ => Ticked());
        Receive<DisassociatedEvent>(lost => Lost(lost.RemoteAddress));
        Receive<AssociationErrorEvent>(lost => Lost(lost.RemoteAddress));
    }

    public static Props Props(RaftClientSettings settings, Func<Member, ICanTell> resolve) =>
        Akka.Actor.Props.Create(() => new ClientActor(settings, resolve));

    public ITimerScheduler Timers { get; set; } = null!;

    private TimeSpan Now => Context.System.Scheduler.MonotonicClock;

    protected override void PreStart()
    {
        Context.System.EventStream.Subscribe(Self, typeof(DisassociatedEvent));
        Context.System.EventStream.Subscribe(Self, typeof(AssociationErrorEvent));
    }

    private void Accept(IKeyValueRequest request)
    {
        var call = new PendingCall(request, Sender, Now + _settings.RequestTimeout);
        if (Complaint(request) is { } complaint)
            call.Answer(new RequestFailed(request.RequestId, FailureKind.BadInput, complaint));
        else if (_writes.Count + _reads.Count >= _settings.MaxQueued)
            call.Answer(new RequestFailed(request.RequestId, FailureKind.Overloaded, $"{_settings.MaxQueued} calls wait already; send them more slowly."));
        else
        {
            (request is IKeyValueRead ? _reads : _writes).Enqueue(call);
            Self.Tell(Pump.Instance);
        }
    }

    private string? Complaint(IKeyValueRequest request)
    {
        var (key, value) = request switch
        {
            Put put => (put.Key, put.Value),
            Get get => (get.Key, default),
            Delete delete => (delete.Key, default),
            _ => (default(ReadOnlyMemory<byte>), default(ReadOnlyMemory<byte>)),
        };
        if (key.IsEmpty) return "The key is empty; it needs at least one byte.";
        if (key.Length > _settings.MaxKeyBytes) return $"The key has {key.Length} bytes; the limit is {_settings.MaxKeyBytes}.";
        return value.Length > _settings.MaxValueBytes ? $"The value has {value.Length} bytes; the limit is {_settings.MaxValueBytes}." : null;
    }

    private void PumpNow()
    {
        if (_write is null && _writes.Count > 0)
        {
            // Nothing is sent for a session that is not yet there: a call that waits for it is surely not executed.
            _write = new Flight(++_nextRequestId, _session == 0 ? [] : Take(_writes, _ => true));
            if (_session == 0 || _write.Calls.Count > 0) Send(_write);
            else _write = null;
        }
        if (_read is null && _reads.Count > 0)
        {
            var consistency = ReadOf(_reads.Peek()).Consistency;
            _read = new Flight(++_nextRequestId, Take(_reads, call => ReadOf(call).Consistency == consistency));
            if (_read.Calls.Count > 0) Send(_read);
            else _read = null;
        }
    }

    private List<PendingCall> Take(Queue<PendingCall> queue, Func<PendingCall, bool> fits)
    {
        List<PendingCall> taken = [];
        var bytes = 0;
        while (taken.Count < _settings.MaxBatchOperations && queue.TryPeek(out var call) && fits(call))
        {
            bytes += call.Bytes;
            if (bytes > _settings.MaxBatchBytes && taken.Count > 0) break;
            queue.Dequeue();
            if (!call.Answered) taken.Add(call);
        }
        return taken;
    }

    private void Send(Flight flight)
    {
        flight.Target = _leader;
        flight.SentAt = Now;
        _resolve(_leader).Tell(Message(flight), Self);
        if (_ticking) return;
        _ticking = true;
        ScheduleTick();
    }

    /// <summary>Members come and go while a client lives.</summary>
    private void AskForMembers()
    {
        // A new leader may be one of new members, and the old ones may be gone soon.
        if (Now < _askMembersAt && _membersAskedOf == _leader.Id) return;
        _askMembersAt = Now + _settings.MembersInterval;
        _membersAskedOf = _leader.Id;
        _resolve(_leader).Tell(new GetMembership(_settings.ClusterId, 0), Self);
    }

    private void Learn(Membership membership)
    {
        // A change under way will soon be done.
        if (!membership.IsCommitted || membership.Phase != MembershipPhase.Stable) _askMembersAt = Now + _settings.AttemptTimeout;
        if (!membership.IsCommitted || membership.Members.IsEmpty) return;
        // The settings may know better where one is, and who was there at first may know more when nobody else answers.
        var now = membership.Members.Select(m => _settings.Members.GetValueOrDefault(m.Member.Id) ?? m.Member).ToList();
        _members = [.. now, .. _settings.Members.Values.Where(m => now.TrueForAll(n => n.Id != m.Id))];
    }

    private object Message(Flight flight)
    {
        if (flight == _read)
            return new Read(_settings.ClusterId, flight.RequestId, ReadOf(flight.Calls[0]).Consistency, KeyValueCodec.EncodeQuery(flight.Calls.Select(ReadOf)));
        var payload = _session == 0
            ? KeyValueCodec.EncodeOpenSession(Self.Path.Name)
            : KeyValueCodec.EncodeBatch(_session, _nextSerial, _nextSerial - 1, flight.Calls.Select(c => c.Withdrawn ? null : (IKeyValueWrite)c.Request));
        return new Submit(_settings.ClusterId, flight.RequestId, payload);
    }

    private static IKeyValueRead ReadOf(PendingCall call) => (IKeyValueRead)call.Request;

    // ---- answers -------------------------------------------------------------------------------------------------

    private void Executed(SubmitReply reply)
    {
        if (_write is null || reply.RequestId != _write.RequestId) return;
        var flight = _write;
        _anyAnswer = true;
        AskForMembers();
        _write = null;
        switch (KeyValueCodec.DecodeResult(reply.Result))
        {
            case KvSessionOpened opened:
                _session = opened.Session;
                _nextSerial = 1;
                break;
            case KvBatchExecuted executed:
                for (var i = 0; i < flight.Calls.Count; i++) flight.Calls[i].Answer(KeyValueCodec.Reply((IKeyValueWrite)flight.Calls[i].Request, executed.Results[i]));
                _nextSerial += flight.Calls.Count;
                break;
            case KvMalformed malformed:
                foreach (var call in flight.Calls) Fail(call, FailureKind.BadInput, malformed.Message);
                break;
            default:
                Restart(flight);
                break;
        }
        PumpNow();
    }

    /// <summary>The session is gone: what it may have executed cannot be known any more, the rest goes with a new one.</summary>
    private void Restart(Flight flight)
    {
        _session = 0;
        if (flight.MaybeAppended)
        {
            foreach (var call in flight.Calls) Fail(call, FailureKind.OutcomeUnknown, "The session expired before an answer came; the call may have taken effect.");
            return;
        }
        var later = _writes.ToArray();
        _writes.Clear();
        foreach (var call in flight.Calls.Where(c => !c.Withdrawn).Concat(later)) _writes.Enqueue(call);
    }

    private void Read(QueryReply reply)
    {
        if (_read is null || reply.RequestId != _read.RequestId) return;
        var calls = _read.Calls;
        _anyAnswer = true;
        AskForMembers();
        _read = null;
        var answers = KeyValueCodec.Replies([.. calls.Select(ReadOf)], reply.Result);
        for (var i = 0; i < calls.Count; i++) calls[i].Answer(answers[i]);
        PumpNow();
    }

    private void Refused(Refused refused)
    {
        var flight = _write?.RequestId == refused.RequestId ? _write : _read?.RequestId == refused.RequestId ? _read : null;
        if (flight?.Target is not { } target) return;
        _anyAnswer = true;
        _lastOutcome[target.Id] = refused.Message;
        if (refused.Reason == RefusalReason.BadRequest)
        {
            if (flight == _write) _write = null;
            else _read = null;
            IEnumerable<PendingCall> calls = flight.Calls.Count > 0 ? flight.Calls : Take(_writes, _ => true);
            foreach (var call in calls) Fail(call, FailureKind.BadInput, refused.Message);
            PumpNow();
            return;
        }
        flight.MaybeAppended |= refused.Reason == RefusalReason.OutcomeUnknown;
        if (refused.Leader is { } hint && hint.Id != target.Id)
        {
            _leader = _settings.Members.GetValueOrDefault(hint.Id) ?? hint;
            Send(flight);
            return;
        }
        if (refused.Reason is RefusalReason.NotLeader or RefusalReason.OutcomeUnknown) TryNext(target);
        flight.Target = null;
        flight.RetryAt = Now + _settings.RetryDelay;
    }

    /// <summary>A connection broke: whoever was asked over it will not answer.</summary>
    private void Lost(Address address)
    {
        foreach (var flight in new[] { _write, _read })
            if (flight?.Target is { } target && $"{address.Host}:{address.Port}" == target.Address)
                Unanswered(flight, target, "connection lost or refused");
    }

    private void Unanswered(Flight flight, Member target, string outcome)
    {
        _lastOutcome[target.Id] = outcome;
        flight.MaybeAppended = true;
        flight.Target = null;
        flight.RetryAt = Now + _settings.RetryDelay;
        TryNext(target);
    }

    private void TryNext(Member after)
    {
        var at = Array.FindIndex(_members, m => m.Id == after.Id);
        _leader = _members[(at + 1) % _members.Length];
    }

    // ---- time ----------------------------------------------------------------------------------------------------

    private void ScheduleTick() => Timers.StartSingleTimer(nameof(Tick), Tick.Instance, _settings.RetryDelay);

    private void Ticked()
    {
        var now = Now;
        foreach (var flight in new[] { _write, _read })
        {
            if (flight is null) continue;
            if (flight.Target is { } target && now - flight.SentAt >= _settings.AttemptTimeout) Unanswered(flight, target, "no answer");
            else if (flight.Target is null && now >= flight.RetryAt) Send(flight);
            foreach (var call in flight.Calls.Where(c => !c.Answered && now >= c.Deadline)) Expire(flight, call);
        }
        if (_read is { } read && read.Calls.All(c => c.Answered)) _read = null;
        if (_write is { Calls.Count: 0 } && _writes.All(c => c.Answered)) _write = null;
        foreach (var call in _writes.Concat(_reads))
            if (!call.Answered && now >= call.Deadline) FailUnexecuted(call);

        _ticking = _write is not null || _read is not null || _writes.Count > 0 || _reads.Count > 0;
        if (_ticking) ScheduleTick();
        PumpNow();
    }

    private void Expire(Flight flight, PendingCall call)
    {
        if (flight == _write && (flight.MaybeAppended || flight.Target is not null))
        {
            Fail(call, FailureKind.OutcomeUnknown, $"Sent, and not answered within {Seconds}: it may have taken effect, and it may yet. {Tried}");
            return;
        }
        call.Withdrawn = true;
        FailUnexecuted(call);
    }

    private void FailUnexecuted(PendingCall call)
    {
        if (_anyAnswer) Fail(call, FailureKind.NoLeader, $"No leader after {Seconds}. {Tried} A cluster serves when a majority of its members can reach each other.");
        else Fail(call, FailureKind.ClusterUnreachable, $"No member answered within {Seconds}. {Tried} Are the members running, and are these their addresses?");
    }

    private static void Fail(PendingCall call, FailureKind kind, string message) =>
        call.Answer(new RequestFailed(call.Request.RequestId, kind, message));

    private string Seconds => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{_settings.RequestTimeout.TotalSeconds:0.0} s");

    private string Tried => "Tried " + string.Join("; ", _members.Select(m => $"{m}: {_lastOutcome.GetValueOrDefault(m.Id, "not asked").TrimEnd('.')}")) + ".";

    private sealed class Pump
    {
        public static readonly Pump Instance = new();
    }

    private sealed class Tick
    {
        public static readonly Tick Instance = new();
    }
}
