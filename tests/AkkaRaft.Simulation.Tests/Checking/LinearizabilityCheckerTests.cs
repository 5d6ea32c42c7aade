using AkkaRaft.TestKit.Checking;
using CsCheck;

namespace AkkaRaft.Simulation.Tests.Checking;

public sealed class LinearizabilityCheckerTests
{
    [Fact]
    public void Calls_one_after_the_other_are_fine() => Assert.Null(Check(Put("a", 1, 2), Get("a", 3, 4), Delete("1", 5, 6), Get(null, 7, 8), Delete("0", 9, 10)));

    [Fact]
    public void A_read_beside_a_put_may_see_either_value() =>
        Assert.Null(Check(Put("a", 1, 2), Put("b", 3, 8), Get("a", 4, 5), Get("b", 6, 7)));

    [Fact]
    public void A_value_seen_is_not_unseen() => Assert.NotNull(Check(Put("a", 1, 2), Put("b", 3, 10), Get("b", 4, 5), Get("a", 6, 7)));

    [Fact]
    public void A_stale_read_is_found() => Assert.NotNull(Check(Put("a", 1, 2), Put("b", 3, 4), Get("a", 5, 6)));

    [Fact]
    public void A_lost_put_is_found() => Assert.NotNull(Check(Put("a", 1, 2), Get(null, 3, 4)));

    [Fact]
    public void A_value_read_before_it_is_put_is_found() => Assert.NotNull(Check(Get("a", 1, 2), Put("a", 3, 4)));

    [Fact]
    public void A_wrong_answer_to_a_delete_is_found() => Assert.NotNull(Check(Put("a", 1, 2), Delete("0", 3, 4)));

    [Fact]
    public void A_put_of_unknown_outcome_may_take_effect_late() =>
        Assert.Null(Check(Put("a", 1, 2), UnknownPut("b", 3), Get("a", 4, 5), Get("a", 6, 7), Get("b", 8, 9)));

    [Fact]
    public void A_put_of_unknown_outcome_takes_effect_once() =>
        Assert.NotNull(Check(UnknownPut("b", 1), Get("b", 2, 3), Put("a", 4, 5), Get("b", 6, 7)));

    [Fact]
    public void A_put_of_unknown_outcome_may_be_what_a_delete_found() => Assert.Null(Check(UnknownPut("b", 1), Delete("1", 2, 3)));

    [Fact]
    public void What_was_not_executed_must_not_be_seen() =>
        Assert.NotNull(Check(Put("a", 1, 2) with { Outcome = OperationOutcome.NotExecuted }, Get("a", 3, 4)));

    [Fact]
    public void A_compare_and_set_that_found_the_version_it_expected_is_fine() =>
        Assert.Null(Check(Put("a", 1, 2) with { Version = 7 }, Set("b", 7, 8, 3, 4), Get("b", 5, 6)));

    [Fact]
    public void A_compare_and_set_that_succeeds_against_another_version_is_found() =>
        Assert.NotNull(Check(Put("a", 1, 2) with { Version = 7 }, Put("c", 3, 4) with { Version = 8 }, Set("b", 7, 9, 5, 6)));

    [Fact]
    public void Two_compare_and_sets_that_succeed_against_one_version_are_found() =>
        Assert.NotNull(Check(Put("a", 1, 2) with { Version = 7 }, Set("b", 7, 8, 3, 6), Set("c", 7, 9, 4, 5)));

    [Fact]
    public void A_conflict_tells_what_the_key_holds()
    {
        Assert.Null(Check(Put("a", 1, 2) with { Version = 7 }, Conflict("a", 7, expected: 0, 3, 4)));
        Assert.NotNull(Check(Put("a", 1, 2) with { Version = 7 }, Conflict(null, 0, expected: 3, 3, 4)));
    }

    [Fact]
    public void A_conflict_with_the_version_expected_is_found() => Assert.NotNull(Check(Put("a", 1, 2) with { Version = 7 }, Conflict("a", 7, expected: 7, 3, 4)));

    [Fact]
    public void A_compare_and_set_of_unknown_outcome_took_effect_or_not()
    {
        var unknown = Set("b", 7, 0, 3, long.MaxValue) with { Outcome = OperationOutcome.Unknown };
        Assert.Null(Check(Put("a", 1, 2) with { Version = 7 }, unknown, Get("a", 4, 5), Get("b", 6, 8)));
        Assert.Null(Check(Put("a", 1, 2) with { Version = 7 }, unknown, Get("a", 4, 5)));
        Assert.NotNull(Check(Put("a", 1, 2) with { Version = 6 }, unknown, Get("b", 4, 5)));
    }

    [Fact]
    public void Versions_that_do_not_grow_along_the_order_are_found()
    {
        Assert.NotNull(Check(Put("a", 1, 2) with { Version = 8 }, Put("b", 3, 4) with { Version = 7 }));
        Assert.Null(Check(Put("a", 1, 4) with { Version = 8 }, Put("b", 2, 3) with { Version = 7 }, Get("a", 5, 6) with { Version = 8 }));
        Assert.NotNull(Check(Put("a", 1, 4) with { Version = 8 }, Put("b", 2, 3) with { Version = 7 }, Get("b", 5, 6) with { Version = 7 }));
        Assert.NotNull(Check(Put("a", 1, 2) with { Version = 7 }, Get("a", 3, 4) with { Version = 8 }));
    }

    [Fact]
    public void The_version_of_a_put_of_unknown_outcome_is_the_one_that_was_read() =>
        Assert.NotNull(Check(UnknownPut("b", 1), Get("b", 2, 3) with { Version = 5 }, Put("a", 4, 5) with { Version = 4 }));

