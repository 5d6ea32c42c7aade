using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Akka.Actor;
using Akka.TestKit.Xunit2;
using AkkaRaft.Hosting;
using AkkaRaft.Protocol;

namespace AkkaRaft.Tests.Hosting;

/// <summary>Whatever a client asks of another cluster is refused at the gateway, whatever the member behind it is doing.</summary>
public sealed class ClusterDoorTests : TestKit
{
    public static TheoryData<string> Requests => [.. typeof(IClusterRequest).Assembly.GetTypes().Where(type => type.IsAssignableTo(typeof(IClusterRequest)) && !type.IsInterface).Select(type => type.Name)];

    [Fact]
    public void Every_message_with_a_cluster_and_a_request_is_a_request_to_a_cluster()
    {
        var messages = typeof(IClusterRequest).Assembly.GetTypes().Where(type => type.GetProperty("ClusterId") is not null && type.GetProperty("RequestId") is not null).Select(type => type.Name);
        Assert.Equal(messages.Where(name => name is not nameof(IClusterRequest) and not "WireClientMessage").Order(), ((IEnumerable<object[]>)Requests).Select(row => (string)row[0]).Order());
        Assert.NotEmpty(Requests);
    }

    [Theory]
    [MemberData(nameof(Requests))]
    public void A_request_to_another_cluster_is_refused_and_one_to_this_is_handed_on(string name)
    {
        var member = CreateTestProbe();
        var gateway = Sys.ActorOf(RaftGateway.Props("this", RaftStateMachine.KeyValueStore, Akka.Actor.Props.Create(() => new Behind(member.Ref)), Akka.Actor.Props.Create(() => new Behind(TestActor))));
        gateway.Tell(Request(name, "other"));
        var refused = ExpectMsg<Refused>();
        Assert.Equal((7L, RefusalReason.OtherCluster, "This is a member of cluster 'this', not of 'other'."), (refused.RequestId, refused.Reason, refused.Message));
        gateway.Tell(Request(name, "this"));
        Assert.Equal("this", member.ExpectMsg<IClusterRequest>().ClusterId);
    }

    private static object Request(string name, string clusterId) => name switch
    {
        nameof(Submit) => new Submit(clusterId, 7, default),
        nameof(Read) => new Read(clusterId, 7, ReadConsistency.Local, default),
        nameof(GetMemberStatus) => new GetMemberStatus(clusterId, 7),
        nameof(TransferLeadership) => new TransferLeadership(clusterId, 7, null),
        nameof(ChangeMembers) => new ChangeMembers(clusterId, 7, MembershipChange.Cancel, ImmutableArray<RaftEndpoint>.Empty),
        nameof(GetMembership) => new GetMembership(clusterId, 7),
        nameof(BeginBackup) => new BeginBackup(clusterId, 7),
        nameof(FetchBackup) => new FetchBackup(clusterId, 7, 0),
        _ => throw new SwitchExpressionException(name),
    };

    private sealed class Behind : ReceiveActor
    {
        public Behind(IActorRef told) => ReceiveAny(told.Tell);
    }
}
