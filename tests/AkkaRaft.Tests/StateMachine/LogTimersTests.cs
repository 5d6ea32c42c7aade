using AkkaRaft.StateMachines;

namespace AkkaRaft.Tests.StateMachine;

/// <summary>Which timers go off at which time, and in which order.</summary>
public sealed class LogTimersTests
{
    private readonly LogTimers _timers = new();

    [Fact]
    public void None_is_due_when_none_is_set()
    {
        Assert.Null(_timers.NextDueMs);
        Assert.Empty(_timers.TakeDue(long.MaxValue));
        Assert.Empty(_timers.All);
    }

    [Fact]
    public void A_timer_is_due_at_its_time_and_not_before_and_once()
    {
        _timers.Set("a", 100);
        Assert.Empty(_timers.TakeDue(99));
        Assert.Equal(["a"], _timers.TakeDue(100));
        Assert.Empty(_timers.TakeDue(long.MaxValue));
    }

    [Fact]
    public void They_go_off_in_the_order_of_time_and_then_of_names_as_their_code_units_are()
    {
        foreach (var (name, at) in new[] { ("b", 5L), ("\u00e4", 5L), ("a", 7L), ("B", 5L), ("c", -3L), ("aa", 5L) }) _timers.Set(name, at);
        string[] order = ["c", "B", "aa", "b", "\u00e4", "a"];
        Assert.Equal(order, _timers.All.Select(timer => timer.Name));
        Assert.Equal(order, _timers.TakeDue(7));
    }

    [Fact]
    public void The_next_time_is_that_of_the_first_one_left()
    {
        _timers.Set("late", 20);
        Assert.Equal(20, _timers.NextDueMs);
        _timers.Set("early", 10);
        Assert.Equal(10, _timers.NextDueMs);
        Assert.Single(_timers.TakeDue(10));
        Assert.Equal(20, _timers.NextDueMs);
        _timers.Cancel("late");
        Assert.Null(_timers.NextDueMs);
    }

    [Theory]
    [InlineData(5)]
    [InlineData(10)]
    [InlineData(15)]
    public void A_timer_that_is_set_anew_goes_off_at_its_last_time_alone(long at)
    {
        _timers.Set("a", 10);
        _timers.Set("a", at);
        Assert.Equal([(at, "a")], _timers.All);
        Assert.Empty(_timers.TakeDue(at - 1));
        Assert.Equal(["a"], _timers.TakeDue(at));
        Assert.Empty(_timers.TakeDue(long.MaxValue));
    }

    [Fact]
    public void A_timer_that_is_cancelled_does_not_go_off()
    {
        _timers.Set("a", 10);
        _timers.Set("b", 10);
        Assert.True(_timers.Cancel("a"));
        Assert.False(_timers.Cancel("a"));
        Assert.False(_timers.Cancel("none"));
        Assert.Equal(["b"], _timers.TakeDue(10));
        Assert.False(_timers.Cancel("b"));
    }

    [Fact]
    public void A_name_has_1_to_256_characters()
    {
        Assert.Throws<ArgumentNullException>(() => _timers.Set(null!, 1));
        Assert.Throws<ArgumentException>(() => _timers.Set("", 1));
        Assert.Contains("257", Assert.Throws<ArgumentException>(() => _timers.Set(new string('x', 257), 1)).Message, StringComparison.Ordinal);
        _timers.Set(new string('x', 256), 1);
        Assert.Single(_timers.All);
    }

    [Fact]
    public void Beyond_the_most_timers_only_one_that_is_set_can_be_set()
    {
        for (var i = 0; i < LogTimers.MostTimers; i++) _timers.Set($"{i}", i);
        Assert.Throws<InvalidOperationException>(() => _timers.Set("one more", 1));
        _timers.Set("7", -1);
        Assert.Equal(-1, _timers.NextDueMs);
        Assert.Equal(LogTimers.MostTimers, _timers.All.Count());
        _timers.Cancel("8");
        _timers.Set("one more", 1);
    }
}
