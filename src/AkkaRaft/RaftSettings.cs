using System.Collections.Immutable;
using AkkaRaft.Protocol;

namespace AkkaRaft;

/// <summary>Every setting of a member, checked. The documentation of each is in <c>reference.conf</c>, under the same name.</summary>
public sealed record RaftSettings
{
    /// <summary>Names the cluster; messages and files of another one are refused.</summary>
    public required string ClusterId { get; init; }

    /// <summary>This member.</summary>
    public required MemberId Id { get; init; }

    /// <summary>The members the cluster begins with, and where each is found.</summary>
    public required ImmutableSortedDictionary<MemberId, Member> Members { get; init; }

    /// <summary>Where members keep their files; this one's are in <c>DataDirectory/Id/</c>.</summary>
    public string DataDirectory { get; init; } = "data";

    /// <summary>How often a leader says that it is there.</summary>
    public TimeSpan HeartbeatInterval { get; init; } = TimeSpan.FromMilliseconds(50);

    /// <summary>Shortest wait for a leader before campaigning; also how long a voter holds on to its leader.</summary>
    public TimeSpan ElectionTimeoutMin { get; init; } = TimeSpan.FromMilliseconds(300);

    /// <summary>Longest wait for a leader before campaigning.</summary>
    public TimeSpan ElectionTimeoutMax { get; init; } = TimeSpan.FromMilliseconds(600);

    /// <summary>Most entry bytes in one AppendEntries and in one journal event; a larger single entry goes alone.</summary>
    public int MaxAppendBytes { get; init; } = 512 * 1024;

    /// <summary>Most entry bytes sent to one follower and not yet answered.</summary>
    public int MaxInflightBytes { get; init; } = 4 * 1024 * 1024;

    /// <summary>Most entry bytes handed to the state machine at once.</summary>
    public int MaxApplyBytes { get; init; } = 4 * 1024 * 1024;

    /// <summary>Most commands a leader holds uncommitted or unapplied before it says Overloaded.</summary>
    public int MaxPendingCommands { get; init; } = 10_000;

    /// <summary>Most command bytes a leader holds uncommitted or unapplied before it says Overloaded.</summary>
    public int MaxPendingBytes { get; init; } = 64 * 1024 * 1024;

    /// <summary>Most reads a leader holds before it says Overloaded.</summary>
    public int MaxPendingReads { get; init; } = 100_000;

    /// <summary>Largest payload of one command entry (a client's batch).</summary>
    public int MaxCommandBytes { get; init; } = 2 * 1024 * 1024;

    /// <summary>Largest key, in bytes.</summary>
    public int MaxKeyBytes { get; init; } = 4 * 1024;

    /// <summary>Largest value, in bytes.</summary>
    public int MaxValueBytes { get; init; } = 1024 * 1024;

    /// <summary>Most client sessions kept; the one idle longest gives way.</summary>
    public int MaxSessions { get; init; } = 10_000;

    /// <summary>A session unused for so long, by the log's own clock, expires.</summary>
    public TimeSpan SessionTimeToLive { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Most results kept for one session's retries.</summary>
    public int MaxResultsPerSession { get; init; } = 20_000;

    /// <summary>Encoded messages of this many bytes and more are compressed with Snappy.</summary>
    public int CompressionThresholdBytes { get; init; } = 1_000;

    /// <summary>Whether a non-loopback address may be used though the transport is neither encrypted nor authenticated.</summary>
    public bool AllowInsecureNetwork { get; init; }

    /// <summary>Whether every message sent and received is logged.</summary>
    public bool LogMessages { get; init; }
}
