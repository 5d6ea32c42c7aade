using System.Globalization;
using System.Security.Cryptography;
using AkkaRaft.Log;
using AkkaRaft.Protocol;
using AkkaRaft.Protocol.Wire;
using Google.Protobuf;

namespace AkkaRaft.StateMachines;

/// <summary>
/// A plain class with what belongs to it: sessions, timers, limits, and how far the log is applied. It is in memory; an image has all of it, of one entry.
/// </summary>
/// <remarks>Image: magic, length of the header (4 bytes, little-endian), header, checksum of all before, state.</remarks>
internal sealed class PlainState
{
    public const int MostImageBytes = 1024 * 1024 * 1024;

    private const int ProposalVersion = 1;
    private const int LongestFailure = 1_000;
    private static readonly byte[] _magic = "AkkaRaft state 1"u8.ToArray();

    private readonly string _name;
    private readonly IPlainStateMachine _machine;
    private readonly SessionsInMemory _results = new();
    private readonly Sessions _sessions;
    private readonly LogTimers _timers = new();
    private PlainProposal _inForce;

    /// <summary>An empty state.</summary>
    /// <param name="name">The state machine's.</param>
    /// <param name="machine">A new instance.</param>
    public PlainState(string name, IPlainStateMachine machine)
    {
        _name = name;
        _machine = machine;
        // In force until the first proposal. They are part of what the log means: never to be changed.
        _inForce = new PlainProposal { Version = ProposalVersion, MaxSessions = 10_000, SessionTimeToLiveMs = 600_000, MaxResultsPerSession = 20_000, MaxCommandBytes = 2 * 1024 * 1024 };
        _sessions = new Sessions(name, _results) { Limits = LimitsOf(_inForce) };
    }

    public long AppliedIndex { get; private set; }

    public long AppliedTerm { get; private set; }

    public long JournalSequenceNr { get; private set; }

    /// <summary>The first time of the log at which a timer goes off; null when there is none.</summary>
    public long? NextDueMs => _timers.NextDueMs;

    /// <summary>What a member proposes when it begins to lead.</summary>
    public static PlainProposal ProposalOf(string name, RaftSettings settings) => new()
    {
        Version = ProposalVersion,
        StateMachine = name,
        MaxSessions = settings.MaxSessions,
        SessionTimeToLiveMs = (long)settings.SessionTimeToLive.TotalMilliseconds,
        MaxResultsPerSession = settings.MaxResultsPerSession,
        MaxCommandBytes = settings.MaxCommandBytes,
    };

    // ---- entries -------------------------------------------------------------------------------------------------

