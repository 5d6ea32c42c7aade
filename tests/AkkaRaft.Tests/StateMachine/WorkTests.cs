using AkkaRaft.KeyValue;
using AkkaRaft.Log;
using AkkaRaft.Protocol;

namespace AkkaRaft.Tests.StateMachine;

/// <summary>Small commands and queries that have much to do, or much to say: each ends before it keeps all others waiting, or fills the memory.</summary>
public sealed class WorkTests : StoreTest
{
    private static readonly string Large = new('x', 1024 * 1024);

    [Fact]
    public void What_reads_too_much_with_what_was_sent_with_it_is_refused_and_changes_nothing()
    {
        Reopen(Settings with { MaxResultsPerSession = 1_000 });
        Do(Put("k", Large));
        // Of a MiB each, until there are more than 64 of them.
        var replies = Do([.. Enumerable.Range(0, 20).Select(i => Compares(i < 10 ? 10 : 1, $"{i}"))]);
        Assert.Equal(Enumerable.Repeat(true, 6).Concat(Enumerable.Repeat(false, 14)), replies.Select(reply => reply is TransactionReply));
        Assert.All(replies[6..], reply => Assert.Equal(FailureKind.Overloaded, Assert.IsType<RequestFailed>(reply).Kind));
        Assert.Equal("5", Get("done"));
        Assert.True(Do<TransactionReply>(Compares(10, "next")).Succeeded);
        Assert.Equal(FailureKind.Overloaded, Do<RequestFailed>(Compares(100, "never")).Kind);
        Assert.Equal("next", Get("done"));
    }

    [Fact]
    public void A_repeat_of_many_batches_is_told_what_one_answer_holds_or_nothing()
    {
        Reopen(Settings with { MaxResultsPerSession = 1_000, MaxCommandBytes = 4 * 1024, MaxPageBytes = 2 * 1024 });
        Do(Put("k", new string('x', 1_500)));
        var session = OpenSession();
        for (var serial = 1; serial <= 4; serial++) Executed(Batch(session, serial, 0, Change("k", "a", 9)));
        Assert.Equal(2, Executed(Batch(session, 1, 0, Change("k", "a", 9), Change("k", "a", 9))).Length);
        Assert.Contains("more than an answer holds", Assert.IsType<CommandMalformed>(Batch(session, 1, 0, [.. Enumerable.Repeat(Change("k", "a", 9), 4)])).Message, StringComparison.Ordinal);
        Executed(Batch(session, 4, 0, Change("k", "a", 9)));
        // What is read for them counts.
        var before = Store.Work;
        for (var i = 0; i < 10; i++) Executed(Batch(session, 4, 0, Change("k", "a", 9)));
        Assert.InRange(Store.Work - before, 15_000, 20_000);
        Assert.Equal(2, Executed(Batch(session, 3, 0, Change("k", "a", 9), Change("k", "a", 9))).Length);
    }

    [Fact]
    public void Entries_with_large_results_are_applied_a_share_at_a_time()
    {
        Do(Put("k", Large));
        Reopen(Settings with { MaxSessions = 100, MaxResultsPerSession = 1_000, MaxPageBytes = 1024 * 1024 });
        var session = OpenSession();
        var first = Store.AppliedIndex + 1;
        var entries = Enumerable.Range(0, 10).Select(i => Entry(first + i, StoreCommands.Batch(session, i + 1, i, [new KeyValueTransaction([], [new RangeStep(default, default)], [])]))).ToList();
        List<int> shares = [];
        while (shares.Sum() < entries.Count)
        {
            var results = Store.Apply([.. entries.Skip(shares.Sum())], 100);
            shares.Add(results.Count);
            Assert.All(results, result => Assert.True(result.Length > Large.Length));
            Assert.Equal(first + shares.Sum() - 1, Store.AppliedIndex);
        }
        Assert.Equal([4, 4, 2], shares);
    }

    [Fact]
    public void Entries_that_read_much_are_applied_a_share_at_a_time()
    {
        Do(Put("k", Large));
        Reopen(Settings with { MaxSessions = 100, MaxResultsPerSession = 1_000 });
        var session = OpenSession();
        var first = Store.AppliedIndex + 1;
        var compares = Compares(50, "");
        IReadOnlyList<LogEntry> entries = [.. Enumerable.Range(0, 6).Select(i => Entry(first + i, StoreCommands.Batch(session, i + 1, i, [compares])))];
        Assert.Equal(2, Store.Apply(entries, 100).Count);
        Assert.Equal(2, Store.Apply([.. entries.Skip(2)], 100).Count);
    }

    [Fact]
    public void The_ranges_of_a_transaction_read_a_large_row_that_has_no_room_once()
    {
        Do(Put("a", ""), Put("b", Large));
        Reopen(Settings with { MaxPageBytes = 512 * 1024 });
        var before = Store.Work;
        var reply = Do<TransactionReply>(new KeyValueTransaction([], [.. Enumerable.Repeat(new RangeStep(default, default), 1_000)], []));
        Assert.InRange(Store.Work - before, Large.Length, 2 * Large.Length);
        Assert.Equal([(1, true), (0, true)], reply.Steps.Select(step => (step.Rows.Length, step.More)).Distinct());
        before = Store.Work;
        Do<TransactionReply>(new KeyValueTransaction([], [.. Enumerable.Repeat(new PutStep(Bytes("b"), default), 1_000)], []));
        Assert.InRange(Store.Work - before, 0, 100_000);
    }

    [Fact]
    public void A_query_whose_ranges_read_much_is_answered_in_part()
    {
        Do(Put("a", ""), Put("b", Large));
        // A page holds the first row, and reads the second to see that it does not.
        Reopen(Settings with { MaxPageBytes = 1024 });
        var ranges = Enumerable.Range(0, 100).Select(_ => new GetRange(default, default)).ToList();
        var told = KeyValueCodec.Replies(ranges, Store.Query(KeyValueCodec.EncodeQuery(ranges)));
        Assert.Equal(16, told.Count(reply => reply is RangeReply));
        // By its limit it ends before it.
        var limited = Enumerable.Range(0, 100).Select(_ => new GetRange(default, default, 1)).ToList();
        var pages = KeyValueCodec.Replies(limited, Store.Query(KeyValueCodec.EncodeQuery(limited)));
        Assert.All(pages, page => Assert.True(Assert.IsType<RangeReply>(page).More));
        Assert.False(Ask<RangeReply>(new GetRange(default, Bytes("b"), 1)).More);
        Assert.True(Ask<RangeReply>(new GetRange(default, Bytes("c"), 1)).More);
        Assert.False(Ask<RangeReply>(new GetRange(Bytes("b"), Bytes("c"), 1)).More);
    }

    private static KeyValueTransaction Compares(int count, string done) =>
        new([.. Enumerable.Repeat(new Compare(Bytes("k"), Comparison.NotEqual, null, default), count)], [new PutStep(Bytes("done"), Bytes(done))], []);
}
