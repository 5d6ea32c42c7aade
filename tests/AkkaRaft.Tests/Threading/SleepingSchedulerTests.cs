using System.Collections.Concurrent;
using Akka.Actor;
using Akka.TestKit.Xunit2;
using AkkaRaft.Remoting.Threading;

namespace AkkaRaft.Tests.Threading;

public sealed class SleepingSchedulerTests : TestKit
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan Never = TimeSpan.FromHours(1);

    private readonly BlockingCollection<string> _done = [];

    public SleepingSchedulerTests() : base($"akka.loglevel = WARNING\nakka.scheduler.implementation = \"{typeof(SleepingScheduler).AssemblyQualifiedName}\"")
    {
    }

    private IScheduler Scheduler => Sys.Scheduler;

    private static TimeSpan Ms(int milliseconds) => TimeSpan.FromMilliseconds(milliseconds);

    private void Do(int delayMs, string what, ICancelable? cancelable = null) => Scheduler.Advanced.ScheduleOnce(Ms(delayMs), () => _done.Add(what), cancelable);

    private string Next() => _done.TryTake(out var what, Patience) ? what : throw new TimeoutException("Nothing was done.");

    [Fact]
    public void Nothing_comes_before_it_is_due()
    {
        for (var delay = 0; delay < 40; delay++)
        {
            var due = Scheduler.MonotonicClock + Ms(delay);
            Scheduler.ScheduleTellOnce(Ms(delay), TestActor, delay, TestActor);
            ExpectMsg(delay, Patience);
            Assert.True(Scheduler.MonotonicClock >= due);
        }
    }

    [Fact]
    public void One_that_is_due_sooner_wakes_it()
    {
        Scheduler.Advanced.ScheduleOnce(Never, () => _done.Add("never"));
        Do(5, "soon");
        Assert.Equal("soon", Next());
    }

    [Fact]
    public void What_is_cancelled_is_not_done()
    {
        using var cancelable = new Cancelable(Scheduler);
        Do(20, "cancelled", cancelable);
        Do(40, "kept");
        cancelable.Cancel();
        Assert.Equal("kept", Next());
        Assert.Empty(_done);
    }

    [Fact]
    public void What_is_done_again_and_again_ends_when_it_is_cancelled()
    {
        using var cancelable = new Cancelable(Scheduler);
        var times = 0;
        Scheduler.Advanced.ScheduleRepeatedly(
            Ms(1), Ms(1),
            () =>
            {
                _done.Add($"{++times}");
                if (times == 3) cancelable.Cancel();
            },
            cancelable);
        Assert.Equal(["1", "2", "3"], Enumerable.Range(0, 3).Select(_ => Next()));
        Do(30, "after");
        Assert.Equal("after", Next());
    }

    [Fact]
    public void What_fails_is_logged_and_the_rest_goes_on()
    {
        EventFilter.Exception<InvalidOperationException>("broken").ExpectOne(() =>
        {
            Scheduler.Advanced.ScheduleOnce(TimeSpan.Zero, () => throw new InvalidOperationException("broken"));
            Do(5, "goes on");
            Assert.Equal("goes on", Next());
        });
    }

    [Fact]
    public void What_is_scheduled_while_it_works_is_done()
    {
        Scheduler.Advanced.ScheduleOnce(Ms(1), () => Do(1, "inner"));
        Assert.Equal("inner", Next());
    }

    [Fact]
    public async Task At_the_end_what_is_left_is_done_at_once_the_soonest_first_and_nothing_more_is_taken()
    {
        var system = ActorSystem.Create("ending", Sys.Settings.Config);
        var scheduler = system.Scheduler.Advanced;
        scheduler.ScheduleOnce(3 * Never, () => _done.Add("third"));
        scheduler.ScheduleRepeatedly(2 * Never, Never, () => _done.Add("second"));
        scheduler.ScheduleOnce(Never, () => _done.Add("first"));
        for (var i = 0; i < 5; i++)
        {
            var name = $"{i}";
            scheduler.ScheduleOnce(4 * Never, () => _done.Add(name));
        }
        await system.Terminate().WaitAsync(Patience);
        Assert.Equal(["first", "second", "third", "0", "1", "2", "3", "4"], _done);
        Assert.Throws<SchedulerException>(() => scheduler.ScheduleOnce(TimeSpan.Zero, () => { }));
    }
}
