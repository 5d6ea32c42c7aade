using AkkaRaft.StateMachines;

namespace AkkaRaft.KeyValue;

/// <summary>The tables of sessions: written with each commit, and results that nobody has acknowledged are in them alone from then on.</summary>
internal sealed class SessionTables : ISessionResults
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
    private readonly HashSet<long> _changed = [];
    private readonly Dictionary<long, Results> _results = [];
    private readonly Statement _all;
    private readonly Statement _allResults;
    private readonly Statement _save;
    private readonly Statement _remove;
    private readonly Statement _saveResults;
    private readonly Statement _readResults;
    private (long Of, KeptResults Results)? _lastRead;
    private readonly Statement _removeResults;

    public SessionTables(StateConnection file)
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

    /// <summary>Reads the tables.</summary>
    public void Load(Sessions sessions)
    {
        _lastRead = null;
        sessions.Clear();
        _changed.Clear();
        _results.Clear();
        while (_file.Step(Table, _file.Reading(_all))) sessions.Restore(_all.Integer(0), _all.Integer(1), _all.Integer(2), _all.Integer(3));
        _all.Reset();
        while (_file.Step(ResultTable, _file.Reading(_allResults)))
        {
            if (!sessions.RestoreResults(_allResults.Integer(0), _allResults.Integer(1), _allResults.Blob(3).Length))
            {
                _allResults.Reset();
                throw _file.Damaged("its table session_result has results of a session that is not there.");
            }
            ResultsOf(_allResults.Integer(0)).Saved.Enqueue(_allResults.Integer(1));
        }
        _allResults.Reset();
    }

    /// <summary>
    /// What a commit has to do to write what changed since the last one, once per session however many of its batches there were; what was acknowledged
    /// meanwhile is never written.
    /// </summary>
    public Action Take(Sessions sessions)
    {
        var taken = _changed.Select(id => (Id: id, Row: sessions[id], Save: TakeResults(id))).ToArray();
        _changed.Clear();
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

    private Action TakeResults(long id)
    {
        if (!_results.TryGetValue(id, out var kept)) return () => { };
        var forgottenUpTo = kept.ForgottenUpTo;
        kept.ForgottenUpTo = null;
        KeptResults[] results = [.. kept.Unsaved];
        kept.Unsaved.Clear();
        foreach (var batch in results) kept.Saved.Enqueue(batch.LastSerial);
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

    public void Changed(long session) => _changed.Add(session);

    public void Removed(long session)
    {
        if (_lastRead?.Of == session) _lastRead = null;
        _changed.Remove(session);
        if (_results.Remove(session, out var kept) && (kept.Saved.Count > 0 || kept.ForgottenUpTo is not null))
            _file.Writing(_removeResults).Bind(1, session).Bind(2, long.MaxValue).Run();
        _file.Writing(_remove).Bind(1, session).Run();
    }

    public void Keep(long session, KeptResults results) => ResultsOf(session).Unsaved.Enqueue(results);

    public void Forget(long session, long upToSerial)
    {
        if (!_results.TryGetValue(session, out var kept)) return;
        while (kept.Saved.TryPeek(out var saved) && saved <= upToSerial)
        {
            kept.Saved.Dequeue();
            kept.ForgottenUpTo = upToSerial;
        }
        while (kept.Unsaved.TryPeek(out var unsaved) && unsaved.LastSerial <= upToSerial) kept.Unsaved.Dequeue();
    }

    public IEnumerable<KeptResults> From(long session, long serial)
    {
        // Whoever asks for one of them asks for it again, or for the next.
        if (_lastRead is { Of: var of, Results: var last } && of == session && last.FirstSerial <= serial && serial <= last.LastSerial)
        {
            yield return last;
            serial = last.LastSerial + 1;
        }
        _file.Write(TakeResults(session));
        _readResults.Bind(1, session).Bind(2, serial);
        try
        {
            while (_file.Step(ResultTable, _readResults))
            {
                var read = new KeptResults(_readResults.Integer(2), _readResults.Integer(1), _readResults.Blob(3).ToArray());
                _lastRead = (session, read);
                yield return read;
            }
        }
        finally
        {
            _readResults.Reset();
        }
    }

    private Results ResultsOf(long session) => _results.TryGetValue(session, out var kept) ? kept : _results[session] = new Results();

    private static RowChecksum Sum(long id, long lastUsedMs, long nextSerial, long acked) =>
        RowChecksum.Begin.With(id).With(lastUsedMs).With(nextSerial).With(acked);

    private static RowChecksum SumOfResults(long session, long lastSerial, long firstSerial, ReadOnlySpan<byte> results) =>
        RowChecksum.Begin.With(session).With(lastSerial).With(firstSerial).With(results);

    /// <summary>Those of one session that are not acknowledged. All in the table are before all that have yet to be written.</summary>
    private sealed class Results
    {
        /// <summary>Their last serials.</summary>
        public Queue<long> Saved { get; } = new();

        public Queue<KeptResults> Unsaved { get; } = new();

        /// <summary>Up to here the table may have results that are acknowledged; null when it has none.</summary>
        public long? ForgottenUpTo { get; set; }
    }
}