    /// <summary>Applies entries; those applied before are skipped, with an empty result.</summary>
    /// <exception cref="StateMachineMismatchException">The cluster runs another state machine.</exception>
    public IReadOnlyList<ReadOnlyMemory<byte>> Apply(IReadOnlyList<LogEntry> entries, long journalSequenceNr)
    {
        var results = new ReadOnlyMemory<byte>[entries.Count];
        for (var i = 0; i < entries.Count; i++)
        {
            var entry = entries[i];
            if (entry.Index <= AppliedIndex) continue;
            if (entry.Index != AppliedIndex + 1)
                throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"The state machine '{_name}' has applied the log up to {AppliedIndex} and cannot go on with entry {entry.Index}."));
            results[i] = Apply(entry);
            (AppliedIndex, AppliedTerm) = (entry.Index, entry.Term);
            if (entry.Kind == EntryKind.StateCheck) results[i] = Hash();
        }
        JournalSequenceNr = Math.Max(JournalSequenceNr, journalSequenceNr);
        return results;
    }

    private ReadOnlyMemory<byte> Apply(LogEntry entry)
    {
        if (entry.Kind == EntryKind.NoOp) Adopt(entry);
        var operations = 0;
        foreach (var timer in _timers.TakeDue(entry.TimestampMs))
        {
            var context = ContextOf(entry, operations++);
            Guarded(() =>
            {
                _machine.OnTimer(timer, context);
                return default;
            });
        }
        _sessions.Expire(entry.TimestampMs);
        if (entry.Kind != EntryKind.Command) return default;

        IReadOnlyList<ByteString> commands = [];
        var bytes = 0;
        return _sessions.Execute(
            entry,
            read =>
            {
                commands = read;
                return null;
            },
            i =>
            {
                // Half for those before, and as much as a command for the last: with a message's own fields it fits a frame.
                if (bytes > _inForce.MaxCommandBytes / 2) return new CommandResult { NoRoom = true }.ToByteString();
                var context = ContextOf(entry, operations++);
                var result = Bounded(Guarded(() => _machine.Apply(commands[i].Memory, context))).ToByteString();
                bytes += result.Length;
                return result;
            }).ToByteArray();
    }

    private CommandResult Bounded(CommandResult result) => result.CalculateSize() is var size && size <= _inForce.MaxCommandBytes
        ? result
        : new CommandResult { Failure = string.Create(CultureInfo.InvariantCulture, $"What it returned has {size} bytes; the limit is {_inForce.MaxCommandBytes} (akkaraft.max-command-bytes).") };

    private ApplyContext ContextOf(LogEntry entry, int operation) =>
        new(_timers, entry.Index, entry.TimestampMs, new LogRandom(Mix64.Of(Mix64.Of((ulong)entry.Index) ^ (ulong)entry.Term) ^ (ulong)operation << 32));

    /// <summary>What the class throws is an answer: it would throw it again, on each member and after each start.</summary>
    private static CommandResult Guarded(Func<ReadOnlyMemory<byte>> call)
    {
        try
        {
            return new CommandResult { Result = UnsafeByteOperations.UnsafeWrap(call()) };
        }
        catch (Exception e) when (e is not (OutOfMemoryException or InsufficientExecutionStackException))
        {
            var failure = $"{e.GetType().Name}: {MessageOf(e)}";
            return new CommandResult { Failure = failure.Length > LongestFailure ? failure[..LongestFailure] : failure };
        }
    }

    // It is the class's own, and may throw like the rest of it.
    private static string MessageOf(Exception e)
    {
        try
        {
            return e.Message;
        }
        catch (Exception)
        {
            return "it has no message";
        }
    }

    private void Adopt(LogEntry entry)
    {
        // The first that is in force says which state machine the log is of. A leader with another one is the one that differs, and sees it here itself.
        var isFirst = _inForce.StateMachine.Length == 0;
        if (isFirst && IsOfTheStore(entry.Payload.Span)) throw new StateMachineMismatchException("", _name);
        if (Proposal(entry.Payload.Span) is not { } proposed) return;
        var name = isFirst ? proposed.StateMachine : _inForce.StateMachine;
        if (name != _name) throw new StateMachineMismatchException(name, _name);
        proposed.StateMachine = name;
        _inForce = proposed;
        _sessions.Limits = LimitsOf(proposed);
    }

    /// <returns>Null for bytes that are no proposal, are of another version, or leave no room for anything.</returns>
    public static PlainProposal? Proposal(ReadOnlySpan<byte> payload)
    {
        try
        {
            return PlainProposal.Parser.ParseFrom(payload) is var proposed && IsSound(proposed) ? proposed : null;
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }

    private static bool IsSound(PlainProposal? proposed) => proposed is
    {
        Version: ProposalVersion, MaxSessions: > 0, SessionTimeToLiveMs: > 0 and < long.MaxValue / 4, MaxResultsPerSession: > 0, MaxCommandBytes: > 0,
    };

    private static bool IsOfTheStore(ReadOnlySpan<byte> payload)
    {
        try
        {
            return KvLimits.Parser.ParseFrom(payload) is { Version: > 0, MaxKeyBytes: > 0 };
        }
        catch (InvalidProtocolBufferException)
        {
            return false;
        }
    }

    private static SessionLimits LimitsOf(PlainProposal proposal) =>
        new(proposal.MaxSessions, proposal.SessionTimeToLiveMs, proposal.MaxResultsPerSession, SessionLimits.ResultBytesOf(proposal.MaxCommandBytes));

    // ---- queries -------------------------------------------------------------------------------------------------

    /// <summary>Answers a query: as many of its parts as an answer holds, and the first in any case.</summary>
    public ReadOnlyMemory<byte> Answer(ReadOnlyMemory<byte> payload)
    {
        StateQuery query;
        try
        {
            query = StateQuery.Parser.ParseFrom(payload.Span);
        }
        catch (InvalidProtocolBufferException)
        {
            return Wrong("The query is no StateQuery.");
        }
        if (query.StateMachine != _name)
            return Wrong($"The cluster runs {StateMachineNames.Words(_name)}, and the client asks {StateMachineNames.Words(query.StateMachine)}.");
        if (query.Queries.Count == 0) return Wrong("The query asks nothing.");
        var result = new StateQueryResult();
        var bytes = 0;
        foreach (var part in query.Queries)
        {
            var answer = Bounded(Guarded(() => _machine.Query(part.Memory)));
            bytes += answer.CalculateSize();
            if (bytes > _inForce.MaxCommandBytes && result.Answers.Count > 0) break;
            result.Answers.Add(answer);
        }
        return result.ToByteArray();
    }

    /// <summary>A query's result that says what is wrong with it.</summary>
    public static ReadOnlyMemory<byte> Wrong(string error, bool overloaded = false) => new StateQueryResult { Error = error, Overloaded = overloaded }.ToByteArray();

    // ---- images --------------------------------------------------------------------------------------------------

    /// <summary>All of it, of the last entry applied.</summary>
    /// <exception cref="InvalidOperationException">It is too large, or the class cannot save it.</exception>
    public byte[] ToImage() => ImageWith(JournalSequenceNr);

    /// <summary>
    /// Of what is the same on all members that have applied the log as far; empty when the class cannot save it. Results that are kept for sessions are not
    /// in it: what the class throws has .NET's words, and those are its version's.
    /// </summary>
    private ReadOnlyMemory<byte> Hash()
    {
        using var sha = SHA256.Create();
        using (var into = new CryptoStream(Stream.Null, sha, CryptoStreamMode.Write))
        using (var writer = new BinaryWriter(into))
        {
            writer.Write(_name);
            writer.Write(AppliedIndex);
            writer.Write(_inForce.ToByteArray());
            foreach (var id in _sessions.Ids)
            {
                var (lastUsedMs, nextSerial, acked) = _sessions[id];
                foreach (var figure in (ReadOnlySpan<long>)[id, lastUsedMs, nextSerial, acked]) writer.Write(figure);
            }
            foreach (var (dueMs, name) in _timers.All)
            {
                writer.Write(name);
                writer.Write(dueMs);
            }
            try
            {
                // A class may close what it writes to, and may seek in it.
                using var saved = new MemoryStream();
                _machine.Save(saved);
                writer.Write(saved.ToArray());
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                return default;
            }
        }
        return sha.Hash.AsMemory(0, sizeof(ulong));
    }

    /// <summary>What is the same on all members that have applied the log as far.</summary>
    /// <exception cref="InvalidOperationException">It is too large, or the class cannot save it.</exception>
    public byte[] ToComparable() => ImageWith(journalSequenceNr: 0);

    private byte[] ImageWith(long journalSequenceNr)
    {
        using var state = new MemoryStream();
        try
        {
            _machine.Save(state);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            throw new InvalidOperationException($"The state machine '{_name}' cannot save its state: {e.GetType().Name}: {e.Message}", e);
        }
        // A class may close the stream that it writes to.
        var saved = state.ToArray();
        var header = new PlainImage
        {
            StateMachine = _name,
            AppliedIndex = AppliedIndex,
            AppliedTerm = AppliedTerm,
            JournalSequenceNr = journalSequenceNr,
            InForce = _inForce,
            StateBytes = saved.Length,
            StateCrc = Crc.Of(saved),
        };
        header.Sessions.AddRange(_sessions.Ids.Select(ToWire));
        header.Timers.AddRange(_timers.All.Select(timer => new PlainTimer { Name = timer.Name, DueMs = timer.DueMs }));
        var begin = header.ToByteArray();
        var bytes = _magic.Length + sizeof(int) + begin.LongLength + sizeof(uint) + saved.LongLength;
        if (bytes > MostImageBytes) throw new InvalidOperationException($"The state of '{_name}' has {bytes} bytes; the limit is {MostImageBytes}.");

        var image = new MemoryStream((int)bytes);
        using var writer = new BinaryWriter(image);
        writer.Write(_magic);
        writer.Write(begin.Length);
        writer.Write(begin);
        writer.Write(Crc.Of(image.GetBuffer().AsSpan(0, (int)image.Length)));
        writer.Write(saved);
        return image.GetBuffer();
    }

    private PlainSession ToWire(long id)
    {
        var (lastUsedMs, nextSerial, acked) = _sessions[id];
        var wire = new PlainSession { Id = id, LastUsedMs = lastUsedMs, NextSerial = nextSerial, Acked = acked };
        wire.Results.AddRange(_results.From(id, 0).Select(kept => new PlainResults { FirstSerial = kept.FirstSerial, LastSerial = kept.LastSerial, Results = UnsafeByteOperations.UnsafeWrap(kept.Results) }));
        return wire;
    }

    /// <summary>The state that an image has.</summary>
    /// <param name="name">The state machine's.</param>
    /// <param name="machine">A new instance.</param>
    /// <param name="image">What <see cref="ToImage()"/> wrote.</param>
    /// <exception cref="InvalidDataException">It is damaged, another state machine's, or the class cannot load it; the message says which.</exception>
    public static PlainState FromImage(string name, IPlainStateMachine machine, ReadOnlyMemory<byte> image)
    {
        var bytes = image.Span;
        var headerAt = _magic.Length + sizeof(int);
        if (bytes.Length < headerAt || !bytes.StartsWith(_magic)) throw new InvalidDataException("it is no state of a plain state machine");
        var length = BitConverter.ToInt32(bytes[_magic.Length..]);
        if (length < 0 || length > bytes.Length - headerAt - sizeof(uint)) throw new InvalidDataException("it ends within its header");
        var stateAt = headerAt + length + sizeof(uint);
        if (BitConverter.ToUInt32(bytes[(headerAt + length)..]) != Crc.Of(bytes[..(headerAt + length)])) throw new InvalidDataException("its header is not as it was written");
        PlainImage header;
        try
        {
            header = PlainImage.Parser.ParseFrom(bytes.Slice(headerAt, length));
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new InvalidDataException($"its header cannot be read: {e.Message}", e);
        }
        if (header.StateMachine != name) throw new InvalidDataException($"it is of the state machine '{header.StateMachine}', and this is '{name}'");
        if (header.StateBytes != bytes.Length - stateAt || header.StateCrc != Crc.Of(bytes[stateAt..])) throw new InvalidDataException("the state in it is not as it was written");
        if (WhatIsWrongWith(header) is { } wrong) throw new InvalidDataException(wrong);
        try
        {
            using var source = new MemoryStream(image[stateAt..].ToArray(), writable: false);
            machine.Load(source);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            throw new InvalidDataException($"the class cannot load it: {e.GetType().Name}: {e.Message}", e);
        }

        var state = new PlainState(name, machine) { AppliedIndex = header.AppliedIndex, AppliedTerm = header.AppliedTerm, JournalSequenceNr = header.JournalSequenceNr, _inForce = header.InForce };
        state._sessions.Limits = LimitsOf(header.InForce);
        foreach (var session in header.Sessions)
        {
            state._sessions.Restore(session.Id, session.LastUsedMs, session.NextSerial, session.Acked);
            foreach (var kept in session.Results)
            {
                state._sessions.RestoreResults(session.Id, kept.LastSerial, kept.Results.Length);
                state._results.Keep(session.Id, new KeptResults(kept.FirstSerial, kept.LastSerial, kept.Results.ToByteArray()));
            }
        }
        foreach (var timer in header.Timers) state._timers.Set(timer.Name, timer.DueMs);
        return state;
    }

    private static string? WhatIsWrongWith(PlainImage header) =>
        !IsSound(header.InForce) ? "it has no limits, or none that can be in force"
        : header.AppliedIndex < 0 || header.AppliedTerm < 0 || header.JournalSequenceNr < 0 ? "it is of an entry that cannot be"
        : header.Sessions.Select(s => s.Id).Distinct().Count() != header.Sessions.Count ? "it has a session twice"
        : header.Timers.Any(t => LogTimers.WhatIsWrongWith(t.Name) is not null) || header.Timers.Count > LogTimers.MostTimers ? "it has a timer that cannot be"
        : header.Timers.Select(t => t.Name).Distinct(StringComparer.Ordinal).Count() != header.Timers.Count ? "it has a timer twice"
        : null;

    /// <summary>The same state, which the journal covers up to another number.</summary>
    public void CoveredBy(long journalSequenceNr) => JournalSequenceNr = journalSequenceNr;
}
