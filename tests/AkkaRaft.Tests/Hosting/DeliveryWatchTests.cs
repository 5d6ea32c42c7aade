using AkkaRaft.Hosting;

namespace AkkaRaft.Tests.Hosting;

public sealed class DeliveryWatchTests
{
    private const string Peer = "localhost:7001";

    private readonly DeliveryWatch _watch = new();

    private bool IsUnheard(long arrived) => _watch.Unheard(new Dictionary<string, long> { [Peer] = arrived }).Count == 1;

    [Fact]
    public void A_peer_whose_messages_arrive_and_are_not_delivered_is_found()
    {
        _watch.Delivered(Peer);
        Assert.False(IsUnheard(1));
        var found = Enumerable.Range(2, 20).Count(arrived => IsUnheard(arrived));
        Assert.InRange(found, 2, 10);
    }

    [Fact]
    public void One_that_never_was_heard_is_found_by_a_single_message()
    {
        Assert.Contains(true, Enumerable.Range(0, 5).Select(_ => IsUnheard(1)).ToList());
    }

    [Fact]
    public void What_was_delivered_late_or_never_came_is_no_fault()
    {
        for (var arrived = 0; arrived < 100; arrived += 10)
        {
            Assert.False(IsUnheard(arrived + 10));
            Assert.False(IsUnheard(arrived + 20));
            _watch.Delivered("LocalHost:7001");
            Assert.False(IsUnheard(arrived + 20));
            for (var i = 0; i < 5; i++) Assert.False(IsUnheard(arrived + 20));
        }
    }

    [Fact]
    public void New_connections_count_anew()
    {
        _watch.Delivered(Peer);
        Assert.False(IsUnheard(1_000));
        for (var i = 0; i < 10; i++) Assert.False(IsUnheard(0));
    }

    [Fact]
    public void What_was_delivered_before_the_first_look_at_a_peer_counts()
    {
        // As two followers, who greet each other and have nothing to say afterwards.
        for (var i = 0; i < 2; i++) _watch.Delivered(Peer);
        for (var i = 0; i < 10; i++) Assert.False(IsUnheard(2));
    }

    [Fact]
    public void Of_whoever_has_no_connection_nothing_is_kept_for_long_nor_without_bound()
    {
        for (var i = 0; i < 2_000; i++) _watch.Delivered($"10.0.0.1:{i}");
        Assert.Equal(1_024, _watch.Count);
        // It was not counted for want of room: nothing is said of it by what came until now.
        _watch.Delivered(Peer);
        for (var i = 0; i < 10; i++) Assert.False(IsUnheard(1));
        Assert.Equal(1, _watch.Count);
        Assert.Empty(_watch.Unheard(new Dictionary<string, long>()));
        Assert.Equal(0, _watch.Count);
    }
}
