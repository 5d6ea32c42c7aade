using System.Globalization;
using AkkaRaft.Protocol;
using Google.Protobuf;
using Microsoft.Data.Sqlite;
using Wire = AkkaRaft.Protocol.Wire;

namespace AkkaRaft.StateMachine;

/// <summary>
/// The replicated key-value state and its sessions in one SQLite file, changed by one transaction per <see cref="Apply"/>.
/// After an exception from <see cref="Apply"/> the memory may be ahead of the file: dispose of the store and open it again.
/// </summary>
internal sealed class KeyValueStore : ISessionStorage, IDisposable
{
    private const string SchemaVersion = "1";

    private readonly SqliteConnection _connection;
    private readonly string _file;
    private readonly RaftSettings _settings;
    private Sessions _sessions;
    private readonly List<SqliteCommand> _commands = [];
    private readonly SqliteCommand _begin;
    private readonly SqliteCommand _commit;
    private readonly SqliteCommand _get;
    private readonly SqliteCommand _put;
    private readonly SqliteCommand _delete;
    private readonly SqliteCommand _saveProgress;
    private readonly SqliteCommand _saveSession;
    private readonly SqliteCommand _removeSession;
    private readonly SqliteCommand _saveResult;
    private readonly SqliteCommand _removeResults;
    private long _revision;

    private KeyValueStore(SqliteConnection connection, string file, RaftSettings settings)
    {
        _connection = connection;
        _file = file;
        _settings = settings;
        _sessions = NewSessions();

        // The log rebuilds what a power failure takes from the end of the WAL, and WAL with NORMAL never tears a transaction: FULL's fsync per commit buys nothing.
        Run("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;");
        CreateOrCheckSchema(settings);

        _begin = Prepare("BEGIN IMMEDIATE", 0);
        _commit = Prepare("COMMIT", 0);
        _get = Prepare("SELECT value, version FROM kv WHERE key = $a", 1);
        _put = Prepare("INSERT INTO kv (key, value, version) VALUES ($a, $b, $c) ON CONFLICT (key) DO UPDATE SET value = excluded.value, version = excluded.version", 3);
        _delete = Prepare("DELETE FROM kv WHERE key = $a", 1);
        _saveProgress = Prepare(
            "UPDATE meta SET value = CASE name WHEN 'applied_index' THEN $a WHEN 'applied_term' THEN $b WHEN 'journal_sequence' THEN $c ELSE $d END WHERE name IN ('applied_index', 'applied_term', 'journal_sequence', 'revision')", 4);
        _saveSession = Prepare("INSERT OR REPLACE INTO session (id, last_used_ms, next_serial, acked) VALUES ($a, $b, $c, $d)", 4);
        _removeSession = Prepare("DELETE FROM session_result WHERE session = $a; DELETE FROM session WHERE id = $a", 1);
        _saveResult = Prepare("INSERT INTO session_result (session, serial, existed, version) VALUES ($a, $b, $c, $d)", 4);
        _removeResults = Prepare("DELETE FROM session_result WHERE session = $a AND serial <= $b", 2);

        LoadState();
    }

    private Sessions NewSessions() => new(
        new SessionLimits((long)_settings.SessionTimeToLive.TotalMilliseconds, _settings.MaxSessions, _settings.MaxResultsPerSession), this);

    private void LoadState()
    {
        AppliedIndex = NumberOf("applied_index");
        AppliedTerm = NumberOf("applied_term");
        JournalSequenceNr = NumberOf("journal_sequence");
        _revision = NumberOf("revision");
        _sessions = NewSessions();
        LoadSessions();
    }

    /// <summary>Whether the state is gone, or nobody else's, when the connection is closed.</summary>
    public bool IsInMemory => _file == ":memory:" || _file.StartsWith("file:", StringComparison.Ordinal);

    /// <summary>Brings all that was applied to the disk.</summary>
    /// <returns>Index of the last entry whose effect no crash takes away; 0 for a state that a crash does take away.</returns>
    public long Sync()
    {
        if (_file == ":memory:") return 0;
        // Syncs the write-ahead log before it copies; a reader that holds on to old pages only delays the copy.
        return Convert.ToInt64(Scalar("PRAGMA wal_checkpoint(PASSIVE)"), CultureInfo.InvariantCulture) == 0 ? AppliedIndex : 0;
    }

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
    public static ImageSaved SaveImage(KeyValueStore store, string imageFile) => SaveImage(store._connection, imageFile);

