using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;
using Google.Protobuf;

namespace AkkaRaft.Client;

/// <summary>
/// Writes carry a session and serials, so that the state machine executes each once however often it arrives (Raft dissertation §6.3).
/// Several batches are under way at once; a session executes them in the order of their serials alone, so one that was lost holds up those behind it, and all are sent again.
/// </summary>
internal sealed partial class ClientActor
{
    private readonly Lane _writes;
    private Flight? _opening;
    private long _session;
    private bool _sessionEnded;
    private long _nextSerial = 1;
    private long _maxResults = long.MaxValue;

    /// <summary>The client has the results of all serials up to here.</summary>
    private long AckedUpTo => (_writes.Flights is [var oldest, ..] ? oldest.FirstSerial : _nextSerial) - 1;

    private void PumpWrites(bool isTick)
    {
        if (_sessionEnded && _writes.Flights.Count == 0) (_session, _sessionEnded) = (0, false);
        if (_session == 0)
        {
            // Nothing is sent for a session that is not yet there: a call that waits for it is surely not executed.
            if (_writes.Waiting.Count == 0 || _opening is not null) return;
            _opening = new Flight(_writes, []) { Payload = SessionCodec.EncodeOpen(_codec.StateMachine, Self.Path.Name, _drawNonce()) };
            Send(_opening);
            return;
        }
        while (!_sessionEnded && _writes.Flights.Count < _writes.MaxFlights && _writes.Waiting.Count > 0 && _writes.Flights.TrueForAll(f => !f.IsOpen || f.Target is not null))
        {
            var most = Math.Min(_settings.MaxBatchOperations, _maxResults - (_nextSerial - 1 - AckedUpTo));
            if (!isTick && !GoesNow((int)most)) return;
            var calls = Take(_writes, (int)most);
            if (calls.Count == 0) return;
            var flight = new Flight(_writes, calls) { FirstSerial = _nextSerial };
            _nextSerial += calls.Count;
            Begin(flight);
        }
    }

    /// <summary>
    /// A batch costs much and a call in it little, so that a batch which is not full waits while an earlier one is under way (Nagle's algorithm, RFC 896),
    /// but over a long way not for the answer: no longer than until the next tick.
    /// </summary>
    private bool GoesNow(int most) =>
        _writes.Waiting.Count >= most || _writes.WaitingBytes >= _settings.MaxBatchBytes || !_writes.Flights.Exists(f => f.IsAwaited);

    private ReadOnlyMemory<byte> EncodeWrites(Flight flight) =>
        SessionCodec.EncodeBatch(_session, flight.FirstSerial, AckedUpTo, flight.Calls.Select(c => c.IsAnswered ? ByteString.Empty : c.Operation!));

    private void SendOpeningIfDue(TimeSpan now)
    {
        if (_opening is not { } opening) return;
        if (_writes.Waiting.Count == 0) EndOpening(opening);
        else if (opening.Target is null && now >= opening.RetryAt) Send(opening);
    }

    private void EndOpening(Flight opening)
    {
        _opening = null;
        End(opening);
    }

    private void Executed(SubmitReply reply)
    {
        if (!_attempts.TryGetValue(reply.RequestId, out var flight) || !flight.IsOpen) return;
        Answered(flight);
        var outcome = Decode(reply);
        // All others say of this attempt that nothing was executed.
        if (outcome is not null and not BatchExecuted && _attempts.Remove(reply.RequestId)) flight.OpenAttempts--;
        switch (outcome)
        {
            case SessionOpened opened when flight == _opening:
                EndOpening(flight);
                (_session, _nextSerial) = (opened.Session, 1);
                break;
            case SessionTaken when flight == _opening:
                EndOpening(flight);
                break;
            case BatchExecuted executed when executed.Forgotten + executed.Results.Count == flight.Calls.Count:
                flight.Replies = [.. flight.Calls.Select((call, i) => ReplyOf(flight, call, i < executed.Forgotten ? null : executed.Results[(int)(i - executed.Forgotten)]))];
                AnswerInOrder();
                break;
            case BatchOutOfOrder early when _writes.Flights is [var oldest, ..] && early.ExpectedSerial >= oldest.FirstSerial:
                SendFromOldest(flight, reply.RequestId);
                break;
            case TooManyResults full:
                _maxResults = Math.Max(1, full.Limit);
                if (flight.Calls.Count > _maxResults) Split(flight);
                flight.Payload = null;
                SendAgain(flight, _settings.RetryDelay);
                break;
            case CommandMalformed malformed:
                RefusedAsBad(flight, malformed.Message);
                break;
            case BatchOutOfOrder when flight.Attempts[^1] != reply.RequestId:
                break;
            case SessionExpired:
            // The state has lost what it once acknowledged, as a cluster that was recovered from one member may: the session is of no use.
            case BatchOutOfOrder:
                SessionEnded(flight, mayHaveRun: flight.OpenAttempts > 0);
                break;
            default:
                SessionEnded(flight, mayHaveRun: true);
                break;
        }
        PumpNow();
    }

