using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using Akka.Actor;
using AkkaRaft.Hosting;
using AkkaRaft.Protocol;
using AkkaRaft.StateMachine;
using Xunit.Abstractions;

namespace AkkaRaft.Tests.Storage;

public sealed class JournalSizeTests(ITestOutputHelper output) : IDisposable
{
    private const int Entries = 1_000_000;
    private const int Sample = 100_000;

    private readonly string _directory = Directory.CreateTempSubdirectory("akkaraft-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task The_journals_file_does_not_grow_under_a_constant_load()
    {
        var member = new Member(new MemberId(0), $"127.0.0.1:{FreePort()}");
        var settings = new RaftSettings
        {
            ClusterId = "size", Id = member.Id, DataDirectory = _directory, Members = ImmutableSortedDictionary<MemberId, Member>.Empty.Add(member.Id, member),
        };
        await using var node = await RaftNode.StartAsync(settings);
        var sizes = new TaskCompletionSource<IReadOnlyList<long>>(TaskCreationOptions.RunContinuationsAsynchronously);
        var journal = Path.Combine(_directory, "0", "journal.db");
        node.System.ActorOf(Props.Create(() => new Load(node.System.ActorSelection("/user/raft/member"), journal, sizes)));
        var all = await sizes.Task;
        output.WriteLine($"Bytes of journal.db and its log after each {Sample} entries: {string.Join(", ", all)}");
        // What is freed is used again: after the first samples there is room for all that follows.
        Assert.True(all[^1] <= all[1] * 1.5, string.Join(", ", all));
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>One put an entry, a thousand under way.</summary>
    private sealed class Load : ReceiveActor, IWithTimers
    {
        private const int Window = 1_000;

        private readonly ActorSelection _member;
        private readonly List<long> _sizes = [];
        private long _session;
        private int _sent;
        private int _answered;

        public Load(ActorSelection member, string journal, TaskCompletionSource<IReadOnlyList<long>> done)
        {
            _member = member;
            Receive<string>(_ => Submit(KeyValueCodec.EncodeOpenSession("load")));
            Receive<Refused>(_ => _session == 0, _ => Timers.StartSingleTimer("open", "open", TimeSpan.FromMilliseconds(100)));
            Receive<Refused>(refused => done.TrySetException(new InvalidOperationException($"After {_answered} of {_sent}: {refused}")));
            // The member may not have begun to listen, and a test that waits for ever tells nothing.
            Receive<ReceiveTimeout>(_ => _session == 0, _ => Self.Tell("open"));
            Receive<ReceiveTimeout>(_ => done.TrySetException(new TimeoutException($"{_answered} of {_sent} were answered, and no more for {Context.ReceiveTimeout}.")));
            Receive<SubmitReply>(reply =>
            {
                if (_session == 0)
                {
                    SetReceiveTimeout(TimeSpan.FromMinutes(2));
                    _session = ((KvSessionOpened)KeyValueCodec.DecodeResult(reply.Result)).Session;
                    for (var i = 0; i < Window; i++) Put();
                    return;
                }
                if (++_answered % Sample == 0)
                    _sizes.Add(new[] { journal, journal + "-wal" }.Where(File.Exists).Sum(f => new FileInfo(f).Length));
                if (_answered == Entries) done.TrySetResult(_sizes);
                else if (_sent < Entries) Put();
            });
        }

        public ITimerScheduler Timers { get; set; } = null!;

        protected override void PreStart()
        {
            SetReceiveTimeout(TimeSpan.FromSeconds(2));
            Self.Tell("open");
        }

        private void Put()
        {
            _sent++;
            Submit(KeyValueCodec.EncodeBatch(_session, _sent, Math.Max(0, _answered - 1), [new Put(BitConverter.GetBytes(_sent % 10_000), new byte[100])]));
        }

        private void Submit(ReadOnlyMemory<byte> payload) => _member.Tell(new Submit("size", _sent, payload));
    }
}
