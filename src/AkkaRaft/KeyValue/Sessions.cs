using AkkaRaft.Protocol.Wire;
using Google.Protobuf;

namespace AkkaRaft.KeyValue;

/// <summary>How a batch ended.</summary>
internal enum BatchStatus
{
    Executed,
    SessionExpired,
    OutOfOrder,
    TooManyResults,
    AcknowledgesUnexecuted,
}

/// <summary>How a batch ended; a result for each of its operations only when executed.</summary>
internal readonly record struct BatchOutcome(BatchStatus Status, KvBatchResult Results, long ExpectedSerial)
{
    public BatchOutcome(BatchStatus status, long expectedSerial)
        : this(status, new KvBatchResult(), expectedSerial)
    {
    }
}

/// <summary>
/// Client sessions, by which each operation takes effect exactly once however often it is submitted (Raft dissertation §6.3): in memory and in their table,
/// the results of unacknowledged batches in the table alone once they are saved. They follow from the entries alone, the log's timestamps being their only clock.
/// </summary>
internal sealed class Sessions
{
    public const string Schema =
        """
        CREATE TABLE session (id INTEGER PRIMARY KEY, last_used_ms INTEGER NOT NULL, next_serial INTEGER NOT NULL, acked INTEGER NOT NULL, crc INTEGER NOT NULL);
        CREATE TABLE session_result (session INTEGER NOT NULL, last_serial INTEGER NOT NULL, first_serial INTEGER NOT NULL, results BLOB NOT NULL, crc INTEGER NOT NULL,
            PRIMARY KEY (session, last_serial)) WITHOUT ROWID;
        """;

    public static readonly StateTable Table = new(
        "session", "id, last_used_ms, next_serial, acked, crc", row => Sum(row.Integer(0), row.Integer(1), row.Integer(2), row.Integer(3)));

    public static readonly StateTable ResultTable = new(
        "session_result", "session, last_serial, first_serial, results, crc", row => SumOfResults(row.Integer(0), row.Integer(1), row.Integer(2), row.Blob(3)));

    private readonly StateConnection _file;
    private readonly Dictionary<long, Session> _byId = [];
    private readonly SortedSet<(long LastUsedMs, long Id)> _byIdleness = [];
    private readonly HashSet<long> _unsaved = [];
    private readonly Statement _all;
    private readonly Statement _allResults;
    private readonly Statement _save;
    private readonly Statement _remove;
    private readonly Statement _saveResults;
    private readonly Statement _readResults;
    private readonly Statement _removeResults;

    public Sessions(StateConnection file)
    {
        _file = file;
        _all = file.Prepare(Table.Select());
        _allResults = file.Prepare(ResultTable.Select("ORDER BY session, last_serial"));
        _save = file.Prepare("INSERT OR REPLACE INTO session (id, last_used_ms, next_serial, acked, crc) VALUES (?, ?, ?, ?, ?)");
        _remove = file.Prepare("DELETE FROM session WHERE id = ?");
        _saveResults = file.Prepare("INSERT INTO session_result (session, last_serial, first_serial, results, crc) VALUES (?, ?, ?, ?, ?)");
        _readResults = file.Prepare(ResultTable.Select("WHERE session = ? AND last_serial >= ? ORDER BY last_serial"));
        _removeResults = file.Prepare("DELETE FROM session_result WHERE session = ? AND last_serial <= ?");
    }

    /// <summary>Those in force.</summary>
    public StoreLimits Limits { get; set; } = StoreLimits.BeforeTheFirst;

    /// <summary>Reads the tables.</summary>
    public void Load()
    {
        _byId.Clear();
        _byIdleness.Clear();
        _unsaved.Clear();
        while (_file.Step(Table, _file.Reading(_all))) Add(_all.Integer(0), new Session { LastUsedMs = _all.Integer(1), NextSerial = _all.Integer(2), Acked = _all.Integer(3) });
        _all.Reset();
        while (_file.Step(ResultTable, _file.Reading(_allResults)))
        {
            if (!_byId.TryGetValue(_allResults.Integer(0), out var session))
            {
                _allResults.Reset();
                throw _file.Damaged("its table session_result has results of a session that is not there.");
            }
            session.KeepSaved(_allResults.Integer(1), _allResults.Blob(3).Length);
        }
        _allResults.Reset();
    }

    /// <summary>Drops sessions idle for longer than the time to live. To be called with each entry, before its effect.</summary>
    public void Expire(long nowMs)
    {
        while (_byIdleness.Count > 0 && _byIdleness.Min.LastUsedMs < nowMs - Limits.SessionTimeToLiveMs)
            Remove(_byIdleness.Min.Id);
    }

