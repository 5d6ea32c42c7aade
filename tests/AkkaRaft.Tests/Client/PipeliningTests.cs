using System.Collections.Immutable;
using System.Text;
using Akka.Actor;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using AkkaRaft.Client;
using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;
using Google.Protobuf;
using Wire = AkkaRaft.Protocol.Wire;

namespace AkkaRaft.Tests.Client;

/// <summary>Several batches of one session under way, and what of them or of their answers is lost.</summary>
public sealed class PipeliningTests : TestKit
{
    private const int Calls = 8;

    private static readonly RaftEndpoint[] Members = [new(new MemberId(0), "a:1"), new(new MemberId(1), "b:1")];
    private readonly RaftClientSettings _settings = new()
    {
        ClusterId = "cluster",
        Members = Members.ToImmutableSortedDictionary(m => m.Id, m => m),
        AttemptTimeout = TimeSpan.FromMilliseconds(100),
        RequestTimeout = TimeSpan.FromMinutes(1),
        RetryDelay = TimeSpan.FromMilliseconds(5),
        MaxBatchOperations = 2,
    };

    public static TheoryData<int> Positions => [.. Enumerable.Range(1, 7)];

    [Theory]
    [MemberData(nameof(Positions))]
    public void A_batch_that_is_lost_is_sent_again_with_all_behind_it_and_each_call_is_executed_once_in_order(int lost)
    {
        var state = new FakeMember.State { LosesRequest = n => n == lost };
        CallAndCheck(state);
    }

    [Theory]
    [MemberData(nameof(Positions))]
    public void An_answer_that_is_lost_is_given_again_and_answers_stay_in_order(int lost)
    {
        var state = new FakeMember.State { LosesReply = n => n == lost };
        CallAndCheck(state);
    }

