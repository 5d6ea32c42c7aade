using System.Collections.Immutable;
using Akka.Actor;
using Akka.Configuration;
using AkkaRaft.Client;
using AkkaRaft.Protocol;

namespace AkkaRaft.Tests.Client;

/// <summary>What a client says of a change that it sent and that nobody answered: it may have been made.</summary>
public sealed class UnansweredChangeTests : IAsyncLifetime
{
    private readonly ActorSystem _member;
    private readonly RaftClient _client;

    public UnansweredChangeTests()
    {
        var port = TcpPort.Free();
        _member = ActorSystem.Create("akkaraft", ConfigurationFactory.ParseString($$"""
            akka { loggers = [], stdout-loglevel = OFF }
            akka.remote.dot-netty.tcp.port = {{port}}
            """).WithFallback(RaftClient.Configuration("127.0.0.1")));
        var member = new RaftEndpoint(new MemberId(0), $"127.0.0.1:{port}");
        _client = RaftClient.Create(new RaftClientSettings
        {
            ClusterId = "cluster", Members = ImmutableSortedDictionary<MemberId, RaftEndpoint>.Empty.Add(member.Id, member),
            RequestTimeout = TimeSpan.FromSeconds(3), AttemptTimeout = TimeSpan.FromSeconds(1),
        });
        _member.ActorOf(Props.Create(() => new DeafLeader(member)), "raft");
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _client.DisposeAsync();
        await _member.Terminate();
    }

    [Fact]
    public async Task A_change_of_members_that_is_not_answered_may_have_been_made() =>
        await Assert.ThrowsAsync<OutcomeUnknownException>(() => _client.ChangeMembersAsync(MembershipChange.Remove, [new RaftEndpoint(new MemberId(1), "")]));

    [Fact]
    public async Task A_hand_over_that_is_not_answered_may_have_been_made() => await Assert.ThrowsAsync<OutcomeUnknownException>(() => _client.TransferLeadershipAsync());

    /// <summary>Says that it leads, and answers nothing that would change anything.</summary>
    private sealed class DeafLeader : ReceiveActor
    {
        public DeafLeader(RaftEndpoint self)
        {
            Receive<GetMembership>(get => Sender.Tell(new Membership(
                1, IsCommitted: true, FromLeader: true, MembershipPhase.Stable, null, [new ConfiguredMember(self, MembershipRole.Voter, 1, 0, 0)]) { RequestId = get.RequestId }));
            ReceiveAny(_ => { });
        }
    }
}
