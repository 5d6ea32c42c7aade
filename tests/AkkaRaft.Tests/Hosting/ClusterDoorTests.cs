using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Akka.Actor;
using Akka.Remote;
using Akka.TestKit;
using AkkaRaft.Consensus;
using AkkaRaft.Hosting;
using AkkaRaft.Protocol;
using AkkaRaft.StateMachines;
using TestKit = Akka.TestKit.Xunit2.TestKit;

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
        var (gateway, member) = Gateway();
        gateway.Tell(Request(name, "other"));
        var refused = ExpectMsg<Refused>();
        Assert.Equal((7L, RefusalReason.OtherCluster, "This is a member of cluster 'this', not of 'other'."), (refused.RequestId, refused.Reason, refused.Message));
        gateway.Tell(Request(name, "this"));
        var early = ExpectMsg<Refused>();
        Assert.Equal((7L, RefusalReason.NotReady, "The member is recovering."), (early.RequestId, early.Reason, early.Message));
        gateway.Tell(JournalRead.Instance, Member(gateway));
        gateway.Tell(Request(name, "this"));
        Assert.Equal("this", member.ExpectMsg<IClusterRequest>().ClusterId);
    }

    [Fact]
    public void A_member_that_reads_its_journal_is_told_nothing_which_would_be_kept_for_it_meanwhile()
    {
        var (gateway, member) = Gateway();
        IActorRef? running = null;
        for (var start = 0; start < 2; start++)
        {
            var before = running;
            running = Member(gateway, otherThan: before);
            // What the last one said does not stand for this one.
            if (before is not null) gateway.Tell(JournalRead.Instance, before);
            gateway.Tell(Message(1));
            gateway.Tell(LostConnection(1));
            gateway.Tell(JournalRead.Instance, running);
            gateway.Tell(Message(2));
            Assert.Equal(2, member.ExpectMsg<IRaftMessage>().Header.Term);
            gateway.Tell(LostConnection(2));
            Assert.Equal("localhost:2", member.ExpectMsg<ConnectionLost>().Address);
            Sys.Stop(running);
        }
    }

    [Fact]
    public void What_waits_for_the_members_own_children_is_counted_too()
    {
        using var goesOn = new ManualResetEventSlim();
        var gateway = Sys.ActorOf(RaftGateway.Props("this", RaftStateMachine.KeyValueStore, Akka.Actor.Props.Create(() => new Parent(goesOn)), Akka.Actor.Props.Create(() => new Behind(TestActor))));
        var member = (ActorRefWithCell)Member(gateway);
        IActorRef? child = null;
        Assert.True(SpinWait.SpinUntil(() => (child = member.GetSingleChild("state-machine")) is not Nobody, TimeSpan.FromMinutes(1)));
        for (var i = 0; i < 10; i++) child!.Tell(i);
        Assert.InRange(RaftGateway.Waiting(gateway), 9, 10);
        goesOn.Set();
        Assert.True(SpinWait.SpinUntil(() => RaftGateway.Waiting(gateway) == 0, TimeSpan.FromMinutes(1)));
    }

    private static Hello Message(long term) => new(new RaftHeader("this", new MemberId(1), new MemberId(0), term));

    private static DisassociatedEvent LostConnection(int port) => new(Address.Parse("akka.tcp://here@localhost:9"), Address.Parse($"akka.tcp://there@localhost:{port}"), inbound: true);

    private (IActorRef Gateway, TestProbe Member) Gateway()
    {
        var member = CreateTestProbe();
        var gateway = Sys.ActorOf(RaftGateway.Props("this", RaftStateMachine.KeyValueStore, Akka.Actor.Props.Create(() => new Behind(member.Ref)), Akka.Actor.Props.Create(() => new Behind(TestActor))));
        return (gateway, member);
    }

    private static IActorRef Member(IActorRef gateway, IActorRef? otherThan = null)
    {
        IActorRef? member = null;
        Assert.True(SpinWait.SpinUntil(() => (member = ((ActorRefWithCell)gateway).GetSingleChild("member")) is not Nobody && !member.Equals(otherThan), TimeSpan.FromMinutes(1)));
        return member!;
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

    private sealed class Parent : ReceiveActor
    {
        public Parent(ManualResetEventSlim goesOn)
        {
            Context.ActorOf(Akka.Actor.Props.Create(() => new Slow(goesOn)), "state-machine");
            ReceiveAny(_ => { });
        }
    }

    private sealed class Slow : ReceiveActor
    {
        public Slow(ManualResetEventSlim goesOn) => ReceiveAny(_ => goesOn.Wait());
    }

    private sealed class Behind : ReceiveActor
    {
        public Behind(IActorRef told) => ReceiveAny(told.Tell);
    }
}
