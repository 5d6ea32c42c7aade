namespace AkkaRaft.Client;

/// <summary>When a call's time is over. By a clock that nobody sets.</summary>
internal readonly struct Deadline
{
    private readonly TimeProvider _clock;
    private readonly long _begun;
    private readonly TimeSpan _time;

    private Deadline(TimeProvider clock, TimeSpan time) => (_clock, _begun, _time) = (clock, clock.GetTimestamp(), time);

    public static Deadline In(TimeSpan time, TimeProvider clock) => new(clock, time);

    public bool IsOver => Left <= TimeSpan.Zero;

    public TimeSpan Left => _time - _clock.GetElapsedTime(_begun);

    /// <summary>The time given, if so much is left; never none, so that what is asked last is asked at all.</summary>
    public TimeSpan AtMost(TimeSpan time)
    {
        var left = Left < time ? Left : time;
        return left > TimeSpan.FromMilliseconds(1) ? left : TimeSpan.FromMilliseconds(1);
    }
}
