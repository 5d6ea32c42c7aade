using AkkaRaft.Protocol.Wire;
using Google.Protobuf;

namespace AkkaRaft.StateMachine;

/// <summary>Bounds of <see cref="Sessions"/>. They decide results, so every member must have the same.</summary>
/// <param name="TimeToLiveMs">A session unused for longer expires.</param>
/// <param name="MaxSessions">The one idle longest gives way to one more.</param>
/// <param name="MaxResults">Most results kept for one session's retries.</param>
/// <param name="MaxResultBytes">Most bytes of them.</param>
internal sealed record SessionLimits(long TimeToLiveMs, int MaxSessions, int MaxResults, int MaxResultBytes);

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
        CREATE TABLE session (id INTEGER PRIMARY KEY, last_used_ms INTEGER NOT NULL, next_serial INTEGER NOT NULL, acked INTEGER NOT NULL);
        CREATE TABLE session_result (session INTEGER NOT NULL, last_serial INTEGER NOT NULL, first_serial INTEGER NOT NULL, results BLOB NOT NULL,
            PRIMARY KEY (session, last_serial)) WITHOUT ROWID;
        """;

    private readonly StateConnection _file;
    private readonly SessionLimits _limits;
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

    public Sessions(StateConnection file, SessionLimits limits)
    {
        _file = file;
        _limits = limits;
        _all = file.Prepare("SELECT id, last_used_ms, next_serial, acked FROM session");
        _allResults = file.Prepare("SELECT session, last_serial, length(results) FROM session_result ORDER BY session, last_serial");
        _save = file.Prepare("INSERT OR REPLACE INTO session (id, last_used_ms, next_serial, acked) VALUES (?, ?, ?, ?)");
        _remove = file.Prepare("DELETE FROM session WHERE id = ?");
        _saveResults = file.Prepare("INSERT INTO session_result (session, last_serial, first_serial, results) VALUES (?, ?, ?, ?)");
        _readResults = file.Prepare("SELECT first_serial, results FROM session_result WHERE session = ? AND last_serial >= ? ORDER BY last_serial");
        _removeResults = file.Prepare("DELETE FROM session_result WHERE session = ? AND last_serial <= ?");
    }

    /// <summary>Reads the tables.</summary>
    public void Load()
    {
        _byId.Clear();
        _byIdleness.Clear();
        _unsaved.Clear();
        while (_file.Reading(_all).Step()) Add(_all.Integer(0), new Session { LastUsedMs = _all.Integer(1), NextSerial = _all.Integer(2), Acked = _all.Integer(3) });
        _all.Reset();
        while (_file.Reading(_allResults).Step()) _byId[_allResults.Integer(0)].KeepSaved(_allResults.Integer(1), (int)_allResults.Integer(2));
        _allResults.Reset();
    }

    /// <summary>Drops sessions idle for longer than the time to live. To be called with each entry, before its effect.</summary>
    public void Expire(long nowMs)
    {
        while (_byIdleness.Count > 0 && _byIdleness.Min.LastUsedMs < nowMs - _limits.TimeToLiveMs)
            Remove(_byIdleness.Min.Id);
    }

    /// <summary>Opens the session named by its entry's index; the one idle longest gives way when there are too many.</summary>
    public void Open(long id, long nowMs)
    {
        while (_byId.Count > 0 && _byId.Count >= _limits.MaxSessions) Remove(_byIdleness.Min.Id);
        Add(id, new Session { LastUsedMs = nowMs, NextSerial = 1, Acked = 0 });
        _unsaved.Add(id);
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
        if (lastSerial >= session.NextSerial && (lastSerial - session.Acked > _limits.MaxResults || session.ResultBytes > _limits.MaxResultBytes))
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
                _save.Bind(1, id).Bind(2, row.LastUsedMs).Bind(3, row.NextSerial).Bind(4, row.Acked).Run();
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
            foreach (var batch in results) _saveResults.Bind(1, id).Bind(2, batch.LastSerial).Bind(3, batch.FirstSerial).Bind(4, batch.Results).Run();
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
        while (results.Results.Count < count && _readResults.Step())
        {
            var first = _readResults.Integer(0);
            var kept = KvBatchResult.Parser.ParseFrom(_readResults.Blob(1)).Results;
            for (var i = (int)(firstSerial + results.Results.Count - first); i < kept.Count && results.Results.Count < count; i++) results.Results.Add(kept[i]);
        }
        _readResults.Reset();
        return results;
    }

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
