using System.Collections.Immutable;
using Akka.Actor;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using AkkaRaft.Client;
using AkkaRaft.Protocol;
using Google.Protobuf;
using Wire = AkkaRaft.Protocol.Wire;

namespace AkkaRaft.Tests.Client;

/// <summary>The client actor, with probes where members would be. What many clients see under faults is the simulation's to show.</summary>
public sealed class ClientActorTests : TestKit
{
    private static readonly Member[] Members = [new(new MemberId(0), "a:1"), new(new MemberId(1), "b:1")];
    private readonly TestProbe[] _members;
    private readonly RaftClientSettings _settings = new()
    {
        ClusterId = "cluster",
        Members = Members.ToImmutableSortedDictionary(m => m.Id, m => m),
        AttemptTimeout = TimeSpan.FromMilliseconds(200),
        RequestTimeout = TimeSpan.FromMinutes(1),
        RetryDelay = TimeSpan.FromMilliseconds(10),
    };

    public ClientActorTests()
    {
        _members = [CreateTestProbe(), CreateTestProbe()];
        foreach (var member in _members) member.IgnoreMessages(m => m is GetMembership);
    }

    [Fact]
    public void A_write_waits_for_its_session_and_is_answered()
    {
        var client = Client(_settings);
        client.Tell(new Put("k"u8.ToArray(), "v"u8.ToArray(), 7));
        Open(_members[0]);
        var submit = _members[0].ExpectMsg<Submit>();
        var batch = Batch(submit);
        Assert.Equal((5L, 1L), (batch.Session, batch.FirstSerial));
        Answer(_members[0], submit, (true, 9));
        Assert.Equal(new PutReply(7, 9), ExpectMsg<PutReply>());
    }

    [Fact]
    public void What_has_gathered_goes_as_one_batch_and_is_answered_in_order()
    {
        var client = Client(_settings);
        for (var i = 1; i <= 3; i++) client.Tell(new Put("k"u8.ToArray(), "v"u8.ToArray(), i));
        Open(_members[0]);
        var submit = _members[0].ExpectMsg<Submit>();
        Assert.Equal(3, Batch(submit).Operations.Count);
        Answer(_members[0], submit, (false, 1), (true, 2), (true, 3));
        Assert.Equal([1L, 2L, 3L], Enumerable.Range(0, 3).Select(_ => ExpectMsg<PutReply>().RequestId));
    }

    [Fact]
    public void A_follower_names_the_leader_and_is_believed()
    {
        Client(_settings).Tell(new Get("k"u8.ToArray()));
        var read = _members[0].ExpectMsg<Read>();
        _members[0].Reply(new Refused(read.RequestId, RefusalReason.NotLeader, Members[1], "follows"));
        Assert.Equal(read.Payload.ToArray(), _members[1].ExpectMsg<Read>().Payload.ToArray());
    }

    [Fact]
    public void Without_an_answer_the_next_member_is_asked_for_the_same_serials()
    {
        var client = Client(_settings);
        client.Tell(new Put("k"u8.ToArray(), "v"u8.ToArray(), 1));
        Open(_members[0]);
        var first = _members[0].ExpectMsg<Submit>();
        var second = _members[1].ExpectMsg<Submit>();
        Assert.Equal(Batch(first).FirstSerial, Batch(second).FirstSerial);
        Answer(_members[1], second, (false, 4));
        Assert.Equal(4, ExpectMsg<PutReply>().Version);
    }

    [Fact]
    public void An_overloaded_leader_is_asked_again()
    {
        Client(_settings).Tell(new Get("k"u8.ToArray()));
        var read = _members[0].ExpectMsg<Read>();
        _members[0].Reply(new Refused(read.RequestId, RefusalReason.Overloaded, Members[0], "busy"));
        Assert.Equal(read.Payload.ToArray(), _members[0].ExpectMsg<Read>().Payload.ToArray());
    }

    [Fact]
    public void A_write_that_was_sent_and_never_answered_has_an_unknown_outcome()
    {
        var client = Client(_settings with { RequestTimeout = TimeSpan.FromMilliseconds(900) });
        client.Tell(new Put("warm"u8.ToArray(), default, 1));
        Open(_members[0]);
        Answer(_members[0], _members[0].ExpectMsg<Submit>(), (false, 1));
        ExpectMsg<PutReply>();
        client.Tell(new Put("k"u8.ToArray(), default, 2));
        _members[0].ExpectMsg<Submit>();
        Assert.Equal(FailureKind.OutcomeUnknown, ExpectMsg<RequestFailed>().Kind);
    }

