using Akka.Event;
using Akka.TestKit.Xunit2;
using AkkaRaft.Remoting;

namespace AkkaRaft.Tests.Hosting;

public sealed class PeerWarningsTests : TestKit
{
    private readonly ManualClock _clock = new();

    [Fact]
    public void An_address_has_one_line_a_minute_and_what_came_meanwhile_is_counted()
    {
        Sys.EventStream.Subscribe(TestActor, typeof(Warning));
        var warnings = new PeerWarnings(Logging.GetLogger(Sys, "peers"), _clock);
        for (var i = 0; i < 100; i++) warnings.Warn("10.0.0.1", "It sent what it should not.");
        warnings.Warn("10.0.0.2", "Another did.");
        Assert.Equal("It sent what it should not.", ExpectMsg<Warning>().Message.ToString());
        Assert.Equal("Another did.", ExpectMsg<Warning>().Message.ToString());
        _clock.Advance(TimeSpan.FromMinutes(1));
        warnings.Warn("10.0.0.1", "Again.");
        Assert.Equal("Again. (Since the last such line 99 more.)", ExpectMsg<Warning>().Message.ToString());
    }

    [Fact]
    public void Many_addresses_have_few_lines()
    {
        Sys.EventStream.Subscribe(TestActor, typeof(Warning));
        var warnings = new PeerWarnings(Logging.GetLogger(Sys, "peers"), _clock);
        for (var i = 0; i < 5_000; i++) warnings.Warn($"{i}", $"{i}");
        for (var i = 0; i <= 1_024; i++) Assert.Equal($"{i}", ExpectMsg<Warning>().Message.ToString());
        warnings.Warn("last", "last");
        ExpectNoMsg(TimeSpan.Zero);
    }

    [Theory]
    [InlineData("plain", "'plain'")]
    [InlineData("a\r\n[ERROR] b", "'a\\u000d\\u000a[ERROR] b'")]
    [InlineData("\u001b[31mé'", "'\\u001b[31m\\u00e9\\u0027'")]
    public void What_a_peer_said_is_one_line(string said, string quoted) => Assert.Equal(quoted, PeerWarnings.Quote(said));

    [Fact]
    public void It_is_cut() => Assert.InRange(PeerWarnings.Quote(new string('\n', 1_000_000)).Length, 200, 210);
}
