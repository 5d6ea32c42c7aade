namespace AkkaRaft.Remoting;

/// <summary>
/// Room that messages take of which a part has yet to arrive, over all connections. When it is more than it may be, those are closed that have gone on for the
/// longest without a message becoming whole: whoever sends, and does not stop in the middle, is never among the first.
/// </summary>
/// <param name="mostBytes">In all.</param>
internal sealed class UnfinishedFrames(long mostBytes)
{
    private readonly Lock _lock = new();
    private readonly LinkedList<(SocketAssociation Association, int Bytes)> _byAge = [];
    private readonly Dictionary<SocketAssociation, LinkedListNode<(SocketAssociation Association, int Bytes)>> _held = new(ReferenceEqualityComparer.Instance);
    private long _inAll;
    private long _rented;

    /// <summary>Of all connections, in bytes.</summary>
    public long InAll
    {
        get
        {
            lock (_lock) return _inAll;
        }
    }

    /// <summary>Notes what was taken, or, less than nothing, given back: by connections that were closed too, which give it back when they come to it.</summary>
    /// <returns>False when there is twice as much as there may be: whoever took it gives it back at once.</returns>
    public bool Rent(int bytes) => Interlocked.Add(ref _rented, bytes) <= 2 * mostBytes || bytes <= 0;

    /// <summary>Notes what a connection takes now: it goes on with the same message.</summary>
    /// <returns>The connections to close.</returns>
    public IReadOnlyList<SocketAssociation> Hold(SocketAssociation association, int bytes) => Set(association, bytes, isAnother: false);

    /// <summary>Notes what a connection takes now, and that a message has become whole.</summary>
    /// <returns>The connections to close.</returns>
    public IReadOnlyList<SocketAssociation> GoOn(SocketAssociation association, int bytes) => Set(association, bytes, isAnother: true);

    /// <summary>The connection has closed.</summary>
    public void Remove(SocketAssociation association)
    {
        lock (_lock) Take(association);
    }

    private List<SocketAssociation> Set(SocketAssociation association, int bytes, bool isAnother)
    {
        lock (_lock)
        {
            if (!isAnother && bytes > 0 && _held.TryGetValue(association, out var node))
            {
                _inAll += bytes - node.Value.Bytes;
                node.Value = (association, bytes);
            }
            else
            {
                Take(association);
                if (bytes > 0) _held.Add(association, _byAge.AddLast((association, bytes)));
                _inAll += bytes;
            }
            var closed = new List<SocketAssociation>();
            while (_inAll > mostBytes && _byAge.First is { Value.Association: var oldest })
            {
                Take(oldest);
                closed.Add(oldest);
            }
            return closed;
        }
    }

    private void Take(SocketAssociation association)
    {
        if (!_held.Remove(association, out var node)) return;
        _byAge.Remove(node);
        _inAll -= node.Value.Bytes;
    }
}
