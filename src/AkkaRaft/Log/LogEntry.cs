using System.Buffers.Binary;
using AkkaRaft.Protocol;

namespace AkkaRaft.Log;

/// <summary>What a log entry means to Raft.</summary>
public enum EntryKind
{
    /// <summary>Changes nothing: a new leader's first entry, which lets earlier terms commit (Raft dissertation §3.6.2), or one by which time passes.</summary>
    NoOp = 0,

    /// <summary>Bytes for the state machine, which alone knows what they mean.</summary>
    Command = 1,

    /// <summary>A cluster configuration, in force from the moment it is appended (Raft dissertation §4.1).</summary>
    Configuration = 2,

    /// <summary>Changes nothing: asks each member's state machine for a hash of its state after this entry, by which members compare theirs.</summary>
    StateCheck = 3,
}

/// <summary>One entry of the replicated log.</summary>
/// <param name="Index">Position in the log; the first entry has index 1.</param>
/// <param name="Term">Term of the leader that created it.</param>
/// <param name="TimestampMs">
/// The log's clock at creation, in milliseconds: the only clock a state machine may use. It begins with a wall clock's time, and then runs only while a
/// leader leads, by that leader's monotonic clock, on from the last timestamp in its log. So it is behind the wall clock by the time without a leader,
/// and nothing that is given a time to live expires early because a leader's wall clock is ahead. Never less than that of the entry before.
/// </param>
/// <param name="Kind">What it means to Raft.</param>
/// <param name="Payload">Opaque bytes; of a <see cref="EntryKind.NoOp"/>, what the leader's state machine proposes, or empty.</param>
public sealed record LogEntry(long Index, long Term, long TimestampMs, EntryKind Kind, ReadOnlyMemory<byte> Payload)
{
    /// <summary>An upper bound of what index, term, timestamp, kind and framing add to the payload when an entry is encoded.</summary>
    internal const int OverheadBytes = 48;

    /// <summary>An upper bound of the entry's encoded size in bytes, by which batches are cut.</summary>
    internal int EncodedBytes => Payload.Length + OverheadBytes;

    /// <summary>Tells the entry from another of its index and term, which two leaders of one term would make.</summary>
    internal uint Checksum
    {
        get
        {
            Span<byte> head = stackalloc byte[4 * sizeof(long)];
            BinaryPrimitives.WriteInt64LittleEndian(head, Index);
            BinaryPrimitives.WriteInt64LittleEndian(head[8..], Term);
            BinaryPrimitives.WriteInt64LittleEndian(head[16..], TimestampMs);
            BinaryPrimitives.WriteInt64LittleEndian(head[24..], (long)Kind);
            return ~Crc.Continue(Crc.Continue(Crc.Begin, head), Payload.Span);
        }
    }
}
