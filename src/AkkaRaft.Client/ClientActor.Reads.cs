using Akka.Actor;
using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;
using Google.Protobuf;

namespace AkkaRaft.Client;

/// <summary>Reads of one consistency go together. A watch goes alone, and may be parked at a member for long.</summary>
internal sealed partial class ClientActor
{
    /// <summary>By consistency.</summary>
    private readonly Lane[] _reads;
    private readonly Lane _watches;

    private void PumpReads()
    {
        foreach (var lane in _reads)
        {
            while (lane.Flights.Count < lane.MaxFlights && lane.Waiting.Count > 0 && Take(lane, _settings.MaxBatchOperations) is { Count: > 0 } calls)
                Begin(new Flight(lane, calls));
        }
        while (_watches.Waiting.First is { Value: var watch })
        {
            Unqueued(watch);
            Begin(new Flight(_watches, [watch]));
        }
    }

    private static IRaftRead ReadOf(PendingCall call) => (IRaftRead)call.Request;

    private ReadOnlyMemory<byte> EncodeReads(Flight flight) => _codec.EncodeQuery(flight.Calls.Select(ReadOf));

    private void Read(QueryReply reply)
    {
        if (!_attempts.TryGetValue(reply.RequestId, out var flight)) return;
        Answered(flight);
        IReadOnlyList<IRaftReply> replies;
        try
        {
            replies = _codec.Replies([.. flight.Calls.Select(ReadOf)], reply.Result);
        }
        catch (InvalidProtocolBufferException e)
        {
            replies = [.. flight.Calls.Select(c => new RequestFailed(c.Request.RequestId, FailureKind.BadInput, $"The answer cannot be read by this client: {e.Message}"))];
        }
        switch (replies)
        {
            case [RequestFailed { Kind: FailureKind.BadInput } bad, ..]:
                ReadAsBad(flight, bad.Message);
                break;
            case [RequestFailed { Kind: FailureKind.Overloaded } full, ..] when flight.Target is { } target:
                // Not even one is answered: there is no room for it now.
                _lastOutcome[target] = full.Message;
                _overloaded = true;
                SendAgain(flight, Backoff(++flight.Overloads));
                break;
            default:
                End(flight);
                for (var i = replies.Count - 1; i >= 0; i--)
                    if (replies[i] is RequestFailed { Kind: FailureKind.Overloaded }) Requeue(flight.Calls[i]);
                for (var i = 0; i < replies.Count; i++)
                    if (flight.Calls[i].Place is null) Answer(flight.Calls[i], replies[i]);
                break;
        }
        PumpNow();
    }

    /// <summary>One read makes its whole query a bad one: each goes alone.</summary>
    private void ReadAsBad(Flight flight, string message)
    {
        End(flight);
        var left = flight.Calls.Where(c => !c.IsAnswered).ToList();
        if (flight.Calls.Count == 1) left.ForEach(call => Fail(call, FailureKind.BadInput, message));
        else left.ForEach(call => Begin(new Flight(flight.Lane, [call])));
    }

    /// <summary>An answer would find nobody, and may be large: thousands that a peer asked for and did not take are not read after all.</summary>
    private void ForgetReadsOf(Address asker)
    {
        foreach (var lane in _lanes.Where(l => l != _writes))
        {
            foreach (var call in lane.Waiting.Concat(lane.Flights.SelectMany(flight => flight.Calls)).Where(call => call.IsOf(asker)).ToList()) Cancel(call);
            lane.Flights.RemoveAll(EndsUnread);
        }
        PumpNow();
    }

    /// <summary>Nobody waits for what it reads.</summary>
    private bool EndsUnread(Flight flight)
    {
        if (flight.IsAwaited) return false;
        if (flight.Lane != _watches) _outstanding -= flight.Calls.Count;
        foreach (var attempt in flight.Attempts) _attempts.Remove(attempt);
        return true;
    }
}
