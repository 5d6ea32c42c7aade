using AkkaRaft.Log;
using AkkaRaft.Protocol.Wire;
using Google.Protobuf;

namespace AkkaRaft.StateMachines;

/// <summary>
/// Client sessions, by which each operation takes effect exactly once however often it is submitted (Raft dissertation §6.3). They stand in front of every
/// state machine, and follow from the entries alone, the log's timestamps being their only clock.
/// </summary>
/// <param name="stateMachine">The state machine's name, by which a client says what its operations are for; empty for the key-value store.</param>
/// <param name="results">Where results are kept.</param>
internal sealed class Sessions(string stateMachine, ISessionResults results)
{
    private readonly Dictionary<long, Session> _byId = [];
    private readonly SortedSet<(long LastUsedMs, long Id)> _byIdleness = [];

    /// <summary>Those in force.</summary>
    public required SessionLimits Limits { get; set; }

    /// <summary>Most bytes of results that are kept for all sessions together: those of an own state machine are in its memory and in its image. It is a part of what the log means, and never to be changed.</summary>
    public long MostResultBytes { get; init; } = 256 * 1024 * 1024;

    /// <summary>What was read of results that are kept, in bytes.</summary>
    public long Work { get; private set; }

    /// <summary>What is kept for all of them, in bytes.</summary>
    public long ResultBytes { get; private set; }

    /// <summary>How a session stands, of those that are kept.</summary>
    public (long LastUsedMs, long NextSerial, long Acked) this[long id]
    {
        get
        {
            var session = _byId[id];
            return (session.LastUsedMs, session.NextSerial, session.Acked);
        }
    }

    /// <summary>Their numbers, in order.</summary>
    public IEnumerable<long> Ids => _byId.Keys.Order();

    // ---- what was kept, after a restart --------------------------------------------------------------------------

    /// <summary>There is none.</summary>
    public void Clear()
    {
        _byId.Clear();
        _byIdleness.Clear();
        ResultBytes = 0;
    }

    /// <summary>A session as it stood.</summary>
    public void Restore(long id, long lastUsedMs, long nextSerial, long acked) => Add(id, new Session { LastUsedMs = lastUsedMs, NextSerial = nextSerial, Acked = acked });

    /// <summary>Results that are kept of a session, which was restored before, in order.</summary>
    /// <returns>False when there is no such session.</returns>
    public bool RestoreResults(long id, long lastSerial, int bytes)
    {
        if (!_byId.TryGetValue(id, out var session)) return false;
        Kept(session, lastSerial, bytes);
        return true;
    }

    // ---- what entries do -----------------------------------------------------------------------------------------

    /// <summary>Drops sessions idle for longer than the time to live. To be called with each entry, before its effect.</summary>
    public void Expire(long nowMs)
    {
        while (_byIdleness.Count > 0 && _byIdleness.Min.LastUsedMs < nowMs - Limits.TimeToLiveMs)
            Remove(_byIdleness.Min.Id);
    }

    /// <summary>Executes what is new of an entry's command, and says what came of all of it.</summary>
    /// <param name="entry">A command.</param>
    /// <param name="whatIsWrong">Reads the operations of a batch, and says why none may be executed, in words that are the same on all members; null when nothing is wrong.</param>
    /// <param name="execute">Executes the operation at a position within the batch.</param>
    public SessionResult Execute(LogEntry entry, Func<IReadOnlyList<ByteString>, string?> whatIsWrong, Func<int, ByteString> execute)
    {
        SessionCommand command;
        try
        {
            command = SessionCommand.Parser.ParseFrom(entry.Payload.Span);
        }
        catch (InvalidProtocolBufferException)
        {
            // Not the exception's words: they may differ between versions, and results must not.
            return Malformed("The command is no SessionCommand.");
        }

        switch (command.CommandCase)
        {
            case SessionCommand.CommandOneofCase.OpenSession when command.OpenSession.StateMachine != stateMachine:
                return Malformed($"The cluster runs {StateMachineNames.Words(stateMachine)}, and the client calls {StateMachineNames.Words(command.OpenSession.StateMachine)}.");
            case SessionCommand.CommandOneofCase.OpenSession:
                var session = IdFrom(entry.Index, entry.Term, command.OpenSession.Nonce);
                return Open(session, entry.TimestampMs)
                    ? new SessionResult { SessionOpened = new SessionOpened { Session = session } }
                    : new SessionResult { SessionTaken = new SessionTaken() };
            case SessionCommand.CommandOneofCase.CloseSession:
                return Close(command.CloseSession.Session)
                    ? new SessionResult { SessionClosed = new SessionClosed() }
                    : new SessionResult { SessionExpired = new SessionExpired() };
            case SessionCommand.CommandOneofCase.Batch:
                return WhatIsWrongWith(command.Batch) is { } wrong || (wrong = whatIsWrong(command.Batch.Operations)) is not null
                    ? Malformed(wrong)
                    : Execute(command.Batch, entry.TimestampMs, execute);
            default:
                return Malformed("The command is of an unknown kind.");
        }
    }

