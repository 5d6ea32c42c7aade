using System.Diagnostics;

namespace AkkaRaft.Client;

/// <summary>When a call's time is over. By a clock that nobody sets.</summary>
internal readonly struct Deadline
{
    private readonly long _begun;
    private readonly TimeSpan _time;

    private Deadline(TimeSpan time) => (_begun, _time) = (Stopwatch.GetTimestamp(), time);

    public static Deadline In(TimeSpan time) => new(time);

    public bool IsOver => Left <= TimeSpan.Zero;

    public TimeSpan Left => _time - Stopwatch.GetElapsedTime(_begun);

    /// <summary>The time given, if so much is left; never none, so that what is asked last is asked at all.</summary>
    public TimeSpan AtMost(TimeSpan time)
    {
        var left = Left < time ? Left : time;
        return left > TimeSpan.FromMilliseconds(1) ? left : TimeSpan.FromMilliseconds(1);
    }
}