    /// <summary>
    /// The number of a session that an entry opens. A log that was cut and went on has the same indexes again, and perhaps the same terms, but not the nonces:
    /// a client whose session was lost with the old log finds no session, not another's.
    /// </summary>
    public static long IdFrom(long index, long term, ulong nonce) => (long)(Mix(Mix(Mix(nonce) ^ (ulong)index) ^ (ulong)term) >> 1) | 1;

    // SplitMix64's finalizer: one to one, and each bit of the input changes half of the output's.
    private static ulong Mix(ulong z)
    {
        z += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>Opens a session; the one idle longest gives way when there are too many.</summary>
    /// <returns>False when there is such a session already: nothing is changed.</returns>
    public bool Open(long id, long nowMs)
    {
        if (_byId.ContainsKey(id)) return false;
        while (_byId.Count > 0 && _byId.Count >= Limits.MaxSessions) Remove(_byIdleness.Min.Id);
        Add(id, new Session { LastUsedMs = nowMs, NextSerial = 1, Acked = 0 });
        _unsaved.Add(id);
        return true;
    }

    /// <summary>Whether there was such a session.</summary>
    public bool Close(long id)
    {
        var there = _byId.ContainsKey(id);
        if (there) Remove(id);
        return there;
    }

    /// <summary>Executes the operations not seen before, in order, and answers the seen ones from what is kept; or executes none.</summary>
    /// <param name="id">The session.</param>
    /// <param name="firstSerial">Serial of the first operation; 1 or more.</param>
    /// <param name="ackedUpTo">The client has the results up to this serial.</param>
    /// <param name="count">How many operations.</param>
    /// <param name="nowMs">The entry's timestamp.</param>
    /// <param name="execute">Executes the operation at a position within the batch.</param>
    public BatchOutcome Execute(long id, long firstSerial, long ackedUpTo, int count, long nowMs, Func<int, KvOperationResult> execute)
    {
        if (!_byId.TryGetValue(id, out var session)) return new BatchOutcome(BatchStatus.SessionExpired, 0);
        if (ackedUpTo >= session.NextSerial) return new BatchOutcome(BatchStatus.AcknowledgesUnexecuted, session.NextSerial);

        Touch(id, session, nowMs);
        Acknowledge(id, session, ackedUpTo);
        if (firstSerial > session.NextSerial) return new BatchOutcome(BatchStatus.OutOfOrder, session.NextSerial);
        var lastSerial = Math.Max(session.NextSerial, firstSerial + count) - 1;
        // A batch that is wholly a repeat adds nothing and is always answered.
        if (lastSerial >= session.NextSerial && (lastSerial - session.Acked > Limits.MaxResultsPerSession || session.ResultBytes > Limits.ResultBytes))
            return new BatchOutcome(BatchStatus.TooManyResults, session.NextSerial);

        var executedBefore = session.NextSerial - 1;
        var executed = new KvBatchResult();
        while (session.NextSerial <= lastSerial)
        {
            executed.Results.Add(execute((int)(session.NextSerial - firstSerial)));
            session.NextSerial++;
        }
        if (executed.Results.Count > 0) session.Keep(executedBefore + 1, session.NextSerial - 1, executed.ToByteArray());
        return new BatchOutcome(
            BatchStatus.Executed, firstSerial > executedBefore ? executed : Kept(id, session, firstSerial, count), session.NextSerial);
    }

    /// <summary>
    /// What a commit has to do to write what changed since the last one, once per session however many of its batches there were; what was acknowledged
    /// meanwhile is never written.
    /// </summary>
    public Action Take()
    {
        var taken = _unsaved.Select(id => (Id: id, Row: (_byId[id].LastUsedMs, _byId[id].NextSerial, _byId[id].Acked), Save: TakeResults(id, _byId[id]))).ToArray();
        _unsaved.Clear();
        return () =>
        {
            foreach (var (id, row, saveResults) in taken)
            {
                saveResults();
                _save.Bind(1, id).Bind(2, row.LastUsedMs).Bind(3, row.NextSerial).Bind(4, row.Acked)
                    .Bind(5, Sum(id, row.LastUsedMs, row.NextSerial, row.Acked).Value).Run();
            }
        };
    }

    private Action TakeResults(long id, Session session)
    {
        long? forgottenUpTo = session.HasForgottenSaved ? session.Acked : null;
        session.HasForgottenSaved = false;
        var results = session.TakeUnsaved();
        return () =>
        {
            if (forgottenUpTo is { } serial) _removeResults.Bind(1, id).Bind(2, serial).Run();
            foreach (var batch in results)
            {
                var sum = SumOfResults(id, batch.LastSerial, batch.FirstSerial, batch.Results);
                _saveResults.Bind(1, id).Bind(2, batch.LastSerial).Bind(3, batch.FirstSerial).Bind(4, batch.Results).Bind(5, sum.Value).Run();
            }
        };
    }

    /// <summary>All operations asked for are executed; batches may be cut otherwise than when they were.</summary>
    private KvBatchResult Kept(long id, Session session, long firstSerial, int count)
    {
        _file.Write(TakeResults(id, session));
        var results = new KvBatchResult();
        for (var serial = firstSerial; serial <= Math.Min(session.Acked, firstSerial + count - 1); serial++)
            results.Results.Add(new KvOperationResult { Forgotten = true });
        _readResults.Bind(1, id).Bind(2, firstSerial + results.Results.Count);
        while (results.Results.Count < count && _file.Step(ResultTable, _readResults))
        {
            var first = _readResults.Integer(2);
            var kept = KvBatchResult.Parser.ParseFrom(_readResults.Blob(3)).Results;
            for (var i = (int)(firstSerial + results.Results.Count - first); i < kept.Count && results.Results.Count < count; i++) results.Results.Add(kept[i]);
        }
        _readResults.Reset();
        return results;
    }

    private static RowChecksum Sum(long id, long lastUsedMs, long nextSerial, long acked) =>
        RowChecksum.Begin.With(id).With(lastUsedMs).With(nextSerial).With(acked);

    private static RowChecksum SumOfResults(long session, long lastSerial, long firstSerial, ReadOnlySpan<byte> results) =>
        RowChecksum.Begin.With(session).With(lastSerial).With(firstSerial).With(results);

    private void Add(long id, Session session)
    {
        _byId.Add(id, session);
        _byIdleness.Add((session.LastUsedMs, id));
    }

    private void Touch(long id, Session session, long nowMs)
    {
        _byIdleness.Remove((session.LastUsedMs, id));
        session.LastUsedMs = nowMs;
        _byIdleness.Add((nowMs, id));
        _unsaved.Add(id);
    }

    private void Acknowledge(long id, Session session, long upTo)
    {
        if (upTo <= session.Acked) return;
        session.Acked = upTo;
        session.Forget(upTo);
    }

    private void Remove(long id)
    {
        var session = _byId[id];
        _byIdleness.Remove((session.LastUsedMs, id));
        _byId.Remove(id);
        _unsaved.Remove(id);
        session.Forget(long.MaxValue);
        if (session.HasForgottenSaved) _file.Writing(_removeResults).Bind(1, id).Bind(2, long.MaxValue).Run();
        _file.Writing(_remove).Bind(1, id).Run();
    }

    private sealed class Session
    {
        // All of the first are before all of the second.
        private readonly Queue<(long LastSerial, int Bytes)> _saved = new();
        private readonly Queue<BatchResults> _unsaved = new();

        public required long LastUsedMs { get; set; }

        public required long NextSerial { get; set; }

        public required long Acked { get; set; }

        public long ResultBytes { get; private set; }

        /// <summary>The table has results that are acknowledged.</summary>
        public bool HasForgottenSaved { get; set; }

        public void Keep(long firstSerial, long lastSerial, byte[] results)
        {
            _unsaved.Enqueue(new BatchResults(firstSerial, lastSerial, results));
            ResultBytes += results.Length;
        }

        public void KeepSaved(long lastSerial, int bytes)
        {
            _saved.Enqueue((lastSerial, bytes));
            ResultBytes += bytes;
        }

        /// <summary>The batches to be saved, in order.</summary>
        public BatchResults[] TakeUnsaved()
        {
            BatchResults[] batches = [.. _unsaved];
            _unsaved.Clear();
            foreach (var batch in batches) _saved.Enqueue((batch.LastSerial, batch.Results.Length));
            return batches;
        }

        /// <summary>Drops the batches all of whose results are acknowledged.</summary>
        public void Forget(long upToSerial)
        {
            while (_saved.TryPeek(out var batch) && batch.LastSerial <= upToSerial)
            {
                ResultBytes -= _saved.Dequeue().Bytes;
                HasForgottenSaved = true;
            }
            while (_unsaved.TryPeek(out var batch) && batch.LastSerial <= upToSerial) ResultBytes -= _unsaved.Dequeue().Results.Length;
        }
    }

    private sealed record BatchResults(long FirstSerial, long LastSerial, byte[] Results);
}
