using System.Globalization;
using Akka.Actor;
using Akka.Configuration;
using Akka.Event;
using Akka.Persistence;
using Akka.Persistence.Sql.Journal;
using AkkaRaft.Protocol;
using AkkaRaft.Remoting.Threading;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace AkkaRaft.Storage;

/// <summary>
/// The journal of Akka.Persistence.Sql and its table, with statements of its own on a connection that stays open, on the journal's thread,
/// where its own go through a stream, a query compiler and a connection for each. One transaction a write, synced to the disk.
/// Events are deleted in steps, behind a low-water mark: those below it are gone from the moment the mark is durable, whatever the steps have reached.
/// </summary>
internal sealed class SqliteJournal : SqlWriteJournal
{
    /// <summary>The table, as Akka.Persistence.Sql names it. It would add two indexes, which only queries across actors need, and each write would have to pay for.</summary>
    public const string Schema =
        """
        CREATE TABLE IF NOT EXISTS journal (
            ordering INTEGER PRIMARY KEY NOT NULL, created INTEGER NOT NULL, deleted INTEGER NOT NULL, persistence_id TEXT NOT NULL, sequence_number INTEGER NOT NULL,
            message BLOB NOT NULL, tags TEXT, manifest TEXT, identifier INTEGER, writer_uuid TEXT);
        CREATE UNIQUE INDEX IF NOT EXISTS journal_uq ON journal (persistence_id, sequence_number);
        CREATE TABLE IF NOT EXISTS low_water (persistence_id TEXT PRIMARY KEY NOT NULL, sequence_number INTEGER NOT NULL) WITHOUT ROWID;
        DROP INDEX IF EXISTS journal_created_idx;
        DROP INDEX IF EXISTS journal_sequence_number_idx;
        """;

    // Between two deletes of so many events, writes take their turn.
    private const int DeletedAtOnce = 32;

    private readonly ILoggingAdapter _logger = Context.GetLogger();
    private readonly string _connectionString;
    private readonly string _writer = Guid.NewGuid().ToString("N");
    private Connection? _connection;

    public SqliteJournal(Config config)
        : base(config) => _connectionString = config.GetString("connection-string");

    private Connection Open => _connection ??= Connection.Open(_connectionString);

    /// <summary>Nothing is begun of what it does not use.</summary>
    protected override void PreStart()
    {
    }

    protected override void PostStop()
    {
        Close();
        base.PostStop();
    }

    /// <summary>A write is done, and answered, at once: there is nothing to await, and so nothing to put in order again.</summary>
    protected override bool AroundReceive(Receive receive, object message)
    {
        switch (message)
        {
            case WriteMessages write:
                Write(write);
                return true;
            case ReplayMessages replay:
                return !IsReady(replay) || base.AroundReceive(receive, message);
            default:
                return base.AroundReceive(receive, message);
        }
    }

    /// <summary>A recovery begins on a connection of its own, and goes on with the delete that the last run may not have finished.</summary>
    private bool IsReady(ReplayMessages replay)
    {
        try
        {
            Close();
            if (Open.LowWater(replay.PersistenceId) is var lowWater and > 0) Self.Tell(new DeleteNext(replay.PersistenceId, lowWater, null));
            return true;
        }
        catch (Exception e)
        {
            replay.PersistentActor.Tell(new ReplayMessagesFailure(e), Self);
            return false;
        }
    }

