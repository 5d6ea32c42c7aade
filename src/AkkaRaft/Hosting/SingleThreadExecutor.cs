using System.IO.Pipes;
using Akka.Configuration;
using Akka.Dispatch;

namespace AkkaRaft.Hosting;

/// <summary>
/// Runs a dispatcher's actors on one thread, which sleeps while there is nothing to do. Akka's own dedicated threads, and those of the .NET pool,
/// spin before they sleep; on few cores that takes the time of the members, and of the disk, that are waited for. It sleeps in a read of a pipe, since
/// a thread that sleeps in a monitor wakes into locks which its waker still holds: five changes of thread where a pipe needs one.
/// </summary>
internal sealed class SingleThreadExecutor : ExecutorService
{
    private readonly Lock _lock = new();
    private readonly AnonymousPipeServerStream _wakes = new(PipeDirection.In);
    private readonly AnonymousPipeClientStream _waker;
    private List<IRunnable> _queue = [];
    private bool _sleeps;
    private bool _ends;

    private SingleThreadExecutor(string id)
        : base(id)
    {
        _waker = new AnonymousPipeClientStream(PipeDirection.Out, _wakes.ClientSafePipeHandle);
        new Thread(Loop) { IsBackground = true, Name = id }.Start();
    }

    public override void Execute(IRunnable run)
    {
        bool slept;
        lock (_lock)
        {
            if (_ends) throw new RejectedExecutionException($"The dispatcher {Id} has shut down.");
            _queue.Add(run);
            (slept, _sleeps) = (_sleeps, false);
        }
        if (slept) _waker.WriteByte(0);
    }

    public override void Shutdown()
    {
        bool slept;
        lock (_lock)
        {
            _ends = true;
            (slept, _sleeps) = (_sleeps, false);
        }
        if (slept) _waker.WriteByte(0);
    }

    private void Loop()
    {
        List<IRunnable> taken = [];
        while (true)
        {
            lock (_lock)
            {
                if (_queue.Count == 0 && _ends) break;
                _sleeps = _queue.Count == 0;
                (taken, _queue) = (_queue, taken);
            }
            if (taken.Count == 0) _wakes.ReadByte();
            foreach (var run in taken) run.Run();
            taken.Clear();
        }
        _waker.Dispose();
        _wakes.Dispose();
    }

    /// <summary>What <c>executor</c> names in a dispatcher's configuration.</summary>
    public sealed class Configurator(Config config, IDispatcherPrerequisites prerequisites) : ExecutorServiceConfigurator(config, prerequisites)
    {
        public override ExecutorService Produce(string id) => new SingleThreadExecutor(id);
    }
}
