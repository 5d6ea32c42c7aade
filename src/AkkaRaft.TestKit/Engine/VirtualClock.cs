namespace AkkaRaft.TestKit.Engine;

/// <summary>Virtual time, and what is to happen in it. It stands still while anything is left to run.</summary>
internal sealed class VirtualClock
{
    /// <summary>What the simulation's calendar shows at its beginning.</summary>
    public static readonly DateTimeOffset Epoch = new(2020, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly PriorityQueue<Action, (long Ticks, long Order)> _due = new();
    private long _order;

    public TimeSpan Now { get; private set; }

    public void At(TimeSpan time, Action action) => _due.Enqueue(action, (Math.Max(time.Ticks, Now.Ticks), _order++));

    public void After(TimeSpan delay, Action action) => At(Now + delay, action);

    /// <summary>Does what is due next, when that is no later than <paramref name="limit"/>; otherwise time goes on to the limit.</summary>
    /// <returns>Whether anything was due.</returns>
    public bool Advance(TimeSpan limit)
    {
        if (!_due.TryPeek(out var action, out var due) || due.Ticks > limit.Ticks)
        {
            if (limit > Now) Now = limit;
            return false;
        }
        _due.Dequeue();
        Now = TimeSpan.FromTicks(due.Ticks);
        action();
        return true;
    }
}
