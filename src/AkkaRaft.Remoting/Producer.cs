using Akka.Actor;

namespace AkkaRaft.Remoting;

/// <summary>Creates an actor by calling a function: what Akka's expressions do, without compiling one for each actor.</summary>
internal sealed class Producer<TActor>(Func<TActor> create) : IIndirectActorProducer where TActor : ActorBase
{
    public Type ActorType => typeof(TActor);

    public ActorBase Produce() => create();

    public void Release(ActorBase actor)
    {
    }
}
