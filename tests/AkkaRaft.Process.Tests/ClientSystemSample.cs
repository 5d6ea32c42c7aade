using System.Collections.Immutable;
using System.Text;
using Akka.Actor;
using AkkaRaft.Client;
using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;

namespace AkkaRaft.Process.Tests;

/// <summary>How an application reaches the store from its own ActorSystem: with a <see cref="RaftClient"/>, and by plain messages from an actor.</summary>
public sealed class ClientSystemSample(RunningCluster running) : IClassFixture<RunningCluster>
{
    /// <summary>Akka.Remote at a port of its own. Frames must hold the largest value (1 MiB) and what is around it; 128 000 bytes are Akka's default.</summary>
    private const string Hocon = """
        akka {
          actor.provider = remote
          remote.dot-netty.tcp {
            hostname = "127.0.0.1"
            port = 0
            maximum-frame-size = 4MiB
          }
        }
        """;

    private readonly ImmutableSortedDictionary<MemberId, RaftEndpoint> _members = running.Cluster.Members.Split(',')
        .Select(m => m.Split('='))
        .Select(m => new RaftEndpoint(new MemberId(int.Parse(m[0])), m[1]))
        .ToImmutableSortedDictionary(m => m.Id, m => m);

    [Fact(Timeout = Patience.TestMs)]
    public async Task A_client_puts_gets_and_deletes()
    {
        using var system = ActorSystem.Create("application", Hocon);
        await using var client = RaftClient.Create(system, new RaftClientSettings { ClusterId = "akkaraft", Members = _members, RequestTimeout = TimeSpan.FromSeconds(30) });

        PutReply first = await client.PutAsync("sample", "one");
        PutReply second = await client.PutAsync("sample", "two");
        Assert.True(second.Version > first.Version);
        Assert.Equal("two", await client.GetAsync("sample"));

        ReadOnlyMemory<byte> key = Encoding.UTF8.GetBytes("sample");
        GetReply got = await client.GetAsync(key, ReadConsistency.Linearizable);
        Assert.True(got.Found);
        Assert.Equal(second.Version, got.Version);

        DeleteReply deleted = await client.DeleteAsync("sample");
        Assert.True(deleted.Deleted);
        Assert.Null(await client.GetAsync("sample"));
        Assert.False((await client.DeleteAsync("sample")).Deleted);

        byte[] large = new byte[1024 * 1024];
        new Random(1).NextBytes(large);
        await client.PutAsync(Encoding.UTF8.GetBytes("large"), large);
        Assert.Equal(large, (await client.GetAsync(Encoding.UTF8.GetBytes("large"), ReadConsistency.Linearizable)).Value.ToArray());

        await Assert.ThrowsAsync<BadInputException>(() => client.PutAsync("", "v"));
        Assert.Equal(3, (await client.StatusAsync()).Count(s => s.Role is RaftRole.Leader or RaftRole.Follower));
    }

    [Fact(Timeout = Patience.TestMs)]
    public async Task An_actor_tells_messages_to_any_member()
    {
        using var system = ActorSystem.Create("application", Hocon);
        // Teaches the system the protocol; without it a message would leave as JSON, which members refuse.
        await using var client = RaftClient.Create(system, new RaftClientSettings { ClusterId = "akkaraft", Members = _members });
        foreach (RaftEndpoint member in _members.Values)
        {
            var done = new TaskCompletionSource<IReadOnlyList<IKeyValueReply>>(TaskCreationOptions.RunContinuationsAsynchronously);
            system.ActorOf(Props.Create(() => new Application($"akka.tcp://akkaraft@{member.Address}/user/raft", done)));
            var replies = await done.Task.WaitAsync(Patience.Wait);

            Assert.Equal([1L, 2L, 3L, 4L, 5L], replies.Select(r => r.RequestId));
            var put = Assert.IsType<PutReply>(replies[0]);
            var got = Assert.IsType<GetReply>(replies[1]);
            Assert.True(got.Found);
            Assert.Equal("value", Encoding.UTF8.GetString(got.Value.Span));
            Assert.Equal(put.Version, got.Version);
            Assert.True(Assert.IsType<DeleteReply>(replies[2]).Deleted);
            Assert.False(Assert.IsType<GetReply>(replies[3]).Found);
            Assert.Equal(FailureKind.BadInput, Assert.IsType<RequestFailed>(replies[4]).Kind);
        }
    }

    /// <summary>Asks one thing after the other, and hands on what it was told.</summary>
    private sealed class Application : ReceiveActor
    {
        private static readonly byte[] Key = Encoding.UTF8.GetBytes("told");

        private readonly Queue<IKeyValueRequest> _requests = new(
        [
            new Put(Key, Encoding.UTF8.GetBytes("value"), RequestId: 1),
            new Get(Key, ReadConsistency.Linearizable, RequestId: 2),
            new Delete(Key, RequestId: 3),
            new Get(Key, RequestId: 4),
            new Put(ReadOnlyMemory<byte>.Empty, Key, RequestId: 5),
        ]);

        private readonly List<IKeyValueReply> _replies = [];
        private readonly ActorSelection _raft;

        public Application(string raft, TaskCompletionSource<IReadOnlyList<IKeyValueReply>> done)
        {
            _raft = Context.ActorSelection(raft);
            Receive<IKeyValueReply>(reply =>
            {
                _replies.Add(reply);
                if (_requests.Count > 0)
                {
                    _raft.Tell(_requests.Dequeue());
                }
                else
                {
                    done.TrySetResult(_replies);
                }
            });
        }

        protected override void PreStart() => _raft.Tell(_requests.Dequeue());
    }
}
