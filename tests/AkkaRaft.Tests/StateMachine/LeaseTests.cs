using AkkaRaft.KeyValue;

namespace AkkaRaft.Tests.StateMachine;

public sealed class LeaseTests : StoreTest
{
    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    public LeaseTests() => Reopen(Settings with { SessionTimeToLive = TimeSpan.FromDays(1), MaxResultsPerSession = 100 });

    [Fact]
    public void A_lease_expires_once_its_time_to_live_is_over_by_the_logs_clock_and_takes_its_keys_along_in_one_revision()
    {
        var lease = Grant(Second);
        Do(Put("a", "1", lease), Put("b", "1"), Put("c", "1", lease));
        Pass(Second);
        Assert.Equal("1", Get("a"));
        Pass(TimeSpan.FromMilliseconds(1));
        Assert.Equal([null, ("1", 2), null], Get("a", "b", "c"));
        Assert.Equal(4, Store.Revision);
        Assert.Empty(Ask<LeasesReply>(new GetLeases()).Leases);
    }

    [Fact]
    public void A_lease_kept_alive_begins_its_time_anew()
    {
        var lease = Grant(Second);
        Do(Put("a", "1", lease));
        Pass(Second / 2);
        Assert.Equal(new LeaseStatus(lease, Second, Second, 1), Do<LeaseReply>(new KeepLeaseAlive(lease)).Status);
        Pass(Second);
        Assert.Equal("1", Get("a"));
        Assert.Equal(TimeSpan.Zero, Ask<LeasesReply>(new GetLeases()).Leases[0].Remaining);
    }

    [Fact]
    public void A_revoked_lease_takes_its_keys_along()
    {
        var lease = Grant(Second);
        Do(Put("a", "1", lease), Put("b", "1", lease));
        Assert.Equal(2, Do<LeaseReply>(new RevokeLease(lease)).Status.Keys);
        Assert.Equal([null, null], Get("a", "b"));
        Assert.Equal(3, Store.Revision);
    }

    [Fact]
    public void What_names_a_lease_that_is_not_there_is_refused_and_changes_nothing()
    {
        var lease = Grant(Second);
        Do(new RevokeLease(lease));
        foreach (var request in new IKeyValueWrite[]
        {
            Put("a", "1", lease), new KeepLeaseAlive(lease), new RevokeLease(lease), new KeepLeaseAlive(99), Change("a", "1", 0) with { Lease = 99 },
            new KeyValueTransaction([], [new PutStep(Bytes("b"), Bytes("1")), new PutStep(Bytes("a"), Bytes("1"), lease)], []),
        })
        {
            Assert.Equal(FailureKind.LeaseNotFound, Do<RequestFailed>(request).Kind);
        }
        Assert.Equal([null, null], Get("a", "b"));
        Assert.Equal(0, Store.Revision);
    }

    [Fact]
    public void Each_put_decides_anew_with_which_lease_the_key_ends()
    {
        var (one, two) = (Grant(Second), Grant(Second * 10));
        Do(Put("a", "1", one), Put("b", "1", one), Put("c", "1"));
        Do(Put("a", "2"), Put("b", "2", two), Put("c", "2", two));
        Pass(Second * 2);
        Assert.Equal([("2", 4), ("2", 5), ("2", 6)], Get("a", "b", "c"));
        Assert.Equal(2, Ask<LeasesReply>(new GetLeases()).Leases.Single().Keys);
        Assert.Equal(two, Ask<GetReply>(new Get(Bytes("b"))).Lease);
    }

    [Fact]
    public void There_are_as_many_leases_as_the_setting_says_and_a_number_is_never_given_again()
    {
        Reopen(Settings with { MaxLeases = 2 });
        var first = Grant(Second);
        Grant(Second);
        Assert.Equal(FailureKind.Overloaded, Do<RequestFailed>(new GrantLease(Second)).Kind);
        Do(new RevokeLease(first));
        Assert.Equal(3, Grant(Second));
    }

    [Fact]
    public void A_reopened_store_still_has_its_leases_and_when_they_expire()
    {
        var lease = Grant(Second);
        Do(Put("a", "1", lease));
        Assert.Equal(Now + 1_001, Store.NextExpiryMs);
        Reopen();
        Assert.Equal(Now + 1_001, Store.NextExpiryMs);
        Assert.Equal(2, Grant(Second * 5));
        Pass(Second * 2);
        Assert.Null(Get("a"));
    }

    [Fact]
    public void Leases_that_expire_with_one_entry_end_in_order_each_in_a_revision_of_its_own()
    {
        var (late, early) = (Grant(Second * 3), Grant(Second * 2));
        Do(Put("late", "1", late), Put("early", "1", early));
        Pass(Second * 10);
        var told = Ask<WatchReply>(new Watch(default, default, 3, TimeSpan.Zero));
        Assert.Equal([("early", 3, true), ("late", 4, true)], told.Changes.Select(c => (Text(c.Key), c.Version, c.Deleted)));
    }

    [Fact]
    public void Writes_of_the_entry_with_which_a_lease_expires_come_after_it()
    {
        var lease = Grant(Second);
        Do(Put("a", "1", lease));
        Now += 5_000;
        Assert.Equal(FailureKind.LeaseNotFound, Do<RequestFailed>(Put("a", "2", lease)).Kind);
        Assert.Null(Get("a"));
    }

    private long Grant(TimeSpan timeToLive) => Do<LeaseReply>(new GrantLease(timeToLive)).Status.Lease;
}
