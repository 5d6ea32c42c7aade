namespace AkkaRaft.StateMachines;

/// <summary>What a command may depend on besides the state: the same on all members, and again when the log is replayed.</summary>
public sealed class ApplyContext
{
    private readonly LogTimers _timers;
    private bool _isOver;

    internal ApplyContext(LogTimers timers, long index, long timestampMs, Random random)
    {
        _timers = timers;
        Index = index;
        // What no calendar has is the last that it has.
        Now = DateTimeOffset.FromUnixTimeMilliseconds(Math.Clamp(timestampMs, DateTimeOffset.MinValue.ToUnixTimeMilliseconds(), DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()));
        Random = random;
    }

    /// <summary>Index of the log entry that is applied. The commands of one client that were sent together have one entry.</summary>
    public long Index { get; }

    /// <summary>The log's time: the leader's clock when it took the entry. It never goes back.</summary>
    public DateTimeOffset Now { get; }

    /// <summary>Random numbers that follow from the log. Others can predict them: not for keys or passwords.</summary>
    public Random Random { get; }

    /// <summary>Sets a timer, or sets it anew: once the log's time has reached it, <c>OnTimer</c> is called. While no majority is there time stands still.</summary>
    /// <param name="name">One to 256 characters.</param>
    /// <param name="at">When; a time that has passed is due with the next entry.</param>
    /// <exception cref="ArgumentException">The name is empty, too long, or no Unicode.</exception>
    /// <exception cref="InvalidOperationException">There are 100 000 timers already; or the command for which this is has been applied.</exception>
    public void SetTimer(string name, DateTimeOffset at) => Timers.Set(name, at.ToUnixTimeMilliseconds());

    /// <summary>Takes a timer back.</summary>
    /// <returns>Whether it was set.</returns>
    /// <exception cref="InvalidOperationException">The command for which this is has been applied.</exception>
    public bool CancelTimer(string name) => Timers.Cancel(name);

    private LogTimers Timers => _isOver ? throw new InvalidOperationException("What a command does, it does while it is applied; its context is over.") : _timers;

    /// <summary>The command has been applied: what is done with this afterwards would be done on this member alone.</summary>
    internal void End() => _isOver = true;
}
