using AkkaRaft.Log;
using AkkaRaft.StateMachines;
using Google.Protobuf;
using Microsoft.Data.Sqlite;
using Wire = AkkaRaft.Protocol.Wire;

namespace AkkaRaft.KeyValue;

/// <summary>
/// The replicated key-value state in one SQLite file: keys, leases, sessions, and the changes that watches are told of.
/// After an exception from <see cref="Apply"/> the memory may be ahead of the file: dispose of the store and open it again.
/// </summary>
internal sealed partial class KeyValueStore : IDisposable
{
    private readonly string _file;
    private readonly StateOwner _owner;
    private readonly StateConnection _connection;
    private readonly KeyTable _keys;
    private readonly LeaseTable _leases;
    private readonly SessionTables _sessionTables;
    private readonly Sessions _sessions;
    private readonly History _history;
    private readonly Statement _readLimits;
    private readonly Statement _saveLimits;
    private readonly Statement _progress;
    private readonly Statement _saveProgress;

    // Of the entry that is executed.
    private readonly Wire.KvWatchResult _changes = new();
    private readonly List<Wire.KvOperation> _operations = [];
    private readonly Func<IReadOnlyList<ByteString>, string?> _parse;
    private readonly Func<int, ByteString> _execute;
    private long _nowMs;
    private int _answerBytes;
    private long _workBefore;
    private long _historyRead;

    // Part of what the log means: never to be changed.
    private const long MaxWorkOfCommand = 64 * 1024 * 1024;

    private long _revision;
    private long _lastLease;
    private StoreLimits? _limitsToSave;
    private bool _hasLimits;
    private long _entryBytes;
    private bool _isCommitted = true;
    private bool _isWhole = true;

