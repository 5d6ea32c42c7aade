using System.Collections.Immutable;
using Akka.Actor;
using Akka.TestKit.Xunit2;
using AkkaRaft.KeyValue;
using AkkaRaft.Log;
using AkkaRaft.Protocol;
using AkkaRaft.StateMachines;

namespace AkkaRaft.Tests.StateMachine;

public sealed class KeyValueActorTests : TestKit
{
    private static readonly RaftSettings Settings = new()
    {
        ClusterId = "test",
        Id = new MemberId(1),
        Members = ImmutableSortedDictionary<MemberId, RaftEndpoint>.Empty,
    };

    private readonly List<string> _folders = [];

    private static readonly long Session = Sessions.IdFrom(1, 1, 1);

    [Fact]
    public void It_tells_its_parent_where_it_stands_and_answers_the_sender()
    {
        var actor = ChildActorOf(KeyValueActor.Props(Settings, null));
        var ready = ExpectMsg<StateMachineReady>();
        Assert.Equal((0, 0, 0), (ready.AppliedIndex, ready.AppliedTerm, ready.JournalSequenceNr));
        Assert.Equal(StoreLimits.Of(Settings), StoreLimits.Decode(ready.LeaderProposal.Span));
        actor.Tell(new ApplyEntries([new LogEntry(1, 1, 1, EntryKind.Command, SessionCodec.EncodeOpen("", "x", 1))], 1), TestActor);
        var applied = ExpectMsg<EntriesApplied>();
        Assert.Equal(new SessionOpened(Session), SessionCodec.DecodeResult(applied.Results[0]));
        actor.Tell(new Query(5, KeyValueCodec.EncodeQuery([new Get(new byte[] { 1 })])), TestActor);
        Assert.Equal(5, ExpectMsg<QueryReply>().RequestId);
    }

    [Fact]
    public void It_tells_its_parent_that_its_file_is_anothers()
    {
        var file = NewFile();
        KeyValueStore.Open(Settings with { Id = new MemberId(2) }, file).Dispose();
        ChildActorOf(KeyValueActor.Props(Settings, file));
        Assert.Contains(file, ExpectMsg<StateMachineFailed>().Reason);
    }

    [Fact]
    public void A_file_that_cannot_be_used_stays_until_the_state_begins_anew_and_is_then_put_aside()
    {
        var file = NewFile();
        var rubbish = new string('x', 10_000);
        File.WriteAllText(file, rubbish);
        for (var start = 1; start <= 2; start++)
        {
            var waiting = Watch(ChildActorOf(KeyValueActor.Props(Settings, file)));
            var ready = ExpectMsg<StateMachineReady>();
            Assert.Equal((0, 0, 0), (ready.AppliedIndex, ready.AppliedTerm, ready.JournalSequenceNr));
            Assert.Contains(file, new DamagedState(file).Noted);
            Assert.Equal(rubbish, File.ReadAllText(file));
            Sys.Stop(waiting);
            ExpectTerminated(waiting);
        }
        var actor = Watch(Open(file: file));
        Assert.Equal(rubbish, File.ReadAllText($"{file}.damaged-1"));
        Apply(actor, 2, 1, new Put("a"u8.ToArray(), default));
        Sys.Stop(actor);
        ExpectTerminated(actor);
        ChildActorOf(KeyValueActor.Props(Settings, file));
        var again = ExpectMsg<StateMachineReady>();
        Assert.Equal(2, again.AppliedIndex);
        Assert.Null(new DamagedState(file).Noted);
    }

