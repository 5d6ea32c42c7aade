using Akka.Actor;
using AkkaRaft.Consensus;
using AkkaRaft.Protocol;

namespace AkkaRaft.Hosting;

/// <summary>Akka.Remote as the way from member to member: a member is a path without UID, so that one that restarted is the same to its peers.</summary>
internal sealed class RemoteTransport(ActorSystem system, string systemName) : IMemberTransport
{
    public void Send(Member to, IRaftMessage message) => Resolve(system, systemName, to).Tell(message, ActorRefs.NoSender);

    /// <summary>
    /// A fresh reference each time: one that was kept would stay bound to a quarantined association. The member's gateway, and not the member below it:
    /// whoever receives keeps what a path resolved to, and would go on telling a member that has ended when another had taken its place.
    /// </summary>
    public static IActorRef Resolve(ActorSystem system, string systemName, Member member)
    {
        SocketTransport.Of(system)?.SpeaksTo(member.Address);
        return ((ExtendedActorSystem)system).Provider.ResolveActorRef($"akka.tcp://{systemName}@{member.Address}/user/raft");
    }
}
