using System.Collections.Immutable;
using Akka.Actor;
using Akka.Remote;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using AkkaRaft.Client;
using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;
using Google.Protobuf;
using Wire = AkkaRaft.Protocol.Wire;

namespace AkkaRaft.Tests.Client;

/// <summary>The client actor, with probes where members would be. What many clients see under faults is the simulation's to show.</summary>
public sealed class ClientActorTests : TestKit
{
    private static readonly RaftEndpoint[] Members = [new(new MemberId(0), "a:1"), new(new MemberId(1), "b:1")];
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
        Assert.Equal(new PutReply(9) { RequestId = 7 }, ExpectMsg<PutReply>());
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
    public void What_cannot_be_delivered_goes_to_the_next_member_at_once()
    {
        var settings = _settings with { AttemptTimeout = TimeSpan.FromHours(1) };
        var client = Sys.ActorOf(ClientActor.Props(settings, KeyValueRequests.Instance, to => to == Members[0] ? Sys.DeadLetters : _members[1]));
        client.Tell(new Get("k"u8.ToArray()));
        _members[1].ExpectMsg<Read>();
    }

    [Fact]
    public void What_a_lost_connection_asked_for_is_not_read()
    {
        var client = Client(_settings with { MaxInFlight = 1 });
        var lost = new Address("akka.tcp", "app", "127.0.0.1", 4711);
        client.Tell(new Get("under way"u8.ToArray(), RequestId: 1), new Elsewhere(lost, Sys));
        var underWay = _members[0].ExpectMsg<Read>();
        client.Tell(new Get("waits"u8.ToArray(), RequestId: 2), new Elsewhere(lost, Sys));
        client.Tell(new Get("mine"u8.ToArray(), RequestId: 3));
        Sys.EventStream.Publish(new DisassociatedEvent(new Address("akka.tcp", "node", "127.0.0.1", 1), lost, inbound: true));
        var left = _members[0].ExpectMsg<Read>();
        Assert.NotEqual(underWay.RequestId, left.RequestId);
        Assert.Equal(["mine"], Wire.KvQuery.Parser.ParseFrom(left.Payload.Span).Lookups.Select(l => l.Key.ToStringUtf8()));
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
    public void One_member_of_another_cluster_does_not_speak_for_the_others()
    {
        var client = Client(_settings);
        client.Tell(new Put("k"u8.ToArray(), "v"u8.ToArray(), 7));
        client.Tell(new Get("k"u8.ToArray(), RequestId: 8));
        for (var asked = 0; asked < 2; asked++)
        {
            var request = _members[0].ExpectMsg<IClusterRequest>();
            _members[0].Reply(new Refused(request.RequestId, RefusalReason.OtherCluster, null, "another cluster's"));
        }
        for (var asked = 0; asked < 2; asked++)
        {
            var request = _members[1].ExpectMsg<IClusterRequest>();
            if (request is Read) _members[1].Reply(new Refused(request.RequestId, RefusalReason.NotReady, null, "not yet"));
            else _members[1].Reply(new SubmitReply(request.RequestId, 1, new Wire.SessionResult { SessionOpened = new Wire.SessionOpened { Session = 5 } }.ToByteArray()));
        }
        Answer(_members[1], (Submit)_members[1].FishForMessage(m => m is Submit), (true, 9));
        Assert.Equal(new PutReply(9) { RequestId = 7 }, ExpectMsg<PutReply>());
    }

    [Fact]
    public void A_call_to_members_of_which_most_are_of_another_cluster_is_bad_input()
    {
        Client(_settings).Tell(new Put("k"u8.ToArray(), "v"u8.ToArray(), 7));
        foreach (var member in _members)
            member.Reply(new Refused(member.ExpectMsg<Submit>().RequestId, RefusalReason.OtherCluster, null, "another cluster's"));
        var failed = ExpectMsg<RequestFailed>();
        Assert.Equal((FailureKind.BadInput, "another cluster's"), (failed.Kind, failed.Message));
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

    public static TheoryData<IKeyValueRequest, FailureKind> Wrong => new()
    {
        { new Delete(default), FailureKind.BadInput },
        { new CompareAndSet(default, default, 0), FailureKind.BadInput },
        { new CompareAndSet("k"u8.ToArray(), default, -1), FailureKind.BadInput },
        { new CompareAndSet("k"u8.ToArray(), new byte[2 * 1024 * 1024], 0), FailureKind.ValueTooLarge },
        { new Put("k"u8.ToArray(), default) { Lease = -1 }, FailureKind.BadInput },
        { new Get("k"u8.ToArray(), (ReadConsistency)7), FailureKind.BadInput },
        { new GetRange(default, default, -1), FailureKind.BadInput },
        { new GetRange(new byte[5_000], default), FailureKind.ValueTooLarge },
        { new Watch(default, default, 0, TimeSpan.Zero), FailureKind.BadInput },
        { new Watch(default, default, 1, TimeSpan.FromMinutes(2)), FailureKind.BadInput },
        { new GrantLease(TimeSpan.FromMilliseconds(999)), FailureKind.BadInput },
        { new GrantLease(TimeSpan.FromDays(11)), FailureKind.BadInput },
        { new KeepLeaseAlive(0), FailureKind.BadInput },
        { new RevokeLease(-1), FailureKind.BadInput },
        { new KeyValueTransaction(default, [], []), FailureKind.BadInput },
        { new KeyValueTransaction([], [new PutStep(default, default)], []), FailureKind.BadInput },
        { new KeyValueTransaction([], [], [new DeleteStep(new byte[5_000])]), FailureKind.ValueTooLarge },
        { new KeyValueTransaction([new Compare("k"u8.ToArray(), (Comparison)9, 1)], [], []), FailureKind.BadInput },
        { new KeyValueTransaction([], [.. Enumerable.Range(0, 1_001).Select(_ => new DeleteStep("k"u8.ToArray()))], []), FailureKind.BadInput },
        { new KeyValueTransaction([], [.. Enumerable.Range(0, 2).Select(_ => new PutStep("k"u8.ToArray(), new byte[1024 * 1024]))], []), FailureKind.ValueTooLarge },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void A_request_that_is_wrong_in_itself_is_refused_with_its_kind_and_reason(IKeyValueRequest request, FailureKind kind)
    {
        Client(_settings).Tell(request);
        var failed = ExpectMsg<RequestFailed>();
        Assert.Equal(kind, failed.Kind);
        Assert.NotEmpty(failed.Message);
    }

    [Fact]
    public void Largest_and_smallest_requests_are_taken()
    {
        Assert.Null(RequestLimits.Check(new Put(new byte[_settings.MaxKeyBytes], new byte[_settings.MaxValueBytes]), _settings));
        Assert.Null(RequestLimits.Check(new Put(new byte[1], default), _settings));
        Assert.Null(RequestLimits.Check(new GetRange(default, new byte[_settings.MaxKeyBytes + 1]), _settings));
        Assert.Null(RequestLimits.Check(new KeyValueTransaction([], [], []), _settings));
        Assert.Null(RequestLimits.Check(new GrantLease(TimeSpan.FromSeconds(1)), _settings));
        Assert.Null(RequestLimits.Check(new Watch(default, default, 1, TimeSpan.FromMinutes(1)), _settings));
    }

    [Fact]
    public void A_queue_full_of_bytes_says_so_at_once()
    {
        var client = Client(_settings with { MaxQueuedBytes = 1_000 });
        for (var i = 1; i <= 3; i++) client.Tell(new Put("k"u8.ToArray(), new byte[400], i));
        var failed = ExpectMsg<RequestFailed>();
        Assert.Equal((3L, FailureKind.Overloaded), (failed.RequestId, failed.Kind));
    }

    [Fact]
    public void A_leader_that_is_overloaded_until_the_deadline_has_surely_not_executed_it()
    {
        var busy = Sys.ActorOf(Props.Create(() => new Refusing(RefusalReason.Overloaded)));
        Sys.ActorOf(ClientActor.Props(_settings with { RequestTimeout = TimeSpan.FromMilliseconds(300) }, KeyValueRequests.Instance, _ => busy)).Tell(new Put("k"u8.ToArray(), default, 1));
        var failed = ExpectMsg<RequestFailed>();
        Assert.Equal(FailureKind.Overloaded, failed.Kind);
        Assert.Contains("so it says", failed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Members_that_answer_without_a_leader_among_them_have_surely_not_executed_it()
    {
        var follower = Sys.ActorOf(Props.Create(() => new Refusing(RefusalReason.NotLeader)));
        Sys.ActorOf(ClientActor.Props(_settings with { RequestTimeout = TimeSpan.FromMilliseconds(300) }, KeyValueRequests.Instance, _ => follower)).Tell(new Put("k"u8.ToArray(), default, 1));
        Assert.Equal(FailureKind.NoLeader, ExpectMsg<RequestFailed>().Kind);
    }

    [Fact]
    public void A_write_that_every_attempt_at_was_refused_was_surely_not_executed()
    {
        var client = Client(_settings with { RequestTimeout = TimeSpan.FromMilliseconds(500), AttemptTimeout = TimeSpan.FromMinutes(1) });
        client.Tell(new Put("warm"u8.ToArray(), default, 1));
        Open(_members[0]);
        Answer(_members[0], _members[0].ExpectMsg<Submit>(), (false, 1));
        ExpectMsg<PutReply>();
        client.Tell(new Put("k"u8.ToArray(), default, 2));
        var submit = _members[0].ExpectMsg<Submit>();
        _members[0].Reply(new Refused(submit.RequestId, RefusalReason.Overloaded, Members[0], "busy"));
        _members[0].SetAutoPilot(new DelegateAutoPilot((sender, message) =>
        {
            if (message is Submit again) sender.Tell(new Refused(again.RequestId, RefusalReason.Overloaded, Members[0], "busy"));
            return AutoPilot.KeepRunning;
        }));
        Assert.Equal(FailureKind.Overloaded, ExpectMsg<RequestFailed>().Kind);
    }

    [Fact]
    public void A_late_refusal_of_an_old_attempt_does_not_make_an_open_one_unexecuted()
    {
        var client = Client(_settings with { RequestTimeout = TimeSpan.FromMilliseconds(900) });
        client.Tell(new Put("k"u8.ToArray(), default, 1));
        Open(_members[0]);
        var first = _members[0].ExpectMsg<Submit>();
        _members[1].ExpectMsg<Submit>();
        _members[0].Send(client, new Refused(first.RequestId, RefusalReason.NotLeader, null, "follows"));
        Assert.Equal(FailureKind.OutcomeUnknown, ExpectMsg<RequestFailed>().Kind);
    }

    [Fact]
    public void Two_members_that_each_name_the_other_are_not_asked_without_a_pause()
    {
        var client = Client(_settings with { RetryDelay = TimeSpan.FromSeconds(10), AttemptTimeout = TimeSpan.FromMinutes(1) });
        client.Tell(new Get("k"u8.ToArray()));
        for (var hop = 0; hop < 3; hop++)
        {
            var read = _members[hop % 2].ExpectMsg<Read>();
            _members[hop % 2].Reply(new Refused(read.RequestId, RefusalReason.NotLeader, Members[1 - hop % 2], "the other"));
        }
        _members[0].ExpectNoMsg(TimeSpan.FromMilliseconds(50));
        _members[1].ExpectNoMsg(TimeSpan.FromMilliseconds(50));
    }

    [Fact]
    public void Reads_go_together_by_consistency_and_a_watch_holds_up_none()
    {
        var client = Client(_settings with { AttemptTimeout = TimeSpan.FromMinutes(1) });
        client.Tell(new Watch(default, default, 1, TimeSpan.FromMinutes(1), 1));
        client.Tell(new Watch(default, default, 1, TimeSpan.FromMinutes(1), 2));
        client.Tell(new Get("a"u8.ToArray(), RequestId: 3));
        client.Tell(new Get("b"u8.ToArray(), RequestId: 4));
        client.Tell(new Get("c"u8.ToArray(), ReadConsistency.Local, 5));
        var reads = Enumerable.Range(0, 4).Select(_ => _members[0].ExpectMsg<Read>()).ToList();
        var queries = reads.Select(r => Wire.KvQuery.Parser.ParseFrom(r.Payload.Span)).ToList();
        Assert.Equal(2, queries.Count(q => q.Watch is not null && q.Lookups.Count == 0));
        var both = reads.FindIndex(r => r.Consistency == ReadConsistency.Linearizable);
        Assert.Equal(2, queries[both].Lookups.Count);
        Assert.Single(queries.Single(q => q.Watch is null && q != queries[both]).Lookups);
        _members[0].Reply(new QueryReply(reads[both].RequestId, new Wire.KvQueryResult { Lookups = { new Wire.KvLookupResult(), new Wire.KvLookupResult() } }.ToByteArray()));
        Assert.Equal([3L, 4L], Enumerable.Range(0, 2).Select(_ => ExpectMsg<GetReply>().RequestId));
    }

    [Fact]
    public void Reads_for_which_an_answer_had_no_room_are_asked_again()
    {
        var client = Client(_settings with { AttemptTimeout = TimeSpan.FromMinutes(1) });
        for (var i = 1; i <= 3; i++) client.Tell(new Get("k"u8.ToArray(), RequestId: i));
        foreach (var (asked, answered) in new[] { (3, 2), (1, 1) })
        {
            var read = _members[0].ExpectMsg<Read>();
            Assert.Equal(asked, Wire.KvQuery.Parser.ParseFrom(read.Payload.Span).Lookups.Count);
            var result = new Wire.KvQueryResult();
            for (var i = 0; i < answered; i++) result.Lookups.Add(new Wire.KvLookupResult());
            _members[0].Reply(new QueryReply(read.RequestId, result.ToByteArray()));
        }
        Assert.Equal([1L, 2L, 3L], Enumerable.Range(0, 3).Select(_ => ExpectMsg<GetReply>().RequestId));
    }

    [Fact]
    public void A_watch_for_which_a_member_has_no_room_is_asked_again()
    {
        var client = Client(_settings with { AttemptTimeout = TimeSpan.FromMinutes(1) });
        client.Tell(new Watch(default, default, 1, TimeSpan.Zero, 1));
        var read = _members[0].ExpectMsg<Read>();
        _members[0].Reply(new QueryReply(read.RequestId, new Wire.KvQueryResult { Error = "full", Overloaded = true }.ToByteArray()));
        read = _members[0].ExpectMsg<Read>();
        _members[0].Reply(new QueryReply(read.RequestId, new Wire.KvQueryResult { Watch = new Wire.KvWatchResult { NextRevision = 2 } }.ToByteArray()));
        Assert.Equal(2, ExpectMsg<WatchReply>().NextRevision);
    }

    [Fact]
    public void A_write_whose_answer_had_no_room_beside_others_is_sent_again()
    {
        var client = Client(_settings with { AttemptTimeout = TimeSpan.FromMinutes(1) });
        for (var i = 1; i <= 2; i++) client.Tell(new KeyValueTransaction([], [new RangeStep(default, default)], []) { RequestId = i });
        Open(_members[0]);
        var submit = _members[0].ExpectMsg<Submit>();
        var read = new Wire.KvOperationResult { Transaction = new Wire.KvTransactionResult { Succeeded = true, Steps = { new Wire.KvStepResult { Range = new Wire.KvRangeResult() } } } };
        AnswerWith(_members[0], submit, read, new Wire.KvOperationResult { Error = Wire.KvOperationError.AnswerFull });
        Assert.Equal(1, ExpectMsg<TransactionReply>().RequestId);
        submit = _members[0].ExpectMsg<Submit>();
        Assert.Equal((3L, 1), (Batch(submit).FirstSerial, Batch(submit).Operations.Count));
        AnswerWith(_members[0], submit, read);
        Assert.Equal(2, ExpectMsg<TransactionReply>().RequestId);
    }

    [Fact]
    public void A_watch_is_not_given_up_while_its_member_may_wait()
    {
        var client = Client(_settings with { AttemptTimeout = TimeSpan.FromMilliseconds(100) });
        client.Tell(new Watch(default, default, 1, TimeSpan.FromSeconds(1), 1));
        _members[0].ExpectMsg<Read>();
        _members[1].ExpectNoMsg(TimeSpan.FromMilliseconds(500));
        _members[1].ExpectMsg<Read>();
    }

    [Fact]
    public void More_watches_than_calls_may_be_under_way_are_refused_at_once()
    {
        var client = Client(_settings with { MaxOutstanding = 2, AttemptTimeout = TimeSpan.FromMinutes(1) });
        for (var i = 1; i <= 3; i++) client.Tell(new Watch(default, default, 1, TimeSpan.FromMinutes(1), i));
        var failed = ExpectMsg<RequestFailed>();
        Assert.Equal((3L, FailureKind.Overloaded), (failed.RequestId, failed.Kind));
    }

    [Fact]
    public void No_more_calls_are_under_way_than_allowed()
    {
        var client = Client(_settings with { MaxOutstanding = 5, MaxBatchOperations = 3, AttemptTimeout = TimeSpan.FromMinutes(1) });
        for (var i = 1; i <= 9; i++) client.Tell(new Get("k"u8.ToArray(), RequestId: i));
        var counts = Enumerable.Range(0, 2).Select(_ => Wire.KvQuery.Parser.ParseFrom(_members[0].ExpectMsg<Read>().Payload.Span).Lookups.Count);
        Assert.Equal([3, 2], counts);
        _members[0].ExpectNoMsg(TimeSpan.FromMilliseconds(50));
    }

    [Fact]
    public void A_batch_is_bounded_by_its_encoded_bytes_and_a_larger_operation_goes_alone()
    {
        var client = Client(_settings with { MaxBatchBytes = 1_000, AttemptTimeout = TimeSpan.FromMinutes(1) });
        client.Tell(new KeyValueTransaction([], [new PutStep("k"u8.ToArray(), new byte[900])], []) { RequestId = 1 });
        client.Tell(new KeyValueTransaction([], [new PutStep("k"u8.ToArray(), new byte[200])], []) { RequestId = 2 });
        client.Tell(new Put("k"u8.ToArray(), new byte[3_000], 3));
        Open(_members[0]);
        Assert.Equal([1, 1, 1], Enumerable.Range(0, 3).Select(_ => Batch(_members[0].ExpectMsg<Submit>()).Operations.Count));
    }

    [Fact]
    public void A_client_that_stops_answers_every_call_and_closes_its_session()
    {
        var client = Client(_settings with { AttemptTimeout = TimeSpan.FromMinutes(1), MaxInFlight = 1 });
        client.Tell(new Put("a"u8.ToArray(), default, 1));
        Open(_members[0]);
        _members[0].ExpectMsg<Submit>();
        client.Tell(new Put("b"u8.ToArray(), default, 2));
        client.Tell(PoisonPill.Instance);
        Assert.Equal([(1L, FailureKind.OutcomeUnknown), (2L, FailureKind.ClientStopped)], Enumerable.Range(0, 2).Select(_ => ExpectMsg<RequestFailed>()).Select(f => (f.RequestId, f.Kind)));
        Assert.Equal(5, Wire.SessionCommand.Parser.ParseFrom(_members[0].ExpectMsg<Submit>().Payload.Span).CloseSession.Session);
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
        _members[1].Reply(new SubmitReply(again.RequestId, 6, new Wire.SessionResult { SessionExpired = new Wire.SessionExpired() }.ToByteArray()));
        var failed = ExpectMsg<RequestFailed>();
        Assert.Equal((1L, FailureKind.OutcomeUnknown), (failed.RequestId, failed.Kind));
        // The second may have been executed too.
        _members[1].Reply(new SubmitReply(behindAgain.RequestId, 7, new Wire.SessionResult { SessionExpired = new Wire.SessionExpired() }.ToByteArray()));
        failed = ExpectMsg<RequestFailed>();
        Assert.Equal((2L, FailureKind.OutcomeUnknown), (failed.RequestId, failed.Kind));
        client.Tell(new Put("c"u8.ToArray(), default, 3));
        Open(_members[1]);
        Answer(_members[1], _members[1].ExpectMsg<Submit>(), (false, 8));
        Assert.Equal(3, ExpectMsg<PutReply>().RequestId);
    }

    [Fact]
    public void Where_members_say_that_the_leader_is_goes_before_an_old_address_in_the_settings()
    {
        var moved = new RaftEndpoint(Members[0].Id, "moved:1");
        var there = CreateTestProbe();
        var client = Sys.ActorOf(ClientActor.Props(_settings, KeyValueRequests.Instance, to => to == moved ? there : _members[to.Id.Value]));
        client.Tell(new Get("k"u8.ToArray(), RequestId: 7));
        // Nobody is at the old address.
        _members[0].ExpectMsg<Read>();
        var read = _members[1].ExpectMsg<Read>();
        _members[1].Reply(new Refused(read.RequestId, RefusalReason.NotLeader, moved, "follows"));
        there.ExpectMsg<Read>();
    }

    [Fact]
    public void A_leader_that_is_not_reached_where_members_say_is_asked_at_the_address_of_the_settings()
    {
        var inside = new RaftEndpoint(Members[0].Id, "inside:1");
        var nowhere = CreateTestProbe();
        var outside = CreateTestProbe();
        var settings = _settings with { Members = _settings.Members.Remove(Members[0].Id).Add(Members[0].Id, Members[0]) };
        var client = Sys.ActorOf(ClientActor.Props(settings, KeyValueRequests.Instance, to => to == inside ? nowhere : to.Id == Members[0].Id ? outside : _members[1]));
        client.Tell(new Get("k"u8.ToArray(), RequestId: 7));
        outside.ExpectMsg<Read>();
        var read = _members[1].ExpectMsg<Read>();
        _members[1].Reply(new Refused(read.RequestId, RefusalReason.NotLeader, inside, "follows"));
        nowhere.ExpectMsg<Read>();
        // The follower, or the next in turn, brings it back to where the leader answers.
        _members[1].SetAutoPilot(new DelegateAutoPilot((sender, message) =>
        {
            if (message is Read again) sender.Tell(new Refused(again.RequestId, RefusalReason.NotLeader, inside, "follows"));
            return AutoPilot.KeepRunning;
        }));
        outside.ExpectMsg<Read>();
    }

    private IActorRef Client(RaftClientSettings settings) => Sys.ActorOf(ClientActor.Props(settings, KeyValueRequests.Instance, to => _members[to.Id.Value]));

    private static Wire.SessionBatch Batch(Submit submit) => Wire.SessionCommand.Parser.ParseFrom(submit.Payload.Span).Batch;

    private static void Open(TestProbe member)
    {
        var open = member.ExpectMsg<Submit>();
        member.Reply(new SubmitReply(open.RequestId, 5, new Wire.SessionResult { SessionOpened = new Wire.SessionOpened { Session = 5 } }.ToByteArray()));
    }

    private static void Answer(TestProbe member, Submit submit, params (bool Existed, long Version)[] results) =>
        AnswerWith(member, submit, [.. results.Select(r => new Wire.KvOperationResult { Existed = r.Existed, Version = r.Version })]);

    private static void AnswerWith(TestProbe member, Submit submit, params Wire.KvOperationResult[] results)
    {
        var wire = new Wire.SessionBatchResult();
        wire.Results.AddRange(results.Select(r => r.ToByteString()));
        member.Reply(new SubmitReply(submit.RequestId, 6, new Wire.SessionResult { BatchResult = wire }.ToByteArray()));
    }

    private sealed class Refusing : ReceiveActor
    {
        public Refusing(RefusalReason reason)
        {
            Receive<Submit>(submit => Sender.Tell(new Refused(submit.RequestId, reason, null, "so it says")));
            Receive<GetMembership>(_ => { });
        }
    }
}
