using Akka.Actor;
using AkkaRaft.Protocol;

namespace AkkaRaft.Hosting;

/// <summary>Stands where a removed member stood, for as long as its application lives, and sends clients on.</summary>
internal sealed class DepartedMember : ReceiveActor
{
    public DepartedMember(MemberRemoved removed)
    {
        Receive<Submit>(m => Refuse(m.RequestId));
        Receive<Read>(m => Refuse(m.RequestId));
        Receive<ChangeMembers>(m => Refuse(m.RequestId));
        Receive<GetMembership>(m => Refuse(m.RequestId));
        Receive<TransferLeadership>(m => Refuse(m.RequestId));
        Receive<BeginBackup>(m => Refuse(m.RequestId));
        Receive<FetchBackup>(m => Refuse(m.RequestId));
        // A peer that does not know yet learns of it from one that is a member.
        Receive<IRaftMessage>(_ => { });

        void Refuse(long requestId) =>
            Sender.Tell(new Refused(requestId, RefusalReason.NotLeader, removed.Successor, $"Member {removed.Id} was removed from the cluster."));
    }

    public static Props Props(MemberRemoved removed) => Akka.Actor.Props.CreateBy(new Producer<DepartedMember>(() => new DepartedMember(removed)));
}
