using Akka.Actor;

namespace AkkaRaft.Remoting;

/// <summary>Where a member is spoken to.</summary>
internal static class MemberDoor
{
    /// <summary>
    /// A fresh reference each time: one that was kept would stay bound to a quarantined association. The member's gateway, and not the member below it:
    /// whoever receives keeps what a path resolved to, and would go on telling a member that has ended when another had taken its place.
    /// </summary>
    public static IActorRef Resolve(ActorSystem system, string systemName, string address)
    {
        SocketTransport.Of(system)?.SpeaksTo(systemName, address);
        return ((ExtendedActorSystem)system).Provider.ResolveActorRef($"akka.tcp://{systemName}@{address}/user/raft");
    }
}
