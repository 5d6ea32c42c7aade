namespace AkkaRaft.StateMachine;

/// <summary>What one operation did, as kept for a retry.</summary>
/// <param name="Existed">Whether the key was there before.</param>
/// <param name="Version">The store's revision after the operation.</param>
/// <param name="Forgotten">Executed and acknowledged before: the other two are no longer known.</param>
internal readonly record struct OperationResult(bool Existed, long Version, bool Forgotten = false);

/// <summary>Bounds of <see cref="Sessions"/>. They decide results, so every member must have the same.</summary>
internal sealed record SessionLimits(long TimeToLiveMs, int MaxSessions, int MaxResultsPerSession);

/// <summary>Where changes of <see cref="Sessions"/> are written, within the transaction that writes the data.</summary>
internal interface ISessionStorage
{
    void SaveSession(long session, long lastUsedMs, long nextSerial, long acked);

    /// <summary>Removes the session and its results.</summary>
    void RemoveSession(long session);

    void SaveResult(long session, long serial, OperationResult result);

    void RemoveResults(long session, long upToSerial);
}

/// <summary>How a batch ended.</summary>
internal enum BatchStatus
{
    Executed,
    SessionExpired,
    OutOfOrder,
    TooManyResults,
    AcknowledgesUnexecuted,
}

/// <summary>How a batch ended; results only when executed.</summary>
internal readonly record struct BatchOutcome(BatchStatus Status, IReadOnlyList<OperationResult> Results, long ExpectedSerial);

/// <summary>
/// Client sessions, by which each operation takes effect exactly once however often it is submitted (Raft dissertation §6.3).
/// A pure state: it follows from the entries alone, the log's timestamps being its only clock.
/// </summary>
internal sealed class Sessions(SessionLimits limits, ISessionStorage storage)
{
    private readonly Dictionary<long, Session> _byId = [];
    private readonly SortedSet<(long LastUsedMs, long Id)> _byIdleness = [];
    private readonly HashSet<long> _unsaved = [];

    public int Count => _byId.Count;

    public int MaxResultsPerSession => limits.MaxResultsPerSession;

    /// <summary>Takes over a stored session; its results follow.</summary>
    public void Load(long id, long lastUsedMs, long nextSerial, long acked)
    {
        _byId.Add(id, new Session { LastUsedMs = lastUsedMs, NextSerial = nextSerial, Acked = acked });
        _byIdleness.Add((lastUsedMs, id));
    }

    /// <summary>Takes over a stored result of a loaded session.</summary>
    public void LoadResult(long id, long serial, OperationResult result) => _byId[id].Results.Add(serial, result);

    /// <summary>Drops sessions idle for longer than the time to live. To be called with each entry, before its effect.</summary>
    public void Expire(long nowMs)
    {
        while (_byIdleness.Count > 0 && _byIdleness.Min.LastUsedMs < nowMs - limits.TimeToLiveMs)
            Remove(_byIdleness.Min.Id);
    }

    /// <summary>Opens the session named by its entry's index; the one idle longest gives way when there are too many.</summary>
    public void Open(long id, long nowMs)
    {
        while (_byId.Count > 0 && _byId.Count >= limits.MaxSessions)
            Remove(_byIdleness.Min.Id);
        _byId.Add(id, new Session { LastUsedMs = nowMs, NextSerial = 1, Acked = 0 });
        _byIdleness.Add((nowMs, id));
        _unsaved.Add(id);
    }

    /// <summary>Whether there was such a session.</summary>
    public bool Close(long id)
    {
        var there = _byId.ContainsKey(id);
        if (there)
            Remove(id);
        return there;
    }

    /// <summary>Executes the operations not seen before, in order, and answers the seen ones from memory; or executes none.</summary>
    /// <param name="id">The session.</param>
    /// <param name="firstSerial">Serial of the first operation; 1 or more.</param>
    /// <param name="ackedUpTo">The client has the results up to this serial.</param>
    /// <param name="count">How many operations.</param>
    /// <param name="nowMs">The entry's timestamp.</param>
    /// <param name="execute">Executes the operation at a position within the batch.</param>
    public BatchOutcome Execute(long id, long firstSerial, long ackedUpTo, int count, long nowMs, Func<int, OperationResult> execute)
    {
        if (!_byId.TryGetValue(id, out var session))
            return new BatchOutcome(BatchStatus.SessionExpired, [], 0);
        if (ackedUpTo >= session.NextSerial)
            return new BatchOutcome(BatchStatus.AcknowledgesUnexecuted, [], session.NextSerial);

        Touch(id, session, nowMs);
        Acknowledge(id, session, ackedUpTo);
        if (firstSerial > session.NextSerial)
            return new BatchOutcome(BatchStatus.OutOfOrder, [], session.NextSerial);
        var lastSerial = Math.Max(session.NextSerial, firstSerial + count) - 1;
        // A batch that is wholly a repeat adds nothing and is always answered.
        if (lastSerial >= session.NextSerial && lastSerial - session.Acked > limits.MaxResultsPerSession)
            return new BatchOutcome(BatchStatus.TooManyResults, [], session.NextSerial);

        var results = new OperationResult[count];
        for (var i = 0; i < count; i++)
        {
            var serial = firstSerial + i;
            if (serial < session.NextSerial)
            {
                results[i] = serial <= session.Acked ? new OperationResult(false, 0, Forgotten: true) : session.Results[serial];
                continue;
            }

            results[i] = execute(i);
            session.Results.Add(serial, results[i]);
            session.NextSerial = serial + 1;
            storage.SaveResult(id, serial, results[i]);
        }

        return new BatchOutcome(BatchStatus.Executed, results, session.NextSerial);
    }

    /// <summary>Writes what changed since the last call, once per session however many of its batches a transaction holds.</summary>
    public void Save()
    {
        foreach (var id in _unsaved)
        {
            var session = _byId[id];
            storage.SaveSession(id, session.LastUsedMs, session.NextSerial, session.Acked);
        }

        _unsaved.Clear();
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
        if (upTo <= session.Acked)
            return;
        for (var serial = session.Acked + 1; serial <= upTo; serial++)
            session.Results.Remove(serial);
        session.Acked = upTo;
        storage.RemoveResults(id, upTo);
    }

    private void Remove(long id)
    {
        _byIdleness.Remove((_byId[id].LastUsedMs, id));
        _byId.Remove(id);
        _unsaved.Remove(id);
        storage.RemoveSession(id);
    }

    private sealed class Session
    {
        public required long LastUsedMs { get; set; }

        public required long NextSerial { get; set; }

        public required long Acked { get; set; }

        public Dictionary<long, OperationResult> Results { get; } = [];
    }
}
