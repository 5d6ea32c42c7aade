namespace AkkaRaft.TestKit.Engine;

/// <summary>A machine's clock. It outlives the machine's processes, runs fast or slow, and never goes back.</summary>
internal sealed class MemberClock(VirtualClock time)
{
    private TimeSpan _shown;
    private TimeSpan _at;
    private double _rate = 1;

    public TimeSpan Now => _shown + (time.Now - _at) * _rate;

    /// <summary>How fast it runs: 1 as true time does.</summary>
    public void RunAt(double rate)
    {
        (_shown, _at) = (Now, time.Now);
        _rate = rate;
    }

    public void Jump(TimeSpan ahead) => _shown += ahead;
}