    private void Write(WriteMessages write)
    {
        Exception? failure = null;
        try
        {
            InTransaction(connection =>
            {
                foreach (var message in PreparePersistentBatch(write.Messages).SelectMany(batch => (IEnumerable<IPersistentRepresentation>)batch.Payload))
                {
                    var serializer = Context.System.Serialization.FindSerializerFor(message.Payload);
                    connection.Insert(
                        DateTime.UtcNow.Ticks, message.PersistenceId, message.SequenceNr, serializer.ToBinary(message.Payload),
                        Akka.Serialization.Serialization.ManifestFor(serializer, message.Payload), (long)serializer.Identifier, _writer);
                }
            });
        }
        catch (Exception e)
        {
            failure = e;
        }

        // The journal has nothing more to do than the member with its answer.
        using var visit = SerialExecutor.Visit();
        write.PersistentActor.Tell(failure is null ? WriteMessagesSuccessful.Instance : new WriteMessagesFailed(failure, write.Messages.Count(m => m is AtomicWrite)), Self);
        foreach (var envelope in write.Messages)
        {
            if (envelope is not AtomicWrite batch)
            {
                write.PersistentActor.Tell(new LoopMessageSuccess(envelope.Payload, write.ActorInstanceId), envelope.Sender);
                continue;
            }
            foreach (var message in (IEnumerable<IPersistentRepresentation>)batch.Payload)
            {
                write.PersistentActor.Tell(
                    failure is null ? new WriteMessageSuccess(message, write.ActorInstanceId) : new WriteMessageFailure(message, failure, write.ActorInstanceId), message.Sender);
            }
        }
    }

    public override Task<long> ReadHighestSequenceNrAsync(string persistenceId, long fromSequenceNr, CancellationToken cancellationToken) =>
        Task.Run(() => HighestSequenceNr(persistenceId), cancellationToken);

    public override Task ReplayMessagesAsync(
        IActorContext context, string persistenceId, long fromSequenceNr, long toSequenceNr, long max, Action<IPersistentRepresentation> recoveryCallback)
    {
        var serialization = context.System.Serialization;
        return Task.Run(() => Replay(serialization, persistenceId, fromSequenceNr, toSequenceNr, max, recoveryCallback));
    }

    // Reads are on connections of their own: they are beside whatever is still to be written or deleted.

    private long HighestSequenceNr(string persistenceId)
    {
        using var connection = Connect(_connectionString);
        using var highest = connection.CreateCommand();
        highest.CommandText = "SELECT coalesce(max(sequence_number), 0) FROM journal WHERE persistence_id = $0";
        highest.Parameters.AddWithValue("$0", persistenceId);
        return (long)highest.ExecuteScalar()!;
    }

    private void Replay(Akka.Serialization.Serialization serialization, string persistenceId, long from, long to, long max, Action<IPersistentRepresentation> replayed)
    {
        using var connection = Connect(_connectionString);
        using var events = connection.CreateCommand();
        events.CommandText =
            """
            SELECT sequence_number, message, identifier, manifest, writer_uuid FROM journal
            WHERE persistence_id = $0 AND sequence_number BETWEEN $1 AND $2
                AND sequence_number >= coalesce((SELECT sequence_number FROM low_water WHERE persistence_id = $0), 0) ORDER BY sequence_number LIMIT $3
            """;
        events.Parameters.AddWithValue("$0", persistenceId);
        events.Parameters.AddWithValue("$1", from);
        events.Parameters.AddWithValue("$2", to);
        events.Parameters.AddWithValue("$3", max);
        using var row = events.ExecuteReader();
        while (row.Read())
        {
            var manifest = row.GetString(3);
            var payload = Deserialize(serialization, row.GetFieldValue<byte[]>(1), row.GetInt32(2), manifest, row.GetInt64(0));
            replayed(new Persistent(payload, row.GetInt64(0), persistenceId, manifest, isDeleted: false, ActorRefs.NoSender, row.GetString(4)));
        }
    }

    /// <exception cref="JournalCorruptException">The bytes are none that a serializer has written.</exception>
    private static object Deserialize(Akka.Serialization.Serialization serialization, byte[] bytes, int serializer, string manifest, long sequenceNr)
    {
        try
        {
            return serialization.Deserialize(bytes, serializer, manifest);
        }
        catch (Exception e)
        {
            throw new JournalCorruptException($"Event {sequenceNr} of the journal cannot be read: {e.Message}", e);
        }
    }

