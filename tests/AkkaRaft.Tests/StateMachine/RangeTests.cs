using AkkaRaft.KeyValue;

namespace AkkaRaft.Tests.StateMachine;

public sealed class RangeTests : StoreTest
{
    [Fact]
    public void A_range_is_read_in_order_of_bytes_from_its_first_key_up_to_and_without_its_last()
    {
        Reopen(Settings with { MaxResultsPerSession = 100 });
        Do(new Put(new byte[] { 0xFF }, Bytes("ff")), Put("b", "2"), Put("a", "1"), Put("ab", "3"), new Put(new byte[] { 0x00 }, Bytes("0")));
        Assert.Equal(["0", "1", "3", "2", "ff"], Values(new GetRange(default, default)));
        Assert.Equal(["1", "3"], Values(new GetRange(Bytes("a"), Bytes("b"))));
        Assert.Equal(["3", "2"], Values(new GetRange(Bytes("aa"), Bytes("c"))));
        Assert.Equal([], Values(new GetRange(Bytes("b"), Bytes("a"))));
    }

    [Fact]
    public void A_page_ends_at_its_limit_and_says_whether_more_follows()
    {
        Do(Put("a", "1"), Put("b", "2"), Put("c", "3"));
        var page = Ask<RangeReply>(new GetRange(default, default, 2));
        Assert.Equal(("1 2", true, 3), (string.Join(' ', page.Rows.Select(r => Text(r.Value))), page.More, page.Revision));
        Assert.False(Ask<RangeReply>(new GetRange(default, default, 3)).More);
        Assert.Equal(["3"], Values(new GetRange(KeyValueCodec.After(page.Rows[^1].Key), default)));
    }

    [Fact]
    public void A_page_is_bounded_in_bytes_and_has_at_least_one_row()
    {
        Reopen(Settings with { MaxPageBytes = 1_024 });
        Do(Put("a", new string('x', 2_000)), Put("b", new string('x', 400)), Put("c", new string('x', 501)), Put("d", "4"));
        Assert.Equal((1, true), Count(Ask<RangeReply>(new GetRange(default, default))));
        Assert.Equal((2, true), Count(Ask<RangeReply>(new GetRange(Bytes("b"), default))));
    }

    [Fact]
    public void An_answer_that_is_full_leaves_out_what_was_asked_for_last()
    {
        Reopen(Settings with { MaxCommandBytes = 4 * 1024, MaxResultsPerSession = 100 });
        Do(Put("a", new string('x', 3_000)), Put("b", new string('x', 3_000)));
        IKeyValueRead[] requests = [new Get(Bytes("a")), new Get(Bytes("b")), new GetRange(default, default)];
        var replies = KeyValueCodec.Replies(requests, Store.Query(KeyValueCodec.EncodeQuery(requests)));
        Assert.Equal(3_000, Assert.IsType<GetReply>(replies[0]).Value.Length);
        Assert.Equal([FailureKind.Overloaded, FailureKind.Overloaded], replies.Skip(1).Select(r => Assert.IsType<RequestFailed>(r).Kind));
    }

    [Fact]
    public void A_query_that_is_wrong_says_what_is()
    {
        Assert.Contains("limit", Ask<RequestFailed>(new GetRange(default, default, -1)).Message, StringComparison.Ordinal);
        Assert.Contains("revision", Ask<RequestFailed>(new Watch(default, default, 0, TimeSpan.Zero)).Message, StringComparison.Ordinal);
        Assert.Contains("60000 ms", Ask<RequestFailed>(new Watch(default, default, 1, TimeSpan.FromSeconds(61))).Message, StringComparison.Ordinal);
        IKeyValueRead[] together = [new Watch(default, default, 1, TimeSpan.Zero), new Get(Bytes("a"))];
        Assert.Contains("alone", Assert.IsType<RequestFailed>(KeyValueCodec.Replies(together, Store.Query(KeyValueCodec.EncodeQuery(together)))[0]).Message, StringComparison.Ordinal);
    }

    private static (int, bool) Count(RangeReply page) => (page.Rows.Length, page.More);

    private string[] Values(GetRange range) => [.. Ask<RangeReply>(range).Rows.Select(r => Text(r.Value))];
}
