using System.Collections.Concurrent;

namespace AkkaRaft.Remoting;

/// <summary>
/// Messages that have arrived and are not handled yet. Akka.Remote's mailboxes have no bound: where these are many, or large, nothing more is received, and TCP lets the
/// peer wait. A connection of which nothing waits may always send one.
/// </summary>
internal sealed class Waiting
{
    /// <summary>Of one connection, that Akka.Remote has yet to read, in bytes.</summary>
    public const long MostOfOne = 1024 * 1024;

    /// <summary>Of all connections, that Akka.Remote has yet to read, in bytes; and as much of what it has read and nobody has handled.</summary>
    public const long MostInAll = 16 * 1024 * 1024;

    private const int MostInMailboxes = 4096;

    private long _inAll;
    private long _read;
    private long _countedAt = long.MinValue;
    private volatile bool _areTooMany;

    /// <summary>Of all connections, that Akka.Remote has yet to read, in bytes.</summary>
    public long InAll => Volatile.Read(ref _inAll);

    /// <summary>How many messages wait in the mailboxes of whoever handles them.</summary>
    public Func<int> InMailboxes { get; set; } = () => 0;

    /// <summary>One has arrived.</summary>
    /// <param name="cost">Its bytes, and what it costs besides.</param>
    public void Arrived(long cost) => Interlocked.Add(ref _inAll, cost);

    /// <summary>Akka.Remote has read one: it is in a mailbox now.</summary>
    public void Read(long cost)
    {
        Interlocked.Add(ref _inAll, -cost);
        Interlocked.Add(ref _read, cost);
    }

    /// <summary>Some will not be read: their connection has ended.</summary>
    public void Gone(long cost) => Interlocked.Add(ref _inAll, -cost);

    /// <summary>Whether a connection is to be received from.</summary>
    /// <param name="ofIt">What of it waits to be read, in bytes.</param>
    /// <param name="isMembers">Whether it is a member's, which sends no more than it is answered.</param>
    public bool HasRoom(long ofIt, bool isMembers) =>
        (isMembers || !AreMailboxesFull) && (ofIt <= 0 || ofIt < MostOfOne && InAll < MostInAll);

    /// <summary>Nobody says which of them is handled, but that all are: when as much has been read as may wait, it goes on once they are empty.</summary>
    private bool AreMailboxesFull
    {
        get
        {
            // To count costs more than to receive: once in a tick of the clock is enough.
            var now = Environment.TickCount64;
            if (Interlocked.Exchange(ref _countedAt, now) != now)
            {
                var count = InMailboxes();
                _areTooMany = count >= MostInMailboxes;
                if (count == 0) Volatile.Write(ref _read, 0);
            }
            return _areTooMany || Volatile.Read(ref _read) >= MostInAll;
        }
    }
}

/// <summary>Those of one connection that Akka.Remote has yet to read, which it does in their order.</summary>
/// <param name="all">With those of all others.</param>
internal sealed class WaitingOfOne(Waiting all)
{
    // What a small one costs, as an object.
    private const int PerMessage = 1024;

    private readonly ConcurrentQueue<int> _costs = [];
    private long _bytes;

    /// <summary>What they count together, in bytes.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>One has arrived.</summary>
    /// <param name="length">Of its frame, in bytes.</param>
    public void Arrived(int length)
    {
        var cost = length + PerMessage;
        Interlocked.Add(ref _bytes, cost);
        all.Arrived(cost);
        _costs.Enqueue(cost);
    }

    /// <summary>The first has been read.</summary>
    public void Read()
    {
        if (TryTake(out var cost)) all.Read(cost);
    }

    /// <summary>None of them will be read, as far as anybody knows.</summary>
    public void Forget()
    {
        while (TryTake(out var cost)) all.Gone(cost);
    }

    private bool TryTake(out int cost)
    {
        if (!_costs.TryDequeue(out cost)) return false;
        Interlocked.Add(ref _bytes, -cost);
        return true;
    }
}
