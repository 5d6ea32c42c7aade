namespace AkkaRaft.Remoting;

/// <summary>
/// Messages that have arrived and are not handled yet. Akka.Remote's mailboxes have no bound: where these are many, nothing more is received, and TCP lets the peer wait.
/// A connection of which nothing waits may always send some.
/// </summary>
internal sealed class Waiting
{
    /// <summary>Of one connection, that Akka.Remote has yet to read.</summary>
    public const int MostOfOne = 1024;

    /// <summary>Of all connections, that Akka.Remote has yet to read; and of those that it has read, in the mailboxes that they go to.</summary>
    public const int MostInAll = 4096;

    private long _inAll;
    private long _countedAt = long.MinValue;
    private volatile bool _areMailboxesFull;

    /// <summary>Of all connections, that Akka.Remote has yet to read.</summary>
    public long InAll => Volatile.Read(ref _inAll);

    /// <summary>How many wait in the mailboxes of whoever handles them.</summary>
    public Func<int> InMailboxes { get; set; } = () => 0;

    /// <summary>Those of a connection have arrived, or, less than none, are read or gone.</summary>
    public void Add(long messages) => Interlocked.Add(ref _inAll, messages);

    /// <summary>Whether a connection is to be received from.</summary>
    /// <param name="ofIt">How many of it wait to be read.</param>
    /// <param name="isMembers">Whether it is a member's, which sends no more than it is answered.</param>
    public bool HasRoom(long ofIt, bool isMembers) =>
        (isMembers || !AreMailboxesFull) && (ofIt <= 0 || ofIt < MostOfOne && InAll < MostInAll);

    /// <summary>To count them costs more than to receive: once in a tick of the clock is enough.</summary>
    private bool AreMailboxesFull
    {
        get
        {
            var now = Environment.TickCount64;
            if (Interlocked.Exchange(ref _countedAt, now) != now) _areMailboxesFull = InMailboxes() >= MostInAll;
            return _areMailboxesFull;
        }
    }
}
