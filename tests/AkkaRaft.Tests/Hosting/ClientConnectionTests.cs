using System.Net;
using System.Net.Sockets;
using Akka.Actor;
using Akka.Configuration;
using Akka.Remote.Transport;
using AkkaRaft.Client;
using AkkaRaft.Remoting;

namespace AkkaRaft.Tests.Hosting;

/// <summary>A client has no address that anybody could connect to: it is answered over its own connection.</summary>
public sealed class ClientConnectionTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromMilliseconds(200);

    private readonly List<ActorSystem> _clients = [];
    private readonly TcpProxy _proxy = new();
    private readonly ActorSystem _member;

    public ClientConnectionTests()
    {
        var port = TcpPort.Free();
        _member = ActorSystem.Create("member", ConfigurationFactory.ParseString($$"""
            akka { loggers = [], stdout-loglevel = OFF, actor.serialization-bindings { "System.Byte[]" = bytes } }
            akka.remote.dot-netty.tcp { port = {{port}}, public-port = {{_proxy.Port}}, connection-timeout = 300 ms }
            """).WithFallback(RaftClient.Configuration("127.0.0.1")));
        _member.ActorOf(Props.Create<Echo>(), "echo");
        _proxy.Start(port, port);
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await Task.WhenAll(_clients.Append(_member).Select(system => system.Terminate()));
        _proxy.Dispose();
    }

    [Fact]
    public async Task A_client_whose_connection_was_cut_is_answered_over_its_next_one()
    {
        var client = Client();
        for (var i = 0; i < 20; i++)
        {
            await Answered(client);
            _proxy.Cut();
        }
        await Answered(client);
    }

    [Fact]
    public async Task A_client_whose_handshake_was_held_or_cut_is_answered_over_its_next_one()
    {
        var client = Client();
        var random = new Random(19);
        for (var i = 0; i < 20; i++)
        {
            var (hold, cut) = (TimeSpan.FromMilliseconds(random.Next(400)), random.Next(2) == 0);
            _proxy.Disturb(() => new Handshake(hold, hold, cut));
            _proxy.Cut();
            for (var j = 0; j < 3; j++)
            {
                EchoFor(client).Tell(new byte[] { 2 });
                await Task.Delay(random.Next(200));
            }
            _proxy.Disturb(() => Handshake.Undisturbed);
            await Answered(client);
        }
    }

    [Fact]
    public async Task A_hundred_clients_are_answered_and_none_of_them_listens()
    {
        for (var i = 0; i < 100; i++) Client();
        await Task.WhenAll(_clients.Select(Answered));
        Assert.Equal(100, _clients.Select(c => ((ExtendedActorSystem)c).Provider.DefaultAddress).Distinct().Count());
    }

    [Fact]
    public async Task An_ActorSystem_that_is_given_an_address_listens_there()
    {
        var port = TcpPort.Free();
        var system = Client($$"""akka.remote.dot-netty.tcp { hostname = "127.0.0.1", port = {{port}} }""");
        await Answered(system);
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(IPAddress.Loopback, port);
    }

    [Fact]
    public async Task Nobody_connects_to_a_client()
    {
        var client = Client();
        await Answered(client);
        var transport = SocketTransport.Of(_member)!;
        var address = ((ExtendedActorSystem)client).Provider.DefaultAddress;
        var e = await Assert.ThrowsAsync<InvalidAssociationException>(() => transport.Associate(new Address("tcp", address.System, address.Host!, address.Port!.Value)));
        Assert.Contains("is a client, which nobody can connect to", e.Message, StringComparison.Ordinal);
        // Its connection was closed with that: it begins anew.
        await Answered(client);
    }

    private ActorSystem Client(string more = "")
    {
        var client = ActorSystem.Create("client", ConfigurationFactory.ParseString($$"""
            akka { loggers = [], stdout-loglevel = OFF, actor.serialization-bindings { "System.Byte[]" = bytes } }
            {{more}}
            """).WithFallback(RaftClient.Configuration()));
        _clients.Add(client);
        return client;
    }

    private ActorSelection EchoFor(ActorSystem client) => client.ActorSelection($"{((ExtendedActorSystem)_member).Provider.DefaultAddress}/user/echo");

    private async Task Answered(ActorSystem client)
    {
        for (var attempts = Patience / AskAgainAfter; attempts > 0; attempts--)
        {
            var ask = EchoFor(client).Ask<byte[]>(new byte[] { 1 }, AskAgainAfter);
            await ((Task)ask).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (ask.IsCompletedSuccessfully) return;
        }
        Assert.Fail($"{((ExtendedActorSystem)client).Provider.DefaultAddress} is not answered, and the member runs.");
    }

    private sealed class Echo : ReceiveActor
    {
        public Echo() => Receive<byte[]>(bytes => Sender.Tell(bytes));
    }
}
