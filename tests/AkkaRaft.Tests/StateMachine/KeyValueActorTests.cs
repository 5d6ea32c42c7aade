using System.Collections.Immutable;
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
}
