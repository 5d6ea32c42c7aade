using System.Buffers.Binary;
using System.Globalization;
using AkkaRaft.Log;
using AkkaRaft.Protocol;
using AkkaRaft.Protocol.Wire;
using Google.Protobuf;

namespace AkkaRaft.StateMachines;

/// <summary>
/// What stands between a state machine and its clients: their sessions, by which each command takes effect exactly once (Raft dissertation §6.3), timers on
/// the log's clock, and the limits that all members go by. It is part of the state, and is kept with it: an actor with a disk of its own writes it
/// (<see cref="Save"/>) together with the entry that it is of. A plain class needs nothing of this: the library does it.
/// </summary>
public sealed class ClientCommands
{
    private const int ProposalVersion = 1;
    private const int LongestFailure = 1_000;

    private readonly SessionsInMemory _results = new();
    private readonly Sessions _sessions;
    private readonly LogTimers _timers = new();
    private PlainProposal _inForce;

    /// <summary>Those of an empty state.</summary>
    /// <param name="stateMachine">The state machine's name.</param>
    public ClientCommands(string stateMachine)
    {
        ArgumentException.ThrowIfNullOrEmpty(stateMachine);
        StateMachine = stateMachine;
        // In force until the first proposal. They are part of what the log means: never to be changed.
        _inForce = new PlainProposal { Version = ProposalVersion, MaxSessions = 10_000, SessionTimeToLiveMs = 600_000, MaxResultsPerSession = 20_000, MaxCommandBytes = 2 * 1024 * 1024 };
        _sessions = new Sessions(stateMachine, _results) { Limits = LimitsOf(_inForce) };
    }

    /// <summary>The state machine's name.</summary>
    public string StateMachine { get; }

    /// <summary>The first time of the log at which a timer goes off, in milliseconds, for <see cref="TimeDue"/>; null when there is none.</summary>
    public long? NextDueMs => _timers.NextDueMs;

    /// <summary>What a member proposes when it begins to lead, for <see cref="StateMachineReady.LeaderProposal"/>.</summary>
    /// <param name="stateMachine">The state machine's name.</param>
    /// <param name="settings">The member's.</param>
    public static ReadOnlyMemory<byte> LeaderProposal(string stateMachine, RaftSettings settings) => ProposalOf(stateMachine, settings).ToByteArray();

    internal static PlainProposal ProposalOf(string name, RaftSettings settings) => new()
    {
        Version = ProposalVersion,
        StateMachine = name,
        MaxSessions = settings.MaxSessions,
        SessionTimeToLiveMs = (long)settings.SessionTimeToLive.TotalMilliseconds,
        MaxResultsPerSession = settings.MaxResultsPerSession,
        MaxCommandBytes = settings.MaxCommandBytes,
    };

    // ---- entries -------------------------------------------------------------------------------------------------

