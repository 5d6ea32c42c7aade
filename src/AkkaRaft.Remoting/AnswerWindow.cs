using Akka.Actor;

namespace AkkaRaft.Remoting;

/// <summary>
/// How much of what another process asked for is under way to its connection. Beyond that what it asks waits: answers are made faster than they are
/// written, and would pile up between the two.
/// </summary>
/// <param name="answering">Told with <see cref="Reopened"/> once there is room again.</param>
/// <param name="asker">The process.</param>
internal sealed class AnswerWindow(IActorRef answering, Address asker)
{
    /// <summary>Most bytes that are under way, give or take an answer.</summary>
    public const int MaxBytes = 4 * 1024 * 1024;

    private const int MaxWaiting = 10_000;
    // Of an answer that is lost on its way nobody tells.
    private static readonly TimeSpan MaxStandstill = TimeSpan.FromSeconds(5);

    private readonly Queue<Action> _waiting = new();
    private TimeSpan _movedAt;
    private long _bytes;
    private int _wakes;

    /// <summary>Whether what it asks next has to wait.</summary>
    public bool IsFull => _waiting.Count > 0 || Volatile.Read(ref _bytes) >= MaxBytes;

    /// <summary>Whether nothing is under way, and nothing waits.</summary>
    public bool IsIdle => _waiting.Count == 0 && Volatile.Read(ref _bytes) == 0;

    /// <summary>Whether nothing was written for so long that what was under way has been lost.</summary>
    public bool StandsStill(TimeSpan now) => now - _movedAt > MaxStandstill;

    /// <summary>An answer is under way.</summary>
    public CountedAnswer Count(int bytes, TimeSpan now)
    {
        if (Volatile.Read(ref _bytes) == 0) _movedAt = now;
        Interlocked.Add(ref _bytes, bytes);
        return new CountedAnswer(this, bytes);
    }

    /// <summary>Lets what gives an answer wait.</summary>
    /// <returns>False when too many wait already.</returns>
    public bool TryAdd(Action answer)
    {
        if (_waiting.Count == MaxWaiting) return false;
        _waiting.Enqueue(answer);
        AwaitRoom();
        return true;
    }

    /// <summary>Gives the answers that waited, as long as there is room.</summary>
    public void GoOn(TimeSpan now)
    {
        _movedAt = now;
        while (Volatile.Read(ref _bytes) < MaxBytes && _waiting.TryDequeue(out var answer)) answer();
        if (_waiting.Count > 0) AwaitRoom();
    }

    /// <summary>An answer is with its connection, which counts it from here on; called from any thread.</summary>
    public void Wrote(int bytes)
    {
        if (Interlocked.Add(ref _bytes, -bytes) <= MaxBytes / 2) Wake();
    }

    private void AwaitRoom()
    {
        Interlocked.Exchange(ref _wakes, 1);
        // It may have been made just before.
        if (Volatile.Read(ref _bytes) <= MaxBytes / 2) Wake();
    }

    private void Wake()
    {
        if (Interlocked.Exchange(ref _wakes, 0) == 1) answering.Tell(new Reopened(asker), ActorRefs.NoSender);
    }

    /// <summary>There is room for answers to that process again.</summary>
    public sealed record Reopened(Address Asker);
}

/// <summary>Where an answer is counted until it is written.</summary>
internal readonly record struct CountedAnswer(AnswerWindow Window, int Bytes)
{
    /// <summary>It is written, or will never be.</summary>
    public void Wrote() => Window?.Wrote(Bytes);
}

/// <summary>An answer that may be large.</summary>
internal interface ILargeAnswer
{
    /// <summary>Nothing for one that is not counted.</summary>
    CountedAnswer Counted { get; }
}

/// <summary>The windows of those that ask an actor for what is large; a process without one has none of it under way.</summary>
/// <param name="answering">The actor.</param>
/// <param name="clock">Its time; looked at only where something is under way.</param>
internal sealed class AnswerWindows(IActorRef answering, Func<TimeSpan> clock)
{
    // Those of whom nothing is under way are forgotten then; the others have a connection, of which there are not many more.
    private const int MaxWindows = 1_000;

    private readonly Dictionary<Address, AnswerWindow> _windows = [];
    private int _forgetsAt = MaxWindows;

    /// <summary>Counts an answer that is under way, unless the asker is of this process.</summary>
    public CountedAnswer Count(IActorRef asker, int bytes)
    {
        var address = asker.Path.Address;
        if (address.HasLocalScope) return default;
        if (!_windows.TryGetValue(address, out var window))
        {
            if (_windows.Count >= _forgetsAt)
            {
                foreach (var (idle, _) in _windows.Where(known => known.Value.IsIdle).ToList()) _windows.Remove(idle);
                // Not each time, where few are.
                _forgetsAt = Math.Max(MaxWindows, 2 * _windows.Count);
            }
            _windows.Add(address, window = new AnswerWindow(answering, address));
        }
        return window.Count(bytes, clock());
    }

    /// <summary>Whether an answer must wait for those before.</summary>
    public bool IsFull(IActorRef asker)
    {
        if (_windows.Count == 0 || !_windows.TryGetValue(asker.Path.Address, out var window) || !window.IsFull) return false;
        if (!window.StandsStill(clock())) return true;
        _windows.Remove(asker.Path.Address);
        return false;
    }

    /// <summary>Lets an answer wait, where <see cref="IsFull"/>.</summary>
    /// <returns>False when too many wait already.</returns>
    public bool TryAdd(IActorRef asker, Action answer) => _windows[asker.Path.Address].TryAdd(answer);

    public void GoOn(AnswerWindow.Reopened reopened)
    {
        if (_windows.TryGetValue(reopened.Asker, out var window)) window.GoOn(clock());
    }

    /// <summary>Forgets a process whose connection is gone, and what it waited for.</summary>
    /// <param name="address">As <c>host:port</c>.</param>
    public void Remove(string address)
    {
        foreach (var asker in _windows.Keys.Where(asker => Addresses.Join(asker).Equals(address, StringComparison.OrdinalIgnoreCase)).ToList()) _windows.Remove(asker);
    }
}
