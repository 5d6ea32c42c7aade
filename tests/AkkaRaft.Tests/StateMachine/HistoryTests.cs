using AkkaRaft.KeyValue;

namespace AkkaRaft.Tests.StateMachine;

public sealed class HistoryTests : StoreTest
{
    public HistoryTests() => Reopen(Settings with { SessionTimeToLive = TimeSpan.FromDays(1), MaxResultsPerSession = 1_000 });

    [Fact]
    public void A_watch_is_told_the_changes_of_its_range_from_its_revision_on_in_order()
    {
        Do(Put("a", "1"), Put("b", "2"));
        Do(Put("a", "3"), Delete("a"), Put("c", "4"));
        Assert.Equal(["1:a=1", "3:a=3", "4:a-"], Told(new Watch(Bytes("a"), Bytes("b"), 1, TimeSpan.Zero)));
        Assert.Equal(["3:a=3", "4:a-", "5:c=4"], Told(new Watch(default, default, 3, TimeSpan.Zero)));
        Assert.Equal(6, Ask<WatchReply>(new Watch(Bytes("a"), Bytes("b"), 1, TimeSpan.Zero)).NextRevision);
    }

    [Fact]
    public void Changes_are_told_alike_whether_they_are_in_the_file_yet_or_not()
    {
        Do(Put("a", "1"), Put("a", "2"));
        Store.Commit();
        Do(Put("a", "3"));
        Do(Put("a", "4"), Put("a", "5"));
        Assert.Equal(["1:a=1", "2:a=2", "3:a=3", "4:a=4", "5:a=5"], Told(new Watch(default, default, 1, TimeSpan.Zero)));
        Assert.Equal(["5:a=5"], Told(new Watch(default, default, 5, TimeSpan.Zero)));
        Reopen();
        Assert.Equal(["2:a=2", "3:a=3", "4:a=4", "5:a=5"], Told(new Watch(default, default, 2, TimeSpan.Zero)));
    }

    [Fact]
    public void Changes_that_are_more_than_memory_should_hold_are_in_the_file_before_the_commit()
    {
        for (var i = 1; i <= 6; i++) Do(Put("a", new string('x', 1_000_000)));
        Assert.Equal([1L, 2L, 3L, 4L, 5L, 6L], Store.ChangesSince(1)!.Select(c => c.Version));
        Store.Commit();
        Assert.Equal([1L, 2L, 3L, 4L, 5L, 6L], Store.ChangesSince(1)!.Select(c => c.Version));
    }

    [Fact]
    public void A_watch_of_which_nothing_changed_goes_on_after_the_present_revision()
    {
        Do(Put("a", "1"));
        var told = Ask<WatchReply>(new Watch(Bytes("b"), default, 1, TimeSpan.Zero));
        Assert.Equal((0, 2, null), (told.Changes.Length, told.NextRevision, told.OldestRevision));
        Assert.Equal(9, Ask<WatchReply>(new Watch(default, default, 9, TimeSpan.Zero)).NextRevision);
    }

    [Fact]
    public void An_answer_is_bounded_and_never_parts_a_revision()
    {
        Reopen(Settings with { MaxPageBytes = 1_024 });
        Do(Put("a", new string('x', 600)));
        Do(new KeyValueTransaction([], [new PutStep(Bytes("b"), new byte[600]), new PutStep(Bytes("c"), new byte[600])], []));
        Do(Put("d", "1"));
        List<(int Count, long Next)> answers = [];
        for (long next = 1; next <= 3;)
        {
            var told = Ask<WatchReply>(new Watch(default, default, next, TimeSpan.Zero));
            next = told.NextRevision;
            answers.Add((told.Changes.Length, next));
        }
        Assert.Equal([(1, 2), (2, 3), (1, 4)], answers);
    }

    [Fact]
    public void What_is_no_longer_kept_is_said_with_the_oldest_revision_that_is()
    {
        Reopen(Settings with { WatchRetainChanges = 10 });
        for (var i = 0; i < 30; i++) Do(Put("k", $"{i}"));
        var told = Ask<WatchReply>(new Watch(default, default, 20, TimeSpan.Zero));
        Assert.Equal((21, 21, 0), (told.OldestRevision, told.NextRevision, told.Changes.Length));
        Assert.Equal(10, Told(new Watch(default, default, 21, TimeSpan.Zero)).Length);
        Reopen();
        Assert.Equal(21, Ask<WatchReply>(new Watch(default, default, 20, TimeSpan.Zero)).OldestRevision);
        Assert.Equal(10, Told(new Watch(default, default, 21, TimeSpan.Zero)).Length);
    }

    [Fact]
    public void What_is_kept_is_bounded_in_bytes()
    {
        Reopen(Settings with { WatchRetainBytes = 10_000 });
        for (var i = 0; i < 30; i++) Do(Put("k", new string('x', 1_000)));
        var oldest = Ask<WatchReply>(new Watch(default, default, 1, TimeSpan.Zero)).OldestRevision;
        Assert.InRange(oldest ?? 0, 22, 24);
        Reopen();
        Do(Put("k", new string('x', 1_000)));
        Assert.Equal(oldest + 1, Ask<WatchReply>(new Watch(default, default, 1, TimeSpan.Zero)).OldestRevision);
    }

    [Fact]
    public void A_revision_larger_than_any_answer_is_not_kept_and_ends_what_was_before_it()
    {
        Reopen(Settings with { MaxCommandBytes = 4 * 1024, MaxTransactionSteps = 10 });
        var lease = Do<LeaseReply>(new GrantLease(TimeSpan.FromSeconds(1))).Status.Lease;
        for (var i = 0; i < 200; i++) Do(Put($"key-{i}", "1", lease));
        Do(new RevokeLease(lease));
        Do(Put("k", "1"));
        Assert.Equal(202, Ask<WatchReply>(new Watch(default, default, 1, TimeSpan.Zero)).OldestRevision);
        Assert.Equal(["202:k=1"], Told(new Watch(default, default, 202, TimeSpan.Zero)));
        Assert.Null(Get("key-199"));
    }

    [Fact]
    public void Whoever_is_far_behind_is_answered_in_parts()
    {
        var noise = new byte[1_000_000];
        for (var i = 0; i < 8; i++) Do(new Put(Bytes("noise"), noise));
        Do(Put("k", "1"));
        var first = Ask<WatchReply>(new Watch(Bytes("k"), Bytes("l"), 1, TimeSpan.FromMinutes(1)));
        Assert.Empty(first.Changes);
        Assert.InRange(first.NextRevision, 2, 8);
        Assert.Equal(["9:k=1"], Told(new Watch(Bytes("k"), Bytes("l"), first.NextRevision, TimeSpan.FromMinutes(1))));
    }

    private string[] Told(Watch watch) =>
        [.. Ask<WatchReply>(watch).Changes.Select(c => $"{c.Version}:{Text(c.Key)}{(c.Deleted ? "-" : "=" + Text(c.Value))}")];
}
