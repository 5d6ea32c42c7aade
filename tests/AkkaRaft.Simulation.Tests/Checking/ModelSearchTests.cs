using AkkaRaft.Protocol;
using AkkaRaft.TestKit.Checking;

namespace AkkaRaft.Simulation.Tests.Checking;

/// <summary>The linearizability checker with a model of an application's own: a number that commands add to, and that queries read.</summary>
public sealed class ModelSearchTests
{
    private static readonly SequentialModel<int, int, int, string, int> Sum = SequentialModel.Of(
        0, (int sum, int add) => add >= 0 ? ModelStep.To(sum + add, sum + add) : throw new InvalidOperationException("less than nothing"), (int sum, string _) => sum);

    private static readonly List<StateMachineOperation<int, int, string, int>> None = [];

    private static StateMachineOperation<int, int, string, int> Add(long called, long answered, int add, int result) =>
        new(1, StateMachineCall<int, string>.OfCommand(add), called, answered, OperationOutcome.Done) { Result = result };

    private static StateMachineOperation<int, int, string, int> Lost(long called, int add) =>
        new(2, StateMachineCall<int, string>.OfCommand(add), called, long.MaxValue, OperationOutcome.Unknown);

    private static StateMachineOperation<int, int, string, int> Read(long called, long answered, int answer) =>
        new(3, "", called, answered, OperationOutcome.Done) { Answer = answer };

    [Fact]
    public void An_order_is_found_where_there_is_one()
    {
        Assert.Null(LinearizabilityChecker.Check(None, Sum));
        Assert.Null(LinearizabilityChecker.Check([Add(1, 4, 1, 3), Add(2, 3, 2, 2), Read(5, 6, 3)], Sum));
        // A read between two that overlap with it.
        Assert.Null(LinearizabilityChecker.Check([Add(1, 6, 1, 1), Add(2, 7, 2, 3), Read(3, 5, 1)], Sum));
    }

    [Fact]
    public void A_read_that_misses_what_was_answered_before_is_found_and_what_was_expected_is_told()
    {
        var found = LinearizabilityChecker.Check([Add(1, 2, 5, 5), Read(3, 4, 0)], Sum);
        Assert.Contains("this one fits nowhere:      3..4      client 3", found, StringComparison.Ordinal);
        Assert.Contains("the model has come to 5, and expects 5", found, StringComparison.Ordinal);
        // A local one may be old.
        Assert.Null(LinearizabilityChecker.Check([Add(1, 2, 5, 5), Read(3, 4, 0) with { Consistency = ReadConsistency.Local }], Sum));
    }

    [Fact]
    public void What_was_not_answered_has_happened_or_not_but_not_before_it_was_called_and_not_twice()
    {
        Assert.Null(LinearizabilityChecker.Check([Lost(1, 7), Add(2, 3, 1, 1), Read(4, 5, 8)], Sum));
        Assert.Null(LinearizabilityChecker.Check([Lost(1, 7), Add(2, 3, 1, 8), Read(4, 5, 8)], Sum));
        Assert.Null(LinearizabilityChecker.Check([Lost(1, 7), Add(2, 3, 1, 1), Read(4, 5, 1)], Sum));
        Assert.NotNull(LinearizabilityChecker.Check([Read(1, 2, 7), Lost(3, 7)], Sum));
        Assert.NotNull(LinearizabilityChecker.Check([Lost(1, 7), Read(2, 3, 14)], Sum));
        Assert.Null(LinearizabilityChecker.Check([Lost(1, 7), Lost(2, 7), Read(3, 4, 14)], Sum));
        // What was surely not executed.
        Assert.NotNull(LinearizabilityChecker.Check([Lost(1, 7) with { Outcome = OperationOutcome.NotExecuted }, Read(3, 4, 7)], Sum));
    }

    [Fact]
    public void What_the_model_throws_for_must_fail_and_nothing_else()
    {
        var failed = Add(1, 2, -1, 0) with { Failure = "The state machine 'sum' threw for it: InvalidOperationException: too little." };
        Assert.Null(LinearizabilityChecker.Check([failed, Read(3, 4, 0)], Sum));
        Assert.Contains("expects an exception", LinearizabilityChecker.Check([Add(1, 2, -1, -1)], Sum), StringComparison.Ordinal);
        Assert.NotNull(LinearizabilityChecker.Check([Add(1, 2, 1, 0) with { Failure = "The state machine 'sum' threw for it." }], Sum));
    }

    [Fact]
    public void What_the_log_says_is_tried_first_and_not_believed()
    {
        List<StateMachineOperation<int, int, string, int>> history = [Add(1, 4, 1, 3) with { Place = 0 }, Add(2, 3, 2, 2) with { Place = 1 }, Lost(1, 9) with { Place = 0 }];
        Assert.Null(LinearizabilityChecker.Check(history, Sum));
        Assert.NotNull(LinearizabilityChecker.Check([.. history, Read(5, 6, 4) with { Place = 0 }], Sum));
    }

    /// <summary>An order that is there is found among many that are not: 60 calls overlap, and of 40 more nobody knows.</summary>
    [Fact]
    public void Many_calls_at_once_are_put_in_order_and_a_search_without_end_says_so()
    {
        var random = new Random(7);
        var sum = 0;
        List<StateMachineOperation<int, int, string, int>> history = [];
        for (var i = 0; i < 100; i++)
        {
            var add = random.Next(1, 1_000);
            if (i % 5 > 2)
            {
                history.Add(Lost(i + 1, add));
                if (i % 5 == 3) sum += add;
            }
            else
            {
                history.Add(Add(i + 1, 1_000 + i, add, sum += add));
            }
        }
        Assert.Null(LinearizabilityChecker.Check(history, Sum));
        Assert.Contains("as far as 1000 beginnings of one tell", LinearizabilityChecker.Check([.. history, Read(2_000, 2_001, -1)], Sum with { MostTried = 1_000 }), StringComparison.Ordinal);
    }

    [Fact]
    public void With_parts_each_is_checked_alone()
    {
        var parts = Sum with { PartitionOf = call => call.IsQuery ? call.Query! : call.Command > 100 ? "large" : "small" };
        Assert.Null(LinearizabilityChecker.Check([Add(1, 2, 200, 200), Add(3, 4, 5, 5), Read(5, 6, 5) with { Call = "small" }], parts));
        Assert.Contains("the calls of 'small' cannot", LinearizabilityChecker.Check([Add(1, 2, 200, 200), Add(3, 4, 5, 205)], parts), StringComparison.Ordinal);
    }
}
