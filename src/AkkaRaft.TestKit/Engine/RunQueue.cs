using Akka.Dispatch;

namespace AkkaRaft.TestKit.Engine;

/// <summary>Whatever runs like one process: a member between two crashes, a client, or the simulation's own actors.</summary>
internal sealed class SimulatedProcess(string name, int? member)
{
    private readonly List<IRunnable> _held = [];
    private readonly List<Action> _heldActions = [];

    public string Name { get; } = name;

    public int? Member { get; } = member;

    /// <summary>What the state machine of a member runs in; it can stand still alone.</summary>
    public SimulatedProcess? StateMachine { get; init; }

    /// <summary>Of its actors; there once the first is created.</summary>
    public QueueDispatcher? Dispatcher { get; set; }

    /// <summary>It crashed: what it still had to do is never done.</summary>
    public bool IsDead { get; private set; }

    /// <summary>It stands still; what arrives for it waits.</summary>
    public bool IsPaused { get; private set; }

    public void Kill()
    {
        IsDead = true;
        _held.Clear();
        _heldActions.Clear();
    }

    public void Pause() => IsPaused = true;

    public void Resume(RunQueue queue)
    {
        IsPaused = false;
        foreach (var runnable in _held) queue.Enqueue(this, runnable);
        _held.Clear();
        foreach (var action in _heldActions.ToArray()) action();
        _heldActions.Clear();
    }

    public void Hold(IRunnable runnable) => _held.Add(runnable);

    /// <summary>Does something within the process: now, when it goes on, or never when it is dead.</summary>
    public void Within(Action action)
    {
        if (IsDead) return;
        if (IsPaused) _heldActions.Add(action);
        else action();
    }
}

/// <summary>The mailbox runs that wait; which is next is drawn from the seed, so that actors interleave in every order.</summary>
internal sealed class RunQueue(Random random)
{
    private readonly List<(SimulatedProcess Process, IRunnable Runnable)> _waiting = [];

    /// <summary>The process that runs, or in whose name something is done.</summary>
    public SimulatedProcess? Running { get; set; }

    public void Enqueue(SimulatedProcess process, IRunnable runnable)
    {
        if (process.IsDead) return;
        if (process.IsPaused) process.Hold(runnable);
        else _waiting.Add((process, runnable));
    }

    /// <summary>Runs one of them.</summary>
    /// <returns>Whose it was; null when none waits.</returns>
    public SimulatedProcess? RunOne()
    {
        while (_waiting.Count > 0)
        {
            var at = _waiting.Count == 1 ? 0 : random.Next(_waiting.Count);
            var (process, runnable) = _waiting[at];
            _waiting.RemoveAt(at);
            if (process.IsDead) continue;
            if (process.IsPaused)
            {
                process.Hold(runnable);
                continue;
            }
            Running = process;
            runnable.Run();
            return process;
        }
        return null;
    }
}
