using Akka.Actor;
using AkkaRaft.Consensus;
using AkkaRaft.Protocol;
using AkkaRaft.Remoting;

namespace AkkaRaft.Hosting;

/// <summary>Akka.Remote as the way from member to member: a member is a path without UID, so that one that restarted is the same to its peers.</summary>
internal sealed class RemoteTransport(ActorSystem system, string systemName) : IMemberTransport
{
    public void Send(RaftEndpoint to, IRaftMessage message) => MemberDoor.Resolve(system, systemName, to.Address).Tell(message, ActorRefs.NoSender);
}
