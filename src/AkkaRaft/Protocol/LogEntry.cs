namespace AkkaRaft.Protocol;

/// <summary>What a log entry means to Raft.</summary>
public enum EntryKind
{
    /// <summary>A new leader's first entry: it changes nothing and lets earlier terms commit (Raft dissertation §3.6.2).</summary>
    NoOp = 0,

    /// <summary>Bytes for the state machine, which alone knows what they mean.</summary>
    Command = 1,

    /// <summary>A cluster configuration, in force from the moment it is appended (Raft dissertation §4.1).</summary>
    Configuration = 2,
}

/// <summary>One entry of the replicated log.</summary>
/// <param name="Index">Position in the log; the first entry has index 1.</param>
/// <param name="Term">Term of the leader that created it.</param>
/// <param name="TimestampMs">The leader's clock at creation, Unix milliseconds, never less than that of the entry before: the only clock a state machine may use.</param>
/// <param name="Kind">What it means to Raft.</param>
/// <param name="Payload">Opaque bytes; empty for <see cref="EntryKind.NoOp"/>.</param>
public sealed record LogEntry(long Index, long Term, long TimestampMs, EntryKind Kind, ReadOnlyMemory<byte> Payload)
{
    /// <summary>An upper bound of what index, term, timestamp, kind and framing add to the payload when an entry is encoded.</summary>
    internal const int OverheadBytes = 48;

    /// <summary>An upper bound of the entry's encoded size in bytes, by which batches are cut.</summary>
    internal int EncodedBytes => Payload.Length + OverheadBytes;
}
