using System.Collections.Immutable;
using Akka.Actor;
using AkkaRaft.Hosting;
using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;
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
        var member = new RaftEndpoint(new MemberId(0), $"127.0.0.1:{TcpPort.Free()}");
        var settings = new RaftSettings
        {
            ClusterId = "size", Id = member.Id, DataDirectory = _directory, Members = ImmutableSortedDictionary<MemberId, RaftEndpoint>.Empty.Add(member.Id, member),
        };
        await using var node = await RaftNode.StartAsync(settings);
        var sizes = new TaskCompletionSource<IReadOnlyList<long>>(TaskCreationOptions.RunContinuationsAsynchronously);
        var journal = Path.Combine(_directory, "0", "journal.db");
        node.System.ActorOf(Props.Create(() => new Load(node.System.ActorSelection("/user/raft/member"), journal, sizes)));
        var all = await sizes.Task;
        output.WriteLine($"Bytes of journal.db and its log after each {Sample} entries: {string.Join(", ", all)}");
        // What is freed is used again: after the first samples there is room for most that follows. Were it not, the last were five times the second.
        Assert.True(all[^1] <= all[1] * 2, string.Join(", ", all));
    }

    /// <summary>
    /// One put an entry, a thousand under way. What is refused, as by a member whose disk stalls and which therefore steps down, or not answered,
    /// as by one that is not there yet, is asked again; a load that gets on no more ends its test.
    /// </summary>
    private sealed class Load : ReceiveActor, IWithTimers
    {
        private const int Window = 1_000;

        // Of silence; ends a hang, and says nothing about speed.
        private const int Patience = 60;

        private readonly ActorSelection _member;
        private readonly SortedSet<int> _open = [];
        private readonly List<long> _sizes = [];
        private long _session;
        private int _sent;
        private int _silences;

        public Load(ActorSelection member, string journal, TaskCompletionSource<IReadOnlyList<long>> done)
        {
            _member = member;
            Receive<Ask>(_ => AskAgain());
            Receive<Refused>(_ => Timers.StartSingleTimer(nameof(Ask), Ask.Again, TimeSpan.FromMilliseconds(100)));
            Receive<ReceiveTimeout>(_ =>
            {
                if (++_silences < Patience) AskAgain();
                else done.TrySetException(new TimeoutException($"{_sent - _open.Count} of {_sent} puts were answered (session {_session}), and no more in {Patience} times {Context.ReceiveTimeout}."));
            });
            Receive<SubmitReply>(reply =>
            {
                _silences = 0;
                if (_session == 0)
                {
                    _session = ((SessionOpened)SessionCodec.DecodeResult(reply.Result)).Session;
                    for (var i = 0; i < Window; i++) Put();
                }
                else if (_open.Remove((int)reply.RequestId))
                {
                    var answered = _sent - _open.Count;
                    if (answered == Entries) done.TrySetResult([.. _sizes, Size(journal)]);
                    else if (_sent < Entries) Put();
                    if ((_sent - Window) % Sample == 0 && answered < Entries) _sizes.Add(Size(journal));
                }
            });
        }

        public ITimerScheduler Timers { get; set; } = null!;

        protected override void PreStart()
        {
            SetReceiveTimeout(TimeSpan.FromSeconds(2));
            AskAgain();
        }

        private void AskAgain()
        {
            if (_session == 0) _member.Tell(new Submit("size", 0, SessionCodec.EncodeOpen("", "load", 1)));
            foreach (var serial in _open) Submit(serial);
        }

        private void Put()
        {
            _open.Add(++_sent);
            Submit(_sent);
        }

        private void Submit(int serial) => _member.Tell(new Submit(
            "size", serial, StoreCommands.Batch(_session, serial, _open.Min - 1, [new Put(BitConverter.GetBytes(serial % 10_000), new byte[100])])));

        private static long Size(string journal) => new[] { journal, journal + "-wal" }.Where(File.Exists).Sum(f => new FileInfo(f).Length);

        private sealed record Ask
        {
            public static readonly Ask Again = new();
        }
    }
}
