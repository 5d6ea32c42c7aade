using Akka.Actor;
using AkkaRaft.Protocol;

namespace AkkaRaft.TestKit;

/// <summary>Whoever waits for the answer to one call.</summary>
internal sealed class ReplyRef(Action<IRaftReply> answered, ClusterSimulation simulation, ActorPath root) : MinimalActorRef
{
    public override ActorPath Path { get; } = root / "call";

    public override IActorRefProvider Provider => simulation.Provider;

    protected override void TellInternal(object message, IActorRef sender)
    {
        if (message is IRaftReply reply) answered(reply);
    }
}