    [Fact]
    public void Losses_at_random_change_neither_order_nor_number()
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var random = new Random(seed);
            var state = new FakeMember.State { LosesRequest = _ => random.Next(3) == 0, LosesReply = _ => random.Next(3) == 0 };
            CallAndCheck(state);
        }
    }

    [Fact]
    public void Batches_go_out_before_earlier_ones_are_answered_up_to_the_limit()
    {
        var member = CreateTestProbe();
        member.IgnoreMessages(m => m is GetMembership);
        var client = Sys.ActorOf(ClientActor.Props(_settings with { MaxInFlight = 3, AttemptTimeout = TimeSpan.FromMinutes(1) }, KeyValueRequests.Instance, _ => member));
        for (var i = 1; i <= 10; i++) client.Tell(Put(i));
        var open = member.ExpectMsg<Submit>();
        member.Reply(new SubmitReply(open.RequestId, 1, Opened(1)));
        var batches = Enumerable.Range(0, 3).Select(_ => member.ExpectMsg<Submit>()).ToList();
        Assert.Equal([1L, 3L, 5L], batches.Select(b => Batch(b).FirstSerial));
        member.ExpectNoMsg(TimeSpan.FromMilliseconds(50));

        // The second answer is held until the first is there.
        member.Send(client, new SubmitReply(batches[1].RequestId, 3, Results(2)));
        ExpectNoMsg(TimeSpan.FromMilliseconds(50));
        member.Send(client, new SubmitReply(batches[0].RequestId, 2, Results(2)));
        Assert.Equal([1L, 2L, 3L, 4L], Enumerable.Range(0, 4).Select(_ => ExpectMsg<PutReply>().RequestId));
        Assert.Equal([7L, 9L], Enumerable.Range(0, 2).Select(_ => Batch(member.ExpectMsg<Submit>()).FirstSerial));
    }

    [Fact]
    public void A_batch_that_is_not_full_gathers_while_another_is_under_way()
    {
        var (client, member) = Opened(_settings with { MaxBatchOperations = 3, RetryDelay = TimeSpan.FromMinutes(1), AttemptTimeout = TimeSpan.FromMinutes(1) });
        client.Tell(Put(1));
        var first = member.ExpectMsg<Submit>();
        client.Tell(Put(2));
        client.Tell(Put(3));
        member.ExpectNoMsg(TimeSpan.FromMilliseconds(50));
        member.Send(client, new SubmitReply(first.RequestId, 2, Results(1)));
        var second = member.ExpectMsg<Submit>();
        Assert.Equal((3L, 2), (Batch(second).FirstSerial, Batch(second).Operations.Count));
        for (var i = 4; i <= 6; i++) client.Tell(Put(i));
        var third = member.ExpectMsg<Submit>();
        Assert.Equal((5L, 3), (Batch(third).FirstSerial, Batch(third).Operations.Count));
    }

    [Fact]
    public void A_batch_that_is_not_full_does_not_wait_for_an_answer_that_takes_long()
    {
        var (client, member) = Opened(_settings with { AttemptTimeout = TimeSpan.FromMinutes(1) });
        client.Tell(Put(1));
        Assert.Equal(2, Batch(member.ExpectMsg<Submit>()).FirstSerial);
        client.Tell(Put(2));
        Assert.Equal(3, Batch(member.ExpectMsg<Submit>()).FirstSerial);
    }

    [Fact]
    public void What_is_acknowledged_is_what_has_been_answered_without_a_gap()
    {
        var state = new FakeMember.State { LosesReply = n => n == 2 };
        var client = Client(state);
        for (var i = 1; i <= Calls; i++) client.Tell(Put(i));
        for (var i = 1; i <= Calls; i++) Assert.Equal(i, ExpectMsg<PutReply>().RequestId);
        Assert.All(state.Submits.Skip(1).Take(4), s => Assert.Equal(0, Batch(s).AckedUpTo));
        client.Tell(Put(9));
        ExpectMsg<PutReply>();
        Assert.Equal(Calls, state.Acked);
    }

    [Fact]
    public void A_new_leader_gets_what_the_old_one_has_not_answered_in_order()
    {
        var (old, young) = (CreateTestProbe(), new FakeMember.State());
        old.IgnoreMessages(m => m is GetMembership);
        var other = Sys.ActorOf(Props.Create(() => new FakeMember(young)));
        var client = Sys.ActorOf(ClientActor.Props(_settings with { AttemptTimeout = TimeSpan.FromMinutes(1) }, KeyValueRequests.Instance, to => to.Id.Value == 0 ? old : other));
        for (var i = 1; i <= Calls; i++) client.Tell(Put(i));
        var open = old.ExpectMsg<Submit>();
        old.Reply(new SubmitReply(open.RequestId, 1, young.Execute(Wire.SessionCommand.Parser.ParseFrom(open.Payload.Span)).ToByteArray()));
        var batches = Enumerable.Range(0, 4).Select(_ => old.ExpectMsg<Submit>()).ToList();
        foreach (var batch in batches) old.Reply(new Refused(batch.RequestId, RefusalReason.NotLeader, Members[1], "follows"));
        for (var i = 1; i <= Calls; i++) Assert.Equal(i, ExpectMsg<PutReply>().RequestId);
        Assert.Equal(Enumerable.Range(1, Calls).Select(i => $"k{i}"), young.Executed);
        Assert.Equal([1L, 3L, 5L, 7L], young.Submits.Select(s => Batch(s).FirstSerial));
    }

    [Fact]
    public void A_session_that_is_gone_is_replaced_and_what_was_surely_not_executed_goes_on_in_order()
    {
        var state = new FakeMember.State();
        var client = Client(state);
        client.Tell(Put(1));
        ExpectMsg<PutReply>();
        state.ForgetSession();
        for (var i = 2; i <= Calls; i++) client.Tell(Put(i));
        for (var i = 2; i <= Calls; i++) Assert.Equal(i, ExpectMsg<PutReply>().RequestId);
        Assert.Equal(Enumerable.Range(1, Calls).Select(i => $"k{i}"), state.Executed);
    }

    [Fact]
    public void A_bad_operation_is_refused_alone()
    {
        var state = new FakeMember.State { IsBad = o => o.Put?.Key.ToStringUtf8() == "k3" };
        var client = Client(state);
        for (var i = 1; i <= Calls; i++) client.Tell(Put(i));
        var replies = Enumerable.Range(0, Calls).Select(_ => ExpectMsg<IKeyValueReply>()).ToList();
        Assert.Equal([3L], replies.OfType<RequestFailed>().Select(f => f.RequestId));
        Assert.Equal(FailureKind.BadInput, replies.OfType<RequestFailed>().Single().Kind);
        Assert.Equal(Enumerable.Range(1, Calls).Where(i => i != 3).Select(i => $"k{i}"), state.Executed);
    }

    [Fact]
    public void A_leader_that_keeps_fewer_results_gets_smaller_batches()
    {
        var member = CreateTestProbe();
        member.IgnoreMessages(m => m is GetMembership);
        var client = Sys.ActorOf(ClientActor.Props(_settings with { MaxBatchOperations = 100, AttemptTimeout = TimeSpan.FromMinutes(1) }, KeyValueRequests.Instance, _ => member));
        for (var i = 1; i <= 4; i++) client.Tell(Put(i));
        member.Reply(member.ExpectMsg<Submit>() is var open ? new SubmitReply(open.RequestId, 1, Opened(1)) : null!);
        var batch = member.ExpectMsg<Submit>();
        Assert.Equal(4, Batch(batch).Operations.Count);
        member.Reply(new SubmitReply(batch.RequestId, 2, new Wire.SessionResult { TooManyResults = new Wire.TooManyResults { Limit = 2 } }.ToByteArray()));
        for (var i = 1; i <= 4; i++)
        {
            var single = member.ExpectMsg<Submit>();
            Assert.Equal((i, 1), (Batch(single).FirstSerial, Batch(single).Operations.Count));
            member.Reply(new SubmitReply(single.RequestId, 2 + i, Results(1)));
            Assert.Equal(i, ExpectMsg<PutReply>().RequestId);
        }
    }

    private void CallAndCheck(FakeMember.State state)
    {
        var client = Client(state);
        for (var i = 1; i <= Calls; i++) client.Tell(Put(i));
        for (var i = 1; i <= Calls; i++) Assert.Equal(i, ExpectMsg<PutReply>(TimeSpan.FromSeconds(30)).RequestId);
        Assert.Equal(Enumerable.Range(1, Calls).Select(i => $"k{i}"), state.Executed);
        // Serials are fixed once sent: a serial never stands for another operation.
        var sent = state.Submits.Select(Batch).Where(b => b is not null).SelectMany(b => b.Operations().Select((o, i) => (Serial: b.FirstSerial + i, Key: o.Put.Key.ToStringUtf8())));
        Assert.All(sent.GroupBy(s => s.Serial), g => Assert.Single(g.Distinct()));
        Sys.Stop(client);
    }

    private IActorRef Client(FakeMember.State state)
    {
        var member = Sys.ActorOf(Props.Create(() => new FakeMember(state)));
        return Sys.ActorOf(ClientActor.Props(_settings, KeyValueRequests.Instance, _ => member));
    }

    private (IActorRef Client, TestProbe Member) Opened(RaftClientSettings settings)
    {
        var member = CreateTestProbe();
        member.IgnoreMessages(m => m is GetMembership);
        var client = Sys.ActorOf(ClientActor.Props(settings, KeyValueRequests.Instance, _ => member));
        client.Tell(Put(0));
        member.Reply(new SubmitReply(member.ExpectMsg<Submit>().RequestId, 1, Opened(1)));
        member.Reply(new SubmitReply(member.ExpectMsg<Submit>().RequestId, 1, Results(1)));
        ExpectMsg<PutReply>();
        return (client, member);
    }

    private static Put Put(int i) => new(Encoding.UTF8.GetBytes($"k{i}"), default, i);

    private static Wire.SessionBatch Batch(Submit submit) => Wire.SessionCommand.Parser.ParseFrom(submit.Payload.Span).Batch;

    private static byte[] Opened(long session) => new Wire.SessionResult { SessionOpened = new Wire.SessionOpened { Session = session } }.ToByteArray();

    private static byte[] Results(int count)
    {
        var wire = new Wire.SessionBatchResult();
        wire.Results.AddRange(Enumerable.Range(0, count).Select(_ => new Wire.KvOperationResult { Version = 1 }.ToByteString()));
        return new Wire.SessionResult { BatchResult = wire }.ToByteArray();
    }
}
