namespace AkkaRaft.Consensus;

/// <summary>
/// Linearizable reads that wait for a leader to learn that it still leads (ReadIndex, Raft dissertation §6.4).
/// A read is confirmed by a round begun after it arrived: an answer to an earlier round says nothing of the time since.
/// </summary>
internal sealed class ReadIndexQueue<TRead>
{
    private readonly List<TRead> _arrived = [];
    private readonly Queue<(long Round, long ReadIndex, List<TRead> Reads)> _asked = new();
    private readonly Queue<(long ReadIndex, List<TRead> Reads)> _confirmed = new();

    /// <summary>The latest round begun; 0 before the first.</summary>
    public long Round { get; private set; }

    public int Count { get; private set; }

    public bool HasArrivals => _arrived.Count > 0;

    /// <summary>A round with reads is on its way and not yet confirmed.</summary>
    public bool RoundPending => _asked.Count > 0;

    /// <summary>Reads whose round is on its way.</summary>
    public IEnumerable<TRead> Unconfirmed => _asked.SelectMany(a => a.Reads);

    public void Add(TRead read)
    {
        _arrived.Add(read);
        Count++;
    }

    /// <summary>Begins a round for all that has arrived; they may be answered once <paramref name="commitIndex"/> is applied.</summary>
    public long Begin(long commitIndex, bool withReads)
    {
        Round++;
        if (withReads && _arrived.Count > 0)
        {
            _asked.Enqueue((Round, commitIndex, [.. _arrived]));
            _arrived.Clear();
        }
        return Round;
    }

    /// <summary>A quorum has echoed <paramref name="round"/> or a later one.</summary>
    public void Confirm(long round)
    {
        while (_asked.TryPeek(out var next) && next.Round <= round)
        {
            _asked.Dequeue();
            _confirmed.Enqueue((next.ReadIndex, next.Reads));
        }
    }

    /// <summary>Confirmed reads whose index is applied.</summary>
    public IEnumerable<TRead> TakeReady(long appliedIndex)
    {
        while (_confirmed.TryPeek(out var next) && next.ReadIndex <= appliedIndex)
        {
            _confirmed.Dequeue();
            Count -= next.Reads.Count;
            foreach (var read in next.Reads) yield return read;
        }
    }

    /// <summary>Every read not yet answered, when leadership ends.</summary>
    public IReadOnlyList<TRead> TakeAll()
    {
        List<TRead> all = [.. _confirmed.SelectMany(c => c.Reads), .. _asked.SelectMany(a => a.Reads), .. _arrived];
        _confirmed.Clear();
        _asked.Clear();
        _arrived.Clear();
        Count = 0;
        return all;
    }
}