    private static ImageSaved SaveImage(SqliteConnection connection, string imageFile)
    {
        using var command = connection.CreateCommand();
        command.CommandText = "VACUUM INTO $file";
        command.Parameters.AddWithValue("$file", imageFile);
        command.ExecuteNonQuery();
        using var image = OpenImage(imageFile, SqliteOpenMode.ReadOnly);
        using var progress = image.CreateCommand();
        progress.CommandText = "SELECT (SELECT value FROM meta WHERE name = 'applied_index'), (SELECT value FROM meta WHERE name = 'applied_term')";
        using var row = progress.ExecuteReader();
        row.Read();
        return new ImageSaved(row.GetInt64(0), row.GetInt64(1));
    }

    /// <summary>Takes over the state of an image, in one transaction; the file stays this member's.</summary>
    public void Load(string imageFile, long journalSequenceNr)
    {
        using (var image = OpenImage(imageFile, SqliteOpenMode.ReadWrite))
        {
            using var command = image.CreateCommand();
            command.CommandText =
                "UPDATE meta SET value = CASE name WHEN 'journal_sequence' THEN $journal WHEN 'member_id' THEN $member WHEN 'cluster_id' THEN $cluster ELSE value END";
            command.Parameters.AddWithValue("$journal", journalSequenceNr);
            command.Parameters.AddWithValue("$member", _settings.Id.ToString());
            command.Parameters.AddWithValue("$cluster", _settings.ClusterId);
            command.ExecuteNonQuery();
            image.BackupDatabase(_connection);
        }
        Run("PRAGMA wal_checkpoint(PASSIVE)");
        LoadState();
    }

    /// <summary>Whether a file is a sound image, and of what.</summary>
    /// <exception cref="KeyValueStoreException">It is none, is damaged, or is of another version.</exception>
    public static (long Index, long Term, string ClusterId) Inspect(string imageFile)
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

            if (Read("PRAGMA integrity_check") is var check && check != "ok") throw new KeyValueStoreException($"{imageFile} is damaged: {check}");
            if (Read("SELECT value FROM meta WHERE name = 'schema_version'") is var version && version != SchemaVersion)
                throw new KeyValueStoreException($"{imageFile} has schema version '{version}'; this version of AkkaRaft reads '{SchemaVersion}'.");
            return (
                long.Parse(Read("SELECT value FROM meta WHERE name = 'applied_index'")!, CultureInfo.InvariantCulture),
                long.Parse(Read("SELECT value FROM meta WHERE name = 'applied_term'")!, CultureInfo.InvariantCulture),
                Read("SELECT value FROM meta WHERE name = 'cluster_id'")!);
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

    /// <summary>Applies entries in one transaction; those applied before are skipped, with an empty result.</summary>
    /// <exception cref="InvalidOperationException">Entries between the applied ones and these are missing.</exception>
    public IReadOnlyList<ReadOnlyMemory<byte>> Apply(IReadOnlyList<LogEntry> entries, long journalSequenceNr)
    {
        var results = new ReadOnlyMemory<byte>[entries.Count];
        if (entries.Count == 0 || entries[^1].Index <= AppliedIndex)
            return results;

        // Prepared, unlike a SqliteTransaction, which costs as much as all else here. One that is left open by an exception ends with the connection.
        Run(_begin);
        for (var i = 0; i < entries.Count; i++)
        {
            var entry = entries[i];
            if (entry.Index <= AppliedIndex)
                continue;
            if (entry.Index != AppliedIndex + 1)
                throw new InvalidOperationException($"{_file} has applied the log up to {AppliedIndex} and cannot go on with entry {entry.Index}.");
            _sessions.Expire(entry.TimestampMs);
            if (entry.Kind == EntryKind.Command)
                results[i] = Execute(entry).ToByteArray();
            AppliedIndex = entry.Index;
            AppliedTerm = entry.Term;
        }

        JournalSequenceNr = journalSequenceNr;
        _sessions.Save();
        Run(_saveProgress, AppliedIndex, AppliedTerm, JournalSequenceNr, _revision);
        Run(_commit);
        return results;
    }

    /// <summary>Answers a query from the state as it is.</summary>
    public ReadOnlyMemory<byte> Query(ReadOnlyMemory<byte> payload)
    {
        var result = new Wire.KvQueryResult { AppliedIndex = AppliedIndex };
        try
        {
            foreach (var lookup in Wire.KvQuery.Parser.ParseFrom(payload.Span).Lookups)
                result.Lookups.Add(Look(lookup.Key));
        }
        catch (InvalidProtocolBufferException)
        {
            result.Error = "The query is no KvQuery.";
        }

        return result.ToByteArray();
    }

    /// <inheritdoc />
    public void Dispose()
    {
        foreach (var command in _commands)
            command.Dispose();
        _connection.Dispose();
    }