    private static SqliteConnection Connect(string connectionString)
    {
        var connection = new SqliteConnection(connectionString);
        try
        {
            connection.Open();
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    protected override Task DeleteMessagesToAsync(string persistenceId, long toSequenceNr, CancellationToken cancellationToken)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Try(done, () =>
        {
            var lowWater = 0L;
            InTransaction(connection =>
            {
                connection.RaiseLowWater(persistenceId, toSequenceNr);
                lowWater = connection.LowWater(persistenceId);
            });
            Self.Tell(new DeleteNext(persistenceId, lowWater, done));
        });
        return done.Task;
    }

    protected override bool ReceivePluginInternal(object message)
    {
        if (message is not DeleteNext next) return base.ReceivePluginInternal(message);
        Try(next.Done, () =>
        {
            var deleted = 0L;
            InTransaction(connection => deleted = connection.Delete(next.PersistenceId, next.LowWater, DeletedAtOnce));
            if (deleted == DeletedAtOnce) Self.Tell(next);
            else next.Done?.SetResult();
        });
        return true;
    }

    /// <summary>A delete that fails is tried again with the next delete, and at the next recovery; nobody reads what it left.</summary>
    private void Try(TaskCompletionSource? asked, Action step)
    {
        try
        {
            step();
        }
        catch (Exception e)
        {
            if (asked is not null) asked.SetException(e);
            else _logger.Warning("The journal could not finish a delete that was cut short, and tries again with the next: {0}", e.Message);
        }
    }

    private void InTransaction(Action<Connection> work)
    {
        try
        {
            Open.Begin();
            work(Open);
            Open.Commit();
        }
        catch
        {
            // A transaction that is left open ends with its connection.
            Close();
            throw;
        }
    }

    private void Close()
    {
        _connection?.Dispose();
        _connection = null;
    }

    private sealed record DeleteNext(string PersistenceId, long LowWater, TaskCompletionSource? Done);

    private sealed class Connection : IDisposable
    {
        private readonly SqliteConnection _connection;
        private readonly SqliteCommand _begin;
        private readonly SqliteCommand _commit;
        private readonly SqliteCommand _insert;
        private readonly SqliteCommand _lowWater;
        private readonly SqliteCommand _raiseLowWater;
        private readonly SqliteCommand _delete;

        private readonly HighWaterMark _mark;
        private (long Ordering, uint Checksum)? _inserted;

        /// <summary>Opens the journal, makes durable what it seems to hold, and checks that it holds what was answered.</summary>
        /// <exception cref="JournalCorruptException">It does not.</exception>
        /// <exception cref="IOException">Somebody reads it, so that its write-ahead log cannot be emptied.</exception>
        public static Connection Open(string connectionString)
        {
            var sqlite = Connect(connectionString);
            try
            {
                // `synchronous` cannot be set in a connection string.
                Execute(sqlite, "PRAGMA synchronous = FULL");
                // A sync that fails leaves its pages in the system's cache, marked as written: the lost write looks committed, and no later sync brings it to
                // the disk. So whatever the write-ahead log seems to hold is written anew, to the database itself, before anyone reads it or adds to it.
                if (Execute(sqlite, "PRAGMA wal_checkpoint(TRUNCATE)") is not 0L)
                    throw new IOException($"The write-ahead log of {sqlite.DataSource} cannot be emptied: another connection still reads it.");
                var mark = HighWaterMark.Open(sqlite.DataSource);
                try
                {
                    Verify(sqlite, mark);
                    return new Connection(sqlite, mark);
                }
                catch
                {
                    mark.Dispose();
                    throw;
                }
            }
            catch
            {
                sqlite.Dispose();
                throw;
            }
        }

        private static void Verify(SqliteConnection connection, HighWaterMark mark)
        {
            if (mark.Last is not { } last) return;
            // The last event is never deleted.
            if (Execute(connection, "SELECT coalesce(max(ordering), 0) FROM journal") is var end and not null && (long)end < last.Ordering)
                throw new JournalCorruptException($"{connection.DataSource} ends at its event {end}, and event {last.Ordering} was written, synced and answered: the last events are lost.");
            if (Execute(connection, string.Create(CultureInfo.InvariantCulture, $"SELECT message FROM journal WHERE ordering = {last.Ordering}")) is byte[] message && Crc.Of(message) != last.Checksum)
                throw new JournalCorruptException($"Event {last.Ordering} of {connection.DataSource} is not the one that was written, synced and answered.");
        }

        private static object? Execute(SqliteConnection connection, string sql)
        {
            using var command = connection.CreateCommand();
            command.CommandText = sql;
            return command.ExecuteScalar();
        }

        private Connection(SqliteConnection connection, HighWaterMark mark)
        {
            _connection = connection;
            _mark = mark;
            _begin = Prepare("BEGIN IMMEDIATE", 0);
            _commit = Prepare("COMMIT", 0);
            _insert = Prepare(
                "INSERT INTO journal (created, deleted, persistence_id, sequence_number, message, manifest, identifier, tags, writer_uuid) VALUES ($0, 0, $1, $2, $3, $4, $5, '', $6)", 7);
            _lowWater = Prepare("SELECT coalesce((SELECT sequence_number FROM low_water WHERE persistence_id = $0), 0)", 1);
            // It only rises, and not beyond the next event.
            _raiseLowWater = Prepare(
                """
                INSERT INTO low_water SELECT $0, 1 + min($1, max(sequence_number)) FROM journal WHERE persistence_id = $0 HAVING count(*) > 0
                ON CONFLICT (persistence_id) DO UPDATE SET sequence_number = max(sequence_number, excluded.sequence_number)
                """, 2);
            // The last event stays: the highest sequence number is read from it.
            _delete = Prepare(
                """
                DELETE FROM journal WHERE ordering IN (
                    SELECT ordering FROM journal WHERE persistence_id = $0 AND sequence_number < $1 AND sequence_number < (SELECT max(sequence_number) FROM journal WHERE persistence_id = $0)
                    ORDER BY sequence_number LIMIT $2)
                """, 3);
        }

        public void Begin() => Run(_begin);

        public void Commit()
        {
            Run(_commit);
            if (_inserted is { } last) _mark.Advance(last.Ordering, last.Checksum);
            _inserted = null;
        }

        public void Insert(long created, string persistenceId, long sequenceNr, byte[] message, string manifest, long serializer, string writer)
        {
            Run(_insert, created, persistenceId, sequenceNr, message, manifest, serializer, writer);
            _inserted = (raw.sqlite3_last_insert_rowid(_connection.Handle), Crc.Of(message));
        }

        /// <summary>The first event that is not deleted; 0 when none ever was.</summary>
        public long LowWater(string persistenceId)
        {
            _lowWater.Parameters[0].Value = persistenceId;
            return (long)_lowWater.ExecuteScalar()!;
        }

        public void RaiseLowWater(string persistenceId, long toSequenceNr) => Run(_raiseLowWater, persistenceId, toSequenceNr);

        public long Delete(string persistenceId, long lowWater, long limit) => Run(_delete, persistenceId, lowWater, limit);

        public void Dispose()
        {
            foreach (var command in new[] { _begin, _commit, _insert, _lowWater, _raiseLowWater, _delete }) command.Dispose();
            _connection.Dispose();
            _mark.Dispose();
        }

        private SqliteCommand Prepare(string sql, int parameters)
        {
            var command = _connection.CreateCommand();
            command.CommandText = sql;
            for (var i = 0; i < parameters; i++) command.Parameters.Add(new SqliteParameter { ParameterName = $"${i}" });
            command.Prepare();
            return command;
        }

        private static int Run(SqliteCommand command, params ReadOnlySpan<object> values)
        {
            for (var i = 0; i < values.Length; i++) command.Parameters[i].Value = values[i];
            return command.ExecuteNonQuery();
        }
    }
}
