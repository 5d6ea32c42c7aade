using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Akka.Actor;
using Akka.Configuration;
using Akka.Event;
using AkkaRaft.Remoting;

namespace AkkaRaft.Tests.Hosting;

/// <summary>A peer names any address as its own: nothing is kept of one to which this process does not speak by itself.</summary>
public sealed class StrangerTests : IAsyncLifetime
{
    private const int Strangers = 40;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly int _port = TcpPort.Free();
    private ActorSystem? _system;

    public Task InitializeAsync() => Task.CompletedTask;

    public Task DisposeAsync() => _system?.Terminate() ?? Task.CompletedTask;

    public static TheoryData<string> Ends => ["its connection closes", "it says that it ends", "it says that it shuts down", "it says that this process is quarantined", "it says nothing", "it connects again"];

    [Theory]
    [MemberData(nameof(Ends))]
    public async Task Of_an_address_that_a_peer_names_nothing_is_kept(string end)
    {
        // Without a connection it is forgotten at once; where Akka.Remote gives one up itself, which says nothing, after this.
        var (pause, silence) = end == "it says nothing" ? ("300 ms", "1 s") : ("1 h", "1 h");
        _system = Start(pause, silence);
        var errors = new ConcurrentQueue<LogEvent>();
        _system.EventStream.Subscribe(_system.ActorOf(Props.Create(() => new Collector(errors))), typeof(Error));
        await Task.WhenAll(Enumerable.Range(0, Strangers).Select(async i =>
        {
            var named = new Address("akka.tcp", "member", $"10.0.0.{i}", 9);
            using var socket = await ConnectAsync(named, (ulong)i);
            if (end == "it connects again")
            {
                using var again = await ConnectAsync(named, (ulong)i + 100);
                await EndedAsync(again, close: true);
            }
            if (end.StartsWith("it says that", StringComparison.Ordinal)) await socket.SendAsync(AkkaFrame.Control(end switch { "it says that it ends" => 2, "it says that it shuts down" => 4, _ => 5 }));
            await EndedAsync(socket, close: end is "its connection closes" or "it connects again");
        }));
        for (var waited = TimeSpan.Zero; ; waited += TimeSpan.FromMilliseconds(50))
        {
            var kept = Kept(_system);
            if (kept.Count == 0) break;
            Assert.True(waited < Patience, $"{kept.Count} of {Strangers} are kept, such as {kept[0]}");
            await Task.Delay(50);
        }
        var log = RemotingConfiguration.QuietRemoting.CreateEvaluator();
        Assert.DoesNotContain(errors, error => log.ShouldTryKeepMessage(error, out _));
    }

    private ActorSystem Start(string pause, string silence) => ActorSystem.Create("member", ConfigurationFactory.ParseString($$"""
        akka { loggers = [], stdout-loglevel = OFF }
        akka.remote.transport-failure-detector { heartbeat-interval = 100 ms, acceptable-heartbeat-pause = {{pause}} }
        akka.remote.quarantine-after-silence = {{silence}}
        """).WithFallback(RemotingConfiguration.Hardened).WithFallback(RemotingConfiguration.Of("127.0.0.1", _port, 100_000, 100_000)));

    private static List<string> Kept(ActorSystem system)
    {
        var guardian = (ActorRefWithCell)((ExtendedActorSystem)system).SystemGuardian;
        var endpoints = (ActorRefWithCell)guardian.GetSingleChild("endpointManager");
        return [.. endpoints.Children.Select(child => child.Path.Name).Where(name => name.Contains("Endpoint", StringComparison.OrdinalIgnoreCase))];
    }

    private async Task<Socket> ConnectAsync(Address named, ulong uid)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, _port));
        await socket.SendAsync(AkkaFrame.Associate(named, uid));
        // Akka.Remote has taken it up when it answers.
        Assert.NotEqual(0, await socket.ReceiveAsync(new byte[1_000]).WaitAsync(Patience));
        return socket;
    }

    private static async Task EndedAsync(Socket socket, bool close)
    {
        if (close) socket.Shutdown(SocketShutdown.Both);
        try
        {
            while (await socket.ReceiveAsync(new byte[1_000]).WaitAsync(Patience) > 0) ;
        }
        catch (SocketException e)
        {
            Assert.Equal(SocketError.ConnectionReset, e.SocketErrorCode);
        }
    }

    private sealed class Collector : ReceiveActor
    {
        public Collector(ConcurrentQueue<LogEvent> heard) => Receive<LogEvent>(heard.Enqueue);
    }
}