    void ISessionStorage.SaveSession(long session, long lastUsedMs, long nextSerial, long acked) =>
        Run(_saveSession, session, lastUsedMs, nextSerial, acked);

    void ISessionStorage.RemoveSession(long session) => Run(_removeSession, session);

    void ISessionStorage.SaveResult(long session, long serial, OperationResult result) =>
        Run(_saveResult, session, serial, result.Existed ? 1L : 0L, result.Version);

    void ISessionStorage.RemoveResults(long session, long upToSerial) => Run(_removeResults, session, upToSerial);

    private Wire.KvResult Execute(LogEntry entry)
    {
        Wire.KvCommand command;
        try
        {
            command = Wire.KvCommand.Parser.ParseFrom(entry.Payload.Span);
        }
        catch (InvalidProtocolBufferException)
        {
            // Not the exception's words: they may differ between versions, and results must not.
            return Malformed("The command is no KvCommand.");
        }

        switch (command.CommandCase)
        {
            case Wire.KvCommand.CommandOneofCase.OpenSession:
                _sessions.Open(entry.Index, entry.TimestampMs);
                return new Wire.KvResult { SessionOpened = new Wire.KvSessionOpened { Session = entry.Index } };
            case Wire.KvCommand.CommandOneofCase.CloseSession:
                return _sessions.Close(command.CloseSession.Session)
                    ? new Wire.KvResult { SessionClosed = new Wire.KvSessionClosed() }
                    : new Wire.KvResult { SessionExpired = new Wire.KvSessionExpired() };
            case Wire.KvCommand.CommandOneofCase.Batch:
                return Execute(command.Batch, entry.TimestampMs);
            default:
                return Malformed("The command is of an unknown kind.");
        }
    }

    private Wire.KvResult Execute(Wire.KvBatch batch, long nowMs)
    {
        if (WhatIsWrongWith(batch) is { } wrong)
            return Malformed(wrong);
        var outcome = _sessions.Execute(
            batch.Session, batch.FirstSerial, batch.AckedUpTo, batch.Operations.Count, nowMs, i => Execute(batch.Operations[i]));
        return outcome.Status switch
        {
            BatchStatus.Executed => new Wire.KvResult { BatchResult = ToWire(outcome.Results) },
            BatchStatus.SessionExpired => new Wire.KvResult { SessionExpired = new Wire.KvSessionExpired() },
            BatchStatus.OutOfOrder => new Wire.KvResult { OutOfOrder = new Wire.KvOutOfOrder { ExpectedSerial = outcome.ExpectedSerial } },
            BatchStatus.TooManyResults => new Wire.KvResult { TooManyResults = new Wire.KvTooManyResults { Limit = _sessions.MaxResultsPerSession } },
            _ => Malformed("The batch acknowledges operations that were never executed."),
        };
    }

    /// <summary>All of a batch is checked before any of it is executed.</summary>
    private static string? WhatIsWrongWith(Wire.KvBatch batch)
    {
        if (batch.Session <= 0)
            return "The batch names no session.";
        if (batch.FirstSerial < 1 || batch.AckedUpTo < 0)
            return "The batch's serials are out of range.";
        foreach (var operation in batch.Operations)
        {
            switch (operation.OperationCase)
            {
                case Wire.KvOperation.OperationOneofCase.Put when operation.Put.Key.IsEmpty:
                case Wire.KvOperation.OperationOneofCase.Delete when operation.Delete.Key.IsEmpty:
                    return "The batch has an operation with an empty key.";
                case Wire.KvOperation.OperationOneofCase.None:
                    return "The batch has an operation of an unknown kind.";
                default:
                    break;
            }
        }

        return null;
    }

    private OperationResult Execute(Wire.KvOperation operation)
    {
        switch (operation.OperationCase)
        {
            case Wire.KvOperation.OperationOneofCase.Put:
                var existed = Look(operation.Put.Key).Found;
                Run(_put, operation.Put.Key.ToByteArray(), operation.Put.Value.ToByteArray(), ++_revision);
                return new OperationResult(existed, _revision);
            case Wire.KvOperation.OperationOneofCase.Delete:
                var removed = Run(_delete, operation.Delete.Key.ToByteArray()) > 0;
                if (removed)
                    _revision++;
                return new OperationResult(removed, _revision);
            default:
                return new OperationResult(false, _revision);
        }
    }

    private Wire.KvLookupResult Look(ByteString key)
    {
        _get.Parameters[0].Value = key.ToByteArray();
        using var reader = _get.ExecuteReader();
        return reader.Read()
            ? new Wire.KvLookupResult { Found = true, Value = UnsafeByteOperations.UnsafeWrap(reader.GetFieldValue<byte[]>(0)), Version = reader.GetInt64(1) }
            : new Wire.KvLookupResult();
    }

