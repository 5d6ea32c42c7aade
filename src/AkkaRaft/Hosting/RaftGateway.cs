using Akka.Actor;
using Akka.Event;
using Akka.Remote;
using AkkaRaft.Consensus;
using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;
using AkkaRaft.Remoting;
using AkkaRaft.Serialization;
using AkkaRaft.StateMachines;

namespace AkkaRaft.Hosting;

/// <summary>
/// <c>/user/raft</c>: the door for all messages, where those to another cluster end, and the parent that starts the member anew, with backoff, when it had to stop.
/// </summary>
internal sealed class RaftGateway : ReceiveActor, IWithTimers
{
    private static readonly TimeSpan Healthy = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan CheckDeliveryEvery = TimeSpan.FromSeconds(1);

    private readonly ILoggingAdapter _logger = Context.GetLogger();
    private readonly DeliveryWatch _deliveries = new();
    private readonly Props _memberProps;
    private readonly Props _clientProps;
    private IActorRef _client = ActorRefs.Nobody;
    private IActorRef _member = ActorRefs.Nobody;
    private bool _memberListens;
    private TimeSpan _startedAt;
    private readonly GrowingPause _pause = new(first: TimeSpan.FromMilliseconds(200), longest: TimeSpan.FromSeconds(10));
    private MemberHindered? _hindered;
    private string? _waitsFor;
    private bool _ended;
    private MemberRemoved? _removed;

    public RaftGateway(string clusterId, RaftStateMachine stateMachine, Props member, Props client)
    {
        _memberProps = member;
        _clientProps = client;
        // The most frequent is asked for first.
        Receive<IRaftMessage>(message =>
        {
            if (message.Header.FromAddress is { } address) _deliveries.Delivered(address);
            if (_memberListens) _member.Forward(message);
        });
        // Whatever the member is doing, and whether there is one.
        Receive<IClusterRequest>(request => request.ClusterId != clusterId, request => Sender.Tell(new Refused(
            request.RequestId, RefusalReason.OtherCluster, null, $"This is a member of cluster '{clusterId}', not of '{request.ClusterId}'.")));
        // What would be many times as large once it is parsed, by every member and at each start.
        Receive<Submit>(submit => HasFault(stateMachine.Command, submit.Payload, submit.RequestId), _ => { });
        Receive<Read>(read => HasFault(stateMachine.Query, read.Payload, read.RequestId), _ => { });
        Receive<UnreadableMessage>(_ => { });
        // It may wait for what only its operator can end, and status is where an operator looks.
        Receive<IClusterRequest>(_ => !_memberListens, request => Sender.Tell(new Refused(request.RequestId, RefusalReason.NotReady, null, _waitsFor ?? "The member is recovering.")));
        Receive<IKeyValueRequest>(request => _client.Forward(request));
        Receive<JournalRead>(_ =>
        {
            if (Sender.Equals(_member)) (_memberListens, _waitsFor) = (true, null);
        });
        Receive<MemberFailed>(failed =>
        {
            _ended = true;
            _waitsFor = failed.Reason;
            Context.System.EventStream.Publish(failed);
        });
        Receive<MemberHindered>(hindered => _hindered = hindered);
        Receive<MemberRemoved>(removed =>
        {
            _removed = removed;
            Context.System.EventStream.Publish(removed);
        });
        Receive<DisassociatedEvent>(_ => !_memberListens, _ => { });
        Receive<DisassociatedEvent>(lost => _member.Tell(new ConnectionLost(Addresses.Join(lost.RemoteAddress))));
        Receive<Terminated>(_ => MemberStopped());
        Receive<Restart>(_ => StartMember());
        Receive<CheckDelivery>(_ => Check());
        ReceiveAny(message => _member.Forward(message));
    }

    public static Props Props(string clusterId, RaftStateMachine stateMachine, Props member, Props client) =>
        Akka.Actor.Props.CreateBy(new Producer<RaftGateway>(() => new RaftGateway(clusterId, stateMachine, member, client)));

    /// <summary>How many messages wait for it, and for those that it hands them on to.</summary>
    public static int Waiting(IActorRef gateway)
    {
        if (gateway is not ActorRefWithCell { Underlying: var cell } door) return 0;
        var waiting = cell.NumberOfMessages;
        // The member's state machine and images too.
        foreach (var child in door.Children) waiting += Waiting(child);
        return waiting;
    }

    public ITimerScheduler Timers { get; set; } = null!;

    private TimeSpan Now => Context.System.Scheduler.MonotonicClock;

    private bool HasFault(WireShape shape, ReadOnlyMemory<byte> payload, long requestId)
    {
        if (shape.Fault(payload.Span, WireShape.MaxParts(payload.Length)) is not { } fault) return false;
        Sender.Tell(new Refused(requestId, RefusalReason.BadRequest, null, $"The request holds {fault}. Nothing was executed."));
        return true;
    }

    protected override void PreStart()
    {
        Context.System.EventStream.Subscribe(Self, typeof(DisassociatedEvent));
        _client = Context.ActorOf(_clientProps, "client");
        StartMember();
        Check();
    }

    /// <summary>Ends the connections with each peer that is not heard although its messages arrive: the next one is read again.</summary>
    private void Check()
    {
        if (SocketTransport.Of(Context.System) is not { } transport) return;
        var arrived = transport.RaftMessages().ToLookup(peer => Addresses.Join(peer.Key), StringComparer.OrdinalIgnoreCase);
        var unheard = _deliveries.Unheard(arrived.ToDictionary(at => at.Key, at => at.Sum(peer => peer.Value), StringComparer.OrdinalIgnoreCase));
        foreach (var (peer, _) in unheard.SelectMany(at => arrived[at]))
        {
            _logger.Warning("Messages of {0} arrive and are not delivered: its connections are closed, and it connects anew.", peer);
            transport.CloseAllWith(peer);
        }
        // The next begins when this one has ended: after a standstill there are not several in a row.
        Timers.StartSingleTimer(nameof(CheckDelivery), CheckDelivery.Instance, CheckDeliveryEvery);
    }

    private void StartMember()
    {
        _startedAt = Now;
        _member = Context.Watch(Context.ActorOf(_memberProps, "member"));
    }

    private void MemberStopped()
    {
        _member = ActorRefs.Nobody;
        _memberListens = _removed is not null;
        if (_removed is not null) _member = Context.ActorOf(DepartedMember.Props(_removed).WithDispatcher(_memberProps.Dispatcher), "member");
        if (_ended || _removed is not null) return;
        if (Now - _startedAt > Healthy) _pause.Succeeded();
        _pause.Failed(Now);
        _waitsFor = _hindered?.Reason;
        if (_hindered is { } hindered)
            _logger.Warning("{0} It tries again in {1}, until it can; what is stored stays as it is. A full or failing disk, or too few file descriptors, are for the operator to end.", hindered.Reason, SettingsCheck.Text(_pause.Length));
        else
            _logger.Warning("The member stopped; it starts anew in {0} from what is stored.", SettingsCheck.Text(_pause.Length));
        _hindered = null;
        Timers.StartSingleTimer(nameof(Restart), Restart.Instance, _pause.Length);
    }

    /// <summary>Only recovery tells what is stored: a member is never resumed.</summary>
    protected override SupervisorStrategy SupervisorStrategy() => Akka.Actor.SupervisorStrategy.StoppingStrategy;

    private sealed class CheckDelivery
    {
        public static readonly CheckDelivery Instance = new();
    }

    private sealed class Restart
    {
        public static readonly Restart Instance = new();
    }
}
