using Akka.Actor;
using AkkaRaft.Consensus;
using AkkaRaft.Protocol;

namespace AkkaRaft.Hosting;

/// <summary>Akka.Remote as the way from member to member: a member is a path without UID, so that one that restarted is the same to its peers.</summary>
internal sealed class RemoteTransport(ActorSystem system) : IMemberTransport
{
    /// <summary>The name that every member's ActorSystem has.</summary>
    public const string SystemName = "akkaraft";

    public void Send(Member to, IRaftMessage message) => Resolve(system, to).Tell(message, ActorRefs.NoSender);

    /// <summary>A fresh reference each time: one that was kept would stay bound to a quarantined association.</summary>
    public static IActorRef Resolve(ActorSystem system, Member member) =>
        ((ExtendedActorSystem)system).Provider.ResolveActorRef($"akka.tcp://{SystemName}@{member.Address}/user/raft/member");
}
