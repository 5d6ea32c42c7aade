using Akka.Actor;

namespace AkkaRaft.Process.Tests;

/// <summary>An ActorSystem that is no client tells a member what it should not.</summary>
public sealed class ForeignSystemTests(RunningCluster running) : IClassFixture<RunningCluster>
{
    private readonly Cluster _cluster = running.Cluster;

    public sealed record Foreign(string Text);

    [Fact(Timeout = Patience.TestMs)]
    public async Task Foreign_messages_and_poison_pills_do_a_member_no_harm()
    {
        using var system = ActorSystem.Create("foreign", """
            akka {
              loglevel = OFF
              stdout-loglevel = OFF
              actor.provider = remote
              remote.dot-netty.tcp { hostname = "127.0.0.1", port = 0 }
            }
            """);
        int leader = await _cluster.LeaderAsync();
        string address = _cluster.Members.Split(',')[leader].Split('=')[1];
        var before = await _cluster.AllAsync();
        string[] paths = ["/user/raft", "/user/raft/member", "/user", "/system/endpointManager"];
        object[] messages = [new Foreign("hello"), "text", 42, PoisonPill.Instance, Kill.Instance, new Identify(1), new Foreign("again")];
        var provider = ((ExtendedActorSystem)system).Provider;
        foreach (string path in paths)
        {
            foreach (object message in messages)
            {
                system.ActorSelection($"akka.tcp://akkaraft@{address}{path}").Tell(message);
                provider.ResolveActorRef($"akka.tcp://akkaraft@{address}{path}").Tell(message);
            }

            ((IInternalActorRef)provider.ResolveActorRef($"akka.tcp://akkaraft@{address}{path}")).Stop();
            // An answer would mean that the actor can be found, and told anything.
            await Assert.ThrowsAsync<ActorNotFoundException>(() => system.ActorSelection($"akka.tcp://akkaraft@{address}{path}").ResolveOne(TimeSpan.FromSeconds(1)));
        }

        var put = await Cli.RunAsync("put", "harmless", "v", "--timeout", "60s", "--members", $"{leader}={address}");
        Assert.True(put.Code == 0, $"{put.Code} {put.Out} {put.Err}");
        Assert.Equal("v", (await Cli.RunAsync("get", "harmless", "--members", $"{leader}={address}")).Out.Trim());
        Assert.Equal(
            before.Select(s => s.GetProperty("pid").GetInt32()),
            (await _cluster.AllAsync()).Select(s => s.GetProperty("pid").GetInt32()));
    }
}
