using System.Text;
using Akka.Actor;
using AkkaRaft.Protocol;
using AkkaRaft.TestKit.Checking;
using AkkaRaft.TestKit.Engine;

namespace AkkaRaft.TestKit;

/// <summary>A client of the simulated cluster: the production client actor, reaching the members through the virtual network.</summary>
public sealed class SimulatedClient
{
    private readonly ClusterSimulation _simulation;
    private readonly IActorRef _actor;
    private readonly SimulatedProcess _process;
    private long _requestId;

    internal SimulatedClient(ClusterSimulation simulation, int id, IActorRef actor, SimulatedProcess process)
    {
        _simulation = simulation;
        Id = id;
        _actor = actor;
        _process = process;
    }

    /// <summary>Its number, from 1.</summary>
    public int Id { get; }

    /// <summary>Sets a key.</summary>
    public SimulatedCall Put(string key, string value) => Call(OperationKind.Put, key, value, ReadConsistency.Linearizable, null);

    /// <summary>Removes a key.</summary>
    public SimulatedCall Delete(string key) => Call(OperationKind.Delete, key, null, ReadConsistency.Linearizable, null);

    /// <summary>Reads a key. A local read may be old, and is left out of the check of linearizability.</summary>
    public SimulatedCall Get(string key, ReadConsistency consistency = ReadConsistency.Linearizable) => Call(OperationKind.Get, key, null, consistency, null);

    internal SimulatedCall Call(OperationKind kind, string key, string? argument, ReadConsistency consistency, Action<SimulatedCall>? then)
    {
        SimulatedCall? call = null;
        call = new SimulatedCall(Id, kind, key, argument, _simulation.NextPlace(), () => _simulation.Answered(call!))
        {
            IsLocal = consistency == ReadConsistency.Local,
            Then = then,
        };
        _simulation.Called(call);
        var bytes = Encoding.UTF8.GetBytes(key);
        var id = ++_requestId;
        _actor.Tell(
            kind switch
            {
                OperationKind.Put => new Put(bytes, Encoding.UTF8.GetBytes(argument ?? ""), id),
                OperationKind.Delete => new Delete(bytes, id),
                _ => new Get(bytes, consistency, id),
            },
            new ReplyRef(call, _simulation, _actor.Path.Root));
        return call;
    }

    /// <summary>Any request; no check looks at its reply.</summary>
    /// <param name="request">The request.</param>
    /// <param name="answered">Gets the reply, good or bad.</param>
    public void Ask(IKeyValueRequest request, Action<IKeyValueReply> answered) => _actor.Tell(request, new AnswerRef(answered, _simulation, _actor.Path.Root));

    /// <summary>The client's process dies: its calls are never answered.</summary>
    public void Crash() => _process.Kill();

    private sealed class ReplyRef(SimulatedCall call, ClusterSimulation simulation, ActorPath root) : MinimalActorRef
    {
        public override ActorPath Path { get; } = root / "call";

        public override IActorRefProvider Provider => simulation.Provider;

        protected override void TellInternal(object message, IActorRef sender)
        {
            if (message is IKeyValueReply reply) call.Answer(reply, simulation.NextPlace());
        }
    }

    private sealed class AnswerRef(Action<IKeyValueReply> answered, ClusterSimulation simulation, ActorPath root) : MinimalActorRef
    {
        public override ActorPath Path { get; } = root / "answer";

        public override IActorRefProvider Provider => simulation.Provider;

        protected override void TellInternal(object message, IActorRef sender)
        {
            if (message is IKeyValueReply reply) answered(reply);
        }
    }
}
