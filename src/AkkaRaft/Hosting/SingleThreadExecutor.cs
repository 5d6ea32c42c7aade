using Akka.Configuration;
using Akka.Dispatch;

namespace AkkaRaft.Hosting;

/// <summary>
/// Runs a dispatcher's actors on one thread, which sleeps while there is nothing to do. Akka's own dedicated threads, and those of the .NET pool,
/// spin before they sleep; on few cores that takes the time of the members, and of the disk, that are waited for.
/// </summary>
internal sealed class SingleThreadExecutor : ExecutorService
{
    private readonly object _lock = new();
    private List<IRunnable> _queue = [];
    private bool _ends;

    private SingleThreadExecutor(string id)
        : base(id)
    {
        new Thread(Loop) { IsBackground = true, Name = id }.Start();
    }

    public override void Execute(IRunnable run)
    {
        lock (_lock)
        {
            if (_ends) throw new RejectedExecutionException($"The dispatcher {Id} has shut down.");
            _queue.Add(run);
            if (_queue.Count == 1) Monitor.Pulse(_lock);
        }
    }

    public override void Shutdown()
    {
        lock (_lock)
        {
            _ends = true;
            Monitor.Pulse(_lock);
        }
    }

    private void Loop()
    {
        List<IRunnable> taken = [];
        while (true)
        {
            lock (_lock)
            {
                while (_queue.Count == 0)
                {
                    if (_ends) return;
                    Monitor.Wait(_lock);
                }
                (taken, _queue) = (_queue, taken);
            }
            foreach (var run in taken) run.Run();
            taken.Clear();
        }
    }

    /// <summary>What <c>executor</c> names in a dispatcher's configuration.</summary>
    public sealed class Configurator(Config config, IDispatcherPrerequisites prerequisites) : ExecutorServiceConfigurator(config, prerequisites)
    {
        public override ExecutorService Produce(string id) => new SingleThreadExecutor(id);
    }
}