    private static Wire.KvBatchResult ToWire(IReadOnlyList<OperationResult> results)
    {
        var wire = new Wire.KvBatchResult();
        foreach (var result in results)
            wire.Results.Add(new Wire.KvOperationResult { Existed = result.Existed, Version = result.Version, Forgotten = result.Forgotten });
        return wire;
    }

    private static Wire.KvResult Malformed(string message) => new() { Malformed = new Wire.KvMalformed { Message = message } };

    private void CreateOrCheckSchema(RaftSettings settings)
    {
        var member = settings.Id.ToString();
        if (Convert.ToInt64(Scalar("SELECT count(*) FROM sqlite_master"), CultureInfo.InvariantCulture) == 0)
        {
            using var transaction = _connection.BeginTransaction();
            Run(
                """
                CREATE TABLE kv (key BLOB PRIMARY KEY, value BLOB NOT NULL, version INTEGER NOT NULL) WITHOUT ROWID;
                CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
                CREATE TABLE session (id INTEGER PRIMARY KEY, last_used_ms INTEGER NOT NULL, next_serial INTEGER NOT NULL, acked INTEGER NOT NULL);
                CREATE TABLE session_result (session INTEGER NOT NULL, serial INTEGER NOT NULL, existed INTEGER NOT NULL, version INTEGER NOT NULL,
                    PRIMARY KEY (session, serial)) WITHOUT ROWID;
                INSERT INTO meta (name, value) VALUES ('schema_version', $a), ('cluster_id', $b), ('member_id', $c),
                    ('applied_index', 0), ('applied_term', 0), ('journal_sequence', 0), ('revision', 0);
                """,
                transaction,
                SchemaVersion,
                settings.ClusterId,
                member);
            transaction.Commit();
            return;
        }

        if (Scalar("SELECT name FROM sqlite_master WHERE name = 'meta'") is null)
            throw new KeyValueStoreException($"{_file} is an SQLite database, but no key-value store.");
        Check("schema_version", SchemaVersion, "schema version");
        Check("cluster_id", settings.ClusterId, "cluster");
        Check("member_id", member, "member");
    }

    private void Check(string name, string expected, string what)
    {
        var found = Meta(name);
        if (found != expected)
            throw new KeyValueStoreException($"{_file} is of another {what}: found '{found}', expected '{expected}'.");
    }

    private string? Meta(string name) =>
        Convert.ToString(Scalar("SELECT value FROM meta WHERE name = $a", name), CultureInfo.InvariantCulture);

    private long NumberOf(string name) =>
        long.TryParse(Meta(name), NumberStyles.Integer, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new KeyValueStoreException($"{_file} is damaged: its meta table has no number '{name}'. Move it away; the member rebuilds it from its log.");

    private void LoadSessions()
    {
        using var sessions = new SqliteCommand("SELECT id, last_used_ms, next_serial, acked FROM session", _connection);
        using (var reader = sessions.ExecuteReader())
        {
            while (reader.Read())
                _sessions.Load(reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(3));
        }

        using var results = new SqliteCommand("SELECT session, serial, existed, version FROM session_result", _connection);
        using (var reader = results.ExecuteReader())
        {
            while (reader.Read())
                _sessions.LoadResult(reader.GetInt64(0), reader.GetInt64(1), new OperationResult(reader.GetInt64(2) != 0, reader.GetInt64(3)));
        }
    }

    private SqliteCommand Prepare(string sql, int parameters)
    {
        var command = new SqliteCommand(sql, _connection);
        for (var i = 0; i < parameters; i++)
            command.Parameters.Add(new SqliteParameter { ParameterName = NameOf(i) });
        _commands.Add(command);
        return command;
    }

    private static int Run(SqliteCommand command, params ReadOnlySpan<object> values)
    {
        for (var i = 0; i < values.Length; i++)
            command.Parameters[i].Value = values[i];
        return command.ExecuteNonQuery();
    }

    private void Run(string sql, SqliteTransaction? transaction = null, params object[] values)
    {
        using var command = Command(sql, values);
        command.Transaction = transaction;
        command.ExecuteNonQuery();
    }

    private object? Scalar(string sql, params object[] values)
    {
        using var command = Command(sql, values);
        return command.ExecuteScalar();
    }

    private SqliteCommand Command(string sql, object[] values)
    {
        var command = new SqliteCommand(sql, _connection);
        for (var i = 0; i < values.Length; i++)
            command.Parameters.AddWithValue(NameOf(i), values[i]);
        return command;
    }

    private static string NameOf(int parameter) => "$" + (char)('a' + parameter);
}