    private static SessionResult Malformed(string message) => new() { Malformed = new Malformed { Message = message } };

    private static string? WhatIsWrongWith(SessionBatch batch) =>
        batch.Session <= 0 ? "The batch names no session."
        : batch.FirstSerial < 1 || batch.AckedUpTo < 0 || batch.FirstSerial > long.MaxValue / 2 ? "The batch's serials are out of range."
        : null;

    /// <summary>
    /// The number of a session that an entry opens. A log that was cut and went on has the same indexes again, and perhaps the same terms, but not the nonces:
    /// a client whose session was lost with the old log finds no session, not another's.
    /// </summary>
    public static long IdFrom(long index, long term, ulong nonce) => (long)(Mix64.Of(Mix64.Of(Mix64.Of(nonce) ^ (ulong)index) ^ (ulong)term) >> 1) | 1;

    /// <summary>Opens a session; the one idle longest gives way when there are too many.</summary>
    /// <returns>False when there is such a session already: nothing is changed.</returns>
    public bool Open(long id, long nowMs)
    {
        if (_byId.ContainsKey(id)) return false;
        while (_byId.Count > 0 && _byId.Count >= Limits.MaxSessions) Remove(_byIdleness.Min.Id);
        Add(id, new Session { LastUsedMs = nowMs, NextSerial = 1, Acked = 0 });
        results.Changed(id);
        return true;
    }

    /// <summary>Whether there was such a session.</summary>
    private bool Close(long id)
    {
        var there = _byId.ContainsKey(id);
        if (there) Remove(id);
        return there;
    }

    /// <summary>Executes the operations not seen before, in order, and answers the seen ones from what is kept; or executes none.</summary>
    private SessionResult Execute(SessionBatch batch, long nowMs, Func<int, ByteString> execute)
    {
        var (id, firstSerial, count) = (batch.Session, batch.FirstSerial, batch.Operations.Count);
        if (!_byId.TryGetValue(id, out var session)) return new SessionResult { SessionExpired = new SessionExpired() };
        if (batch.AckedUpTo >= session.NextSerial) return Malformed("The batch acknowledges operations that were never executed.");

        Touch(id, session, nowMs);
        Acknowledge(id, session, batch.AckedUpTo);
        if (firstSerial > session.NextSerial) return new SessionResult { OutOfOrder = new OutOfOrder { ExpectedSerial = session.NextSerial } };
        var lastSerial = Math.Max(session.NextSerial, firstSerial + count) - 1;
        // A batch that is wholly a repeat adds nothing and is always answered.
        if (lastSerial >= session.NextSerial && (lastSerial - session.Acked > Limits.MaxResults || session.ResultBytes > Limits.ResultBytes))
            return new SessionResult { TooManyResults = new TooManyResults { Limit = Limits.MaxResults } };

        var executedBefore = session.NextSerial - 1;
        var executed = new SessionBatchResult();
        while (session.NextSerial <= lastSerial)
        {
            var position = (int)(session.NextSerial - firstSerial);
            executed.Results.Add(batch.Operations[position].IsEmpty ? ByteString.Empty : execute(position));
            session.NextSerial++;
        }
        if (executed.Results.Count > 0)
        {
            var kept = new KeptResults(executedBefore + 1, session.NextSerial - 1, executed.ToByteArray());
            results.Keep(id, kept);
            Kept(session, kept.LastSerial, kept.Results.Length);
            MakeRoom(id);
        }
        if (firstSerial > executedBefore) return new SessionResult { BatchResult = executed };
        return Kept(id, session, firstSerial, count) is { } told
            ? new SessionResult { BatchResult = told }
            : Malformed("The results of the operations that were executed before are more than an answer holds: repeat them by the batches that they were sent with.");
    }

