using System.Diagnostics;
using AkkaRaft.Remoting.Threading;

namespace AkkaRaft.Tests.Threading;

public sealed class BootClockTests
{
    [Fact]
    public void The_clock_of_a_member_never_goes_back_and_advances_with_the_stopwatch()
    {
        var began = Stopwatch.GetTimestamp();
        var first = BootClock.Now;
        var last = first;
        for (var i = 0; i < 100_000; i++)
        {
            var now = BootClock.Now;
            Assert.True(now >= last);
            last = now;
        }
        while (BootClock.Now - first < TimeSpan.FromMilliseconds(5)) Thread.Yield();
        Assert.True(Stopwatch.GetElapsedTime(began) >= TimeSpan.FromMilliseconds(4));
    }

    [Fact]
    public void On_Linux_it_counts_the_time_that_the_machine_slept()
    {
        if (!OperatingSystem.IsLinux()) return;
        // Seconds since the start of the machine, sleep included, are the first word of /proc/uptime.
        var uptime = double.Parse(File.ReadAllText("/proc/uptime").Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture);
        Assert.InRange(BootClock.Now.TotalSeconds - uptime, -0.1, 60);
    }
}
