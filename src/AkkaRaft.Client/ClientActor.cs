using System.Security.Cryptography;
using Akka.Actor;
using Akka.Event;
using Akka.Remote;
using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;
using AkkaRaft.Remoting;

namespace AkkaRaft.Client;

/// <summary>
/// Takes calls, sends what has gathered as batches to the leader, and sends them again until they are answered: here is what writes and reads share.
/// </summary>
internal sealed partial class ClientActor : ReceiveActor, IWithTimers
{
    private const int MaxRoundsThatCount = 3;
    // Heartbeats and small answers do not add up to it; a large answer over a slow network does.
    private const long ArrivingBytes = 64 * 1024;

    private readonly RaftClientSettings _settings;
    private readonly IRequestCodec _codec;
    private readonly Func<RaftEndpoint, ICanTell> _resolve;
    private readonly CallInbox _inbox;
    private readonly Func<ulong> _drawNonce;
    private readonly Lane[] _lanes;
    private readonly Dictionary<long, Flight> _attempts = [];
    private readonly Deadlines _deadlines = new();
    private readonly Dictionary<RaftEndpoint, string> _lastOutcome = [];
    private readonly Dictionary<RaftEndpoint, TimeSpan> _silentAt = [];
    private readonly HashSet<RaftEndpoint> _foreign = [];
    private readonly Dictionary<Address, (long Bytes, TimeSpan? At)> _arriving = [];

    private RaftEndpoint[] _members;
    private RaftEndpoint _leader;
    private int _turn = 1;
    private TimeSpan _askMembersAt = TimeSpan.MinValue;
    private MemberId? _membersAskedOf;
    private long _lastAttempt;
    private TimeSpan? _answeredAt;
    private TimeSpan? _arrivedSlowlyAt;
    private TimeSpan _lookedAt;
    private bool _overloaded;
    private int _queued;
    private long _queuedBytes;
    private int _outstanding;
    private bool _pumping;
    private bool _ticking;
    private AnsweredCallers _callers;
    private bool _callersGoFirst;

    public ClientActor(RaftClientSettings settings, IRequestCodec codec, Func<RaftEndpoint, ICanTell> resolve, CallInbox inbox, Func<ulong> drawNonce)
    {
        _settings = settings;
        _codec = codec;
        _resolve = resolve;
        _inbox = inbox;
        _drawNonce = drawNonce;
        _members = [.. settings.Members.Values];
        _leader = _members[0];
        _callers = new AnsweredCallers(Self);
        _writes = new Lane(settings.MaxInFlight);
        _reads = [new Lane(settings.MaxInFlight), new Lane(settings.MaxInFlight), new Lane(settings.MaxInFlight)];
        _watches = new Lane(settings.MaxOutstanding);
        _lanes = [_writes, .. _reads, _watches];

        Receive<IRaftRequest>(request =>
        {
            if (codec.Check(request, _settings) is { } failed) Sender.Tell(failed, ActorRefs.NoSender);
            else Accept(PendingCall.From(request, Sender, _settings.RequestTimeout, codec));
        });
        Receive<SubmitReply>(Executed);
        Receive<QueryReply>(Read);
        Receive<Refused>(Refused);
        Receive<Membership>(Learn);
        Receive<Pump>(_ => PumpNow());
        Receive<CallersWent>(_ =>
        {
            _callersGoFirst = false;
            PumpNow();
        });
        Receive<Tick>(_ => Ticked());
        Receive<DisassociatedEvent>(lost =>
        {
            Lost(lost.RemoteAddress);
            ForgetReadsOf(lost.RemoteAddress);
        });
        Receive<AssociationErrorEvent>(lost => Lost(lost.RemoteAddress));
        Receive<DeadLetter>(dead => Undelivered(dead.Message));
    }

    public static Props Props(RaftClientSettings settings, IRequestCodec codec, Func<RaftEndpoint, ICanTell> resolve, CallInbox? inbox = null, Func<ulong>? drawNonce = null) =>
        Akka.Actor.Props.CreateBy(new Producer<ClientActor>(() => new ClientActor(settings, codec, resolve, inbox ?? new CallInbox(0), drawNonce ?? RandomNonce)));