    [Fact]
    public void Many_calls_of_unknown_outcome_that_do_the_same_are_not_tried_in_every_order()
    {
        List<Operation> history = [];
        for (var i = 0; i < 60; i++)
        {
            history.Add(UnknownDelete(10 * i));
            history.Add(UnknownPut($"u{i}", (10 * i) + 1));
            history.Add(Put($"p{i}", (10 * i) + 2, (10 * i) + 9) with { Version = i + 1 });
            history.Add(Delete(i % 3 == 0 ? "1" : "0", (10 * i) + 3, (10 * i) + 8));
        }
        // No order explains a value that nobody wrote, and all have to be tried to tell.
        history.Add(Get("nobody", 700, 701));
        Assert.NotNull(Check([.. history]));
    }

    [Fact]
    public void Changes_that_overlap_are_put_in_the_order_of_their_versions()
    {
        // Sixty of one pipeline, all open at once and answered in any order, then a read of the last: in the order of calls there are 60! beginnings.
        long[] versions = [.. Enumerable.Range(1, 60).Select(i => (i * 37L % 61) + 1)];
        Operation[] puts = [.. versions.Select((version, i) => Put($"{version}", i, 100 + (version * 7 % 61)) with { Client = i, Version = version })];
        var highest = versions.Max();
        Assert.Null(Check([.. puts, Get($"{highest}", 200, 201)]));
        Assert.NotNull(Check([.. puts, Get($"{highest - 1}", 200, 201)]));
    }

    // A put of unknown outcome has the version that its one reader tells, which trying every order does not know.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Small_histories_are_judged_as_by_trying_every_order(bool readsTellVersions) =>
        Histories(readsTellVersions).Sample(history => Check([.. history]) is null == AnyOrder(history), iter: 30_000);

    private static Gen<Operation[]> Histories(bool readsTellVersions) =>
        from count in Gen.Int[1, 6]
        from places in Gen.Shuffle(Enumerable.Range(1, 2 * count).Select(i => (long)i).ToArray())
        from operations in Gen.Select(Gen.Int[0, 2], Gen.Int[0, 2], Gen.Int[0, 5], Gen.Int[-3, 4]).Array[count]
        select operations.Select((o, i) => Make(readsTellVersions, o.Item1, o.Item2, o.Item3, Math.Max(o.Item4, 0), Math.Min(places[2 * i], places[(2 * i) + 1]), Math.Max(places[2 * i], places[(2 * i) + 1]))).ToArray();

    private static Operation Make(bool readsTellVersions, int kind, int value, int outcome, long version, long called, long answered)
    {
        var made = kind switch
        {
            0 => Put(value == 0 ? "a" : "b", called, answered),
            1 => Get(value switch { 0 => null, 1 => "a", _ => "b" }, called, answered),
            _ => Delete(value == 0 ? "0" : "1", called, answered),
        };
        if (outcome == 0 && !(readsTellVersions && kind == 0)) return made with { Outcome = OperationOutcome.Unknown, Answered = long.MaxValue };
        return kind == 0 || (readsTellVersions && kind == 1 && value != 0) ? made with { Version = version } : made;
    }

    private static bool AnyOrder(Operation[] history) => AnyOrder([.. history], null, 0, 0);

    private const long Unknown = -1;

    private static bool AnyOrder(List<Operation> left, string? state, long version, long highest)
    {
        if (left.All(o => o.Outcome != OperationOutcome.Done)) return true;
        foreach (var next in left.Where(o => left.All(other => other == o || other.Answered > o.Called)))
        {
            var fits = next.Outcome != OperationOutcome.Done || next.Kind switch
            {
                // A version that was not told is above all before it.
                OperationKind.Get => next.Result == state && (next.Version == 0 || next.Version == version || (version == Unknown && next.Version > highest)),
                OperationKind.Delete => next.Result == (state is null ? "0" : "1"),
                _ => next.Version == 0 || next.Version > highest,
            };
            var after = next.Kind switch { OperationKind.Put => next.Argument, OperationKind.Delete => null, _ => state };
            if (fits && AnyOrder([.. left.Where(o => !ReferenceEquals(o, next))], after, next.Kind switch { OperationKind.Get => version, OperationKind.Put when next.Outcome != OperationOutcome.Done => Unknown, _ => next.Version }, next.Kind == OperationKind.Get ? highest : Math.Max(highest, next.Version))) return true;
        }
        return false;
    }

    private static string? Check(params Operation[] history) => LinearizabilityChecker.Check(history);

    private static Operation Put(string value, long called, long answered) => new(1, OperationKind.Put, "k", value, called, answered, OperationOutcome.Done, null, 0);

    private static Operation UnknownDelete(long called) => new(2, OperationKind.Delete, "k", null, called, long.MaxValue, OperationOutcome.Unknown, null, 0);

    private static Operation UnknownPut(string value, long called) => new(2, OperationKind.Put, "k", value, called, long.MaxValue, OperationOutcome.Unknown, null, 0);

    private static Operation Get(string? value, long called, long answered) => new(3, OperationKind.Get, "k", null, called, answered, OperationOutcome.Done, value, 0);

    private static Operation Delete(string found, long called, long answered) => new(4, OperationKind.Delete, "k", null, called, answered, OperationOutcome.Done, found, 0);

    private static Operation Set(string value, long expected, long version, long called, long answered) =>
        new(3, OperationKind.CompareAndSet, "k", value, called, answered, OperationOutcome.Done, null, version) { ExpectedVersion = expected };

    private static Operation Conflict(string? found, long version, long expected, long called, long answered) =>
        new(3, OperationKind.CompareAndSet, "k", "set", called, answered, OperationOutcome.Done, found, version) { ExpectedVersion = expected, IsConflict = true };
}