    [Fact]
    public void A_write_that_never_left_was_surely_not_executed()
    {
        Client(_settings with { RequestTimeout = TimeSpan.FromMilliseconds(300) }).Tell(new Put("k"u8.ToArray(), default, 1));
        var failed = ExpectMsg<RequestFailed>();
        Assert.Equal(FailureKind.ClusterUnreachable, failed.Kind);
        Assert.Contains("0@a:1", failed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_full_queue_says_so_at_once()
    {
        var client = Client(_settings with { MaxQueued = 2 });
        for (var i = 1; i <= 3; i++) client.Tell(new Put("k"u8.ToArray(), default, i));
        var failed = ExpectMsg<RequestFailed>();
        Assert.Equal((3L, FailureKind.Overloaded), (failed.RequestId, failed.Kind));
    }

    [Fact]
    public void Bad_input_is_refused_before_it_is_sent()
    {
        var client = Client(_settings);
        client.Tell(new Put(default, default, 1));
        Assert.Equal(FailureKind.BadInput, ExpectMsg<RequestFailed>().Kind);
        client.Tell(new Put("k"u8.ToArray(), new byte[_settings.MaxValueBytes + 1], 2));
        var tooLarge = ExpectMsg<RequestFailed>();
        Assert.Equal(FailureKind.ValueTooLarge, tooLarge.Kind);
        Assert.Contains("1048577", tooLarge.Message, StringComparison.Ordinal);
        client.Tell(new Get(new byte[_settings.MaxKeyBytes + 1], RequestId: 3));
        Assert.Equal(FailureKind.ValueTooLarge, ExpectMsg<RequestFailed>().Kind);
        _members[0].ExpectNoMsg(TimeSpan.FromMilliseconds(50));
    }

    [Fact]
    public void With_an_expired_session_what_may_have_been_executed_is_unknown_and_the_rest_goes_on()
    {
        var client = Client(_settings);
        client.Tell(new Put("a"u8.ToArray(), default, 1));
        Open(_members[0]);
        var submit = _members[0].ExpectMsg<Submit>();
        client.Tell(new Put("b"u8.ToArray(), default, 2));
        var behind = _members[0].ExpectMsg<Submit>();
        // The first attempt went unanswered, so it may have been executed before the session went.
        var again = _members[1].ExpectMsg<Submit>();
        Assert.Equal(Batch(submit).FirstSerial, Batch(again).FirstSerial);
        var behindAgain = _members[1].ExpectMsg<Submit>();
        Assert.Equal(Batch(behind).FirstSerial, Batch(behindAgain).FirstSerial);
        _members[1].Reply(new SubmitReply(again.RequestId, 6, new Wire.KvResult { SessionExpired = new Wire.KvSessionExpired() }.ToByteArray()));
        var failed = ExpectMsg<RequestFailed>();
        Assert.Equal((1L, FailureKind.OutcomeUnknown), (failed.RequestId, failed.Kind));
        // The second may have been executed too.
        _members[1].Reply(new SubmitReply(behindAgain.RequestId, 7, new Wire.KvResult { SessionExpired = new Wire.KvSessionExpired() }.ToByteArray()));
        failed = ExpectMsg<RequestFailed>();
        Assert.Equal((2L, FailureKind.OutcomeUnknown), (failed.RequestId, failed.Kind));
        client.Tell(new Put("c"u8.ToArray(), default, 3));
        Open(_members[1]);
        Answer(_members[1], _members[1].ExpectMsg<Submit>(), (false, 8));
        Assert.Equal(3, ExpectMsg<PutReply>().RequestId);
    }

    private IActorRef Client(RaftClientSettings settings) => Sys.ActorOf(ClientActor.Props(settings, to => _members[to.Id.Value]));

    private static Wire.KvBatch Batch(Submit submit) => Wire.KvCommand.Parser.ParseFrom(submit.Payload.Span).Batch;

    private static void Open(TestProbe member)
    {
        var open = member.ExpectMsg<Submit>();
        member.Reply(new SubmitReply(open.RequestId, 5, new Wire.KvResult { SessionOpened = new Wire.KvSessionOpened { Session = 5 } }.ToByteArray()));
    }

    private static void Answer(TestProbe member, Submit submit, params (bool Existed, long Version)[] results)
    {
        var wire = new Wire.KvBatchResult();
        wire.Results.AddRange(results.Select(r => new Wire.KvOperationResult { Existed = r.Existed, Version = r.Version }));
        member.Reply(new SubmitReply(submit.RequestId, 6, new Wire.KvResult { BatchResult = wire }.ToByteArray()));
    }
}
