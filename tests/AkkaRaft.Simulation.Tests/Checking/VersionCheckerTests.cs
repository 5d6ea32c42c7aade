using AkkaRaft.TestKit.Checking;

namespace AkkaRaft.Simulation.Tests.Checking;

public sealed class VersionCheckerTests
{
    [Fact]
    public void Growing_versions_are_fine() => Assert.Null(Check(Put("k", "a", 1, 1, 2), Get("k", "a", 1, 3, 4), Put("l", "b", 2, 5, 6), Get("k", "a", 1, 7, 8)));

    [Fact]
    public void A_later_put_with_a_lower_version_is_found() => Assert.NotNull(Check(Put("k", "a", 2, 1, 2), Put("l", "b", 1, 3, 4)));

    [Fact]
    public void Puts_at_the_same_time_may_come_in_any_order() => Assert.Null(Check(Put("k", "a", 2, 1, 4), Put("l", "b", 1, 2, 3)));

    [Fact]
    public void One_version_for_two_puts_is_found() => Assert.NotNull(Check(Put("k", "a", 1, 1, 4), Put("l", "b", 1, 2, 3)));

    [Fact]
    public void A_key_that_goes_back_is_found() => Assert.NotNull(Check(Get("k", "b", 5, 1, 2), Get("k", "a", 4, 3, 4)));

    [Fact]
    public void A_version_of_another_value_is_found() => Assert.NotNull(Check(Put("k", "a", 1, 1, 2), Get("k", "b", 1, 3, 4)));

    private static string? Check(params Operation[] history) => VersionChecker.Check(history);

    private static Operation Put(string key, string value, long version, long called, long answered) =>
        new(1, OperationKind.Put, key, value, called, answered, OperationOutcome.Done, null, version);

    private static Operation Get(string key, string? value, long version, long called, long answered) =>
        new(2, OperationKind.Get, key, null, called, answered, OperationOutcome.Done, value, version);
}
