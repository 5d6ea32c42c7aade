using System.Collections.Immutable;
using Akka.Actor;
using Akka.Configuration;
using AkkaRaft.Client;
using AkkaRaft.Protocol;

namespace AkkaRaft.Tests.Client;

/// <summary>A process at a member's address that says that it leads, and answers as a test has it; with a client that knows no other.</summary>
internal sealed class FalseMember : IAsyncDisposable
{
    private readonly ActorSystem _system;

    /// <param name="with">What the client's settings have besides.</param>
    /// <param name="answer">What else it answers; null for nothing.</param>
    public FalseMember(Func<RaftClientSettings, RaftClientSettings> with, Func<object, Membership, object?> answer)
    {
        var port = TcpPort.Free();
        _system = ActorSystem.Create("akkaraft", ConfigurationFactory.ParseString($$"""
            akka { loggers = [], stdout-loglevel = OFF }
            akka.remote.dot-netty.tcp.port = {{port}}
            """).WithFallback(RaftClient.Configuration("127.0.0.1")));
        var self = new RaftEndpoint(new MemberId(0), $"127.0.0.1:{port}");
        Client = RaftClient.Create(with(new RaftClientSettings { ClusterId = "cluster", Members = ImmutableSortedDictionary<MemberId, RaftEndpoint>.Empty.Add(self.Id, self) }));
        var members = new Membership(1, IsCommitted: true, FromLeader: true, MembershipPhase.Stable, null, [new ConfiguredMember(self, MembershipRole.Voter, 1, 0, 0)]);
        _system.ActorOf(Props.Create(() => new Leader(members, answer)), "raft");
    }

    public RaftClient Client { get; }

    public async ValueTask DisposeAsync()
    {
        await Client.DisposeAsync();
        await _system.Terminate();
    }

    private sealed class Leader : ReceiveActor
    {
        public Leader(Membership members, Func<object, Membership, object?> answer) => ReceiveAny(message =>
        {
            if ((answer(message, members) ?? (message is GetMembership get ? members with { RequestId = get.RequestId } : null)) is { } reply) Sender.Tell(reply);
        });
    }
}
