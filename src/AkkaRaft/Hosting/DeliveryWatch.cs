namespace AkkaRaft.Hosting;

/// <summary>Finds peers whose messages arrive at the transport and are not delivered: Akka.Remote may stop reading a connection, and tells nobody.</summary>
internal sealed class DeliveryWatch
{
    // What has arrived may be on its way for one.
    private const int MaxChecksInVain = 3;

    // Between two comparisons; of the others nothing is known.
    private const int MaxPeers = 1024;

    private readonly Dictionary<string, Peer> _peers = new(StringComparer.OrdinalIgnoreCase);
    private bool _wasFull;

    /// <summary>Of how many peers it keeps something.</summary>
    public int Count => _peers.Count;

    /// <summary>A message has been delivered that says that it is this peer's. Anybody could be named: whoever has no connection is forgotten at the next comparison.</summary>
    /// <param name="address">Where the peer listens, as <c>host:port</c>.</param>
    public void Delivered(string address)
    {
        if (!_peers.TryGetValue(address, out var peer))
        {
            if (_peers.Count >= MaxPeers)
            {
                _wasFull = true;
                return;
            }
            _peers.Add(address, peer = new Peer());
        }
        peer.Delivered++;
    }

    /// <summary>Compares what has arrived with what was delivered. To be called by whoever delivers, so that a delay of his own counts for nothing.</summary>
    /// <param name="arrived">How many messages have arrived over the connections of each peer, by where it listens.</param>
    /// <returns>Of whom something has arrived some checks ago, and nothing was delivered since.</returns>
    public IReadOnlyList<string> Unheard(IReadOnlyDictionary<string, long> arrived)
    {
        foreach (var gone in _peers.Keys.Where(address => !arrived.ContainsKey(address)).ToList()) _peers.Remove(gone);
        var unheard = arrived.Where(peer => IsUnheard(peer.Key, peer.Value)).Select(peer => peer.Key).ToList();
        _wasFull = false;
        return unheard;
    }

    private bool IsUnheard(string address, long arrived)
    {
        if (!_peers.TryGetValue(address, out var peer)) _peers.Add(address, peer = new Peer { ArrivedBefore = _wasFull ? arrived : 0 });
        if (peer.Delivered != peer.DeliveredBefore || arrived < peer.ArrivedBefore)
        {
            (peer.DeliveredBefore, peer.ArrivedBefore, peer.ChecksInVain) = (peer.Delivered, arrived, 0);
            return false;
        }
        if (arrived == peer.ArrivedBefore || ++peer.ChecksInVain < MaxChecksInVain) return false;
        (peer.ArrivedBefore, peer.ChecksInVain) = (arrived, 0);
        return true;
    }

    private sealed class Peer
    {
        public long Delivered { get; set; }

        public long DeliveredBefore { get; set; }

        public long ArrivedBefore { get; set; }

        public int ChecksInVain { get; set; }
    }
}
