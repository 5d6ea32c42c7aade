namespace AkkaRaft.Remoting;

/// <summary>
/// Room for the frames of all connections that are too long to be received at once, in pieces. When there is none left, those are closed that have gone on for the
/// longest without such a frame becoming whole: whoever sends, and does not stop in the middle, is never among the first. Pieces are kept for the next frame.
/// </summary>
/// <param name="mostBytes">In all.</param>
internal sealed class UnfinishedFrames(long mostBytes)
{
    /// <summary>A piece, in bytes.</summary>
    public const int PieceBytes = 64 * 1024;

    private readonly int _most = (int)(mostBytes / PieceBytes);
    private readonly Lock _lock = new();
    private readonly LinkedList<(SocketAssociation Association, int Pieces)> _byAge = [];
    private readonly Dictionary<SocketAssociation, LinkedListNode<(SocketAssociation Association, int Pieces)>> _held = new(ReferenceEqualityComparer.Instance);
    private readonly Stack<byte[]> _free = [];
    private int _inAll;
    // With those of connections that were closed and have yet to give them back.
    private int _taken;

    /// <summary>Of all connections that are open, in bytes.</summary>
    public long InAll
    {
        get
        {
            lock (_lock) return (long)_inAll * PieceBytes;
        }
    }

    /// <summary>Takes a piece for the frame that a connection receives.</summary>
    /// <param name="association">The connection.</param>
    /// <param name="closed">The connections to close for it.</param>
    /// <returns>The piece; null when those that were closed have yet to give back as much again as there may be, and this one is to be closed too.</returns>
    public byte[]? Take(SocketAssociation association, out IReadOnlyList<SocketAssociation> closed)
    {
        lock (_lock)
        {
            closed = [];
            if (_taken >= 2 * _most) return null;
            _taken++;
            if (_held.TryGetValue(association, out var node)) node.Value = (association, node.Value.Pieces + 1);
            else _held.Add(association, _byAge.AddLast((association, 1)));
            _inAll++;
            if (_inAll > _most) closed = Oldest();
            return _free.TryPop(out var piece) ? piece : GC.AllocateUninitializedArray<byte>(PieceBytes);
        }
    }

    private List<SocketAssociation> Oldest()
    {
        var oldest = new List<SocketAssociation>();
        while (_inAll > _most && _byAge.First is { Value.Association: var first })
        {
            Forget(first);
            oldest.Add(first);
        }
        return oldest;
    }

    /// <summary>The frame is whole, or its connection has ended.</summary>
    public void GiveBack(SocketAssociation association, IReadOnlyList<byte[]> pieces)
    {
        lock (_lock)
        {
            Forget(association);
            _taken -= pieces.Count;
            foreach (var piece in pieces)
                if (_free.Count + _taken < _most) _free.Push(piece);
        }
    }

    /// <summary>The connection has closed; what it took it gives back when it comes to it.</summary>
    public void Remove(SocketAssociation association)
    {
        lock (_lock) Forget(association);
    }

    private void Forget(SocketAssociation association)
    {
        if (!_held.Remove(association, out var node)) return;
        _byAge.Remove(node);
        _inAll -= node.Value.Pieces;
    }
}
