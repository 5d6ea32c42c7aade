using AkkaRaft.Remoting;

namespace AkkaRaft.Tests.Hosting;

public sealed class HandshakeRateTests
{
    private const int Burst = 10;
    private const int PerSecond = 4;

    private readonly ManualClock _clock = new();
    private readonly HandshakeRate _rate;

    public HandshakeRateTests() => _rate = new HandshakeRate(Burst, PerSecond, _clock);

    [Fact]
    public void There_are_many_at_once_and_then_few_a_second()
    {
        Assert.Equal(Burst, Taken("a", 100));
        _clock.Advance(TimeSpan.FromSeconds(0.2));
        Assert.Equal(0, Taken("a", 1));
        _clock.Advance(TimeSpan.FromSeconds(0.9));
        Assert.Equal(PerSecond, Taken("a", 100));
        _clock.Advance(TimeSpan.FromHours(1));
        Assert.Equal(Burst, Taken("a", 100));
    }

    [Fact]
    public void One_origin_takes_nothing_from_another()
    {
        Taken("a", 100);
        Assert.Equal(Burst, Taken("b", 100));
    }

    [Fact]
    public void Origins_without_number_share_what_one_has()
    {
        for (var i = 0; i < 1_024; i++) Assert.True(_rate.TryTake($"{i}"));
        Assert.Equal(Burst, Enumerable.Range(2_000, 1_000).Count(i => _rate.TryTake($"{i}")));
        // Those that have not come for long are forgotten.
        _clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(1_000, Enumerable.Range(2_000, 1_000).Count(i => _rate.TryTake($"{i}")));
    }

    private int Taken(string origin, int tries) => Enumerable.Range(0, tries).Count(_ => _rate.TryTake(origin));
}
