using System.Text;
using Akka.Actor;
using AkkaRaft.Client;
using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;
using AkkaRaft.TestKit.Checking;
using AkkaRaft.TestKit.Engine;

namespace AkkaRaft.TestKit;

/// <summary>A client of the simulated cluster: the production client actor, reaching the members through the virtual network.</summary>
public sealed class SimulatedClient
{
    private readonly ClusterSimulation _simulation;
    private readonly IActorRef _actor;
    private readonly CallInbox _inbox;
    private readonly TimeSpan _timeout;
    private readonly SimulatedProcess _process;
    private readonly Func<IEnumerable<MemberId>> _known;
    private readonly List<SimulatedCall> _calls = [];
    private long _requestId;

    internal SimulatedClient(ClusterSimulation simulation, int id, IActorRef actor, CallInbox inbox, TimeSpan timeout, SimulatedProcess process, Func<IEnumerable<MemberId>> known)
    {
        _inbox = inbox;
        _timeout = timeout;
        _known = known;
        _simulation = simulation;
        Id = id;
        _actor = actor;
        _process = process;
    }

    /// <summary>Its number, from 1.</summary>
    public int Id { get; }

    /// <summary>Nobody whom it knows is a member any more, or can send it to one: all were replaced while it heard of none.</summary>
    internal bool IsStranded => !_known().Any(id => _simulation.LeadsToMembers(id.Value));

    /// <summary>Sets a key.</summary>
    public SimulatedCall Put(string key, string value) => Call(OperationKind.Put, key, value, new Put(Bytes(key), Bytes(value), ++_requestId), null);

    /// <summary>Removes a key.</summary>
    public SimulatedCall Delete(string key) => Call(OperationKind.Delete, key, null, new Delete(Bytes(key), ++_requestId), null);

    /// <summary>Reads a key. A local read may be old, and is left out of the check of linearizability.</summary>
    public SimulatedCall Get(string key, ReadConsistency consistency = ReadConsistency.Linearizable) =>
        Call(OperationKind.Get, key, null, new Get(Bytes(key), consistency, ++_requestId), null);

    /// <summary>Sets a key if it has the expected version, 0 being that of a key that is not there.</summary>
    public SimulatedCall CompareAndSet(string key, string value, long expectedVersion) => CompareAndSet(key, value, expectedVersion, null);

    /// <summary>Sets two keys to one value if the first has the expected version.</summary>
    public SimulatedCall Transaction(string key, string otherKey, string value, long expectedVersion) => Transaction(key, otherKey, value, expectedVersion, null);

    /// <summary>Reads all keys that begin with a prefix, of one moment.</summary>
    /// <param name="prefix">The prefix; empty for all keys.</param>
    /// <param name="consistency">How fresh the answer must be.</param>
    public SimulatedScan Scan(string prefix, ReadConsistency consistency = ReadConsistency.Linearizable) => Scan(prefix, consistency, null);

    internal SimulatedScan Scan(string prefix, ReadConsistency consistency, Action? then)
    {
        var scan = new SimulatedScan(Id, prefix, consistency, _simulation.NextPlace());
        _simulation.Scanned(scan);
        var from = Bytes(prefix);
        Ask(new GetRange(from, KeyValueCodec.AfterPrefix(from), Consistency: consistency, RequestId: ++_requestId), reply =>
        {
            scan.Answer(reply);
            then?.Invoke();
        });
        return scan;
    }

    /// <summary>Watches the keys that begin with a prefix, until the simulation ends.</summary>
    /// <param name="prefix">The prefix; empty for all keys.</param>
    /// <param name="fromRevision">The first revision whose changes are wanted.</param>
    public SimulatedWatch Watch(string prefix, long fromRevision = 1) => new(_simulation, this, prefix, fromRevision);

    /// <summary>Asks for a lease.</summary>
    /// <param name="timeToLive">In virtual time, one second or more.</param>
    public SimulatedLease GrantLease(TimeSpan timeToLive) => GrantLease(timeToLive, null);

    internal SimulatedCall CompareAndSet(string key, string value, long expectedVersion, Action<SimulatedCall>? then) =>
        Call(OperationKind.CompareAndSet, key, value, new CompareAndSet(Bytes(key), Bytes(value), expectedVersion, ++_requestId), then, expectedVersion);

    internal SimulatedCall Transaction(string key, string otherKey, string value, long expectedVersion, Action<SimulatedCall>? then) =>
        Call(
            OperationKind.Transaction, key, value,
            new KeyValueTransaction(
                [new Compare(Bytes(key), Comparison.Equal, expectedVersion)],
                [new PutStep(Bytes(key), Bytes(value)), new PutStep(Bytes(otherKey), Bytes(value))],
                [new RangeStep(Bytes(key), KeyValueCodec.After(Bytes(key)))]) { RequestId = ++_requestId },
            then, expectedVersion, otherKey);

    internal SimulatedLease GrantLease(TimeSpan timeToLive, Action<SimulatedLease>? then) => new(_simulation, this, timeToLive, then);

    internal SimulatedCall Call(OperationKind kind, string key, string? argument, Action<SimulatedCall>? then, ReadConsistency consistency = ReadConsistency.Linearizable) => Call(
        kind, key, argument,
        kind switch
        {
            OperationKind.Put => new Put(Bytes(key), Bytes(argument ?? ""), ++_requestId),
            OperationKind.Delete => new Delete(Bytes(key), ++_requestId),
            _ => new Get(Bytes(key), consistency, ++_requestId),
        },
        then);

    internal SimulatedCall Call(
        OperationKind kind, string key, string? argument, IKeyValueRequest request, Action<SimulatedCall>? then, long expectedVersion = 0, string? otherKey = null)
    {
        SimulatedCall? call = null;
        call = new SimulatedCall(Id, kind, key, argument, _simulation.NextPlace(), _simulation.Now, () => _simulation.Answered(call!))
        {
            IsLocal = request is IKeyValueRead { Consistency: ReadConsistency.Local },
            Then = then,
            ExpectedVersion = expectedVersion,
            OtherKey = otherKey,
        };
        _calls.Add(call);
        _simulation.Called(call);
        call.Pending = PendingCall.From(request, new ReplyRef(reply => call.Answer((IKeyValueReply)reply, _simulation.NextPlace()), _simulation, _actor.Path.Root), _timeout, KeyValueRequests.Instance);
        if (!_inbox.TryAdd(call.Pending)) throw new InvalidOperationException($"Client {Id} has too many calls open.");
        Pump();
        return call;
    }

    /// <summary>Nobody waits for the call any more; it is executed or not.</summary>
    public void Cancel(SimulatedCall call)
    {
        ArgumentNullException.ThrowIfNull(call);
        call.Abandon();
        _inbox.Cancel(call.Pending!);
        Pump();
    }

    private void Pump()
    {
        if (_inbox.NeedsTelling()) _actor.Tell(ClientActor.Pump.Instance, ActorRefs.NoSender);
    }

    /// <summary>Any request; no check looks at its reply.</summary>
    /// <param name="request">The request.</param>
    /// <param name="answered">Gets the reply, good or bad.</param>
    public void Ask(IKeyValueRequest request, Action<IKeyValueReply> answered) => _simulation.Tell(_actor, request, reply => answered((IKeyValueReply)reply));

    internal static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    /// <summary>The client's process dies: its calls are never answered.</summary>
    public void Crash()
    {
        _process.Kill();
        foreach (var call in _calls) call.Abandon();
    }

    internal bool IsDead => _process.IsDead;
}
