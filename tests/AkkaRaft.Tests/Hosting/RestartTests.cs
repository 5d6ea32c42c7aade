using System.Collections.Immutable;
using Akka.Actor;
using AkkaRaft.Client;
using AkkaRaft.Hosting;
using AkkaRaft.Protocol;
using AkkaRaft.Remoting;

namespace AkkaRaft.Tests.Hosting;

public sealed class RestartTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("akkaraft-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    /// <summary>As after a journal that failed: the process, its ActorSystem and its connections go on, and the member in it is another one.</summary>
    [Fact]
    public async Task A_member_that_starts_anew_in_its_process_is_reached_over_the_connections_that_are_there()
    {
        var member = new RaftEndpoint(new MemberId(0), $"127.0.0.1:{TcpPort.Free()}");
        var members = ImmutableSortedDictionary<MemberId, RaftEndpoint>.Empty.Add(member.Id, member);
        await using var node = await RaftNode.StartAsync(new RaftSettings { ClusterId = "anew", Id = member.Id, DataDirectory = _directory, Members = members });
        await using var client = RaftClient.Create(new RaftClientSettings { ClusterId = "anew", Members = members, RequestTimeout = TimeSpan.FromMinutes(1) });
        // The waits between grow, and become longer than a dispatcher without actors lives.
        for (var i = 0; i < 5; i++)
        {
            // Whatever thread reads from the connection has seen the member that ends.
            await Task.WhenAll(Enumerable.Range(0, 50).Select(k => client.PutAsync($"{k}", $"{i}")));
            node.System.ActorSelection("/user/raft/member").Tell(PoisonPill.Instance);
            await client.PutAsync("after", $"{i}");
            Assert.Equal($"{i}", await client.GetAsync("after"));
        }
    }

    [Fact]
    public async Task Of_what_was_answered_nothing_waits()
    {
        var member = new RaftEndpoint(new MemberId(0), $"127.0.0.1:{TcpPort.Free()}");
        var members = ImmutableSortedDictionary<MemberId, RaftEndpoint>.Empty.Add(member.Id, member);
        await using var node = await RaftNode.StartAsync(new RaftSettings { ClusterId = "waits", Id = member.Id, DataDirectory = _directory, Members = members });
        var transport = SocketTransport.Of(node.System)!;
        await using (var client = RaftClient.Create(new RaftClientSettings { ClusterId = "waits", Members = members, RequestTimeout = TimeSpan.FromMinutes(1) }))
        {
            for (var i = 0; i < 5; i++)
            {
                // More at once than may wait of one.
                await Task.WhenAll(Enumerable.Range(0, 5_000).Select(k => client.GetAsync($"{k}")));
                Assert.Equal(0, transport.WaitingToBeRead);
            }
        }
        Assert.Equal(0, transport.WaitingToBeRead);
    }

    [Fact]
    public async Task A_member_whose_ActorSystem_ended_by_itself_has_failed_and_one_that_was_stopped_has_not()
    {
        var member = new RaftEndpoint(new MemberId(0), $"127.0.0.1:{TcpPort.Free()}");
        var settings = new RaftSettings { ClusterId = "ends", Id = member.Id, DataDirectory = _directory, Members = ImmutableSortedDictionary<MemberId, RaftEndpoint>.Empty.Add(member.Id, member) };
        await using (var node = await RaftNode.StartAsync(settings))
        {
            // As when one of Akka's own actors ends, which takes all with it.
            ((ExtendedActorSystem)node.System).Guardian.Stop();
            var (end, reason) = await node.Completion.WaitAsync(TimeSpan.FromMinutes(1));
            Assert.Equal(MemberEnd.Failed, end);
            Assert.Contains("ended by itself", reason, StringComparison.Ordinal);
        }

        var stopped = await RaftNode.StartAsync(settings);
        await stopped.DisposeAsync();
        Assert.Equal(MemberEnd.Stopped, (await stopped.Completion.WaitAsync(TimeSpan.FromMinutes(1))).End);
    }
}
