using System.Diagnostics;
using System.Runtime.InteropServices;

namespace AkkaRaft.Remoting.Threading;

/// <summary>
/// Time since the machine was started, the time that it slept included: a lease that ended while a laptop or a virtual machine was suspended has ended
/// when it resumes. .NET's <see cref="Stopwatch"/> stands still meanwhile on Linux (CLOCK_MONOTONIC) and macOS (CLOCK_UPTIME_RAW); on Windows it does not.
/// </summary>
internal static class BootClock
{
    private const int LinuxBootTime = 7;
    private const int MacMonotonicRaw = 4;

    private static readonly int? Clock =
        OperatingSystem.IsLinux() && Works(LinuxBootTime) ? LinuxBootTime
        : OperatingSystem.IsMacOS() && Works(MacMonotonicRaw) ? MacMonotonicRaw
        : null;

    /// <summary>This clock, with the system's timers, which stand still while the machine sleeps.</summary>
    public static TimeProvider Provider { get; } = new BootTime();

    /// <summary>Never goes back.</summary>
    public static TimeSpan Now => Clock is { } clock && GetTime(clock, out var time) == 0 ? time.Elapsed : Stopwatch.GetElapsedTime(0);

    private static bool Works(int clock) => GetTime(clock, out _) == 0;

    [DllImport("libc", EntryPoint = "clock_gettime")]
    private static extern int GetTime(int clock, out TimeSpec time);

    private sealed class BootTime : TimeProvider
    {
        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.Ticks;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct TimeSpec
    {
        public nint Seconds;
        public nint Nanoseconds;

        public readonly TimeSpan Elapsed => new(Seconds * TimeSpan.TicksPerSecond + Nanoseconds / TimeSpan.NanosecondsPerTick);
    }
}
