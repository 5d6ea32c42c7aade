using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using Akka.Actor;
using Akka.Configuration;
using Akka.Event;
using Akka.Remote.Transport;
using AkkaRaft.Remoting;
using AkkaRaft.Remoting.Threading;
using AkkaRaft.Tests.Threading;
using Google.Protobuf;

namespace AkkaRaft.Tests.Hosting;

public sealed class SocketTransportTests : IAsyncLifetime
{
    private const string Akkas = "Akka.Remote.Transport.DotNetty.TcpTransport, Akka.Remote";
    private const int FrameBytes = 600_000;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private static readonly string Ours = typeof(SocketTransport).AssemblyQualifiedName!;

    private readonly List<ActorSystem> _systems = [];
    private readonly List<Socket> _sockets = [];

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        foreach (var socket in _sockets) socket.Dispose();
        foreach (var system in _systems) await system.Terminate().WaitAsync(Patience);
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, true, true)]
    [InlineData(true, false)]
    [InlineData(true, false, true)]
    [InlineData(false, true)]
    public async Task Messages_of_all_sizes_go_both_ways_whatever_transport_the_other_has(bool asksOverOurs, bool answersOverOurs, bool byTurns = false)
    {
        var asking = Remote(asksOverOurs ? Ours : Akkas, byTurns ? "receive-by-turns = on" : "");
        var answering = Remote(answersOverOurs ? Ours : Akkas);
        var echo = answering.ActorOf(Props.Create<Echo>(), "echo");
        var far = await Resolve(asking, answering, echo);
        var answers = new List<Task<byte[]>>();
        var random = new Random(1);
        int[] sizes = [0, 1, 1_000, 16_384, 70_000, FrameBytes - 10_000, 3, 200_000, .. Enumerable.Range(0, 200).Select(_ => random.Next(40_000))];
        var sent = sizes.Select(size =>
        {
            var bytes = new byte[size];
            random.NextBytes(bytes);
            return bytes;
        }).ToList();
        foreach (var bytes in sent) answers.Add(far.Ask<byte[]>(bytes, Patience));
        var received = await Task.WhenAll(answers);
        Assert.Equal(sent, received);
    }

    [Theory]
    [InlineData(FrameBytes + 1)]
    [InlineData(-1)]
    [InlineData(0x20544547)] // "GET "
    public async Task Who_begins_a_message_that_is_too_large_is_told_nothing_and_logged_and_others_go_on(int length)
    {
        var system = Remote(Ours);
        var warnings = Warnings(system);
        var stranger = await Connect(system);
        await stranger.SendAsync(Header(length));
        await Ended(stranger);
        var warning = await warnings.Task.WaitAsync(Patience);
        Assert.Contains($"began with a message of {(uint)length} bytes, and a handshake has at most 4096", warning, StringComparison.Ordinal);

        var friend = Remote(Ours);
        var far = await Resolve(friend, system, system.ActorOf(Props.Create<Echo>(), "echo"));
        Assert.Equal([1, 2], await far.Ask<byte[]>(new byte[] { 1, 2 }, Patience));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_arrives_byte_by_byte_is_the_same_and_so_is_what_arrives_together(bool byTurns)
    {
        var heard = new Heard();
        var (ours, theirs) = await Pair(heard, byTurns);
        byte[] frames = [.. Frame([1]), .. Frame([]), .. Frame([2, 3]), .. Frame(new byte[5_000])];
        foreach (var value in frames) await theirs.SendAsync(new[] { value });
        await heard.Until(h => h.Payloads.Count == 3);
        await theirs.SendAsync((byte[])[.. frames, .. frames, .. Frame(new byte[400_000]), .. Frame([4])]);
        await heard.Until(h => h.Payloads.Count == 11);
        Assert.Equal([1, 2, 5_000, 1, 2, 5_000, 1, 2, 5_000, 400_000, 1], heard.Payloads.Select(p => p.Length));
        ours.Close();
        await heard.Until(h => h.Ends > 0);
    }

    [Fact]
    public async Task What_arrived_is_done_before_more_of_it_is_taken()
    {
        const int Frames = 100;
        using var system = ActorSystem.Create("serial", $$"""open { type = Dispatcher, executor = "{{typeof(SerialExecutor.Configurator).AssemblyQualifiedName}}", throughput = 1, takes-visitors = on }""");
        using var doing = new Doing();
        var actor = system.ActorOf(Props.Create(() => new Worker(doing)).WithDispatcher("open"));
        doing.Actor = actor;
        var (_, theirs) = await Pair(doing);
        // Else the executor's own thread has what arrives, and does it when it gets its turn.
        IdleExecutor.Await(system.Dispatchers.Lookup("open"));
        await theirs.SendAsync(Frame([0]));
        Assert.True(doing.First.Wait(Patience));
        // It is held by the first; all of these are there when it goes on.
        for (var i = 0; i < Frames; i++) await theirs.SendAsync(Frame(new byte[1_000]));
        var last = doing.DoneByTheLast(Frames + 1);
        doing.GoOn.Set();
        var done = await last.WaitAsync(Patience);
        Assert.True(done > 0, "A peer that sends without pause keeps what it sends from being done.");
        await system.Terminate().WaitAsync(Patience);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_peer_that_takes_nothing_is_written_to_up_to_a_bound_and_gets_all_of_that_later(bool byTurns)
    {
        var (ours, theirs) = await Pair(new Heard(), byTurns);
        var taken = 0;
        var payload = new byte[50_000];
        for (; ours.Write(ByteString.CopyFrom(payload)); taken++)
        {
            Assert.True(taken < 10_000, "Half a gigabyte is held for a peer that takes nothing.");
            BinaryPrimitives.WriteInt32LittleEndian(payload, taken + 1);
        }

        // What was refused has left nothing behind: what is taken then follows in order.
        var reader = Task.Run(() =>
        {
            var frame = new byte[4 + payload.Length];
            for (var i = 0; i <= taken; i++)
            {
                for (var have = 0; have < frame.Length;) have += theirs.Receive(frame.AsSpan(have));
                Assert.Equal(payload.Length, BinaryPrimitives.ReadInt32LittleEndian(frame));
                Assert.Equal(i, BinaryPrimitives.ReadInt32LittleEndian(frame.AsSpan(4)));
            }
        });
        while (!ours.Write(ByteString.CopyFrom(payload))) await Task.Delay(1);
        await reader.WaitAsync(Patience);
        ours.Close();
        Assert.False(ours.Write(ByteString.Empty));
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    [InlineData(false, true)]
    public async Task Whoever_listens_is_told_of_the_end_even_if_it_came_before(bool before, bool byTurns)
    {
        var heard = new Heard();
        var (ours, theirs) = await Pair(before ? null : heard, byTurns);
        theirs.Dispose();
        if (before)
        {
            ours.Close();
            ours.ReadHandlerSource.SetResult(heard);
        }
        await heard.Until(h => h.Ends > 0);
    }

    [Fact]
    public async Task Many_threads_write_and_no_frame_is_torn()
    {
        const int Threads = 4, Each = 2_000;
        var heard = new Heard();
        var (ours, theirs) = await Pair(new Heard());
        var other = Association(theirs);
        other.ReadHandlerSource.SetResult(heard);
        await Task.WhenAll(Enumerable.Range(0, Threads).Select(t => Task.Run(async () =>
        {
            for (var i = 0; i < Each; i++)
            {
                var payload = new byte[8 + i % 3_000];
                BinaryPrimitives.WriteInt32LittleEndian(payload, t);
                BinaryPrimitives.WriteInt32LittleEndian(payload.AsSpan(4), i);
                while (!ours.Write(ByteString.CopyFrom(payload))) await Task.Delay(1);
            }
        })));
        await heard.Until(h => h.Payloads.Count == Threads * Each);
        for (var t = 0; t < Threads; t++)
        {
            var mine = heard.Payloads.Where(p => BinaryPrimitives.ReadInt32LittleEndian(p) == t).ToList();
            Assert.Equal(Enumerable.Range(0, Each), mine.Select(p => BinaryPrimitives.ReadInt32LittleEndian(p.AsSpan(4))));
            Assert.Equal(Enumerable.Range(0, Each).Select(i => 8 + i % 3_000), mine.Select(p => p.Length));
        }
        ours.Close();
        await heard.Until(h => h.Ends > 0);
    }

    [Fact]
    public async Task A_system_that_ends_closes_its_connections_and_its_port()
    {
        var system = Remote(Ours);
        var port = PortOf(system);
        var connected = await Connect(system);
        await system.Terminate().WaitAsync(Patience);
        await Ended(connected);
        var again = Remote(Ours, $"port = {port}");
        Assert.Equal(port, PortOf(again));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Who_does_not_answer_a_connect_is_not_waited_for(bool byTurns)
    {
        using var server = await Full();
        var system = Remote(Ours);
        var transport = new SocketTransport(system, ConfigurationFactory.ParseString($"connection-timeout = 200 ms, receive-by-turns = {(byTurns ? "on" : "off")}").WithFallback(system.Settings.Config.GetConfig("akka.remote.dot-netty.tcp")));
        var e = await Assert.ThrowsAsync<InvalidAssociationException>(() => transport.Associate(AddressOf(server)).WaitAsync(Patience));
        Assert.Contains("No connection within 0.2 s", e.Message, StringComparison.Ordinal);
        Assert.True(await transport.Shutdown());
    }

    [Fact]
    public void A_port_in_use_is_said_to_be()
    {
        var port = PortOf(Remote(Ours));
        var e = Assert.ThrowsAny<Exception>(() => Remote(Ours, $"port = {port}"));
        Assert.Contains("in use", e.GetBaseException().Message, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("enable-ssl = on", "has no TLS yet")]
    [InlineData("byte-order = big-endian", "little-endian alone")]
    public void What_it_cannot_do_it_does_not_go_without(string setting, string said)
    {
        var e = Assert.ThrowsAny<Exception>(() => Remote(Ours, setting));
        Assert.Contains(said, e.GetBaseException().Message, StringComparison.Ordinal);
    }

    [Fact]
    public void It_is_known_by_its_public_name()
    {
        var system = Remote(Ours, "hostname = localhost, public-hostname = example.org, public-port = 4711");
        var address = ((ExtendedActorSystem)system).Provider.DefaultAddress;
        Assert.Equal(("example.org", 4711), (address.Host, address.Port));
    }

    // ---- what the tests stand on ---------------------------------------------------------------------------------

    private ActorSystem Remote(string transport, string more = "")
    {
        var system = ActorSystem.Create("remote", ConfigurationFactory.ParseString($$"""
            akka {
              loglevel = WARNING
              stdout-loglevel = OFF
              loggers = []
              actor.provider = remote
              actor.serialization-bindings { "System.Byte[]" = bytes }
              remote.dot-netty.tcp {
                transport-class = "{{transport}}"
                hostname = "127.0.0.1"
                port = 0
                maximum-frame-size = {{FrameBytes}}b
                {{more}}
              }
            }
            """));
        _systems.Add(system);
        return system;
    }

    /// <summary>A server whose queue is full, and that accepts nobody: what else connects is dropped.</summary>
    private async Task<Socket> Full()
    {
        var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        server.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        server.Listen(1);
        Task connecting;
        do
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            _sockets.Add(socket);
            connecting = socket.ConnectAsync(server.LocalEndPoint!);
        }
        while (await Task.WhenAny(connecting, Task.Delay(500)) == connecting && _sockets.Count < 100);
        Assert.False(connecting.IsCompleted, "The system takes more connections than were to be.");
        return server;
    }

    private static Address AddressOf(Socket server) => new("tcp", "none", "127.0.0.1", ((IPEndPoint)server.LocalEndPoint!).Port);

    private static int PortOf(ActorSystem system) => ((ExtendedActorSystem)system).Provider.DefaultAddress.Port!.Value;

    private static Task<IActorRef> Resolve(ActorSystem from, ActorSystem to, IActorRef actor) =>
        from.ActorSelection(actor.Path.ToStringWithAddress(((ExtendedActorSystem)to).Provider.DefaultAddress)).ResolveOne(Patience);

    private async Task<Socket> Connect(ActorSystem system)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        _sockets.Add(socket);
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, PortOf(system)));
        return socket;
    }

    private static async Task Ended(Socket socket)
    {
        try
        {
            Assert.Equal(0, await socket.ReceiveAsync(new byte[1]).WaitAsync(Patience));
        }
        catch (SocketException e)
        {
            // It had not been accepted yet, or what it sent not been read.
            Assert.Equal(SocketError.ConnectionReset, e.SocketErrorCode);
        }
    }

    private async Task<(SocketAssociation Ours, Socket Theirs)> Pair(IHandleEventListener? listener, bool byTurns = false)
    {
        using var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        server.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        server.Listen();
        var theirs = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await theirs.ConnectAsync(server.LocalEndPoint!);
        _sockets.Add(theirs);
        var ours = Association(await server.AcceptAsync(), byTurns);
        if (listener is not null) ours.ReadHandlerSource.SetResult(listener);
        return (ours, theirs);
    }

    private SocketAssociation Association(Socket socket, bool byTurns = false)
    {
        _sockets.Add(socket);
        return new SocketAssociation(socket, new Address("tcp", "a", "here", 1), new Address("tcp", "b", "there", 2), new ConnectionRules { MaxFrameBytes = FrameBytes, Unfinished = new UnfinishedFrames(1 << 30), Warnings = new PeerWarnings(NoLogger.Instance) }, byTurns);
    }

    private static TaskCompletionSource<string> Warnings(ActorSystem system)
    {
        var first = new TaskCompletionSource<string>();
        system.EventStream.Subscribe(system.ActorOf(Props.Create(() => new FirstWarning(first))), typeof(Warning));
        return first;
    }

    private static byte[] Header(int length)
    {
        var header = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(header, length);
        return header;
    }

    private static byte[] Frame(byte[] payload) => [.. Header(payload.Length), .. payload];

    private sealed class Echo : ReceiveActor
    {
        public Echo() => Receive<byte[]>(bytes => Sender.Tell(bytes));
    }

    private sealed class FirstWarning : ReceiveActor
    {
        public FirstWarning(TaskCompletionSource<string> first) => Receive<Warning>(warning => first.TrySetResult(warning.Message.ToString()!));
    }

    private sealed class Worker : ReceiveActor
    {
        public Worker(Doing doing) => ReceiveAny(_ => doing.Done());
    }

    private sealed class Doing : IHandleEventListener, IDisposable
    {
        private readonly TaskCompletionSource<int> _last = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int _notified;
        private int _done;
        private volatile int _frames = int.MaxValue;

        public ManualResetEventSlim First { get; } = new();

        public ManualResetEventSlim GoOn { get; } = new();

        public IActorRef Actor { get; set; } = ActorRefs.Nobody;

        public void Notify(IHandleEvent ev)
        {
            if (ev is not InboundPayload) return;
            Actor.Tell(ev);
            if (++_notified == 1)
            {
                First.Set();
                GoOn.Wait(Patience);
            }
            if (_notified == _frames) _last.TrySetResult(Volatile.Read(ref _done));
        }

        public void Done() => Interlocked.Increment(ref _done);

        public Task<int> DoneByTheLast(int frames)
        {
            _frames = frames;
            return _last.Task;
        }

        public void Dispose()
        {
            First.Dispose();
            GoOn.Dispose();
        }
    }

    private sealed class Heard : IHandleEventListener
    {
        private readonly List<byte[]> _payloads = [];

        public IReadOnlyList<byte[]> Payloads
        {
            get
            {
                lock (_payloads) return [.. _payloads];
            }
        }

        public int Ends { get; private set; }

        public void Notify(IHandleEvent ev)
        {
            lock (_payloads)
            {
                if (ev is InboundPayload payload) _payloads.Add(payload.Payload.ToByteArray());
                else if (ev is Disassociated) Ends++;
            }
        }

        public async Task Until(Func<Heard, bool> condition)
        {
            for (var waited = 0; !condition(this); waited++)
            {
                Assert.True(waited < Patience.TotalMilliseconds, $"Heard {Payloads.Count} messages and {Ends} ends, and nothing more.");
                await Task.Delay(1);
            }
        }
    }
}
