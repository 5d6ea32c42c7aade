using AkkaRaft.TestKit.Checking;

namespace AkkaRaft.Simulation.Tests.Checking;

public sealed class HistoryCheckerTests
{
    [Fact]
    public void What_clients_were_told_fits() =>
        Assert.Null(Check([Set(1, "k", "a"), Set(2, "l", "b"), Gone(3, "k")], Put("k", "a", 1), Put("l", "b", 2), Delete("k", 3)));

    [Fact]
    public void A_put_that_took_effect_twice_is_found() => Assert.NotNull(Check([Set(1, "k", "a"), Set(2, "k", "a")], Put("k", "a", 1)));

    [Fact]
    public void A_put_that_was_acknowledged_and_is_nowhere_is_found() => Assert.NotNull(Check([Set(1, "l", "b")], Put("l", "b", 1), Put("k", "a", 2)));

    [Fact]
    public void A_put_of_unknown_outcome_took_effect_once_or_not()
    {
        var unknown = Put("k", "a", 0) with { Outcome = OperationOutcome.Unknown };
        Assert.Null(Check([], unknown));
        Assert.Null(Check([Set(1, "k", "a")], unknown));
        Assert.NotNull(Check([Set(1, "k", "a"), Set(2, "k", "a")], unknown));
    }

    [Fact]
    public void A_put_said_not_to_be_executed_that_was_is_found() =>
        Assert.NotNull(Check([Set(1, "k", "a")], Put("k", "a", 0) with { Outcome = OperationOutcome.NotExecuted }));

    [Fact]
    public void A_compare_and_set_that_ended_in_conflict_and_took_effect_is_found() =>
        Assert.NotNull(Check([Set(1, "k", "a")], Put("k", "a", 1) with { Kind = OperationKind.CompareAndSet, IsConflict = true }));

    [Fact]
    public void A_delete_that_was_acknowledged_and_is_nowhere_is_found() => Assert.NotNull(Check([Set(1, "k", "a")], Put("k", "a", 1), Delete("k", 2)));

    [Fact]
    public void A_change_that_nobody_made_is_found() => Assert.NotNull(Check([Set(1, "k", "a")]));

    [Fact]
    public void A_revision_without_change_is_found() => Assert.NotNull(Check([Set(1, "k", "a"), Set(3, "k", "b")], Put("k", "a", 1), Put("k", "b", 3)));

    [Fact]
    public void A_watch_that_tells_each_change_of_its_keys_once_in_order_is_fine() => Assert.Null(CheckWatch(Set(2, "k1", "b"), Set(3, "k2", "c")));

    [Fact]
    public void A_watch_that_skips_repeats_swaps_or_adds_is_found()
    {
        Assert.NotNull(CheckWatch(Set(3, "k2", "c")));
        Assert.NotNull(CheckWatch(Set(2, "k1", "b")));
        Assert.NotNull(CheckWatch(Set(2, "k1", "b"), Set(2, "k1", "b"), Set(3, "k2", "c")));
        Assert.NotNull(CheckWatch(Set(3, "k2", "c"), Set(2, "k1", "b")));
        Assert.NotNull(CheckWatch(Set(2, "k1", "b"), Set(3, "k2", "c"), Set(4, "l", "d")));
    }

    private static string? CheckWatch(params SeenChange[] seen) =>
        HistoryChecker.CheckWatch([Set(1, "k1", "a"), Set(2, "k1", "b"), Set(3, "k2", "c"), Set(4, "l", "d"), Set(5, "k1", "e")], seen, "k", from: 2, before: 5);

    private static string? Check(IReadOnlyList<SeenChange> changes, params Operation[] operations) => HistoryChecker.Check(changes, operations);

    private static SeenChange Set(long version, string key, string value) => new(version, key, value, TimeSpan.Zero);

    private static SeenChange Gone(long version, string key) => new(version, key, null, TimeSpan.Zero);

    private static Operation Put(string key, string value, long version) => new(1, OperationKind.Put, key, value, 1, 2, OperationOutcome.Done, null, version);

    private static Operation Delete(string key, long version) => new(1, OperationKind.Delete, key, null, 1, 2, OperationOutcome.Done, "1", version);
}
