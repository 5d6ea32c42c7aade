using Akka.Actor;

namespace AkkaRaft.StateMachine;

/// <summary>
/// How much of what another process asked for is told and not yet written to its connection. Beyond that its queries wait: answers are made
/// faster than they are written, and would pile up between the two.
/// </summary>
/// <param name="stateMachine">Told with <see cref="Reopened"/> once there is room again.</param>
/// <param name="asker">The process.</param>
internal sealed class AnswerWindow(IActorRef stateMachine, Address asker)
{
    /// <summary>An answer below this is not counted: it costs no more than the query did.</summary>
    public const int CountedBytes = 16 * 1024;

    /// <summary>Most bytes that are told and not written, give or take an answer.</summary>
    public const int MaxBytes = 4 * 1024 * 1024;

    private const int MaxWaiting = 10_000;
    // Of an answer that is lost on its way nobody tells.
    private static readonly TimeSpan MaxStandstill = TimeSpan.FromSeconds(5);

    private readonly Queue<Action> _waiting = new();
    private TimeSpan _movedAt;
    private long _bytes;
    private int _wakes;

    /// <summary>Whether its next query has to wait.</summary>
    public bool IsFull => _waiting.Count > 0 || Volatile.Read(ref _bytes) >= MaxBytes;

    /// <summary>Whether nothing was written for so long that what was told has been lost, with the connection or by a leader that stepped down.</summary>
    public bool StandsStill(TimeSpan now) => now - _movedAt > MaxStandstill;

    /// <summary>An answer is about to be told.</summary>
    public void Tells(int bytes, TimeSpan now)
    {
        if (Volatile.Read(ref _bytes) == 0) _movedAt = now;
        Interlocked.Add(ref _bytes, bytes);
    }

    /// <summary>Lets what gives an answer wait.</summary>
    /// <returns>False when too many wait already.</returns>
    public bool TryAdd(Action answers)
    {
        if (_waiting.Count == MaxWaiting) return false;
        _waiting.Enqueue(answers);
        AwaitRoom();
        return true;
    }

    /// <summary>Gives the answers that waited, as long as there is room.</summary>
    public void GoOn(TimeSpan now)
    {
        _movedAt = now;
        while (Volatile.Read(ref _bytes) < MaxBytes && _waiting.TryDequeue(out var answers)) answers();
        if (_waiting.Count > 0) AwaitRoom();
    }

    private void AwaitRoom()
    {
        Interlocked.Exchange(ref _wakes, 1);
        // It may have been made just before.
        if (Volatile.Read(ref _bytes) <= MaxBytes / 2) Wake();
    }

    /// <summary>An answer is on its way; called from any thread.</summary>
    public void Wrote(int bytes)
    {
        if (Interlocked.Add(ref _bytes, -bytes) <= MaxBytes / 2) Wake();
    }

    private void Wake()
    {
        if (Interlocked.Exchange(ref _wakes, 0) == 1) stateMachine.Tell(new Reopened(asker), ActorRefs.NoSender);
    }

    /// <summary>There is room for answers to that process again.</summary>
    public sealed record Reopened(Address Asker);
}
