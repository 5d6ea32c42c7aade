using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Akka.Actor;
using Akka.Configuration;
using AkkaRaft.Client;
using AkkaRaft.Hosting;
using AkkaRaft.Protocol;
using AkkaRaft.Remoting;
using Xunit.Abstractions;

namespace AkkaRaft.Tests.Hosting;

/// <summary>Handshakes and connections that are held, cut and repeated by a proxy: whoever runs must then talk with whoever runs.</summary>
public sealed class HandshakeTests : IAsyncLifetime
{
    private const int Rounds = 200;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromMilliseconds(200);

    private readonly string _directory = Directory.CreateTempSubdirectory("akkaraft-").FullName;
    private readonly ITestOutputHelper _output;
    private readonly TcpProxy _beforeA = new();
    private readonly TcpProxy _beforeB = new();
    private readonly int _portA = TcpPort.Free();
    private readonly ActorSystem _a;
    private readonly ActorSystem _b;

    public HandshakeTests(ITestOutputHelper output)
    {
        _output = output;
        var portB = TcpPort.Free();
        (_a, _b) = (System(_portA, _beforeA.Port), System(portB, _beforeB.Port));
        _beforeA.Start(_portA, portB);
        _beforeB.Start(portB, _portA);
    }

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await Task.WhenAll(_a.Terminate(), _b.Terminate());
        _beforeA.Dispose();
        _beforeB.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task Who_took_a_handshake_that_then_died_hears_the_peer_over_what_it_had_before()
    {
        // A connects, and B answers and asks over that connection.
        await Talk(_a, _b);
        await Talk(_b, _a);
        // For this one A stops reading the first.
        await _beforeB.RepeatAsync(_portA);
        for (var i = 0; i < 5; i++)
        {
            await Talk(_b, _a);
            await Talk(_a, _b);
        }
    }

    [Fact]
    public async Task However_handshakes_and_connections_are_held_cut_and_repeated_both_talk_afterwards()
    {
        var random = new Random(19);
        Handshake Next()
        {
            lock (random)
            {
                return new Handshake(
                    Hold: TimeSpan.FromMilliseconds(random.Next(3) * random.Next(250)),
                    HoldAnswer: TimeSpan.FromMilliseconds(random.Next(3) * random.Next(250)),
                    Cut: random.Next(4) == 0,
                    Repeat: random.Next(3) == 0,
                    CutAfter: random.Next(3) == 0 ? TimeSpan.FromMilliseconds(random.Next(200)) : null);
            }
        }

        var longest = (Attempts: 0, Round: 0);
        for (var round = 0; round < Rounds; round++)
        {
            _beforeA.Disturb(Next);
            _beforeB.Disturb(Next);
            _beforeA.Cut();
            _beforeB.Cut();
            for (var i = 0; i < 3; i++)
            {
                EchoOf(_b, _a).Tell(new byte[] { 2 });
                EchoOf(_a, _b).Tell(new byte[] { 2 });
                await Task.Delay(random.Next(150));
            }
            _beforeA.Disturb(() => Handshake.Undisturbed);
            _beforeB.Disturb(() => Handshake.Undisturbed);
            foreach (var attempts in await Task.WhenAll(Talk(_a, _b), Talk(_b, _a)))
            {
                if (attempts > longest.Attempts) longest = (attempts, round);
            }
        }
        _output.WriteLine($"At most {longest.Attempts} attempts, each of {AskAgainAfter.TotalMilliseconds} ms, in round {longest.Round} of {Rounds}.");
    }

    [Fact]
    public async Task A_handshake_of_a_process_that_has_ended_comes_late_and_the_next_one_at_its_address_is_heard_all_the_same()
    {
        var members = new[] { Member(0, TcpPort.Free()), Member(1, TcpPort.Free()) }.ToImmutableSortedDictionary(m => m.Id, m => m);
        RaftSettings Settings(int id) => new() { ClusterId = "late", Id = new MemberId(id), DataDirectory = Path.Combine(_directory, "late"), Members = members };
        await using var a = await RaftNode.StartAsync(Settings(0));
        await using var b = await RaftNode.StartAsync(Settings(1));
        await using var client = RaftClient.Create(new RaftClientSettings { ClusterId = "late", Members = members, RequestTimeout = Patience });
        await client.PutAsync("before", "1");

        using (var late = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))
        {
            await late.ConnectAsync(IPAddress.Loopback, Addresses.Split(members[new MemberId(0)].Address).Port);
            await late.SendAsync(AkkaFrame.Associate(((ExtendedActorSystem)b.System).Provider.DefaultAddress, uid: 4711));
            await late.ReceiveAsync(new byte[4]);
        }

        for (var i = 0; i < 10; i++) await client.PutAsync("after", $"{i}");
    }

    [Fact]
    public async Task A_connection_that_never_says_who_it_is_is_closed()
    {
        using var stranger = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await stranger.ConnectAsync(IPAddress.Loopback, _portA);
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

    private static RaftEndpoint Member(int id, int port) => new(new MemberId(id), $"127.0.0.1:{port}");

    /// <summary>With a member's transport and settings, but no member, whose watch over what is delivered would end a connection that is not read after some seconds.</summary>
    private static ActorSystem System(int port, int publicPort)
    {
        var system = ActorSystem.Create("pair", ConfigurationFactory.ParseString($$"""
            akka { loggers = [], stdout-loglevel = OFF, actor.serialization-bindings { "System.Byte[]" = bytes } }
            # Handshakes are given up while the proxy still holds them.
            akka.remote.dot-netty.tcp { port = {{port}}, public-port = {{publicPort}}, connection-timeout = 300 ms }
            """).WithFallback(RaftClient.Configuration("127.0.0.1")));
        system.ActorOf(Props.Create<Echo>(), "echo");
        return system;
    }

    private static ActorSelection EchoOf(ActorSystem to, ActorSystem from) => from.ActorSelection($"{((ExtendedActorSystem)to).Provider.DefaultAddress}/user/echo");

    /// <returns>How many attempts it took.</returns>
    private static async Task<int> Talk(ActorSystem from, ActorSystem to)
    {
        for (var attempt = 1; attempt <= Patience / AskAgainAfter; attempt++)
        {
            var ask = EchoOf(to, from).Ask<byte[]>(new byte[] { 1 }, AskAgainAfter);
            await ((Task)ask).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (ask.IsCompletedSuccessfully) return attempt;
        }
        Assert.Fail($"Nothing comes back to {((ExtendedActorSystem)from).Provider.DefaultAddress}, and both run.");
        return 0;
    }

    private sealed class Echo : ReceiveActor
    {
        public Echo() => Receive<byte[]>(bytes => Sender.Tell(bytes));
    }
}
