namespace AkkaRaft.Hosting;

/// <summary>Finds peers whose messages arrive at the transport and are not delivered: Akka.Remote may stop reading a connection, and tells nobody.</summary>
internal sealed class DeliveryWatch
{
    // What has arrived may be on its way for one.
    private const int MaxChecksInVain = 3;

    private readonly Dictionary<string, Peer> _peers = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>A message of this peer has been delivered.</summary>
    /// <param name="address">Where the peer listens, as <c>host:port</c>.</param>
    public void Delivered(string address) => PeerAt(address).Delivered++;

    /// <summary>Compares what has arrived with what was delivered. To be called by whoever delivers, so that a delay of his own counts for nothing.</summary>
    /// <param name="address">Where the peer listens.</param>
    /// <param name="arrived">How many messages have arrived over its connections.</param>
    /// <returns>True when something has arrived some checks ago, and nothing was delivered since.</returns>
    public bool IsUnheard(string address, long arrived)
    {
        var peer = PeerAt(address);
        if (peer.Delivered != peer.DeliveredBefore || arrived < peer.ArrivedBefore)
        {
            (peer.DeliveredBefore, peer.ArrivedBefore, peer.ChecksInVain) = (peer.Delivered, arrived, 0);
            return false;
        }
        if (arrived == peer.ArrivedBefore || ++peer.ChecksInVain < MaxChecksInVain) return false;
        (peer.ArrivedBefore, peer.ChecksInVain) = (arrived, 0);
        return true;
    }

    private Peer PeerAt(string address)
    {
        if (!_peers.TryGetValue(address, out var peer)) _peers.Add(address, peer = new Peer());
        return peer;
    }

    private sealed class Peer
    {
        public long Delivered { get; set; }

        public long DeliveredBefore { get; set; }

        public long ArrivedBefore { get; set; }

        public int ChecksInVain { get; set; }
    }
}
