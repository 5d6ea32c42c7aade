using Akka.Actor.Setup;
using Akka.Configuration;
using Akka.Dispatch;

namespace AkkaRaft.TestKit.Engine;

/// <summary>How the actors that Akka creates for a simulation find it.</summary>
internal sealed class SimulationSetup(RunQueue queue, Journaling.VirtualDisks disks) : Setup
{
    public RunQueue Queue { get; } = queue;

    public Journaling.VirtualDisks Disks { get; } = disks;

    /// <summary>Runs what belongs to no member and no client.</summary>
    public SimulatedProcess Everything { get; } = new("system", null);
}

/// <summary>Makes the dispatchers of a simulation's ActorSystem put each mailbox run into the simulation's queue.</summary>
internal sealed class QueueDispatcherConfigurator : MessageDispatcherConfigurator
{
    private readonly RunQueue _queue;
    private readonly Func<SimulatedProcess> _processOf;

    /// <summary>For what Akka's own configuration names.</summary>
    public QueueDispatcherConfigurator(Config config, IDispatcherPrerequisites prerequisites)
        : base(config, prerequisites)
    {
        var setup = prerequisites.Settings.Setup.Get<SimulationSetup>().Value;
        _queue = setup.Queue;
        _processOf = () => setup.Everything;
    }

    /// <summary>Under one id for all processes, since Akka works settings out of its configuration anew for each id.</summary>
    /// <param name="prerequisites">Akka's.</param>
    /// <param name="queue">What the dispatchers put into.</param>
    /// <param name="processOf">The process that an actor belongs to which is created now.</param>
    public QueueDispatcherConfigurator(IDispatcherPrerequisites prerequisites, RunQueue queue, Func<SimulatedProcess> processOf)
        : base(Config.Empty, prerequisites)
    {
        _queue = queue;
        _processOf = processOf;
    }

    public override MessageDispatcher Dispatcher()
    {
        var process = _processOf();
        return process.Dispatcher ??= new QueueDispatcher(this, _queue, process);
    }
}

/// <summary>One message a run, so that the seed decides on every order.</summary>
internal sealed class QueueDispatcher : MessageDispatcher
{
    private readonly RunQueue _queue;
    private readonly SimulatedProcess _process;

    public QueueDispatcher(MessageDispatcherConfigurator configurator, RunQueue queue, SimulatedProcess process)
        : base(configurator)
    {
        _queue = queue;
        _process = process;
        Throughput = 1;
    }

    protected override void ExecuteTask(IRunnable run) => _queue.Enqueue(_process, run);

    protected override void Shutdown()
    {
    }
}