    /// <summary>Does what an entry says: each of its commands that is new is executed once, in order, after the timers that are due.</summary>
    /// <param name="entry">The next one of the log, of whatever kind.</param>
    /// <param name="apply">Executes a command, and returns its result. What it throws is the command's result, on all members alike.</param>
    /// <param name="onTimer">Called for each timer that is due; null where none is ever set.</param>
    /// <returns>The entry's result, for <see cref="EntriesApplied"/>.</returns>
    /// <exception cref="StateMachineMismatchException">The log is of another state machine: nothing of the entry is applied.</exception>
    public ReadOnlyMemory<byte> Apply(LogEntry entry, Func<ReadOnlyMemory<byte>, ApplyContext, ReadOnlyMemory<byte>> apply, Action<string, ApplyContext>? onTimer = null)
    {
        ArgumentNullException.ThrowIfNull(entry);
        ArgumentNullException.ThrowIfNull(apply);
        if (entry.Kind == EntryKind.NoOp) Adopt(entry);
        var operations = 0;
        foreach (var timer in _timers.TakeDue(entry.TimestampMs))
        {
            var context = ContextOf(entry, operations++);
            Guarded(() =>
            {
                onTimer?.Invoke(timer, context);
                return default;
            });
            context.End();
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
                var result = Bounded(Guarded(() => apply(commands[i].Memory, context))).ToByteString();
                context.End();
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
        if (isFirst && IsOfTheStore(entry.Payload.Span)) throw new StateMachineMismatchException("", StateMachine);
        if (Proposal(entry.Payload.Span) is not { } proposed) return;
        var name = isFirst ? proposed.StateMachine : _inForce.StateMachine;
        if (name != StateMachine) throw new StateMachineMismatchException(name, StateMachine);
        proposed.StateMachine = name;
        _inForce = proposed;
        _sessions.Limits = LimitsOf(proposed);
    }

    /// <returns>Null for bytes that are no proposal, are of another version, or leave no room for anything.</returns>
    internal static PlainProposal? Proposal(ReadOnlySpan<byte> payload)
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

    /// <summary>Answers a <see cref="Query"/>: as many of its parts as an answer holds, and the first in any case.</summary>
    /// <param name="payload">The query's.</param>
    /// <param name="query">Answers one part of it. What it throws is the answer.</param>
    /// <returns>The payload of a <see cref="QueryReply"/>.</returns>
    public ReadOnlyMemory<byte> Answer(ReadOnlyMemory<byte> payload, Func<ReadOnlyMemory<byte>, ReadOnlyMemory<byte>> query)
    {
        ArgumentNullException.ThrowIfNull(query);
        StateQuery asked;
        try
        {
            asked = StateQuery.Parser.ParseFrom(payload.Span);
        }
        catch (InvalidProtocolBufferException)
        {
            return Wrong("The query is no StateQuery.");
        }
        if (asked.StateMachine != StateMachine)
            return Wrong($"The cluster runs {StateMachineNames.Words(StateMachine)}, and the client asks {StateMachineNames.Words(asked.StateMachine)}.");
        if (asked.Queries.Count == 0) return Wrong("The query asks nothing.");
        var result = new StateQueryResult();
        var bytes = 0;
        foreach (var part in asked.Queries)
        {
            var answer = Bounded(Guarded(() => query(part.Memory)));
            bytes += answer.CalculateSize();
            if (bytes > _inForce.MaxCommandBytes && result.Answers.Count > 0) break;
            result.Answers.Add(answer);
        }
        return result.ToByteArray();
    }

    /// <summary>A query's result that says what is wrong with it.</summary>
    internal static ReadOnlyMemory<byte> Wrong(string error, bool overloaded = false) => new StateQueryResult { Error = error, Overloaded = overloaded }.ToByteArray();

    // ---- what is kept with the state -----------------------------------------------------------------------------

    internal PlainProposal InForce => _inForce;

    internal long KeptBytes => _sessions.ResultBytes;

    internal IEnumerable<PlainSession> SessionsToWire() => _sessions.Ids.Select(ToWire);

    internal IEnumerable<PlainTimer> TimersToWire() => _timers.All.Select(timer => new PlainTimer { Name = timer.Name, DueMs = timer.DueMs });

    private PlainSession ToWire(long id)
    {
        var (lastUsedMs, nextSerial, acked) = _sessions[id];
        var wire = new PlainSession { Id = id, LastUsedMs = lastUsedMs, NextSerial = nextSerial, Acked = acked };
        wire.Results.AddRange(_results.From(id, 0).Select(kept => new PlainResults { FirstSerial = kept.FirstSerial, LastSerial = kept.LastSerial, Results = UnsafeByteOperations.UnsafeWrap(kept.Results) }));
        return wire;
    }

    /// <exception cref="InvalidDataException">It was never written by this; the message says why.</exception>
    internal static ClientCommands From(string stateMachine, PlainProposal inForce, IReadOnlyList<PlainSession> sessions, IReadOnlyList<PlainTimer> timers)
    {
        if (WhatIsWrongWith(inForce, sessions, timers) is { } wrong) throw new InvalidDataException(wrong);
        var commands = new ClientCommands(stateMachine) { _inForce = inForce };
        commands._sessions.Limits = LimitsOf(inForce);
        foreach (var session in sessions)
        {
            commands._sessions.Restore(session.Id, session.LastUsedMs, session.NextSerial, session.Acked);
            foreach (var kept in session.Results)
            {
                commands._sessions.RestoreResults(session.Id, kept.LastSerial, kept.Results.Length);
                commands._results.Keep(session.Id, new KeptResults(kept.FirstSerial, kept.LastSerial, kept.Results.ToByteArray()));
            }
        }
        foreach (var timer in timers) commands._timers.Set(timer.Name, timer.DueMs);
        return commands;
    }

    private static string? WhatIsWrongWith(PlainProposal? inForce, IReadOnlyList<PlainSession> sessions, IReadOnlyList<PlainTimer> timers) =>
        !IsSound(inForce) ? "it has no limits, or none that can be in force"
        : sessions.Select(s => s.Id).Distinct().Count() != sessions.Count ? "it has a session twice"
        : timers.Any(t => LogTimers.WhatIsWrongWith(t.Name) is not null) || timers.Count > LogTimers.MostTimers ? "it has a timer that cannot be"
        : timers.Select(t => t.Name).Distinct(StringComparer.Ordinal).Count() != timers.Count ? "it has a timer twice"
        : null;

    /// <summary>
    /// Writes what a hash of the state has to cover besides the state itself (<see cref="EntryKind.StateCheck"/>). Results that are kept for sessions are not in
    /// it: what a command throws has .NET's words, and those are its version's.
    /// </summary>
    /// <param name="destination">Where the hash is taken.</param>
    public void WriteForHash(Stream destination)
    {
        using var writer = new BinaryWriter(destination, System.Text.Encoding.UTF8, leaveOpen: true);
        writer.Write(StateMachine);
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
    }

    /// <summary>Writes all of it, with its length and a checksum: it may stand among other things in a file.</summary>
    /// <param name="destination">Written to from where it stands.</param>
    public void Save(Stream destination)
    {
        ArgumentNullException.ThrowIfNull(destination);
        var image = new ClientCommandsImage { StateMachine = StateMachine, InForce = _inForce };
        image.Sessions.AddRange(SessionsToWire());
        image.Timers.AddRange(TimersToWire());
        var bytes = image.ToByteArray();
        Span<byte> figure = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(figure, bytes.Length);
        destination.Write(figure);
        destination.Write(bytes);
        BinaryPrimitives.WriteUInt32LittleEndian(figure, Crc.Of(bytes));
        destination.Write(figure);
    }

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    /// <param name="stateMachine">The state machine's name.</param>
    /// <param name="source">Read from where it stands, and no further.</param>
    /// <exception cref="InvalidDataException">It is damaged, or another state machine's; the message says which.</exception>
    public static ClientCommands Load(string stateMachine, Stream source)
    {
        ArgumentNullException.ThrowIfNull(source);
        var bytes = ReadExactly(source, BinaryPrimitives.ReadInt32LittleEndian(ReadExactly(source, sizeof(int))));
        if (BinaryPrimitives.ReadUInt32LittleEndian(ReadExactly(source, sizeof(uint))) != Crc.Of(bytes)) throw new InvalidDataException("the sessions in it are not as they were written");
        ClientCommandsImage image;
        try
        {
            image = ClientCommandsImage.Parser.ParseFrom(bytes);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new InvalidDataException($"the sessions in it cannot be read: {e.Message}", e);
        }
        if (image.StateMachine != stateMachine) throw new InvalidDataException($"it is of the state machine '{image.StateMachine}', and this is '{stateMachine}'");
        return From(stateMachine, image.InForce, image.Sessions, image.Timers);
    }

    private static byte[] ReadExactly(Stream source, int bytes)
    {
        // A length that was damaged asks for no more memory than there is to be read.
        if (bytes < 0 || source.CanSeek && bytes > source.Length - source.Position) throw new InvalidDataException("it ends within the sessions");
        var read = new byte[bytes];
        if (source.ReadAtLeast(read, bytes, throwOnEndOfStream: false) < bytes) throw new InvalidDataException("it ends within the sessions");
        return read;
    }
}
