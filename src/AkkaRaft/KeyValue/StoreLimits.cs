using System.Globalization;
using AkkaRaft.Protocol.Wire;
using AkkaRaft.StateMachines;
using Google.Protobuf;

namespace AkkaRaft.KeyValue;

/// <summary>
/// The settings that decide results. Each leader proposes those of its own file with the first entry of its term, and all members go by them from that entry
/// on, whatever their files say: results follow from the log alone.
/// </summary>
internal sealed record StoreLimits(
    int MaxKeyBytes, int MaxValueBytes, int MaxCommandBytes, int MaxTransactionSteps, int MaxPageBytes, int MaxLeases, int MaxSessions,
    long SessionTimeToLiveMs, int MaxResultsPerSession, int WatchRetainChanges, int WatchRetainBytes)
{
    public const string Schema = "CREATE TABLE limits (id INTEGER PRIMARY KEY CHECK (id = 1), encoded BLOB NOT NULL, crc INTEGER NOT NULL);";

    public const string Save = "INSERT OR REPLACE INTO limits (id, encoded, crc) VALUES (1, ?, ?)";

    private const int Version = 1;

    public static readonly StateTable Table = new("limits", "id, encoded, crc", row => Sum(row.Blob(1)));

    /// <summary>In force until the first proposal. They are part of what the log means: never to be changed.</summary>
    public static readonly StoreLimits BeforeTheFirst = new(
        MaxKeyBytes: 4 * 1024, MaxValueBytes: 1024 * 1024, MaxCommandBytes: 2 * 1024 * 1024, MaxTransactionSteps: 1_000, MaxPageBytes: 512 * 1024,
        MaxLeases: 10_000, MaxSessions: 10_000, SessionTimeToLiveMs: 600_000, MaxResultsPerSession: 20_000,
        WatchRetainChanges: 100_000, WatchRetainBytes: 64 * 1024 * 1024);

    /// <summary>Most bytes of rows in a page, and of changes in an answer to a watch.</summary>
    public int PageBytes => Math.Min(MaxPageBytes, MaxCommandBytes);

    /// <summary>Most bytes of changes of one revision that a watch is told of: more than a command can make.</summary>
    public long RevisionBytes => MaxCommandBytes + (long)MaxTransactionSteps * KeyTable.RowOverheadBytes;

    /// <summary>Those of sessions.</summary>
    public SessionLimits OfSessions => new(MaxSessions, SessionTimeToLiveMs, MaxResultsPerSession, SessionLimits.ResultBytesOf(MaxCommandBytes));

    public static StoreLimits Of(RaftSettings settings) => new(
        settings.MaxKeyBytes, settings.MaxValueBytes, settings.MaxCommandBytes, settings.MaxTransactionSteps, settings.MaxPageBytes, settings.MaxLeases,
        settings.MaxSessions, (long)settings.SessionTimeToLive.TotalMilliseconds, settings.MaxResultsPerSession, settings.WatchRetainChanges,
        settings.WatchRetainBytes);

    public byte[] Encode() => new KvLimits
    {
        Version = Version,
        MaxKeyBytes = MaxKeyBytes,
        MaxValueBytes = MaxValueBytes,
        MaxCommandBytes = MaxCommandBytes,
        MaxTransactionSteps = MaxTransactionSteps,
        MaxPageBytes = MaxPageBytes,
        MaxLeases = MaxLeases,
        MaxSessions = MaxSessions,
        SessionTimeToLiveMs = SessionTimeToLiveMs,
        MaxResultsPerSession = MaxResultsPerSession,
        WatchRetainChanges = WatchRetainChanges,
        WatchRetainBytes = WatchRetainBytes,
    }.ToByteArray();

    /// <returns>Null for bytes that are no limits, are of another version, or leave no room for anything.</returns>
    public static StoreLimits? Decode(ReadOnlySpan<byte> encoded)
    {
        KvLimits wire;
        try
        {
            wire = KvLimits.Parser.ParseFrom(encoded);
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
        if (wire.Version != Version) return null;
        var limits = new StoreLimits(
            wire.MaxKeyBytes, wire.MaxValueBytes, wire.MaxCommandBytes, wire.MaxTransactionSteps, wire.MaxPageBytes, wire.MaxLeases, wire.MaxSessions,
            wire.SessionTimeToLiveMs, wire.MaxResultsPerSession, wire.WatchRetainChanges, wire.WatchRetainBytes);
        return limits.Named.All(limit => limit.Value is > 0 and <= long.MaxValue / 4) ? limits : null;
    }

    public static RowChecksum Sum(ReadOnlySpan<byte> encoded) => RowChecksum.Begin.With(1).With(encoded);

    /// <summary>Each setting that differs, with both values, for people; empty when none does.</summary>
    public string DifferencesFrom(StoreLimits own) => string.Join(
        "; ", Named.Zip(own.Named, (here, file) => (here.Name, InForce: here.Value, Own: file.Value)).Where(limit => limit.InForce != limit.Own).Select(limit => string.Create(
            CultureInfo.InvariantCulture, $"{limit.Name} is {limit.InForce} in the cluster and {limit.Own} in this member's settings")));

    private (string Name, long Value)[] Named =>
    [
        ("max-key-bytes", MaxKeyBytes), ("max-value-bytes", MaxValueBytes), ("max-command-bytes", MaxCommandBytes),
        ("max-transaction-steps", MaxTransactionSteps), ("max-page-bytes", MaxPageBytes), ("max-leases", MaxLeases), ("max-sessions", MaxSessions),
        ("session-time-to-live (ms)", SessionTimeToLiveMs), ("max-results-per-session", MaxResultsPerSession),
        ("watch-retain-changes", WatchRetainChanges), ("watch-retain-bytes", WatchRetainBytes),
    ];
}
