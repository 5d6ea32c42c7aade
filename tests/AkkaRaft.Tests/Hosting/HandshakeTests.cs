using System.Net;
using System.Net.Sockets;
using Akka.Actor;
using Akka.Configuration;
using AkkaRaft.Hosting;

namespace AkkaRaft.Tests.Hosting;

/// <summary>Handshakes that are held, cut and repeated by a proxy: whoever runs must then talk with whoever runs.</summary>
public sealed class HandshakeTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromMilliseconds(200);

    private readonly TcpProxy _beforeA = new();
    private readonly TcpProxy _beforeB = new();
    private readonly ActorSystem _a;
    private readonly ActorSystem _b;

    public HandshakeTests()
    {
        var (portA, portB) = (TcpPort.Free(), TcpPort.Free());
        (_a, _b) = (System(portA, _beforeA.Port), System(portB, _beforeB.Port));
        _beforeA.Start(portA, portB);
        _beforeB.Start(portB, portA);
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await Task.WhenAll(_a.Terminate(), _b.Terminate());
        _beforeA.Dispose();
        _beforeB.Dispose();
    }

    [Fact]
    public async Task Who_took_a_handshake_that_then_died_hears_the_peer_over_what_it_had_before()
    {
        // A connects, and B answers and asks over that connection.
        await Talk(_a, _b);
        await Talk(_b, _a);
        // For this one A stops reading the first.
        await _beforeB.RepeatAsync(PortOf(_a));
        for (var i = 0; i < 5; i++)
        {
            await Talk(_b, _a);
            await Talk(_a, _b);
        }
    }

    [Fact]
    public async Task A_connection_that_never_says_who_it_is_is_closed()
    {
        using var stranger = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await stranger.ConnectAsync(IPAddress.Loopback, PortOf(_a));
        var bytes = new byte[256];
        try
        {
            while (await stranger.ReceiveAsync(bytes).WaitAsync(Patience) > 0)
            {
                // What it is told before the end.
            }
        }
        catch (SocketException e)
        {
            Assert.Equal(SocketError.ConnectionReset, e.SocketErrorCode);
        }
    }

    private static ActorSystem System(int port, int publicPort)
    {
        var system = ActorSystem.Create("pair", ConfigurationFactory.ParseString($$"""
            akka {
              loggers = []
              stdout-loglevel = OFF
              log-dead-letters = off
              actor.provider = remote
              actor.serialization-bindings { "System.Byte[]" = bytes }
              remote.retry-gate-closed-for = 50 ms
              remote.dot-netty.tcp {
                transport-class = "{{typeof(SocketTransport).AssemblyQualifiedName}}"
                hostname = "127.0.0.1"
                port = {{port}}
                public-port = {{publicPort}}
                connection-timeout = 300 ms
              }
            }
            """));
        system.ActorOf(Props.Create<Echo>(), "echo");
        return system;
    }

    private static int PortOf(ActorSystem system) => system.Settings.Config.GetInt("akka.remote.dot-netty.tcp.port");

    private static ActorSelection EchoOf(ActorSystem to, ActorSystem from) => from.ActorSelection($"{((ExtendedActorSystem)to).Provider.DefaultAddress}/user/echo");

    private static async Task Talk(ActorSystem from, ActorSystem to)
    {
        for (var attempts = Patience / AskAgainAfter; attempts > 0; attempts--)
        {
            var ask = EchoOf(to, from).Ask<byte[]>(new byte[] { 1 }, AskAgainAfter);
            await ((Task)ask).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (ask.IsCompletedSuccessfully) return;
        }
        Assert.Fail($"Nothing comes back to {((ExtendedActorSystem)from).Provider.DefaultAddress}, and both run.");
    }

    private sealed class Echo : ReceiveActor
    {
        public Echo() => Receive<byte[]>(bytes => Sender.Tell(bytes));
    }
}
