using Akka.Configuration;
using Akka.Dispatch;

namespace AkkaRaft.Remoting.Threading;

/// <summary>
/// Runs a dispatcher's actors one at a time: on a thread of its own, which sleeps while there is nothing to do, or on that of a visitor who brought them
/// something to do (<see cref="Visit"/>). Each change of thread that a message is spared is a wait less for its sender.
/// </summary>
/// <remarks>
/// Akka's own dedicated threads, and those of the .NET pool, spin before they sleep; on few cores that takes the time of the members, and of the disk, that are waited for.
/// </remarks>
internal sealed class SerialExecutor : ExecutorService
{
    // What then is still to be done is the own thread's: the visitor has work of its own.
    private const int MaxVisitRounds = 16;

    [ThreadStatic]
    private static bool _isVisiting;

    [ThreadStatic]
    private static List<SerialExecutor>? _visited;

    private readonly Lock _lock = new();
    private readonly PipeSignal _signal = new();
    private readonly bool _takesVisitors;
    private List<IRunnable> _queue = [];
    private List<IRunnable> _taken = [];
    private bool _isTaken;
    private bool _ends;

    private SerialExecutor(string id, bool takesVisitors)
        : base(id)
    {
        _takesVisitors = takesVisitors;
        new Thread(Loop) { IsBackground = true, Name = id }.Start();
    }

    /// <summary>
    /// What this thread gives, during the visit, to executors that are idle and take visitors is done at its end by this thread. Until then it waits,
    /// with all that others bring: a visit is for telling alone.
    /// </summary>
    public static Visitor Visit()
    {
        var isNested = _isVisiting;
        _isVisiting = true;
        return new Visitor(!isNested);
    }

    public override void Execute(IRunnable run)
    {
        lock (_lock)
        {
            if (_ends) throw new RejectedExecutionException($"The dispatcher {Id} has shut down.");
            _queue.Add(run);
            if (_isTaken) return;
            _isTaken = true;
        }
        if (_takesVisitors && _isVisiting) (_visited ??= []).Add(this);
        else _signal.Set();
    }

    public override void Shutdown()
    {
        bool isTaken;
        lock (_lock) (isTaken, _isTaken, _ends) = (_isTaken, true, true);
        if (!isTaken) _signal.Set();
    }

    private void Loop()
    {
        do _signal.Wait();
        while (RunAll());
        _signal.Dispose();
    }

    private bool RunAll()
    {
        while (true)
        {
            try
            {
                return Run(long.MaxValue);
            }
            catch (Exception e)
            {
                Failed(this, e);
            }
        }
    }

    /// <summary>A run is an actor's mailbox, which handles what its actor throws: what comes out of it is a fault, and no reason to leave the others undone.</summary>
    private static void Failed(SerialExecutor executor, Exception e) => Console.Error.WriteLine($"A run of the dispatcher {executor.Id} failed; the dispatcher goes on: {e}");

    /// <summary>To be called by whoever has taken it.</summary>
    /// <returns>Whether it is idle now, and free to be taken; if not, there is more to do, or it ends.</returns>
    private bool Run(long rounds)
    {
        for (; rounds > 0; rounds--)
        {
            lock (_lock)
            {
                if (_queue.Count == 0)
                {
                    _isTaken = _ends;
                    return !_ends;
                }
                (_taken, _queue) = (_queue, _taken);
            }
            RunTaken();
        }
        return false;
    }

    private void RunTaken()
    {
        var done = 0;
        try
        {
            for (; done < _taken.Count; done++) _taken[done].Run();
        }
        catch
        {
            // What was taken with it is still to be done, before what came later; whoever runs it next finds it there.
            lock (_lock) _queue.InsertRange(0, _taken.Skip(done + 1));
            throw;
        }
        finally
        {
            _taken.Clear();
        }
    }

    /// <summary>A thread that visits; the visit ends when it is disposed.</summary>
    public readonly ref struct Visitor(bool isOutermost)
    {
        /// <summary>Does what was given to executors that were idle.</summary>
        public void Dispose()
        {
            if (!isOutermost) return;
            _isVisiting = false;
            if (_visited is not { } visited) return;
            _visited = null;
            foreach (var executor in visited)
            {
                // Whatever is thrown is its run's, and the others have been taken too: the executor's own thread goes on with the rest.
                var isIdle = false;
                try
                {
                    isIdle = executor.Run(MaxVisitRounds);
                }
                catch (Exception e)
                {
                    Failed(executor, e);
                }
                if (!isIdle) executor._signal.Set();
            }
        }
    }

    /// <summary>What <c>executor</c> names in a dispatcher's configuration; <c>takes-visitors</c> is for actors that never wait, for a disk or otherwise.</summary>
    public sealed class Configurator(Config config, IDispatcherPrerequisites prerequisites) : ExecutorServiceConfigurator(config, prerequisites)
    {
        public override ExecutorService Produce(string id) => new SerialExecutor(id, Config.GetBoolean("takes-visitors"));
    }
}
