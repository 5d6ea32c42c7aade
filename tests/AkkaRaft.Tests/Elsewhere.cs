using Akka.Actor;

namespace AkkaRaft.Tests;

/// <summary>An actor of another process, as far as its address tells; what it is told is lost.</summary>
internal sealed class Elsewhere(Address address, ActorSystem system) : MinimalActorRef
{
    public override ActorPath Path { get; } = new RootActorPath(address) / "user" / "asker";

    public override IActorRefProvider Provider => ((ExtendedActorSystem)system).Provider;
}
