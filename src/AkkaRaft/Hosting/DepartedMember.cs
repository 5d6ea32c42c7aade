using Akka.Actor;
using AkkaRaft.Consensus;
using AkkaRaft.Protocol;
using AkkaRaft.Remoting;

namespace AkkaRaft.Hosting;

/// <summary>Stands where a removed member stood, for as long as its application lives, and sends clients on.</summary>
internal sealed class DepartedMember : ReceiveActor
{
    public DepartedMember(MemberRemoved removed)
    {
        Receive<IClusterRequest>(m =>
            Sender.Tell(new Refused(m.RequestId, RefusalReason.NotLeader, removed.Successor, $"Member {removed.Id} was removed from the cluster.")));
        // A peer that does not know yet learns of it from one that is a member.
        Receive<IRaftMessage>(_ => { });
    }

    public static Props Props(MemberRemoved removed) => Akka.Actor.Props.CreateBy(new Producer<DepartedMember>(() => new DepartedMember(removed)));
}
