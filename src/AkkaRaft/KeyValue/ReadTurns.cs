using Akka.Actor;
using AkkaRaft.Remoting;
using AkkaRaft.StateMachines;

namespace AkkaRaft.KeyValue;

/// <summary>
/// Queries take turns with entries: a query of some bytes may read megabytes, and thousands of them one after the other would let all commands wait. Once as much has been
/// read as one turn may, those that come wait here, and whatever else is in the mailbox goes first.
/// </summary>
/// <param name="work">What was read so far.</param>
/// <param name="askForTurn">Puts a message behind all others that calls <see cref="Begin"/>.</param>
internal sealed class ReadTurns(Func<long> work, Action askForTurn)
{
    private const long MostInOne = 4 * 1024 * 1024;
    private const int MostWaiting = 10_000;
    private const long MostWaitingBytes = 16 * 1024 * 1024;

    private Queue<(Query Query, IActorRef Asker)> _waiting = new();
    private long _waitingBytes;
    private long _workBefore;
    private bool _isAskedFor;

    /// <summary>Whether a query that comes now has to wait.</summary>
    public bool MustWait
    {
        get
        {
            var isOver = work() - _workBefore > MostInOne;
            if (isOver) Ask();
            return isOver || _waiting.Count > 0;
        }
    }

    /// <summary>It is read in its turn.</summary>
    /// <returns>False when as many wait as may.</returns>
    public bool TryAdd(Query query, IActorRef asker)
    {
        if (_waiting.Count >= MostWaiting || _waitingBytes + query.Payload.Length > MostWaitingBytes) return false;
        _waiting.Enqueue((query, asker));
        _waitingBytes += query.Payload.Length;
        Ask();
        return true;
    }

    /// <summary>A turn begins.</summary>
    /// <param name="read">Reads and answers one.</param>
    public void Begin(Action<Query, IActorRef> read)
    {
        _isAskedFor = false;
        _workBefore = work();
        while (work() - _workBefore <= MostInOne && _waiting.TryDequeue(out var next))
        {
            _waitingBytes -= next.Query.Payload.Length;
            read(next.Query, next.Asker);
        }
        if (_waiting.Count > 0) Ask();
    }

    /// <summary>Nobody is there any more to be answered.</summary>
    public void Remove(string address)
    {
        if (_waiting.Count == 0) return;
        _waiting = new(_waiting.Where(waiting => !Addresses.Join(waiting.Asker.Path.Address).Equals(address, StringComparison.OrdinalIgnoreCase)));
        _waitingBytes = _waiting.Sum(waiting => (long)waiting.Query.Payload.Length);
    }

    private void Ask()
    {
        if (_isAskedFor) return;
        _isAskedFor = true;
        askForTurn();
    }
}