    [Fact]
    public void Of_the_files_put_aside_the_last_two_are_kept()
    {
        var file = NewFile();
        foreach (var content in new[] { "first", "second", "third" })
        {
            var damaged = new DamagedState(file);
            File.WriteAllText(file, content);
            File.WriteAllText($"{file}-wal", content + "'s log");
            damaged.Note("damaged");
            damaged.PutAside();
            Assert.Null(damaged.Noted);
        }
        Assert.Equal(
            ["kv.db.damaged-1", "kv.db.damaged-1-wal", "kv.db.damaged-2", "kv.db.damaged-2-wal"],
            Directory.GetFiles(Path.GetDirectoryName(file)!).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal(("third", "second's log"), (File.ReadAllText($"{file}.damaged-1"), File.ReadAllText($"{file}.damaged-2-wal")));
    }

    [Fact]
    public void A_damaged_row_that_is_read_is_not_served_and_its_file_is_not_opened_again()
    {
        var file = NewFile();
        var actor = Watch(Open(file: file));
        Apply(actor, 2, 1, new Put("a"u8.ToArray(), "the balance is 1000000"u8.ToArray()));
        Sys.Stop(actor);
        ExpectTerminated(actor);
        StoreTest.Run(file, "UPDATE kv SET value = CAST('the balance is 9000000' AS BLOB)");
        actor = Watch(ChildActorOf(KeyValueActor.Props(Settings, file), SupervisorStrategy.StoppingStrategy));
        Assert.Equal(2, ExpectMsg<StateMachineReady>().AppliedIndex);
        actor.Tell(new Query(5, KeyValueCodec.EncodeQuery([new Get("a"u8.ToArray())])), TestActor);
        ExpectTerminated(actor, TimeSpan.FromSeconds(30));
        ChildActorOf(KeyValueActor.Props(Settings, file));
        var ready = ExpectMsg<StateMachineReady>();
        Assert.Equal((0, 0), (ready.AppliedIndex, ready.JournalSequenceNr));
        Assert.Contains($"{file} is damaged: a row of its table kv", new DamagedState(file).Noted);
    }

    [Fact]
    public void A_damaged_row_is_found_by_the_making_of_an_image()
    {
        var file = NewFile();
        var actor = Watch(Open(file: file));
        Apply(actor, 2, 1, new Put("a"u8.ToArray(), "1"u8.ToArray()));
        actor.Tell(new SyncState(), TestActor);
        ExpectMsg<StateSynced>(TimeSpan.FromSeconds(30));
        StoreTest.Run(file, "UPDATE kv SET version = version + 1");
        actor.Tell(new SaveImage(Path.Combine(Path.GetDirectoryName(file)!, "image")), TestActor);
        ExpectTerminated(actor, TimeSpan.FromSeconds(30));
        Assert.Contains("table kv", new DamagedState(file).Noted);
    }

    [Fact]
    public void A_file_that_cannot_be_opened_now_is_no_reason_to_end_for_good()
    {
        var file = NewFile();
        Directory.CreateDirectory(file);
        var actor = Watch(ChildActorOf(KeyValueActor.Props(Settings, file), SupervisorStrategy.StoppingStrategy));
        ExpectTerminated(actor, TimeSpan.FromSeconds(30));
        Directory.Delete(file);
        ChildActorOf(KeyValueActor.Props(Settings, file));
        ExpectMsg<StateMachineReady>();
        Assert.Null(new DamagedState(file).Noted);
    }

    [Fact]
    public void A_watch_waits_until_a_change_of_its_range_is_applied()
    {
        var actor = Open();
        Ask(actor, 7, new Watch("b"u8.ToArray(), "c"u8.ToArray(), 1, TimeSpan.FromMinutes(1)));
        Apply(actor, 2, 1, new Put("a"u8.ToArray(), default));
        Apply(actor, 3, 2, new Put("b"u8.ToArray(), default), new Put("d"u8.ToArray(), default));
        var told = Told(7);
        Assert.Equal((2, 4), (Assert.Single(told.Changes).Version, told.NextRevision));
    }

    [Fact]
    public void A_watch_from_a_revision_still_to_come_is_told_nothing_before_it()
    {
        var actor = Open();
        Ask(actor, 7, new Watch(default, default, 3, TimeSpan.FromMinutes(1)));
        Apply(actor, 2, 1, new Put("a"u8.ToArray(), default));
        Apply(actor, 3, 2, new Put("b"u8.ToArray(), default), new Put("c"u8.ToArray(), default));
        Assert.Equal(3, Assert.Single(Told(7).Changes).Version);
    }

    [Fact]
    public void A_watch_whose_wait_is_over_is_told_where_to_go_on()
    {
        var actor = Open();
        Apply(actor, 2, 1, new Put("a"u8.ToArray(), default));
        Ask(actor, 7, new Watch("b"u8.ToArray(), default, 1, TimeSpan.FromMilliseconds(1)));
        var told = Told(7);
        Assert.Equal((0, 2), (told.Changes.Length, told.NextRevision));
    }

    [Fact]
    public void One_watch_too_many_is_told_so_at_once()
    {
        var actor = Open(Settings with { MaxWatches = 2 });
        for (var i = 1; i <= 3; i++) Ask(actor, i, new Watch(default, default, 1, TimeSpan.FromMinutes(1)));
        Assert.Equal(FailureKind.Overloaded, Assert.IsType<RequestFailed>(Reply(new Watch(default, default, 1, default), 3)).Kind);
        Apply(actor, 2, 1, new Put("a"u8.ToArray(), default));
        Assert.Single(Told(1).Changes);
        Assert.Single(Told(2).Changes);
    }

    [Fact]
    public void Another_process_has_half_of_the_watches_and_leaves_them_when_its_connection_ends()
    {
        var actor = Open(Settings with { MaxWatches = 4 });
        var (one, other) = (FarAway("one", TestActor), FarAway("other", TestActor));
        for (var i = 1; i <= 3; i++) Ask(actor, i, new Watch(default, default, 1, TimeSpan.FromMinutes(1)), one);
        Assert.Equal(FailureKind.Overloaded, Assert.IsType<RequestFailed>(Reply(new Watch(default, default, 1, default), 3)).Kind);
        Ask(actor, 4, new Watch(default, default, 1, TimeSpan.FromMinutes(1)), other);
        actor.Tell(new ConnectionLost("ONE:1"), TestActor);
        for (var i = 5; i <= 7; i++) Ask(actor, i, new Watch(default, default, 1, TimeSpan.FromMinutes(1)));
        Apply(actor, 2, 1, new Put("a"u8.ToArray(), default));
        foreach (var id in new[] { 4, 5, 6, 7 }) Assert.Single(Told(id).Changes);
        ExpectNoMsg(TimeSpan.Zero);
    }

    [Fact]
    public void Plain_watches_whoever_asks_have_half_of_them_together()
    {
        var actor = Open(Settings with { MaxWatches = 4 });
        // They come by the gateway's own client.
        var plain = new Elsewhere(actor.Path.Parent.Parent / "client", TestActor);
        for (var i = 1; i <= 3; i++) Ask(actor, i, new Watch(default, default, 1, TimeSpan.FromMinutes(1)), plain);
        Assert.Equal(FailureKind.Overloaded, Assert.IsType<RequestFailed>(Reply(new Watch(default, default, 1, default), 3)).Kind);
        for (var i = 4; i <= 5; i++) Ask(actor, i, new Watch(default, default, 1, TimeSpan.FromMinutes(1)));
        Apply(actor, 2, 1, new Put("a"u8.ToArray(), default));
        foreach (var id in new[] { 1, 2, 4, 5 }) Assert.Single(Told(id).Changes);
    }

    [Fact]
    public void A_watch_that_waits_goes_on_with_what_an_image_brings()
    {
        var folder = Directory.CreateTempSubdirectory("akkaraft-kv-").FullName;
        var image = Path.Combine(folder, "image");
        var source = Open();
        Apply(source, 2, 1, new Put("a"u8.ToArray(), default), new Put("b"u8.ToArray(), default));
        source.Tell(new SaveImage(image), TestActor);
        ExpectMsg<ImageSaved>();
        var actor = Open();
        Ask(actor, 7, new Watch("b"u8.ToArray(), default, 1, TimeSpan.FromMinutes(1)));
        actor.Tell(new LoadImage(image, 2, 1, 1), TestActor);
        ExpectMsg<ImageLoaded>();
        Assert.Equal(2, Assert.Single(Told(7).Changes).Version);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void It_tells_its_parent_when_a_lease_expires()
    {
        var actor = Open();
        actor.Tell(Entries(2, 1, new GrantLease(TimeSpan.FromSeconds(5))), TestActor);
        ExpectMsg<EntriesApplied>();
        Assert.Equal(new TimeDue(5_002), ExpectMsg<TimeDue>());
        actor.Tell(Entries(3, 2, new RevokeLease(1)), TestActor);
        ExpectMsg<EntriesApplied>();
        Assert.Equal(new TimeDue(null), ExpectMsg<TimeDue>());
    }

    [Fact]
    public void A_commit_that_fails_aside_stops_it()
    {
        var folder = Directory.CreateTempSubdirectory("akkaraft-kv-").FullName;
        var file = Path.Combine(folder, "kv.db");
        var actor = Watch(ChildActorOf(KeyValueActor.Props(Settings, file), SupervisorStrategy.StoppingStrategy));
        ExpectMsg<StateMachineReady>();
        StoreTest.Run(file, "ALTER TABLE session RENAME TO gone");
        actor.Tell(new ApplyEntries([new LogEntry(1, 1, 1, EntryKind.Command, SessionCodec.EncodeOpen("", "x", 1))], 1), TestActor);
        ExpectMsg<EntriesApplied>();
        ExpectTerminated(actor, TimeSpan.FromSeconds(30));
        Assert.Equal(0L, StoreTest.Run(file, "SELECT applied_index FROM progress"));
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void What_is_synced_is_told_to_whoever_asked_and_is_in_the_file()
    {
        var folder = Directory.CreateTempSubdirectory("akkaraft-kv-").FullName;
        var file = Path.Combine(folder, "kv.db");
        var actor = Open(file: file);
        Apply(actor, 2, 1, new Put("a"u8.ToArray(), default));
        actor.Tell(new SyncState(), TestActor);
        Assert.Equal(2, ExpectMsg<StateSynced>(TimeSpan.FromSeconds(30)).AppliedIndex);
        Assert.Equal(2L, StoreTest.Run(file, "SELECT applied_index FROM progress"));
        Sys.Stop(actor);
        Directory.Delete(folder, recursive: true);
    }

    private string NewFile()
    {
        var folder = Directory.CreateTempSubdirectory("akkaraft-kv-").FullName;
        _folders.Add(folder);
        return Path.Combine(folder, "kv.db");
    }

    protected override void AfterAll()
    {
        base.AfterAll();
        foreach (var folder in _folders) Directory.Delete(folder, recursive: true);
    }

    private IActorRef Open(RaftSettings? settings = null, string? file = null)
    {
        var actor = ChildActorOf(KeyValueActor.Props(settings ?? Settings, file), SupervisorStrategy.StoppingStrategy);
        ExpectMsg<StateMachineReady>();
        actor.Tell(new ApplyEntries([new LogEntry(1, 1, 1, EntryKind.Command, SessionCodec.EncodeOpen("", "x", 1))], 1), TestActor);
        ExpectMsg<EntriesApplied>();
        return actor;
    }

    private static ApplyEntries Entries(long index, long serial, params IKeyValueWrite[] requests) =>
        new([new LogEntry(index, 1, 1, EntryKind.Command, StoreCommands.Batch(Session, serial, 0, requests))], index);

    private void Apply(IActorRef actor, long index, long serial, params IKeyValueWrite[] requests)
    {
        actor.Tell(Entries(index, serial, requests), TestActor);
        ExpectMsg<EntriesApplied>();
    }

    private void Ask(IActorRef actor, long requestId, Watch watch, IActorRef? from = null) => actor.Tell(new Query(requestId, KeyValueCodec.EncodeQuery([watch])), from ?? TestActor);

    /// <summary>A client in another process.</summary>
    private static Elsewhere FarAway(string host, IActorRef receiver) => new(new RootActorPath(new Address("akka.tcp", "app", host, 1)) / "user" / "client", receiver);

    private sealed class Elsewhere(ActorPath path, IActorRef receiver) : MinimalActorRef
    {
        public override ActorPath Path { get; } = path;

        public override IActorRefProvider Provider => throw new NotSupportedException();

        protected override void TellInternal(object message, IActorRef sender) => receiver.Tell(message, sender);
    }

    private WatchReply Told(long requestId) => Assert.IsType<WatchReply>(Reply(new Watch(default, default, 1, default), requestId));

    private IKeyValueReply Reply(IKeyValueRead request, long requestId)
    {
        var reply = ExpectMsg<QueryReply>();
        Assert.Equal(requestId, reply.RequestId);
        return KeyValueCodec.Replies([request], reply.Result)[0];
    }
}
