using Akka.Actor;
using AkkaRaft.Remoting;
using AkkaRaft.StateMachines;

namespace AkkaRaft.KeyValue;

/// <summary>
/// Queries take turns with entries: a query of some bytes may read megabytes, and thousands of them one after the other would let all commands wait. Once as much has been
/// read as one turn may, those that come wait here, and whatever else is in the mailbox goes first. Of those that wait, the first of the process that has read the least
/// lately goes first: whoever asks for little does not wait for whoever asks for much.
/// </summary>
/// <param name="work">What was read so far.</param>
/// <param name="askForTurn">Puts a message behind all others that calls <see cref="Begin"/>.</param>
internal sealed class ReadTurns(Func<long> work, Action askForTurn)
{
    private const long MostInOne = 4 * 1024 * 1024;
    private const int MostWaiting = 10_000;
    private const long MostWaitingBytes = 16 * 1024 * 1024;

    // Another process leaves room for others.
    private const int ShareOfOne = 4;

    // Below it all have read as good as nothing.
    private const long Little = 1024 * 1024;
    private const int MostKnown = 1_024;
    private const int TurnsToForget = 256;

    private readonly Dictionary<string, Asker> _waiting = new(StringComparer.OrdinalIgnoreCase);
    private readonly PriorityQueue<string, (long Read, long Number)> _next = new();
    private readonly Dictionary<string, long> _read = new(StringComparer.OrdinalIgnoreCase);
    private int _count;
    private long _bytes;
    private long _lastNumber;
    private long _turns;
    private long _workBefore;
    private bool _isAskedFor;

    /// <summary>Whether a query that comes now has to wait.</summary>
    /// <param name="soFar">What was read so far.</param>
    public bool MustWait(long soFar)
    {
        var isOver = soFar - _workBefore > MostInOne;
        if (isOver) Ask();
        return isOver || _count > 0;
    }

    /// <summary>A query that had not to wait was read.</summary>
    public void WasRead(IActorRef asker, long bytes)
    {
        // Most read little, and nobody has to know whose they are.
        if (bytes > Little) Count(Of(asker), bytes);
    }

    /// <summary>It is read in its turn.</summary>
    /// <returns>False when as many wait as may, in all or of this process.</returns>
    public bool TryAdd(Query query, IActorRef asker)
    {
        var of = Of(asker);
        _waiting.TryGetValue(of, out var waiting);
        var share = of.Length > 0 ? ShareOfOne : 1;
        if (_count >= MostWaiting || _bytes + query.Payload.Length > MostWaitingBytes) return false;
        if (waiting is not null && (waiting.Queries.Count >= MostWaiting / share || waiting.Bytes + query.Payload.Length > MostWaitingBytes / share)) return false;
        if (waiting is null) _waiting.Add(of, waiting = new Asker());
        waiting.Queries.Enqueue((query, asker, ++_lastNumber));
        waiting.Bytes += query.Payload.Length;
        _count++;
        _bytes += query.Payload.Length;
        if (waiting.Queries.Count == 1) _next.Enqueue(of, PriorityOf(of, _lastNumber));
        Ask();
        return true;
    }

    /// <summary>A turn begins.</summary>
    /// <param name="read">Reads and answers one.</param>
    public void Begin(Action<Query, IActorRef> read)
    {
        _isAskedFor = false;
        _workBefore = work();
        if (++_turns % TurnsToForget == 0) Forget();
        while (work() - _workBefore <= MostInOne && _next.TryDequeue(out var of, out _))
        {
            var waiting = _waiting[of];
            var (query, asker, _) = waiting.Queries.Dequeue();
            waiting.Bytes -= query.Payload.Length;
            _count--;
            _bytes -= query.Payload.Length;
            var before = work();
            read(query, asker);
            Count(of, work() - before);
            if (waiting.Queries.TryPeek(out var next)) _next.Enqueue(of, PriorityOf(of, next.Number));
            else _waiting.Remove(of);
        }
        if (_count > 0) Ask();
    }

    /// <summary>Nobody is there any more to be answered.</summary>
    public void Remove(string address)
    {
        _read.Remove(address);
        if (!_waiting.Remove(address, out var gone)) return;
        _count -= gone.Queries.Count;
        _bytes -= gone.Bytes;
        _next.Remove(address, out _, out _, StringComparer.OrdinalIgnoreCase);
    }

    private static string Of(IActorRef asker) => Addresses.Join(asker.Path.Address);

    private (long, long) PriorityOf(string of, long number) => (_read.GetValueOrDefault(of) / Little, number);

    private void Count(string of, long read)
    {
        if (_read.Count >= MostKnown && !_read.ContainsKey(of)) _read.Clear();
        _read[of] = _read.GetValueOrDefault(of) + read;
    }

    private void Forget()
    {
        foreach (var (of, read) in _read.ToList())
        {
            if (read < Little) _read.Remove(of);
            else _read[of] = read / 2;
        }
    }

    private void Ask()
    {
        if (_isAskedFor) return;
        _isAskedFor = true;
        askForTurn();
    }

    private sealed class Asker
    {
        public Queue<(Query Query, IActorRef By, long Number)> Queries { get; } = new();

        public long Bytes { get; set; }
    }
}
