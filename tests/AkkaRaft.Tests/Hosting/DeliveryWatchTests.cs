using AkkaRaft.Hosting;

namespace AkkaRaft.Tests.Hosting;

public sealed class DeliveryWatchTests
{
    private const string Peer = "localhost:7001";

    private readonly DeliveryWatch _watch = new();

    [Fact]
    public void A_peer_whose_messages_arrive_and_are_not_delivered_is_found()
    {
        _watch.Delivered(Peer);
        Assert.False(_watch.IsUnheard(Peer, 1));
        var found = Enumerable.Range(2, 20).Count(arrived => _watch.IsUnheard(Peer, arrived));
        Assert.InRange(found, 2, 10);
    }

    [Fact]
    public void One_that_never_was_heard_is_found_by_a_single_message()
    {
        Assert.Contains(true, Enumerable.Range(0, 5).Select(_ => _watch.IsUnheard(Peer, 1)).ToList());
    }

    [Fact]
    public void What_was_delivered_late_or_never_came_is_no_fault()
    {
        for (var arrived = 0; arrived < 100; arrived += 10)
        {
            Assert.False(_watch.IsUnheard(Peer, arrived + 10));
            Assert.False(_watch.IsUnheard(Peer, arrived + 20));
            _watch.Delivered("LocalHost:7001");
            Assert.False(_watch.IsUnheard(Peer, arrived + 20));
            for (var i = 0; i < 5; i++) Assert.False(_watch.IsUnheard(Peer, arrived + 20));
        }
    }

    [Fact]
    public void New_connections_count_anew()
    {
        _watch.Delivered(Peer);
        Assert.False(_watch.IsUnheard(Peer, 1_000));
        for (var i = 0; i < 10; i++) Assert.False(_watch.IsUnheard(Peer, 0));
    }
}
