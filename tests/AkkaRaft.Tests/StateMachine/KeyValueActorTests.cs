using System.Collections.Immutable;
using Akka.Actor;
using Akka.TestKit.Xunit2;
using AkkaRaft.Protocol;
using AkkaRaft.StateMachine;

namespace AkkaRaft.Tests.StateMachine;

public sealed class KeyValueActorTests : TestKit
{
    private static readonly RaftSettings Settings = new()
    {
        ClusterId = "test",
        Id = new MemberId(1),
        Members = ImmutableSortedDictionary<MemberId, Member>.Empty,
    };

    [Fact]
    public void It_tells_its_parent_where_it_stands_and_answers_the_sender()
    {
        var actor = ChildActorOf(KeyValueActor.Props(Settings, null));
        Assert.Equal(new StateMachineReady(0, 0, 0), ExpectMsg<StateMachineReady>());
        actor.Tell(new ApplyEntries([new LogEntry(1, 1, 1, EntryKind.Command, KeyValueCodec.EncodeOpenSession("x"))], 1), TestActor);
        var applied = ExpectMsg<EntriesApplied>();
        Assert.Equal(new KvSessionOpened(1), KeyValueCodec.DecodeResult(applied.Results[0]));
        actor.Tell(new Query(5, KeyValueCodec.EncodeQuery([new Get(new byte[] { 1 })])), TestActor);
        Assert.Equal(5, ExpectMsg<QueryReply>().RequestId);
    }

    [Fact]
    public void It_tells_its_parent_why_it_cannot_open_its_file()
    {
        var file = Path.GetTempFileName();
        File.WriteAllText(file, new string('x', 10_000));
        ChildActorOf(KeyValueActor.Props(Settings, file));
        Assert.Contains(file, ExpectMsg<StateMachineFailed>().Reason);
        File.Delete(file);
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
        actor.Tell(new ApplyEntries([new LogEntry(1, 1, 1, EntryKind.Command, KeyValueCodec.EncodeOpenSession("x"))], 1), TestActor);
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

    private IActorRef Open(RaftSettings? settings = null, string? file = null)
    {
        var actor = ChildActorOf(KeyValueActor.Props(settings ?? Settings, file));
        ExpectMsg<StateMachineReady>();
        actor.Tell(new ApplyEntries([new LogEntry(1, 1, 1, EntryKind.Command, KeyValueCodec.EncodeOpenSession("x"))], 1), TestActor);
        ExpectMsg<EntriesApplied>();
        return actor;
    }

    private static ApplyEntries Entries(long index, long serial, params IKeyValueWrite[] requests) =>
        new([new LogEntry(index, 1, 1, EntryKind.Command, KeyValueCodec.EncodeBatch(1, serial, 0, requests))], index);

    private void Apply(IActorRef actor, long index, long serial, params IKeyValueWrite[] requests)
    {
        actor.Tell(Entries(index, serial, requests), TestActor);
        ExpectMsg<EntriesApplied>();
    }

    private void Ask(IActorRef actor, long requestId, Watch watch) => actor.Tell(new Query(requestId, KeyValueCodec.EncodeQuery([watch])), TestActor);

    private WatchReply Told(long requestId) => Assert.IsType<WatchReply>(Reply(new Watch(default, default, 1, default), requestId));

    private IKeyValueReply Reply(IKeyValueRead request, long requestId)
    {
        var reply = ExpectMsg<QueryReply>();
        Assert.Equal(requestId, reply.RequestId);
        return KeyValueCodec.Replies([request], reply.Result)[0];
    }
}