    /// <summary>All operations asked for are executed; batches may be cut otherwise than when they were.</summary>
    /// <returns>Null when their results are more than an answer holds.</returns>
    private SessionBatchResult? Kept(long id, Session session, long firstSerial, int count)
    {
        var told = new SessionBatchResult { Forgotten = Math.Clamp(session.Acked - firstSerial + 1, 0, count) };
        var next = firstSerial + told.Forgotten;
        long bytes = 0;
        foreach (var kept in results.From(id, next))
        {
            bytes += kept.Results.Length;
            // What was told as one answer is told again.
            if (bytes > Limits.AnswerBytes && told.Results.Count > 0) return null;
            Work += kept.Results.Length;
            var last = Math.Min(kept.LastSerial, firstSerial + count - 1);
            told.Results.Add(Parts(kept.Results, next - kept.FirstSerial, last - kept.FirstSerial));
            next = last + 1;
            if (next == firstSerial + count) break;
        }
        return told;
    }

    /// <summary>Some of the results of a batch; the others are passed over as they are.</summary>
    private static List<ByteString> Parts(byte[] results, long first, long last)
    {
        List<ByteString> parts = [];
        var input = new CodedInputStream(results);
        for (long i = 0; i <= last;)
        {
            var tag = input.ReadTag();
            if (tag == 0) throw new InvariantViolationException("The results that are kept of a batch are fewer than its operations.");
            if (tag != ResultsTag || i < first) input.SkipLastField();
            else parts.Add(input.ReadBytes());
            if (tag == ResultsTag) i++;
        }
        return parts;
    }

    private static readonly uint ResultsTag = WireFormat.MakeTag(SessionBatchResult.ResultsFieldNumber, WireFormat.WireType.LengthDelimited);

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
        results.Changed(id);
    }

    private void Acknowledge(long id, Session session, long upTo)
    {
        if (upTo <= session.Acked) return;
        session.Acked = upTo;
        ResultBytes -= session.Forget(upTo);
        results.Forget(id, upTo);
    }

    private void Kept(Session session, long lastSerial, int bytes)
    {
        session.Kept(lastSerial, bytes);
        ResultBytes += bytes;
    }

    /// <summary>The sessions idle longest give way, as they do when there are too many.</summary>
    private void MakeRoom(long forSession)
    {
        while (ResultBytes > MostResultBytes && _byIdleness.Min.Id != forSession) Remove(_byIdleness.Min.Id);
    }

    private void Remove(long id)
    {
        ResultBytes -= _byId[id].ResultBytes;
        _byIdleness.Remove((_byId[id].LastUsedMs, id));
        _byId.Remove(id);
        results.Removed(id);
    }

    private sealed class Session
    {
        private readonly Queue<(long LastSerial, int Bytes)> _kept = new();

        public required long LastUsedMs { get; set; }

        public required long NextSerial { get; set; }

        public required long Acked { get; set; }

        public long ResultBytes { get; private set; }

        public void Kept(long lastSerial, int bytes)
        {
            _kept.Enqueue((lastSerial, bytes));
            ResultBytes += bytes;
        }

        /// <summary>Drops the batches all of whose results are acknowledged.</summary>
        /// <returns>Their bytes.</returns>
        public long Forget(long upToSerial)
        {
            var before = ResultBytes;
            while (_kept.TryPeek(out var batch) && batch.LastSerial <= upToSerial) ResultBytes -= _kept.Dequeue().Bytes;
            return before - ResultBytes;
        }
    }
}
