using System.Diagnostics;
using Akka.Actor;
using Akka.Configuration;
using Akka.Dispatch;
using Akka.Event;

namespace AkkaRaft.Remoting.Threading;

/// <summary>
/// Akka's scheduler for an ActorSystem that AkkaRaft has to itself: one thread, which sleeps until something is due, to the millisecond.
/// Akka's own looks every tick, a hundred times a second by default, and each look wakes a timer's thread and one or two of the pool: more than half of what an idle member used.
/// </summary>
internal sealed class SleepingScheduler : SchedulerBase, IDisposable
{
    private readonly Lock _lock = new();
    private readonly long _began = Stopwatch.GetTimestamp();
    private readonly PriorityQueue<Item, (TimeSpan Due, long Order)> _items = new();
    private readonly AutoResetEvent _sooner = new(initialState: false);
    private readonly Thread _thread;
    private long _order;
    private bool _ends;

    /// <summary>As Akka creates it, from <c>akka.scheduler.implementation</c>.</summary>
    public SleepingScheduler(Config scheduler, ILoggingAdapter log)
        : base(scheduler, log)
    {
        _thread = new Thread(Loop) { IsBackground = true, Name = "akkaraft.scheduler" };
        _thread.Start();
    }

    public override TimeSpan MonotonicClock => Stopwatch.GetElapsedTime(_began);

    public override TimeSpan HighResMonotonicClock => MonotonicClock;

    protected override DateTimeOffset TimeNow => DateTimeOffset.UtcNow;

    protected override void InternalScheduleTellOnce(TimeSpan delay, ICanTell receiver, object message, IActorRef sender, ICancelable? cancelable) =>
        Add(delay, TimeSpan.Zero, () => receiver.Tell(message, sender), cancelable);

    protected override void InternalScheduleTellRepeatedly(TimeSpan initialDelay, TimeSpan interval, ICanTell receiver, object message, IActorRef sender, ICancelable? cancelable) =>
        Add(initialDelay, interval, () => receiver.Tell(message, sender), cancelable);

    protected override void InternalScheduleOnce(TimeSpan delay, Action action, ICancelable? cancelable) => Add(delay, TimeSpan.Zero, action, cancelable);

    protected override void InternalScheduleOnce(TimeSpan delay, IRunnable action, ICancelable? cancelable) => Add(delay, TimeSpan.Zero, action.Run, cancelable);

    protected override void InternalScheduleRepeatedly(TimeSpan initialDelay, TimeSpan interval, Action action, ICancelable? cancelable) =>
        Add(initialDelay, interval, action, cancelable);

    protected override void InternalScheduleRepeatedly(TimeSpan initialDelay, TimeSpan interval, IRunnable action, ICancelable? cancelable) =>
        Add(initialDelay, interval, action.Run, cancelable);

    private void Add(TimeSpan delay, TimeSpan interval, Action action, ICancelable? cancelable)
    {
        var due = MonotonicClock + delay;
        lock (_lock)
        {
            if (_ends) throw new SchedulerException("The scheduler has ended with its ActorSystem.");
            Enqueue(new Item(due, interval, action, cancelable));
            // The thread itself looks before it sleeps.
            if (_items.Peek().Due < due || Thread.CurrentThread == _thread) return;
        }
        _sooner.Set();
    }

    private void Enqueue(Item item) => _items.Enqueue(item, (item.Due, _order++));

    private void Loop()
    {
        while (true)
        {
            TimeSpan? pause = null;
            Item? due = null;
            lock (_lock)
            {
                if (_ends) return;
                if (_items.TryPeek(out var next, out _))
                {
                    pause = next.Due - MonotonicClock;
                    if (pause <= TimeSpan.Zero || next.IsCanceled) due = _items.Dequeue();
                }
            }
            if (due is not null) Run(due);
            else _sooner.WaitOne(pause is { } p ? (int)Math.Min(Math.Ceiling(p.TotalMilliseconds), int.MaxValue) : Timeout.Infinite);
        }
    }

    private void Run(Item item)
    {
        if (item.IsCanceled) return;
        try
        {
            // An idle member's alarm is its own business at once, on this thread.
            using (SerialExecutor.Visit()) item.Action();
        }
        catch (Exception e)
        {
            Log.Error(e, "What was scheduled failed.");
        }
        if (item.Interval == TimeSpan.Zero || item.IsCanceled) return;
        // One that was late is not made up for.
        var next = item.Due + item.Interval;
        lock (_lock) Enqueue(item with { Due = next > MonotonicClock ? next : MonotonicClock + item.Interval });
    }

    /// <summary>What is still scheduled is done now, as Akka's own scheduler does it.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_ends) return;
            _ends = true;
        }
        _sooner.Set();
        var timeout = SchedulerConfig.GetTimeSpan("akka.scheduler.shutdown-timeout");
        if (Thread.CurrentThread != _thread && !_thread.Join(timeout))
        {
            Log.Warning("What was scheduled still runs after {0}; what would come after it does not come.", timeout);
            return;
        }
        while (_items.TryDequeue(out var item, out _)) Run(item with { Interval = TimeSpan.Zero });
    }

    private sealed record Item(TimeSpan Due, TimeSpan Interval, Action Action, ICancelable? Cancelable)
    {
        public bool IsCanceled => Cancelable is { IsCancellationRequested: true };
    }
}