    private KeyValueStore(SqliteConnection connection, string file, RaftSettings settings)
    {
        _file = file;
        _owner = new StateOwner(settings.ClusterId, settings.Id.ToString());

        // Before any of it is trusted: a write that an earlier process could not sync is in the page cache all the same, and looks committed.
        Run(connection, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
        if (!IsGoneWhenClosed(file))
        {
            using var checkpoint = new Statement(connection, "PRAGMA wal_checkpoint(TRUNCATE)");
            if (!checkpoint.Step() || checkpoint.Integer(0) != 0) throw new IOException("Its write-ahead log cannot be brought to the disk now: another process reads it.");
            checkpoint.Reset();
        }

        // The log rebuilds what a power failure takes from the end of the WAL, and WAL with NORMAL never tears a transaction: FULL's fsync per commit buys nothing.
        // Pages change many times between commits, and each commit writes each of them: a larger cache holds them, and the WAL is copied back less often.
        Run(connection, "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = 4000");
        if (StateSchema.IsEmpty(connection)) StateSchema.Create(connection, _owner.ClusterId, _owner.MemberId);
        Check(StateSchema.Check(connection, file));

        _connection = new StateConnection(connection, file);
        _keys = new KeyTable(_connection);
        _leases = new LeaseTable(_connection);
        _sessionTables = new SessionTables(_connection);
        _sessions = new Sessions("", _sessionTables) { Limits = StoreLimits.BeforeTheFirst.OfSessions };
        _history = new History(_connection);
        _parse = Parse;
        _execute = i => Execute(_operations[i]).ToByteString();
        _readLimits = _connection.Prepare(StoreLimits.Table.Select());
        _saveLimits = _connection.Prepare(StoreLimits.Save);
        _progress = _connection.Prepare(StateProgress.Table.Select());
        _saveProgress = _connection.Prepare(StateProgress.Update);

        LoadState();
    }

    /// <summary>What results are decided by.</summary>
    public StoreLimits Limits { get; private set; } = StoreLimits.BeforeTheFirst;

    private void LoadState()
    {
        var progress = StateProgress.Read(_connection.Reading(_progress), _file);
        AppliedIndex = progress.AppliedIndex;
        AppliedTerm = progress.AppliedTerm;
        JournalSequenceNr = progress.JournalSequenceNr;
        _revision = progress.Revision;
        _lastLease = progress.LastLease;
        SetLimits(ReadLimits());
        _limitsToSave = null;
        _keys.Load();
        _history.Load(progress.HistoryFrom);
        _leases.Load();
        _sessionTables.Load(_sessions);
    }

    private StoreLimits ReadLimits()
    {
        if (!_connection.Step(StoreLimits.Table, _connection.Reading(_readLimits)))
        {
            _readLimits.Reset();
            _hasLimits = false;
            return StoreLimits.BeforeTheFirst;
        }
        _hasLimits = true;
        var limits = StoreLimits.Decode(_readLimits.Blob(1));
        _readLimits.Reset();
        return limits ?? throw _connection.Damaged("its table limits holds none.");
    }

    private void Adopt(StoreLimits limits)
    {
        if (_hasLimits && limits == Limits) return;
        _hasLimits = true;
        SetLimits(limits);
        _limitsToSave = limits;
    }

    private void SetLimits(StoreLimits limits)
    {
        Limits = limits;
        _sessions.Limits = limits.OfSessions;
        _history.Limits = limits;
    }

    /// <summary>Whether the state is gone, or nobody else's, when the connection is closed.</summary>
    public bool IsInMemory => IsGoneWhenClosed(_file);

    /// <summary>Whether it names a state without a file of its own.</summary>
    public static bool IsGoneWhenClosed(string file) => file == ":memory:" || file.StartsWith("file:", StringComparison.Ordinal);

    /// <summary>Brings all that was applied to the disk.</summary>
    /// <returns>Index of the last entry whose effect no crash takes away; 0 for a state that a crash does take away.</returns>
    public long Sync()
    {
        Commit();
        Sync(_connection.Idle());
        return _file == ":memory:" ? 0 : AppliedIndex;
    }

    /// <summary>Does as <see cref="Sync()"/> aside.</summary>
    public async Task<long> SyncAside()
    {
        var index = AppliedIndex;
        await _connection.CommitAside(Take(), Sync).ConfigureAwait(false);
        return index;
    }

    private void Sync(SqliteConnection connection)
    {
        // A checkpoint beside a reader may succeed without a sync. SQLite holds no lock on this file, which closing it would give up.
        if (!IsInMemory && File.Exists($"{_file}-wal"))
        {
            using var written = new FileStream($"{_file}-wal", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
            written.Flush(flushToDisk: true);
        }
        Checkpoint(connection);
    }

    private static void Checkpoint(SqliteConnection connection) => Run(connection, "PRAGMA wal_checkpoint(PASSIVE)");

    private static void Run(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    /// <summary>Index of the last entry applied.</summary>
    public long AppliedIndex { get; private set; }

    /// <summary>Term of that entry.</summary>
    public long AppliedTerm { get; private set; }

    /// <summary>The journal's sequence number last given.</summary>
    public long JournalSequenceNr { get; private set; }

    /// <summary>The last change's; each change makes it greater.</summary>
    public long Revision => _revision;

    /// <summary>The first timestamp at which a lease has expired; null when there is none.</summary>
    public long? NextExpiryMs => _leases.NextExpiryMs;

    /// <summary>Opens the file, or creates it.</summary>
    /// <param name="settings">Whose store it must be.</param>
    /// <param name="file">The file, or SQLite's <c>file:</c> URI of one; null or <c>:memory:</c> for a store that is gone when closed.</param>
    /// <exception cref="KeyValueStoreException">It is another member's.</exception>
    /// <exception cref="UnusableStateException">It is damaged, or of another version.</exception>
    /// <exception cref="IOException">It cannot be opened now: it is busy, or the disk failed.</exception>
    public static KeyValueStore Open(RaftSettings settings, string? file)
    {
        file ??= ":memory:";
        SqliteConnection? connection = null;
        try
        {
            if (!IsGoneWhenClosed(file) && Path.GetDirectoryName(Path.GetFullPath(file)) is { } directory)
                Directory.CreateDirectory(directory);
            // A pooled connection would keep the file open after the store is closed.
            connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Pooling = false }.ToString());
            connection.Open();
            return new KeyValueStore(connection, file, settings);
        }
        catch (Exception e)
        {
            connection?.Dispose();
            throw e switch
            {
                KeyValueStoreException or UnusableStateException => e,
                _ when IsDamage(e) => new UnusableStateException(file, $"is damaged, or no SQLite database: {e.Message}", e),
                _ => new IOException($"{file} cannot be opened: {e.Message}", e),
            };
        }
    }

    private const string Misplaced = "Put the member's own file back, or delete this one: the member then takes its state from its log or from another member's snapshot.";

    private void Check(StateOwner found)
    {
        if (found.ClusterId != _owner.ClusterId) throw new KeyValueStoreException($"{_file} is of another cluster: found '{found.ClusterId}', expected '{_owner.ClusterId}'. {Misplaced}");
        if (found.MemberId != _owner.MemberId) throw new KeyValueStoreException($"{_file} is of another member: found '{found.MemberId}', expected '{_owner.MemberId}'. {Misplaced}");
    }

    /// <summary>Whether an exception proves that the file is not what was written.</summary>
    public static bool IsDamage(Exception e) => e is UnusableStateException or SqliteException { SqliteErrorCode: 11 or 26 };

    /// <summary>Whether the last <see cref="Apply"/> came to its end, and no commit has failed.</summary>
    public bool IsWhole => _isWhole && !_connection.HasFailed;

    /// <summary>What was read so far, in bytes, and what each search costs besides.</summary>
    public long Work => _keys.Work + _historyRead + _sessions.Work;

    /// <summary>Whether a commit is under way aside.</summary>
    public bool IsCommitting => _connection.IsCommitting;

    /// <summary>Bytes of the entries that were applied since the last commit began, or of what they changed, whichever are more.</summary>
    public long UncommittedBytes => Math.Max(_entryBytes, _history.UnwrittenBytes);

    /// <summary>Keys that were put since the last commit began.</summary>
    public int UncommittedPuts => _keys.UncommittedPuts;

    /// <summary>
    /// Applies entries; those applied before are skipped, with an empty result. What they did is read at once, and is in the file with the next
    /// <see cref="Commit"/>: all since the last one, or nothing of it, which the log then brings again.
    /// </summary>
    /// <exception cref="InvalidOperationException">Entries between the applied ones and these are missing.</exception>
    /// <returns>A result for each of the entries, or for the first of them, where these have as much to say, or to do, as is done at once.</returns>
    public IReadOnlyList<ReadOnlyMemory<byte>> Apply(IReadOnlyList<LogEntry> entries, long journalSequenceNr)
    {
        if (entries.Count == 0 || entries[^1].Index <= AppliedIndex) return new ReadOnlyMemory<byte>[entries.Count];
        // Until all is done there is nothing that may be committed.
        _isWhole = false;
        _isCommitted = false;
        var results = new List<ReadOnlyMemory<byte>>(entries.Count);
        var share = new ApplyShare();
        var work = Work;
        foreach (var entry in entries)
        {
            if (entry.Index <= AppliedIndex)
            {
                results.Add(default);
                continue;
            }
            if (entry.Index != AppliedIndex + 1)
                throw new InvalidOperationException($"{_file} has applied the log up to {AppliedIndex} and cannot go on with entry {entry.Index}.");
            if (share.IsOver(Work - work)) break;
            var result = Execute(entry);
            results.Add(result);
            share.Add(result.Length);
            AppliedIndex = entry.Index;
            AppliedTerm = entry.Term;
            _entryBytes += entry.EncodedBytes;
        }

        JournalSequenceNr = journalSequenceNr;
        _isWhole = true;
        return results;
    }

    /// <summary>Writes what was applied to the file, in one transaction with what says how far that is.</summary>
    /// <exception cref="InvalidOperationException">An <see cref="Apply"/> failed.</exception>
    /// <exception cref="SqliteException">This commit failed, or one aside before it.</exception>
    public void Commit()
    {
        if (_isCommitted) _connection.Settle();
        else _connection.Commit(Take());
    }

    /// <summary>Does as <see cref="Commit"/> aside: what is applied, and most of what is read, does not wait for it. A state in memory, which has no disk to wait for, is committed at once.</summary>
    public Task CommitAside()
    {
        if (!IsInMemory) return _connection.CommitAside(Take(), _ => { });
        Commit();
        return Task.CompletedTask;
    }

    private Action Take()
    {
        _connection.Settle();
        if (!_isWhole) throw new InvalidOperationException($"An entry was applied to {_file} in part; its transaction cannot be committed.");
        Action[] writes = [_keys.Take(), _sessionTables.Take(_sessions), _leases.Take(), _history.Take()];
        var progress = new StateProgress(AppliedIndex, AppliedTerm, JournalSequenceNr, _revision, _lastLease, _history.KeptFrom);
        var limits = _limitsToSave?.Encode();
        _limitsToSave = null;
        _isCommitted = true;
        _entryBytes = 0;
        return () =>
        {
            foreach (var write in writes) write();
            if (limits is not null) _saveLimits.Bind(1, limits).Bind(2, StoreLimits.Sum(limits).Value).Run();
            if (progress.Write(_saveProgress) != 1) throw _connection.Damaged("it does not say what was applied.");
        };
    }

    /// <inheritdoc />
    public void Dispose() => _connection.Dispose();
}
