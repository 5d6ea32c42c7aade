using System.Collections.Immutable;
using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;

namespace AkkaRaft.Tests.StateMachine;

public sealed class TransactionTests : StoreTest
{
    [Fact]
    public void A_key_is_set_when_it_has_the_expected_version_and_told_when_it_has_another()
    {
        Assert.Equal(new CompareAndSetReply(true, 1, default), Do<CompareAndSetReply>(Change("k", "a", 0)));
        var refused = Do<CompareAndSetReply>(Change("k", "b", 0));
        Assert.Equal((false, 1, "a"), (refused.Succeeded, refused.Version, Text(refused.Value)));
        Assert.True(Do<CompareAndSetReply>(Change("k", "b", 1)).Succeeded);
        Assert.Equal(new CompareAndSetReply(false, 0, default), Do<CompareAndSetReply>(Change("none", "b", 7)));
        Assert.Equal("b", Get("k"));
    }

    [Theory]
    [InlineData(Comparison.Equal, true, false, false)]
    [InlineData(Comparison.NotEqual, false, true, true)]
    [InlineData(Comparison.Less, false, true, false)]
    [InlineData(Comparison.Greater, false, false, true)]
    public void A_compare_holds_as_its_operator_says(Comparison comparison, bool same, bool larger, bool smaller)
    {
        Do(Put("other", "x"), Put("k", "b"));
        Assert.Equal((same, larger, smaller), (Holds("k", comparison, 2), Holds("k", comparison, 3), Holds("k", comparison, 1)));
        Assert.Equal((same, larger, smaller), (Holds("k", comparison, "b"), Holds("k", comparison, "ba"), Holds("k", comparison, "a")));
    }

    [Fact]
    public void A_key_that_is_not_there_has_version_0_and_is_unequal_to_every_value()
    {
        Assert.True(Holds("none", Comparison.Equal, 0));
        Assert.True(Holds("none", Comparison.Less, 1));
        Assert.True(Holds("none", Comparison.NotEqual, ""));
        Assert.False(Holds("none", Comparison.Equal, ""));
        Assert.False(Holds("none", Comparison.Less, "a"));
        Assert.False(Holds("none", Comparison.Greater, ""));
    }

    [Fact]
    public void A_transaction_is_of_one_revision_and_its_steps_see_those_before_them()
    {
        Do(Put("a", "1"));
        var reply = Do<TransactionReply>(Then(new PutStep(Bytes("b"), Bytes("2")), new DeleteStep(Bytes("a")), new PutStep(Bytes("b"), Bytes("3")), All(), new DeleteStep(Bytes("none"))));
        Assert.Equal((true, 2), (reply.Succeeded, reply.Version));
        Assert.Equal([false, true, true, false, false], reply.Steps.Select(s => s.Existed));
        Assert.Equal([("b", "3", 2)], reply.Steps[3].Rows.Select(r => (Text(r.Key), Text(r.Value), r.Version)));
        Assert.Equal([null, ("3", 2)], Get("a", "b"));
    }

    [Fact]
    public void A_transaction_that_changes_nothing_makes_no_revision()
    {
        Do(Put("a", "1"));
        Assert.Equal(1, Do<TransactionReply>(Then(All(), new DeleteStep(Bytes("none")))).Version);
        Assert.Equal(new PutReply(2), Do<PutReply>(Put("b", "1")));
    }

    [Fact]
    public void The_other_branch_is_taken_when_one_compare_does_not_hold()
    {
        Do(Put("a", "1"));
        var reply = Do<TransactionReply>(new KeyValueTransaction(
            [new Compare(Bytes("a"), Comparison.Equal, 1), new Compare(Bytes("b"), Comparison.Equal, 1)],
            [new PutStep(Bytes("a"), Bytes("then"))], [new PutStep(Bytes("a"), Bytes("else"))]));
        Assert.False(reply.Succeeded);
        Assert.Equal("else", Get("a"));
    }

