using Akka.Actor;
using Akka.TestKit.Xunit2;
using AkkaRaft.Remoting;

namespace AkkaRaft.Tests.StateMachine;

public sealed class AnswerWindowTests : TestKit
{
    private static readonly Address Asker = new("akka.tcp", "app", "127.0.0.1", 4711);
    private readonly AnswerWindow _window;
    private TimeSpan _now;

    public AnswerWindowTests() => _window = new AnswerWindow(TestActor, Asker);

    [Fact]
    public void What_is_beyond_it_waits_until_half_is_written_and_is_answered_in_order()
    {
        for (var i = 0; i < 4; i++) Tell();
        Assert.True(_window.IsFull);
        List<int> answered = [];
        for (var i = 0; i < 6; i++)
        {
            var number = i;
            Assert.True(_window.TryAdd(() =>
            {
                answered.Add(number);
                Tell();
            }));
        }

        _window.Wrote(Quarter);
        ExpectNoMsg(TimeSpan.Zero);
        _window.Wrote(Quarter);
        Assert.Equal(Asker, ExpectMsg<AnswerWindow.Reopened>().Asker);
        _window.GoOn(TimeSpan.Zero);
        Assert.Equal([0, 1], answered);

        for (var i = 0; i < 4; i++) _window.Wrote(Quarter);
        ExpectMsg<AnswerWindow.Reopened>();
        _window.GoOn(TimeSpan.Zero);
        Assert.Equal([0, 1, 2, 3, 4, 5], answered);
        ExpectNoMsg(TimeSpan.Zero);
    }

    [Fact]
    public void Whoever_waits_when_there_is_room_already_is_woken()
    {
        for (var i = 0; i < 4; i++) Tell();
        for (var i = 0; i < 4; i++) _window.Wrote(Quarter);
        Assert.True(_window.TryAdd(() => { }));
        ExpectMsg<AnswerWindow.Reopened>();
    }

    [Fact]
    public void What_waits_is_kept_however_many_others_ask()
    {
        var windows = new AnswerWindows(TestActor, () => _now);
        var waits = new Elsewhere(Asker, Sys);
        var counted = windows.Count(waits, 2 * AnswerWindow.MaxBytes);
        Assert.True(windows.IsFull(waits));
        var answered = false;
        Assert.True(windows.TryAdd(waits, () => answered = true));
        for (var i = 0; i < 5_000; i++) windows.Count(new Elsewhere(Asker.WithHost($"other-{i}"), Sys), 1).Wrote();
        Assert.True(windows.IsFull(waits));
        counted.Wrote();
        windows.GoOn(ExpectMsg<AnswerWindow.Reopened>());
        Assert.True(answered);
    }

    [Fact]
    public void So_many_wait_and_no_more()
    {
        for (var i = 0; i < 4; i++) Tell();
        var waiting = 0;
        while (waiting < 100_000 && _window.TryAdd(() => { })) waiting++;
        Assert.Equal(10_000, waiting);
    }

    [Fact]
    public void It_stands_still_when_nothing_is_written_for_long()
    {
        for (var i = 0; i < 4; i++) Tell();
        Assert.False(_window.StandsStill(TimeSpan.FromSeconds(5)));
        Assert.True(_window.StandsStill(TimeSpan.FromSeconds(6)));
    }

    [Fact]
    public void Each_process_has_one_until_its_connection_ends_and_this_one_has_none()
    {
        var windows = new AnswerWindows(TestActor, () => _now);
        var (asker, other) = (Sys.ActorSelection("/").Anchor, new Elsewhere(Asker, Sys));
        Assert.Equal(default, windows.Count(asker, AnswerWindow.MaxBytes));
        Assert.False(windows.IsFull(asker));
        windows.Count(other, AnswerWindow.MaxBytes);
        Assert.True(windows.IsFull(other));
        Assert.False(windows.IsFull(new Elsewhere(Asker.WithPort(4712), Sys)));
        var answered = 0;
        Assert.True(windows.TryAdd(other, () => answered++));
        windows.Remove("127.0.0.1:4711");
        windows.GoOn(new AnswerWindow.Reopened(Asker));
        Assert.False(windows.IsFull(other));
        Assert.Equal(0, answered);
    }

    [Fact]
    public void What_was_lost_on_its_way_is_forgotten_in_time()
    {
        var windows = new AnswerWindows(TestActor, () => _now);
        var asker = new Elsewhere(Asker, Sys);
        windows.Count(asker, AnswerWindow.MaxBytes);
        _now = TimeSpan.FromSeconds(5);
        Assert.True(windows.IsFull(asker));
        _now = TimeSpan.FromSeconds(6);
        Assert.False(windows.IsFull(asker));
    }

    private const int Quarter = AnswerWindow.MaxBytes / 4;

    private void Tell() => _window.Count(Quarter, TimeSpan.Zero);
}