    /// <returns>Null for a result that this client cannot read: the outcome is unknown.</returns>
    private static SessionOutcome? Decode(SubmitReply reply)
    {
        try
        {
            return SessionCodec.DecodeResult(reply.Result);
        }
        catch (Exception e) when (e is InvalidDataException or InvalidProtocolBufferException)
        {
            return null;
        }
    }

    /// <returns>Null when nobody waits for it, or when the answer had no room for it: then it was not executed, and is sent again with fewer.</returns>
    private IRaftReply? ReplyOf(Flight flight, PendingCall call, ByteString? result) =>
        call.IsAnswered ? null
        : result is null ? new RequestFailed(call.Request.RequestId, FailureKind.OutcomeUnknown, "It was executed, and what came of it is no longer known.")
        : _codec.Reply((IRaftWrite)call.Request, result, isAlone: flight.Calls.Count == 1);

    private void AnswerInOrder()
    {
        while (_writes.Flights is [{ Replies: { } replies } oldest, ..])
        {
            End(oldest);
            for (var i = 0; i < replies.Count; i++)
                if (replies[i] is { } reply) Answer(oldest.Calls[i], reply);
            for (var i = replies.Count - 1; i >= 0; i--)
                if (replies[i] is null) Requeue(oldest.Calls[i]);
        }
    }

    /// <summary>A batch came before one that it must follow: whatever was sent no later than it, and is not answered, is sent again, in order.</summary>
    private void SendFromOldest(Flight early, long attempt)
    {
        foreach (var flight in _writes.Flights)
        {
            if (flight is { IsOpen: true, Target: not null } && flight.Attempts[^1] <= attempt) SendAgain(flight, TimeSpan.Zero);
            if (flight == early) break;
        }
        SendDue(_writes);
    }

    /// <summary>One operation makes its whole batch a bad one: each goes alone, with the serial it has.</summary>
    private void RefusedAsBad(Flight flight, string message)
    {
        if (flight == _opening)
        {
            EndOpening(flight);
            foreach (var call in _writes.Waiting.ToList()) Fail(call, FailureKind.BadInput, message);
        }
        else if (!flight.IsAwaited)
        {
            // Not even no-ops are taken.
            SessionEnded(flight, mayHaveRun: flight.OpenAttempts > 0);
        }
        else if (flight.Calls.Count > 1)
        {
            Split(flight);
        }
        else
        {
            var call = flight.Calls[0];
            if (flight.OpenAttempts > 0) Fail(call, FailureKind.OutcomeUnknown, $"An attempt was not answered, and another was refused: {message}");
            else Fail(call, FailureKind.BadInput, message);
            SendAgain(flight, TimeSpan.Zero);
        }
        SendDue(_writes);
    }

    private void Split(Flight flight)
    {
        var at = _writes.Flights.IndexOf(flight);
        End(flight);
        _outstanding += flight.Calls.Count;
        for (var i = 0; i < flight.Calls.Count; i++)
        {
            var single = new Flight(_writes, [flight.Calls[i]]) { FirstSerial = flight.FirstSerial + i, OpenAttempts = flight.OpenAttempts, RetryAt = Now };
            flight.Calls[i].Flight = single;
            _writes.Flights.Insert(at + i, single);
        }
    }

    /// <summary>
    /// The session is gone, and none of its batches is executed any more. What it may have executed cannot be known any more; the rest goes with a new one,
    /// once all of the old one is settled, so that nothing is executed twice or in another order.
    /// </summary>
    private void SessionEnded(Flight flight, bool mayHaveRun)
    {
        if (flight == _opening)
        {
            EndOpening(flight);
            return;
        }
        _sessionEnded = true;
        var at = _writes.Flights.IndexOf(flight);
        if (mayHaveRun || _writes.Flights.Skip(at).Any(f => !f.IsOpen))
        {
            End(flight);
            foreach (var call in flight.Calls) Fail(call, FailureKind.OutcomeUnknown, "The client's session expired before an answer came; the call may have taken effect. Read what it would have changed.");
        }
        else
        {
            // What was not executed has held up all behind it.
            for (var i = _writes.Flights.Count - 1; i >= at; i--) Requeue(_writes.Flights[i]);
        }
        AnswerInOrder();
    }

    private void Requeue(Flight flight)
    {
        End(flight);
        for (var i = flight.Calls.Count - 1; i >= 0; i--) Requeue(flight.Calls[i]);
    }

    private void CloseSession()
    {
        if (_session == 0) return;
        _resolve(_leader).Tell(new Submit(_settings.ClusterId, ++_lastAttempt, SessionCodec.EncodeClose(_session)), Akka.Actor.ActorRefs.NoSender);
    }
}