    [Fact]
    public void The_ranges_of_a_transaction_share_one_page()
    {
        Reopen(Settings with { MaxPageBytes = 1_024, MaxResultsPerSession = 100 });
        Do([.. Enumerable.Range(0, 10).Select(i => Put($"k{i}", new string('x', 300)))]);
        var reply = Do<TransactionReply>(Then(new RangeStep(Bytes("k0"), default, 2), All(), All()));
        Assert.Equal([(2, true), (1, true), (0, true)], reply.Steps.Select(s => (s.Rows.Length, s.More)));
    }

    [Fact]
    public void What_would_make_an_answer_too_large_is_refused_alone_and_changes_nothing()
    {
        Reopen(Settings with { MaxResultsPerSession = 1_000, MaxCommandBytes = 4 * 1024, MaxPageBytes = 2 * 1024 });
        Do(Put("k", new string('x', 1_500)));
        var replies = Do(Change("k", "a", 9), Change("k", "b", 9), Change("k", "c", 9), Put("l", "1"));
        Assert.IsType<CompareAndSetReply>(replies[0]);
        Assert.Equal(FailureKind.Overloaded, Assert.IsType<RequestFailed>(replies[2]).Kind);
        Assert.IsType<PutReply>(replies[3]);
        Assert.Equal(1_500, Get("k")!.Length);
    }

    [Fact]
    public void What_is_wrong_in_itself_is_refused_before_any_of_the_batch_is_executed()
    {
        Reopen(Settings with { MaxTransactionSteps = 2, MaxKeyBytes = 8, MaxValueBytes = 8 });
        var session = OpenSession();
        foreach (var wrong in new IKeyValueWrite[]
        {
            Put("", "x"), Put("123456789", "x"), Put("k", "123456789"), Delete(""), Change("", "x", 0), Then(new PutStep(default, default)), Then(new DeleteStep(default)),
            Then(new PutStep(Bytes("k"), Bytes("123456789"))), Then(All(), All(), All()), Then(new RangeStep(default, default, -1)), Then(new RangeStep(Bytes("1234567890"), default)),
            new KeyValueTransaction([new Compare(default, Comparison.Equal, 1)], [], []), new KeyValueTransaction([new Compare(Bytes("k"), (Comparison)4, 1)], [], []),
            new KeyValueTransaction([.. Enumerable.Repeat(new Compare(Bytes("k"), Comparison.Equal, 1), 3)], [], []),
            new GrantLease(TimeSpan.FromMilliseconds(999)), new GrantLease(TimeSpan.FromDays(10) + TimeSpan.FromMilliseconds(1)),
        })
        {
            Assert.IsType<CommandMalformed>(Batch(session, 1, 0, Put("k", "x"), wrong));
        }
        Assert.Null(Get("k"));
    }

    [Fact]
    public void A_repeated_transaction_gets_its_first_result_and_takes_no_effect()
    {
        var session = OpenSession();
        Batch(session, 1, 0, Change("k", "a", 0));
        Batch(session, 2, 0, Change("k", "b", 1));
        Assert.Equal([new CompareAndSetReply(true, 1, default)], Executed(Batch(session, 1, 0, Change("k", "a", 0))));
        Assert.Equal("b", Get("k"));
    }

    private static KeyValueTransaction Then(params TransactionStep[] steps) => new([], [.. steps], []);

    private static RangeStep All() => new(default, default);

    private bool Holds(string key, Comparison comparison, long version) => Holds(new Compare(Bytes(key), comparison, version));

    private bool Holds(string key, Comparison comparison, string value) => Holds(new Compare(Bytes(key), comparison, null, Bytes(value)));

    private bool Holds(Compare compare) => Do<TransactionReply>(new KeyValueTransaction([compare], [], ImmutableArray<TransactionStep>.Empty)).Succeeded;
}
