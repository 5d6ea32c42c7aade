namespace AkkaRaft.Remoting;

/// <summary>Connections whose peer has not said yet who it is. It has so long; the oldest goes when there are too many.</summary>
internal sealed class PendingHandshakes : IDisposable
{
    private readonly int _max;
    private readonly TimeSpan _timeout;
    private readonly Action<SocketAssociation> _expired;
    private readonly TimeProvider _clock;
    private readonly ITimer _timer;
    private readonly LinkedList<(SocketAssociation Association, long Since)> _inOrder = [];
    private readonly Dictionary<SocketAssociation, LinkedListNode<(SocketAssociation, long)>> _places = new(ReferenceEqualityComparer.Instance);

    /// <param name="max">So many may be without one at a time.</param>
    /// <param name="timeout">How long each has.</param>
    /// <param name="clock">The system's, when nothing is said.</param>
    /// <param name="expired">Called for one that said nothing in time, or that had to make room.</param>
    public PendingHandshakes(int max, TimeSpan timeout, Action<SocketAssociation> expired, TimeProvider? clock = null)
    {
        _max = max;
        _timeout = timeout;
        _expired = expired;
        _clock = clock ?? TimeProvider.System;
        // Only how late a connection is closed depends on it.
        _timer = _clock.CreateTimer(_ => Expire(), null, timeout / 4, timeout / 4);
    }

    public int Count
    {
        get
        {
            lock (_places) return _places.Count;
        }
    }

    public void Add(SocketAssociation association)
    {
        SocketAssociation? oldest = null;
        lock (_places)
        {
            if (_places.Count >= _max)
            {
                oldest = _inOrder.First!.Value.Association;
                Forget(oldest);
            }
            _places[association] = _inOrder.AddLast((association, _clock.GetTimestamp()));
        }
        if (oldest is not null) _expired(oldest);
    }

    public void Remove(SocketAssociation association)
    {
        lock (_places) Forget(association);
    }

    public void Dispose() => _timer.Dispose();

    private void Forget(SocketAssociation association)
    {
        if (_places.Remove(association, out var place)) _inOrder.Remove(place);
    }

    private void Expire()
    {
        while (true)
        {
            SocketAssociation late;
            lock (_places)
            {
                if (_inOrder.First is not { } first || _clock.GetElapsedTime(first.Value.Since) < _timeout) return;
                late = first.Value.Association;
                Forget(late);
            }
            _expired(late);
        }
    }
}
