using Akka.Actor;

namespace AkkaRaft.Remoting;

/// <summary>What all connections of a <see cref="SocketTransport"/> go by.</summary>
internal sealed class ConnectionRules
{
    /// <summary>Largest frame, to send and to receive.</summary>
    public required int MaxFrameBytes { get; init; }

    /// <summary>Which frames are let through; null for an ActorSystem with messages of its own, where all are.</summary>
    public FrameFilter? Filter { get; init; }

    /// <summary>What is held for peers that do not take it; null when Akka.Remote is told to wait, and holds what it has, without bound.</summary>
    public UnsentBytes? Unsent { get; init; }

    /// <summary>What has arrived and is not handled yet.</summary>
    public Waiting Waiting { get; init; } = new();

    /// <summary>What messages take of which a part has yet to arrive.</summary>
    public required UnfinishedFrames Unfinished { get; init; }

    /// <summary>Whether an address is reached over its own connections alone, and is of no use without one.</summary>
    public Func<Address, bool> IsStranger { get; init; } = _ => false;

    public required PeerWarnings Warnings { get; init; }
}

/// <summary>Bytes that are held for peers that do not take them, of all connections.</summary>
internal sealed class UnsentBytes(long maxPerConnection, long maxInAll)
{
    private long _inAll;

    public long InAll => Volatile.Read(ref _inAll);

    /// <param name="held">What the connection holds already.</param>
    /// <param name="bytes">More for it.</param>
    /// <returns>False when that is too much. A connection that holds nothing is never refused for what others hold.</returns>
    public bool TryAdd(long held, int bytes)
    {
        if (held > 0 && (held + bytes > maxPerConnection || InAll + bytes > maxInAll)) return false;
        Interlocked.Add(ref _inAll, bytes);
        return true;
    }

    public void Remove(long bytes) => Interlocked.Add(ref _inAll, -bytes);
}
