using System.Globalization;
using AkkaRaft.Protocol;
using Microsoft.Data.Sqlite;
using Wire = AkkaRaft.Protocol.Wire;

namespace AkkaRaft.StateMachine;

/// <summary>
/// The replicated key-value state in one SQLite file: keys, leases, sessions, and the changes that watches are told of.
/// After an exception from <see cref="Apply"/> the memory may be ahead of the file: dispose of the store and open it again.
/// </summary>
internal sealed partial class KeyValueStore : IDisposable
{
    private const string SchemaVersion = "2";

    private readonly string _file;
    private readonly StateConnection _connection;
    private readonly RaftSettings _settings;
    private readonly KeyTable _keys;
    private readonly Leases _leases;
    private readonly Sessions _sessions;
    private readonly History _history;
    private readonly Statement _progress;
    private readonly Statement _saveProgress;

    // Of the entry that is executed.
    private readonly Wire.KvWatchResult _changes = new();
    private long _nowMs;
    private int _answerBytes;

    private long _revision;
    private long _lastLease;
    private long _entryBytes;
    private bool _isCommitted = true;
    private bool _isWhole = true;

    private KeyValueStore(SqliteConnection connection, string file, RaftSettings settings)
    {
        _file = file;
        _settings = settings;

        // The log rebuilds what a power failure takes from the end of the WAL, and WAL with NORMAL never tears a transaction: FULL's fsync per commit buys nothing.
        // Pages change many times between commits, and each commit writes each of them: a larger cache holds them, and the WAL is copied back less often.
        Run(connection, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = 4000;");
        CreateOrCheckSchema(connection);

        _connection = new StateConnection(connection);
        _keys = new KeyTable(_connection);
        _leases = new Leases(_connection);
        _sessions = new Sessions(_connection, new SessionLimits(
            (long)settings.SessionTimeToLive.TotalMilliseconds, settings.MaxSessions, settings.MaxResultsPerSession, 8 * settings.MaxCommandBytes));
        _history = new History(_connection, settings.WatchRetainChanges, settings.WatchRetainBytes, MaxRevisionBytes);
        _progress = _connection.Prepare("SELECT applied_index, applied_term, journal_sequence, revision, last_lease, history_from FROM progress");
        _saveProgress = _connection.Prepare("UPDATE progress SET applied_index = ?, applied_term = ?, journal_sequence = ?, revision = ?, last_lease = ?, history_from = ?");

        LoadState();
    }

    /// <summary>Most bytes of rows in a page, and of changes in an answer to a watch.</summary>
    public int MaxPageBytes => Math.Min(_settings.MaxPageBytes, _settings.MaxCommandBytes);

    /// <summary>Most bytes of changes of one revision that a watch is told of: more than a command can make.</summary>
    private int MaxRevisionBytes => _settings.MaxCommandBytes + _settings.MaxTransactionSteps * KeyTable.RowOverheadBytes;

    private void LoadState()
    {
        if (!_connection.Reading(_progress).Step()) throw new KeyValueStoreException($"{_file} is damaged: it does not say what was applied. Move it away; the member rebuilds it from its log.");
        AppliedIndex = _progress.Integer(0);
        AppliedTerm = _progress.Integer(1);
        JournalSequenceNr = _progress.Integer(2);
        _revision = _progress.Integer(3);
        _lastLease = _progress.Integer(4);
        var historyFrom = _progress.Integer(5);
        _progress.Reset();
        _keys.Load();
        _history.Load(historyFrom);
        _leases.Load();
        _sessions.Load();
    }

    /// <summary>Whether the state is gone, or nobody else's, when the connection is closed.</summary>
    public bool IsInMemory => _file == ":memory:" || _file.StartsWith("file:", StringComparison.Ordinal);

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

    private static void Checkpoint(SqliteConnection connection) => Scalar(connection, "PRAGMA wal_checkpoint(PASSIVE)");

    /// <summary>Writes an image of a store's file, of one moment, while the store goes on.</summary>
    public static ImageSaved SaveImage(string stateFile, string imageFile)
    {
        try
        {
            using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = stateFile, Pooling = false, Mode = SqliteOpenMode.ReadOnly }.ToString());
            connection.Open();
            return SaveImage(connection, imageFile);
        }
        catch (SqliteException e)
        {
            return new ImageSaved(0, 0, $"{imageFile} cannot be written from {stateFile}: {e.Message}");
        }
    }

    /// <summary>Writes an image of a store in memory.</summary>
    public static ImageSaved SaveImage(KeyValueStore store, string imageFile)
    {
        store.Commit();
        return SaveImage(store._connection.Idle(), imageFile);
    }

    private static ImageSaved SaveImage(SqliteConnection connection, string imageFile)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "VACUUM INTO $file";
        command.Parameters.AddWithValue("$file", imageFile);
        command.ExecuteNonQuery();
        using var image = OpenImage(imageFile, SqliteOpenMode.ReadWrite);
        // Nobody's: whoever takes it over, and is killed before it has put its own name there, does so at its next start.
        Run(image, "UPDATE meta SET value = '' WHERE name = 'member_id'; UPDATE progress SET journal_sequence = 0");
        using var progress = image.CreateCommand();
        progress.CommandText = "SELECT applied_index, applied_term FROM progress";
        using var row = progress.ExecuteReader();
        return row.Read() ? new ImageSaved(row.GetInt64(0), row.GetInt64(1)) : new ImageSaved(0, 0, $"{imageFile} does not say what was applied.");
    }

    /// <summary>Why an image cannot be taken over, for people; null when it can.</summary>
    public static string? WhatIsWrongWith(LoadImage load)
    {
        try
        {
            var (index, term, _) = ReadImage(load.File, isChecked: false);
            return (index, term) == (load.Index, load.Term) ? null : $"{load.File} is of entry {index} of term {term}, not of {load.Index} of term {load.Term}.";
        }
        catch (KeyValueStoreException e)
        {
            return e.Message;
        }
    }

    /// <summary>Takes over the state of an image, all of it or nothing. The image stays as it is, so that this can be done again.</summary>
    /// <exception cref="SqliteException">The state is as it was.</exception>
    public void Load(string imageFile, long journalSequenceNr)
    {
        Commit();
        using (var image = OpenImage(imageFile, SqliteOpenMode.ReadOnly)) image.BackupDatabase(_connection.Idle());
        Own(_connection.Idle());
        Run(_connection.Idle(), "UPDATE progress SET journal_sequence = $a", null, journalSequenceNr);
        Checkpoint(_connection.Idle());
        LoadState();
    }

    /// <summary>An image is no member's, and may be of the cluster that a backup is from.</summary>
    private void Own(SqliteConnection connection) => Run(
        connection, "UPDATE meta SET value = CASE name WHEN 'member_id' THEN $a WHEN 'cluster_id' THEN $b ELSE value END", null, _settings.Id.ToString(), _settings.ClusterId);

    /// <summary>Whether a file is a sound image, and of what.</summary>
    /// <exception cref="KeyValueStoreException">It is none, is damaged, or is of another version.</exception>
    public static (long Index, long Term, string ClusterId) Inspect(string imageFile) => ReadImage(imageFile, isChecked: true);

    private static (long Index, long Term, string ClusterId) ReadImage(string imageFile, bool isChecked)
    {
        try
        {
            using var image = OpenImage(imageFile, SqliteOpenMode.ReadOnly);
            string? Read(string sql)
            {
                using var command = image.CreateCommand();
                command.CommandText = sql;
                return Convert.ToString(command.ExecuteScalar(), CultureInfo.InvariantCulture);
            }

            if (isChecked && Read("PRAGMA integrity_check") is var check && check != "ok") throw new KeyValueStoreException($"{imageFile} is damaged: {check}");
            if (Read("SELECT value FROM meta WHERE name = 'schema_version'") is var version && version != SchemaVersion)
                throw new KeyValueStoreException($"{imageFile} has schema version '{version}'; this version of AkkaRaft reads '{SchemaVersion}'.");
            if (!long.TryParse(Read("SELECT applied_index FROM progress"), NumberStyles.None, CultureInfo.InvariantCulture, out var index)
                || !long.TryParse(Read("SELECT applied_term FROM progress"), NumberStyles.None, CultureInfo.InvariantCulture, out var term)
                || Read("SELECT value FROM meta WHERE name = 'cluster_id'") is not { Length: > 0 } cluster)
                throw new KeyValueStoreException($"{imageFile} is damaged: it does not say what was applied, and in which cluster.");
            return (index, term, cluster);
        }
        catch (SqliteException e)
        {
            throw new KeyValueStoreException($"{imageFile} is no backup of a key-value store, or cannot be read: {e.Message}", e);
        }
    }

    private static SqliteConnection OpenImage(string file, SqliteOpenMode mode)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Pooling = false, Mode = mode }.ToString());
        connection.Open();
        return connection;
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
    /// <param name="settings">Whose store it must be, and the bounds of its sessions.</param>
    /// <param name="file">The file, or SQLite's <c>file:</c> URI of one; null or <c>:memory:</c> for a store that is gone when closed.</param>
    /// <exception cref="KeyValueStoreException">It cannot be opened, is damaged, or is another member's.</exception>
    public static KeyValueStore Open(RaftSettings settings, string? file)
    {
        file ??= ":memory:";
        SqliteConnection? connection = null;
        try
        {
            if (file != ":memory:" && !file.StartsWith("file:", StringComparison.Ordinal) && Path.GetDirectoryName(Path.GetFullPath(file)) is { } directory)
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
                KeyValueStoreException => e,
                SqliteException { SqliteErrorCode: 11 or 26 } => new KeyValueStoreException(
                    $"{file} is damaged, or no SQLite database: {e.Message} Move it away together with its -wal and -shm files; the member rebuilds it from its log.", e),
                _ => new KeyValueStoreException($"{file} cannot be opened: {e.Message}", e),
            };
        }
    }

    /// <summary>Whether the last <see cref="Apply"/> came to its end, and no commit has failed.</summary>
    public bool IsWhole => _isWhole && !_connection.HasFailed;

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
    public IReadOnlyList<ReadOnlyMemory<byte>> Apply(IReadOnlyList<LogEntry> entries, long journalSequenceNr)
    {
        var results = new ReadOnlyMemory<byte>[entries.Count];
        if (entries.Count == 0 || entries[^1].Index <= AppliedIndex)
            return results;

        // Until all is done there is nothing that may be committed.
        _isWhole = false;
        _isCommitted = false;
        for (var i = 0; i < entries.Count; i++)
        {
            var entry = entries[i];
            if (entry.Index <= AppliedIndex)
                continue;
            if (entry.Index != AppliedIndex + 1)
                throw new InvalidOperationException($"{_file} has applied the log up to {AppliedIndex} and cannot go on with entry {entry.Index}.");
            results[i] = Execute(entry);
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
        Action[] writes = [_keys.Take(), _sessions.Take(), _leases.Take(), _history.Take()];
        var (index, term, journal, revision, lastLease, keptFrom) = (AppliedIndex, AppliedTerm, JournalSequenceNr, _revision, _lastLease, _history.KeptFrom);
        _isCommitted = true;
        _entryBytes = 0;
        return () =>
        {
            foreach (var write in writes) write();
            _saveProgress.Bind(1, index).Bind(2, term).Bind(3, journal).Bind(4, revision).Bind(5, lastLease).Bind(6, keptFrom).Run();
        };
    }

    /// <inheritdoc />
    public void Dispose() => _connection.Dispose();

    private void CreateOrCheckSchema(SqliteConnection connection)
    {
        var member = _settings.Id.ToString();
        if (Convert.ToInt64(Scalar(connection, "SELECT count(*) FROM sqlite_master"), CultureInfo.InvariantCulture) == 0)
        {
            using var transaction = connection.BeginTransaction();
            Run(
                connection,
                $"""
                CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
                INSERT INTO meta (name, value) VALUES ('schema_version', $a), ('cluster_id', $b), ('member_id', $c);
                CREATE TABLE progress (applied_index INTEGER NOT NULL, applied_term INTEGER NOT NULL, journal_sequence INTEGER NOT NULL,
                    revision INTEGER NOT NULL, last_lease INTEGER NOT NULL, history_from INTEGER NOT NULL);
                INSERT INTO progress VALUES (0, 0, 0, 0, 0, 1);
                {KeyTable.Schema}
                {Leases.Schema}
                {Sessions.Schema}
                {History.Schema}
                """,
                transaction, SchemaVersion, _settings.ClusterId, member);
            transaction.Commit();
            return;
        }

        if (Scalar(connection, "SELECT name FROM sqlite_master WHERE name = 'meta'") is null)
            throw new KeyValueStoreException($"{_file} is an SQLite database, but no key-value store.");
        if (Meta(connection, "schema_version") is var version && version != SchemaVersion)
            throw new KeyValueStoreException($"{_file} has schema version '{version}'; this version of AkkaRaft reads '{SchemaVersion}'. Use the version that wrote it, or move kv.db away: the member rebuilds it from its log.");
        // The member was killed right after it had taken an image over.
        if (Meta(connection, "member_id") is "") Own(connection);
        Check(connection, "cluster_id", _settings.ClusterId, "cluster");
        Check(connection, "member_id", member, "member");
    }

    private void Check(SqliteConnection connection, string name, string expected, string what)
    {
        var found = Meta(connection, name);
        if (found != expected)
            throw new KeyValueStoreException($"{_file} is of another {what}: found '{found}', expected '{expected}'.");
    }

    private static string? Meta(SqliteConnection connection, string name) =>
        Convert.ToString(Scalar(connection, "SELECT value FROM meta WHERE name = $a", name), CultureInfo.InvariantCulture);

    private static void Run(SqliteConnection connection, string sql, SqliteTransaction? transaction = null, params object[] values)
    {
        using var command = Command(connection, sql, values);
        command.Transaction = transaction;
        command.ExecuteNonQuery();
    }

    private static object? Scalar(SqliteConnection connection, string sql, params object[] values)
    {
        using var command = Command(connection, sql, values);
        return command.ExecuteScalar();
    }

    private static SqliteCommand Command(SqliteConnection connection, string sql, object[] values)
    {
        var command = new SqliteCommand(sql, connection);
        for (var i = 0; i < values.Length; i++)
            command.Parameters.AddWithValue("$" + (char)('a' + i), values[i]);
        return command;
    }
}