    private static ulong RandomNonce() => BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong)));

    /// <summary>The members that it asks, one after the other, when none leads that it knows of.</summary>
    internal IEnumerable<MemberId> Known => _members.Select(m => m.Id).Distinct();

    public ITimerScheduler Timers { get; set; } = null!;

    private TimeSpan Now => Context.System.Scheduler.MonotonicClock;

    protected override void PreStart()
    {
        Context.System.EventStream.Subscribe(Self, typeof(DisassociatedEvent));
        Context.System.EventStream.Subscribe(Self, typeof(AssociationErrorEvent));
        Context.System.EventStream.Subscribe(Self, typeof(DeadLetter));
    }

    // ---- taking calls --------------------------------------------------------------------------------------------

    private void Accept(PendingCall call)
    {
        if (call.IsAnswered) return;
        call.Since = Now;
        var lane = LaneOf(call.Request);
        if (_queued >= _settings.MaxQueued || _queuedBytes + call.Bytes > _settings.MaxQueuedBytes)
            call.Answer(TooMany(call.Request, $"{_queued} calls of {_queuedBytes} bytes wait to be sent already, and the client holds {_settings.MaxQueued} of {_settings.MaxQueuedBytes}. Nothing was sent; call more slowly."));
        else if (lane == _watches && lane.Flights.Count + lane.Waiting.Count >= lane.MaxFlights)
            call.Answer(TooMany(call.Request, $"{lane.MaxFlights} watches are under way already. Nothing was sent; end some."));
        else
        {
            call.Place = lane.Waiting.AddLast(call);
            Queued(call);
            _deadlines.Add(call);
            SchedulePump();
        }
    }

    private static RequestFailed TooMany(IRaftRequest request, string message) => new(request.RequestId, FailureKind.Overloaded, message);

    private Lane LaneOf(IRaftRequest request) => request switch
    {
        IRaftWrite => _writes,
        Watch => _watches,
        IRaftRead read => _reads[(int)read.Consistency],
        _ => throw new ArgumentException($"{request.GetType()} is neither a write nor a read.", nameof(request)),
    };

    private void Queued(PendingCall call)
    {
        _queued++;
        _queuedBytes += call.Bytes;
        LaneOf(call.Request).WaitingBytes += call.Bytes;
    }

    /// <summary>It surely was not executed, and is the next to be sent.</summary>
    private void Requeue(PendingCall call)
    {
        if (call.IsAnswered) return;
        call.Flight = null;
        call.Place = LaneOf(call.Request).Waiting.AddFirst(call);
        Queued(call);
    }

    private void Unqueued(PendingCall call)
    {
        if (call.Place is not { } place) return;
        place.List!.Remove(place);
        call.Place = null;
        _queued--;
        _queuedBytes -= call.Bytes;
        LaneOf(call.Request).WaitingBytes -= call.Bytes;
    }

    /// <summary>What is in the mailbox already goes out together, at no delay.</summary>
    private void SchedulePump()
    {
        if (_pumping) return;
        _pumping = true;
        Self.Tell(Pump.Instance);
    }

    /// <param name="isTick">Whether what waits has waited long enough.</param>
    private void PumpNow(bool isTick = false)
    {
        _pumping = false;
        LetCallersGoFirst();
        _inbox.Told();
        while (_inbox.TryTake(out var call)) Accept(call);
        while (_inbox.TryTakeCancelled(out var cancelled)) Cancel(cancelled);
        if (!_callersGoFirst)
        {
            PumpWrites(isTick);
            PumpReads();
        }
        if (_ticking || (_queued == 0 && _opening is null && !HasFlights)) return;
        _ticking = true;
        Timers.StartSingleTimer(nameof(Tick), Tick.Instance, _settings.RetryDelay);
    }

    /// <summary>Those answered together mostly call again at once: their next calls go out together too, and not the first of them alone.</summary>
    private void LetCallersGoFirst()
    {
        if (_callers.Count == 0) return;
        var callers = _callers;
        _callers = new AnsweredCallers(Self);
        if (callers.Count == 1) return;
        _callersGoFirst = true;
        callers.Went();
    }

    private bool HasFlights => Array.Exists(_lanes, lane => lane.Flights.Count > 0);

    private void Cancel(PendingCall call)
    {
        if (call.IsAnswered) return;
        call.Abandon();
        Ended(call);
    }

    /// <summary>Takes what may go together: by number, and by encoded bytes.</summary>
    private List<PendingCall> Take(Lane lane, int most)
    {
        List<PendingCall> taken = [];
        var bytes = 0;
        most = Math.Min(most, _settings.MaxOutstanding - _outstanding);
        while (taken.Count < most && lane.Waiting.First is { Value: var call })
        {
            bytes += call.Bytes;
            if (bytes > _settings.MaxBatchBytes && taken.Count > 0) break;
            Unqueued(call);
            taken.Add(call);
        }
        return taken;
    }

    private void Begin(Flight flight)
    {
        flight.Lane.Flights.Add(flight);
        foreach (var call in flight.Calls) call.Flight = flight;
        if (flight.Lane != _watches) _outstanding += flight.Calls.Count;
        Send(flight);
    }

    /// <summary>The flight is over: whatever still comes for it tells nothing.</summary>
    private void End(Flight flight)
    {
        flight.Lane.Flights.Remove(flight);
        if (flight.Lane != _watches) _outstanding -= flight.Calls.Count;
        foreach (var attempt in flight.Attempts) _attempts.Remove(attempt);
    }

    private void Answer(PendingCall call, IRaftReply reply)
    {
        if (call.IsAnswered) return;
        call.Answer(reply, _callers);
        Ended(call);
    }

    private void Ended(PendingCall call)
    {
        Unqueued(call);
        _deadlines.Answered();
        // Should it be sent again, then without this call.
        if (call.Flight is { } flight) flight.Payload = null;
    }

    private void Fail(PendingCall call, FailureKind kind, string message) => Answer(call, new RequestFailed(call.Request.RequestId, kind, message));

    // ---- sending -------------------------------------------------------------------------------------------------

    private void Send(Flight flight)
    {
        var attempt = ++_lastAttempt;
        _attempts.Add(attempt, flight);
        flight.Attempts.Add(attempt);
        flight.OpenAttempts++;
        flight.Target = _leader;
        flight.SentAt = Now;
        flight.Payload ??= Encode(flight);
        flight.Message = flight.Lane == _writes
            ? new Submit(_settings.ClusterId, attempt, flight.Payload.Value)
            : new Read(_settings.ClusterId, attempt, ReadOf(flight.Calls[0]).Consistency, flight.Payload.Value) { NeedsLeader = flight.Lane == _watches };
        _resolve(_leader).Tell(flight.Message, Self);
    }

    private ReadOnlyMemory<byte> Encode(Flight flight) => flight.Lane == _writes ? EncodeWrites(flight) : EncodeReads(flight);

    /// <summary>Sends what waits to be sent again. A write never overtakes one before it.</summary>
    private void SendDue(Lane lane)
    {
        var now = Now;
        for (var i = 0; i < lane.Flights.Count; i++)
        {
            var flight = lane.Flights[i];
            if (!flight.IsOpen || flight.Target is not null) continue;
            if (now >= flight.RetryAt) Send(flight);
            else if (lane == _writes) return;
        }
    }

    private void SendAgain(Flight flight, TimeSpan delay)
    {
        flight.Target = null;
        // Nobody waits: a member that is away for long need not be asked often.
        flight.RetryAt = Now + (flight.IsAwaited || flight.Calls.Count == 0 ? delay : Max(delay, _settings.MaxBackoff));
    }

    private void Refused(Refused refused)
    {
        if (!_attempts.Remove(refused.RequestId, out var flight)) return;
        _answeredAt = Now;
        if (refused.Reason != RefusalReason.OutcomeUnknown) flight.OpenAttempts--;
        if (!flight.IsOpen || flight.Attempts[^1] != refused.RequestId || flight.Target is not { } target) return;
        _lastOutcome[target] = refused.Message;
        _silentAt.Remove(target);
        if (refused.Reason == RefusalReason.OtherCluster) _foreign.Add(target);
        else _foreign.Remove(target);
        _overloaded = refused.Reason == RefusalReason.Overloaded;
        flight.Silences = 0;
        flight.Overloads = _overloaded ? flight.Overloads + 1 : 0;
        switch (refused)
        {
            // One member's settings, or what took its address, say nothing of the caller's; most members' do.
            case { Reason: RefusalReason.BadRequest }:
            case { Reason: RefusalReason.OtherCluster } when _members.Count(_foreign.Contains) * 2 > _members.Length:
                if (flight.Lane == _writes) RefusedAsBad(flight, refused.Message);
                else ReadAsBad(flight, refused.Message);
                break;
            case { Reason: RefusalReason.Overloaded }:
                SendAgain(flight, Backoff(flight.Overloads));
                break;
            // Who is asked next is up to whoever was asked last; another's answer is from before.
            case { Leader: { } named } when named.Id != target.Id && (target.Id == _leader.Id || named.Id == _leader.Id)
                && Locate(named) is var leader && !IsSilent(leader) && flight.Hops++ < _members.Length:
                Follow(flight, leader);
                break;
            default:
                flight.Hops = 0;
                if (refused.Reason is RefusalReason.NotLeader or RefusalReason.OutcomeUnknown || refused.Leader is null) TryNext(target);
                SendAgain(flight, _settings.RetryDelay);
                break;
        }
        PumpNow();
    }

    /// <summary>Whether a member has just not answered: followers go on naming a leader that died, until they elect another.</summary>
    private bool IsSilent(RaftEndpoint member) => _silentAt.TryGetValue(member, out var at) && Now - at < _settings.AttemptTimeout;

    /// <summary>Members know where another is, and the settings may be old; where it does not answer at the one address, as behind NAT, it may at the other.</summary>
    private RaftEndpoint Locate(RaftEndpoint told) =>
        _settings.Members.TryGetValue(told.Id, out var set) && _silentAt.TryGetValue(told, out var at) && (!_silentAt.TryGetValue(set, out var setAt) || setAt < at) ? set : told;

    private TimeSpan Backoff(int times) => Min(_settings.RetryDelay * (1 << Math.Min(times - 1, 10)), _settings.MaxBackoff);

    private void Follow(Flight flight, RaftEndpoint leader)
    {
        _leader = leader;
        SendAgain(flight, TimeSpan.Zero);
        // Writes behind it go where it goes, so that they arrive in order.
        if (flight.Lane == _writes)
        {
            foreach (var behind in _writes.Flights.Where(f => f.IsOpen && f.Target is { } target && target != leader)) SendAgain(behind, TimeSpan.Zero);
        }
        SendDue(flight.Lane);
        SendOpeningIfDue(Now);
    }

    /// <summary>A connection broke: whoever was asked over it will not answer.</summary>
    private void Lost(Address address)
    {
        var name = Addresses.Join(address);
        foreach (var lane in _lanes)
        {
            foreach (var flight in lane.Flights.ToArray())
                if (flight is { IsOpen: true, Target: { } target } && target.Address == name) Unanswered(flight, target, "connection lost or refused");
        }
        if (_opening is { Target: { } asked } opening && asked.Address == name) Unanswered(opening, asked, "connection lost or refused");
    }

    /// <summary>Akka.Remote sends nothing, for a moment, to where a connection has just failed.</summary>
    private void Undelivered(object message)
    {
        var attempt = message switch { Submit submit => submit.RequestId, Read read => read.RequestId, _ => 0 };
        // Another client of this ActorSystem numbers its own alike.
        if (_attempts.TryGetValue(attempt, out var flight) && flight is { IsOpen: true, Target: { } target } && ReferenceEquals(flight.Message, message))
            Unanswered(flight, target, "not reachable");
    }

    private void Unanswered(Flight flight, RaftEndpoint target, string outcome)
    {
        _lastOutcome[target] = outcome;
        _silentAt[target] = Now;
        flight.Hops = 0;
        SendAgain(flight, _settings.RetryDelay);
        TryNext(target);
        if (flight.Lane != _writes) return;
        // They would arrive before it.
        foreach (var behind in _writes.Flights.Where(f => f.IsOpen && f.Target is not null && f.FirstSerial > flight.FirstSerial)) SendAgain(behind, _settings.RetryDelay);
        foreach (var watch in _watches.Flights.Where(f => f.Target is { } watched && watched == target)) SendAgain(watch, _settings.RetryDelay);
    }

    /// <summary>All are asked in turn, whatever hints were followed meanwhile: members that were removed may name each other for ever.</summary>
    private void TryNext(RaftEndpoint after)
    {
        if (_leader != after) return;
        var others = Enumerable.Range(0, _members.Length).Select(i => _members[(_turn + i) % _members.Length]).Where(m => m != after).ToList();
        _leader = others.Find(m => !IsSilent(m)) ?? others.FirstOrDefault() ?? after;
        _turn = Array.IndexOf(_members, _leader) + 1;
    }

    // ---- members come and go while a client lives ----------------------------------------------------------------

    private void Answered(Flight flight)
    {
        _answeredAt = Now;
        _overloaded = false;
        (flight.Silences, flight.Hops) = (0, 0);
        if (flight.Target is { } target)
        {
            _silentAt.Remove(target);
            _foreign.Remove(target);
        }
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
        // Who was there at first may know more when nobody else answers, and may be reached at the address of the settings alone.
        _members = [.. membership.Members.Select(m => m.Endpoint).Union(_settings.Members.Values)];
        foreach (var gone in _lastOutcome.Keys.Concat(_silentAt.Keys).Concat(_foreign).Except(_members).Where(m => m != _leader).ToList())
        {
            _lastOutcome.Remove(gone);
            _silentAt.Remove(gone);
            _foreign.Remove(gone);
        }
    }

    // ---- time ----------------------------------------------------------------------------------------------------

    private void Ticked()
    {
        _ticking = false;
        // A caller that does not come to its next await holds nothing up for longer.
        _callersGoFirst = false;
        var now = Now;
        NoteArriving(now);
        foreach (var lane in _lanes)
        {
            for (var i = 0; i < lane.Flights.Count; i++) LookAt(lane.Flights[i], now);
        }
        if (_opening is { } opening) LookAt(opening, now);
        while (_deadlines.TryTake(now, out var call)) Expire(call);
        foreach (var lane in _lanes.Where(l => l != _writes)) lane.Flights.RemoveAll(EndsUnread);
        foreach (var lane in _lanes) SendDue(lane);
        SendOpeningIfDue(now);
        PumpNow(isTick: true);
    }

    private void LookAt(Flight flight, TimeSpan now)
    {
        if (flight is not { IsOpen: true, Target: { } target } || now - flight.SentAt < TimeoutOf(flight)) return;
        if (IsArriving(target, now - TimeoutOf(flight)))
        {
            // Asked again, it would send all of it again.
            _lastOutcome[target] = "what was asked for before is still arriving";
            _arrivedSlowlyAt = now;
            return;
        }
        flight.Silences++;
        Unanswered(flight, target, "no answer");
    }

    /// <summary>Notes from whom a large answer is under way: it is not silent, however long that takes.</summary>
    private void NoteArriving(TimeSpan now)
    {
        if (!Array.Exists(_lanes, lane => lane != _watches && lane.Flights.Exists(f => f.Target is not null && now - f.SentAt >= _settings.AttemptTimeout / 2)) || SocketTransport.Of(Context.System) is not { } transport) return;
        // What came while nobody looked says nothing of now.
        if (now - _lookedAt > _settings.AttemptTimeout / 2) _arriving.Clear();
        _lookedAt = now;
        var received = transport.ReceivedBytes();
        foreach (var peer in _arriving.Keys.Except(received.Keys).ToList()) _arriving.Remove(peer);
        foreach (var (peer, bytes) in received)
        {
            // A connection that is new counts from 0.
            if (!_arriving.TryGetValue(peer, out var before) || bytes < before.Bytes) _arriving[peer] = (bytes, null);
            else if (bytes - before.Bytes >= ArrivingBytes) _arriving[peer] = (bytes, now);
        }
    }

    private bool IsArriving(RaftEndpoint from, TimeSpan since) => _arriving.Any(peer => peer.Value.At >= since && Addresses.Join(peer.Key) == from.Address);

    /// <summary>Members that were asked, and asked again, may only be slow, and asking more often would make them slower; one that was not asked yet may be fast.</summary>
    private TimeSpan TimeoutOf(Flight flight)
    {
        var timeout = _settings.AttemptTimeout * (1 << Math.Min(flight.Silences / _members.Length, MaxRoundsThatCount));
        return flight.Lane == _watches ? timeout + ((Watch)flight.Calls[0].Request).Wait : timeout;
    }

    private void Expire(PendingCall call)
    {
        if (call.Flight is not { } flight || flight.Lane != _writes) FailUnexecuted(call);
        else if (flight.Replies?[flight.Calls.IndexOf(call)] is { } reply) Answer(call, reply);
        else if (flight.OpenAttempts == 0 || !flight.IsOpen) FailUnexecuted(call);
        else Fail(call, FailureKind.OutcomeUnknown, $"Sent, and not answered within {Seconds(call)}: it may have taken effect, and it may yet. {Tried} Read what it would have changed, or make it a compare-and-set that can be repeated.");
    }

    private void FailUnexecuted(PendingCall call)
    {
        if (_answeredAt is not { } at || at < call.Since)
            Fail(call, FailureKind.ClusterUnreachable, $"No member answered within {Seconds(call)}; nothing was executed. {Tried} Are the members running, are these their addresses{OfSystem}?");
        else if (_arrivedSlowlyAt is { } slowly && slowly > call.Since)
            Fail(call, FailureKind.Overloaded, $"What was asked for before was still arriving after {Seconds(call)}; nothing was executed. {Tried} Ask for less at once, or with a longer timeout.");
        else if (_overloaded)
            Fail(call, FailureKind.Overloaded, $"The leader took no more for {Seconds(call)}; nothing was executed. {Tried} Call more slowly, or with a longer timeout.");
        else
            Fail(call, FailureKind.NoLeader, $"No leader answered it within {Seconds(call)}; nothing was executed. {Tried} A cluster serves when a majority of its members can reach each other.");
    }

    // By another name a member refuses what it is told, and closes the connection.
    private string OfSystem => _settings.SystemName == RaftClientSettings.DefaultSystemName ? "" : $", and are their ActorSystems called '{_settings.SystemName}'";

    private static string Seconds(PendingCall call) => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{call.Timeout.TotalSeconds:0.0} s");

    private string Tried => "Tried " + string.Join("; ", _members.Select(m => $"{m}: {_lastOutcome.GetValueOrDefault(m, "not asked").TrimEnd('.')}")) + ".";

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;

    private static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;

    // ---- the end -------------------------------------------------------------------------------------------------

    /// <summary>Nobody is left without an answer, and the session does not wait for its expiry.</summary>
    protected override void PostStop()
    {
        AnswerAll(FailureKind.ClientStopped, "The client was stopped");
        CloseSession();
    }

    /// <summary>It starts anew: a client that failed has not stopped.</summary>
    protected override void PreRestart(Exception reason, object message)
    {
        AnswerAll(FailureKind.ClusterUnreachable, $"The client failed ({reason.Message})");
        base.PreRestart(reason, message);
    }

    private void AnswerAll(FailureKind unexecuted, string cause)
    {
        foreach (var call in _lanes.SelectMany(lane => lane.Flights.SelectMany(flight => flight.Calls).Concat(lane.Waiting)).ToList())
            call.Answer(call is { Request: IRaftWrite, Flight.OpenAttempts: > 0 }
                ? new RequestFailed(call.Request.RequestId, FailureKind.OutcomeUnknown, $"{cause} before an answer came; the call may have taken effect.")
                : new RequestFailed(call.Request.RequestId, unexecuted, $"{cause} before the call was answered; nothing was executed."));
    }

    private sealed class Tick
    {
        public static readonly Tick Instance = new();
    }

    /// <summary>Those answered have gone on.</summary>
    internal sealed class CallersWent
    {
        public static readonly CallersWent Instance = new();
    }

    /// <summary>Something has gathered.</summary>
    internal sealed class Pump
    {
        public static readonly Pump Instance = new();
    }
}
