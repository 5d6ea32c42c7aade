using System.Collections.Immutable;
using AkkaRaft.Client;
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

    /// <summary>Name of the ActorSystem that each member lives in, part of its address: the same for all members and clients.</summary>
    public string SystemName { get; init; } = "akkaraft";

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

    /// <summary>
    /// Whether the member joins a cluster that runs: it begins with no vote, and takes part once 'members add' names it.
    /// <see cref="Members"/> are then those it greets, and itself.
    /// </summary>
    public bool Joins { get; init; }

    /// <summary>Of a member that begins: the image that its state begins with.</summary>
    internal (Storage.Snapshot Snapshot, string File)? RestoreFrom { get; init; }

    /// <summary>Whether the member's own ActorSystem logs warnings and errors alone.</summary>
    internal bool IsQuiet { get; init; }

    /// <summary>The member's clock: it never goes back, and does not stand still while the machine sleeps. Null for the ActorSystem's scheduler's.</summary>
    internal Func<TimeSpan>? Clock { get; init; }

    /// <summary>The journal plugin's HOCON path; empty for the ActorSystem's default one.</summary>
    internal string JournalPlugin { get; init; } = "";

    /// <summary>Akka.Persistence's; there are none of its snapshots, and the store that it would take otherwise makes a directory for them.</summary>
    internal string SnapshotPlugin { get; init; } = "";

    /// <summary>The dispatcher of what reads and writes images; empty for the state machine's.</summary>
    internal string SnapshotDispatcher { get; init; } = "";

    /// <summary>How long the disk took to sync when the member was started; zero when it was not measured.</summary>
    internal TimeSpan SyncTime { get; init; }

    /// <summary>The member goes on alone, though a majority of the others is lost.</summary>
    internal bool ForcesSingle { get; init; }

    /// <summary>How long a member that joins may be silent before the change that adds it is given up.</summary>
    public TimeSpan JoinTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a leader's state machine may leave entries unapplied before the leader hands its office over.</summary>
    public TimeSpan StateMachineTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Entries kept in the log after they are durably applied, for followers that were away for a while.</summary>
    public int RetainEntries { get; init; } = 10_000;

    /// <summary>Most bytes of those entries, of which half as many again gather before they go; an entry may be a batch of a thousand puts.</summary>
    public int RetainBytes { get; init; } = 16 * 1024 * 1024;

    /// <summary>Most entries in the log, whoever lacks them: a follower further behind gets a snapshot. What is not yet applied stays.</summary>
    public int MaxLogEntries { get; init; } = 100_000;

    /// <summary>Most entry bytes in the log, whoever lacks them. What is not yet applied stays.</summary>
    public int MaxLogBytes { get; init; } = 256 * 1024 * 1024;

    /// <summary>Bytes of a snapshot in one message.</summary>
    public int SnapshotChunkBytes { get; init; } = 256 * 1024;

    /// <summary>Most bytes of a snapshot that a member fetches in a second; 0 for no limit.</summary>
    public int SnapshotBytesPerSecond { get; init; } = 64 * 1024 * 1024;

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

    /// <summary>Most compares of a transaction, and most steps of each of its branches.</summary>
    public int MaxTransactionSteps { get; init; } = 1_000;

    /// <summary>Most bytes of rows in a page of a range, and of changes in an answer to a watch; what is larger alone comes alone.</summary>
    public int MaxPageBytes { get; init; } = 512 * 1024;

    /// <summary>Most leases; one more is refused.</summary>
    public int MaxLeases { get; init; } = 10_000;

    /// <summary>Most watches that wait at one member; one more gets an error at once.</summary>
    public int MaxWatches { get; init; } = 10_000;

    /// <summary>Revisions whose changes are kept for watches; a watch from further back is told that they are gone.</summary>
    public int WatchRetainChanges { get; init; } = 100_000;

    /// <summary>Most bytes of changes kept for watches.</summary>
    public int WatchRetainBytes { get; init; } = 64 * 1024 * 1024;

    /// <summary>Whether a non-loopback address may be used though the transport is neither encrypted nor authenticated.</summary>
    public bool AllowInsecureNetwork { get; init; }

    /// <summary>Whether every message sent and received is logged.</summary>
    public bool LogMessages { get; init; }

    /// <summary>Reads the settings of member <paramref name="id"/> from the block <c>akkaraft</c> of a HOCON file.</summary>
    /// <param name="file">The file.</param>
    /// <param name="id">The member, which must be among <c>akkaraft.members</c>.</param>
    /// <exception cref="RaftConfigurationException">The file, or something in it, is wrong.</exception>
    public static RaftSettings FromFile(string file, MemberId id)
    {
        var settings = Read(file, id);
        return settings.Members.ContainsKey(id)
            ? settings
            : throw new RaftConfigurationException($"{file}: member {id} is not in akkaraft.members, which has {string.Join(", ", settings.Members.Values)}.");
    }

    /// <summary>Reads the settings that all members share, for one that the file does not name.</summary>
    /// <param name="file">The file.</param>
    /// <exception cref="RaftConfigurationException">The file, or something in it, is wrong.</exception>
    public static RaftSettings FromFile(string file) => Read(file, default);

    /// <summary>What a client of this cluster needs to know of it.</summary>
    public RaftClientSettings ForClients() =>
        new() { ClusterId = ClusterId, SystemName = SystemName, Members = Members, MaxKeyBytes = MaxKeyBytes, MaxValueBytes = MaxValueBytes };

    private static RaftSettings Read(string file, MemberId id)
    {
        const int KiB = 1024, MiB = 1024 * KiB;
        var reader = SettingsReader.Open(file);
        var otherwise = new RaftSettings { ClusterId = "akkaraft", Id = id, Members = ImmutableSortedDictionary<MemberId, Member>.Empty };
        var heartbeat = reader.Duration("heartbeat-interval", otherwise.HeartbeatInterval, TimeSpan.FromMilliseconds(5), TimeSpan.FromSeconds(10));
        var shortest = reader.Duration("election-timeout-min", otherwise.ElectionTimeoutMin, heartbeat * 2, TimeSpan.FromSeconds(60));
        var settings = otherwise with
        {
            ClusterId = reader.Text("cluster-id", otherwise.ClusterId),
            SystemName = reader.SystemName("system-name", otherwise.SystemName),
            Members = reader.Members(),
            HeartbeatInterval = heartbeat,
            ElectionTimeoutMin = shortest,
            ElectionTimeoutMax = reader.Duration("election-timeout-max", otherwise.ElectionTimeoutMax, shortest * 1.2, TimeSpan.FromSeconds(120)),
            DataDirectory = reader.Text("data-directory", otherwise.DataDirectory),
            MaxAppendBytes = reader.Bytes("max-append-bytes", otherwise.MaxAppendBytes, 4 * KiB, 16 * MiB),
            MaxInflightBytes = reader.Bytes("max-inflight-bytes", otherwise.MaxInflightBytes, 4 * KiB, 256 * MiB),
            MaxApplyBytes = reader.Bytes("max-apply-bytes", otherwise.MaxApplyBytes, 4 * KiB, 256 * MiB),
            MaxPendingCommands = reader.Number("max-pending-commands", otherwise.MaxPendingCommands, 1, 1_000_000),
            MaxPendingBytes = reader.Bytes("max-pending-bytes", otherwise.MaxPendingBytes, 64 * KiB, 1024 * MiB),
            MaxPendingReads = reader.Number("max-pending-reads", otherwise.MaxPendingReads, 1, 10_000_000),
            JoinTimeout = reader.Duration("join-timeout", otherwise.JoinTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1)),
            StateMachineTimeout = reader.Duration("state-machine-timeout", otherwise.StateMachineTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1)),
            RetainEntries = reader.Number("retain-entries", otherwise.RetainEntries, 0, 100_000_000),
            RetainBytes = reader.Bytes("retain-bytes", otherwise.RetainBytes, 0, 2047 * MiB),
            MaxLogEntries = reader.Number("max-log-entries", otherwise.MaxLogEntries, 10, 1_000_000_000),
            MaxLogBytes = reader.Bytes("max-log-bytes", otherwise.MaxLogBytes, 64 * KiB, 2047 * MiB),
            SnapshotChunkBytes = reader.Bytes("snapshot-chunk-bytes", otherwise.SnapshotChunkBytes, KiB, 2 * MiB),
            SnapshotBytesPerSecond = reader.Bytes("snapshot-bytes-per-second", otherwise.SnapshotBytesPerSecond, 0, 2047 * MiB),
            MaxCommandBytes = reader.Bytes("max-command-bytes", otherwise.MaxCommandBytes, 4 * KiB, 16 * MiB),
            MaxKeyBytes = reader.Bytes("max-key-bytes", otherwise.MaxKeyBytes, 1, 64 * KiB),
            MaxValueBytes = reader.Bytes("max-value-bytes", otherwise.MaxValueBytes, 1, 8 * MiB),
            MaxSessions = reader.Number("max-sessions", otherwise.MaxSessions, 1, 1_000_000),
            SessionTimeToLive = reader.Duration("session-time-to-live", otherwise.SessionTimeToLive, TimeSpan.FromSeconds(1), TimeSpan.FromDays(30)),
            MaxResultsPerSession = reader.Number("max-results-per-session", otherwise.MaxResultsPerSession, 1, 1_000_000),
            MaxTransactionSteps = reader.Number("max-transaction-steps", otherwise.MaxTransactionSteps, 1, 5_000),
            MaxPageBytes = reader.Bytes("max-page-bytes", otherwise.MaxPageBytes, KiB, 16 * MiB),
            MaxLeases = reader.Number("max-leases", otherwise.MaxLeases, 1, 50_000),
            MaxWatches = reader.Number("max-watches", otherwise.MaxWatches, 1, 1_000_000),
            WatchRetainChanges = reader.Number("watch-retain-changes", otherwise.WatchRetainChanges, 1, 100_000_000),
            WatchRetainBytes = reader.Bytes("watch-retain-bytes", otherwise.WatchRetainBytes, 64 * KiB, 2047 * MiB),
            AllowInsecureNetwork = reader.Switch("allow-insecure-network", otherwise.AllowInsecureNetwork),
            LogMessages = reader.Switch("log-messages", otherwise.LogMessages),
        };
        reader.RejectUnknown();
        return settings;
    }
}
