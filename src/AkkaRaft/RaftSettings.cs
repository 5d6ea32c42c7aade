using System.Collections.Immutable;
using AkkaRaft.Log;
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
    public required ImmutableSortedDictionary<MemberId, RaftEndpoint> Members { get; init; }

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
    internal (Snapshot Snapshot, string File)? RestoreFrom { get; init; }

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

    /// <summary>Whether an operator works on the member's files: it is told to nobody, and nobody is to reach it.</summary>
    internal bool IsOffline => ForcesSingle || RestoreFrom is not null;

    /// <summary>How long a member that joins may be silent before the change that adds it is given up.</summary>
    public TimeSpan JoinTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a leader's state machine may leave entries unapplied before the leader hands its office over.</summary>
    public TimeSpan StateMachineTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How often the members compare their states while commands come, where the state machine hashes its state: a plain class saves all of it each time,
    /// and applies nothing meanwhile. Zero for never.
    /// </summary>
    public TimeSpan StateCheckInterval { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Entries kept in the log after they are durably applied, for followers that were away for a while.</summary>
    public int RetainEntries { get; init; } = 10_000;

    /// <summary>Most bytes of those entries, of which half as many again gather before they go; an entry may be a batch of a thousand puts.</summary>
    public int RetainBytes { get; init; } = 16 * 1024 * 1024;

    /// <summary>
    /// Most entries in the log, whoever lacks them: a follower further behind gets a snapshot. What is not yet applied stays, and so does, within
    /// <see cref="MaxLogBytes"/>, what a follower lacks that catches up after a snapshot.
    /// </summary>
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

    private static RaftSettings Read(string file, MemberId id) => Read(SettingsReader.Open(file), id);

    internal static RaftSettings Read(SettingsReader reader, MemberId id)
    {
        var otherwise = new RaftSettings { ClusterId = "akkaraft", Id = id, Members = ImmutableSortedDictionary<MemberId, RaftEndpoint>.Empty };
        var settings = otherwise with
        {
            ClusterId = reader.Text("cluster-id", otherwise.ClusterId),
            SystemName = reader.Text("system-name", otherwise.SystemName),
            Members = reader.Members(),
            HeartbeatInterval = reader.Duration("heartbeat-interval", otherwise.HeartbeatInterval),
            ElectionTimeoutMin = reader.Duration("election-timeout-min", otherwise.ElectionTimeoutMin),
            ElectionTimeoutMax = reader.Duration("election-timeout-max", otherwise.ElectionTimeoutMax),
            DataDirectory = reader.Text("data-directory", otherwise.DataDirectory),
            MaxAppendBytes = reader.Bytes("max-append-bytes", otherwise.MaxAppendBytes),
            MaxInflightBytes = reader.Bytes("max-inflight-bytes", otherwise.MaxInflightBytes),
            MaxApplyBytes = reader.Bytes("max-apply-bytes", otherwise.MaxApplyBytes),
            MaxPendingCommands = reader.Number("max-pending-commands", otherwise.MaxPendingCommands),
            MaxPendingBytes = reader.Bytes("max-pending-bytes", otherwise.MaxPendingBytes),
            MaxPendingReads = reader.Number("max-pending-reads", otherwise.MaxPendingReads),
            JoinTimeout = reader.Duration("join-timeout", otherwise.JoinTimeout),
            StateMachineTimeout = reader.Duration("state-machine-timeout", otherwise.StateMachineTimeout),
            StateCheckInterval = reader.Duration("state-check-interval", otherwise.StateCheckInterval),
            RetainEntries = reader.Number("retain-entries", otherwise.RetainEntries),
            RetainBytes = reader.Bytes("retain-bytes", otherwise.RetainBytes),
            MaxLogEntries = reader.Number("max-log-entries", otherwise.MaxLogEntries),
            MaxLogBytes = reader.Bytes("max-log-bytes", otherwise.MaxLogBytes),
            SnapshotChunkBytes = reader.Bytes("snapshot-chunk-bytes", otherwise.SnapshotChunkBytes),
            SnapshotBytesPerSecond = reader.Bytes("snapshot-bytes-per-second", otherwise.SnapshotBytesPerSecond),
            MaxCommandBytes = reader.Bytes("max-command-bytes", otherwise.MaxCommandBytes),
            MaxKeyBytes = reader.Bytes("max-key-bytes", otherwise.MaxKeyBytes),
            MaxValueBytes = reader.Bytes("max-value-bytes", otherwise.MaxValueBytes),
            MaxSessions = reader.Number("max-sessions", otherwise.MaxSessions),
            SessionTimeToLive = reader.Duration("session-time-to-live", otherwise.SessionTimeToLive),
            MaxResultsPerSession = reader.Number("max-results-per-session", otherwise.MaxResultsPerSession),
            MaxTransactionSteps = reader.Number("max-transaction-steps", otherwise.MaxTransactionSteps),
            MaxPageBytes = reader.Bytes("max-page-bytes", otherwise.MaxPageBytes),
            MaxLeases = reader.Number("max-leases", otherwise.MaxLeases),
            MaxWatches = reader.Number("max-watches", otherwise.MaxWatches),
            WatchRetainChanges = reader.Number("watch-retain-changes", otherwise.WatchRetainChanges),
            WatchRetainBytes = reader.Bytes("watch-retain-bytes", otherwise.WatchRetainBytes),
            AllowInsecureNetwork = reader.Switch("allow-insecure-network", otherwise.AllowInsecureNetwork),
            LogMessages = reader.Switch("log-messages", otherwise.LogMessages),
        };
        reader.RejectUnknown();
        settings.Check(reader.Check());
        return settings;
    }

    /// <summary>Checks that each setting is within its range and fits the others; no member is started with settings that fail it.</summary>
    /// <exception cref="RaftConfigurationException">Names the first setting that is wrong, its value and what is expected.</exception>
    public void Validate()
    {
        var check = new SettingsCheck(nameof(RaftSettings));
        Check(check);
        if (!Members.ContainsKey(Id)) throw check.Wrong(nameof(Id), Id, $"one of {nameof(Members)}, which has {string.Join(", ", Members.Values)}");
    }

    private void Check(SettingsCheck check)
    {
        const int KiB = 1024, MiB = 1024 * KiB;
        check.ClusterId(ClusterId);
        check.SystemName(SystemName);
        check.Members(Members);
        check.Text(DataDirectory);
        check.Time(HeartbeatInterval, TimeSpan.FromMilliseconds(5), TimeSpan.FromSeconds(10));
        check.Time(ElectionTimeoutMin, HeartbeatInterval, 2, TimeSpan.FromSeconds(60));
        check.Time(ElectionTimeoutMax, ElectionTimeoutMin, 1.2, TimeSpan.FromSeconds(120));
        check.Bytes(MaxAppendBytes, 4 * KiB, 16 * MiB);
        check.Bytes(MaxInflightBytes, 4 * KiB, 256 * MiB);
        check.Bytes(MaxApplyBytes, 4 * KiB, 256 * MiB);
        check.Number(MaxPendingCommands, 1, 1_000_000);
        check.Bytes(MaxPendingBytes, 64 * KiB, 1024 * MiB);
        check.Number(MaxPendingReads, 1, 10_000_000);
        check.Time(JoinTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1));
        check.Time(StateMachineTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromHours(1));
        check.Time(StateCheckInterval, TimeSpan.Zero, TimeSpan.FromDays(1));
        check.Number(RetainEntries, 0, 100_000_000);
        check.Bytes(RetainBytes, 0, 2047 * MiB);
        check.Number(MaxLogEntries, 10, 1_000_000_000);
        check.Bytes(MaxLogBytes, 64 * KiB, 2047 * MiB);
        check.Bytes(SnapshotChunkBytes, KiB, 2 * MiB);
        check.Bytes(SnapshotBytesPerSecond, 0, 2047 * MiB);
        check.Bytes(MaxCommandBytes, 4 * KiB, 16 * MiB);
        check.KeyBytes(MaxKeyBytes);
        check.ValueBytes(MaxValueBytes);
        check.Number(MaxSessions, 1, 1_000_000);
        check.Time(SessionTimeToLive, TimeSpan.FromSeconds(1), TimeSpan.FromDays(30));
        check.Number(MaxResultsPerSession, 1, 1_000_000);
        check.TransactionSteps(MaxTransactionSteps);
        check.Bytes(MaxPageBytes, KiB, 16 * MiB);
        check.Number(MaxLeases, 1, 50_000);
        check.Number(MaxWatches, 1, 1_000_000);
        check.Number(WatchRetainChanges, 1, 100_000_000);
        check.Bytes(WatchRetainBytes, 64 * KiB, 2047 * MiB);
    }
}
