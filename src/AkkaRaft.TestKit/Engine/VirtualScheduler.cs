using Akka.Actor;
using Akka.Configuration;
using Akka.Dispatch;
using Akka.Event;

namespace AkkaRaft.TestKit.Engine;

/// <summary>Akka's scheduler on the simulation's clock.</summary>
internal sealed class VirtualScheduler(Config scheduler, ILoggingAdapter log) : SchedulerBase(scheduler, log)
{
    public VirtualClock Clock { get; } = new();

    protected override DateTimeOffset TimeNow => VirtualClock.Epoch + Clock.Now;

    public override TimeSpan MonotonicClock => Clock.Now;

    public override TimeSpan HighResMonotonicClock => Clock.Now;

    protected override void InternalScheduleTellOnce(TimeSpan delay, ICanTell receiver, object message, IActorRef sender, ICancelable cancelable) =>
        Once(delay, cancelable, () => receiver.Tell(message, sender));

    protected override void InternalScheduleTellRepeatedly(TimeSpan initialDelay, TimeSpan interval, ICanTell receiver, object message, IActorRef sender, ICancelable cancelable) =>
        Repeatedly(initialDelay, interval, cancelable, () => receiver.Tell(message, sender));

    protected override void InternalScheduleOnce(TimeSpan delay, Action action, ICancelable cancelable) => Once(delay, cancelable, action);

    protected override void InternalScheduleOnce(TimeSpan delay, IRunnable action, ICancelable cancelable) => Once(delay, cancelable, action.Run);

    protected override void InternalScheduleRepeatedly(TimeSpan initialDelay, TimeSpan interval, Action action, ICancelable cancelable) =>
        Repeatedly(initialDelay, interval, cancelable, action);

    protected override void InternalScheduleRepeatedly(TimeSpan initialDelay, TimeSpan interval, IRunnable action, ICancelable cancelable) =>
        Repeatedly(initialDelay, interval, cancelable, action.Run);

    private void Once(TimeSpan delay, ICancelable? cancelable, Action action) => Clock.After(delay, () =>
    {
        if (cancelable?.IsCancellationRequested != true) action();
    });

    private void Repeatedly(TimeSpan delay, TimeSpan interval, ICancelable? cancelable, Action action) => Once(delay, cancelable, () =>
    {
        action();
        Repeatedly(interval, interval, cancelable, action);
    });
}
