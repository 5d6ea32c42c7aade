using System.Globalization;
using AkkaRaft.Protocol;
using Google.Protobuf;
using Wire = AkkaRaft.Protocol.Wire;

namespace AkkaRaft.TestKit.Checking;

/// <summary>
/// Tells whether each operation of a session has one result, whichever member tells it and however often it is asked for (dissertation §6.3).
/// It reads what clients send and what they are sent, so that a second result is seen though the client has the first and does not look at it.
/// </summary>
internal sealed class ResultChecker
{
    private readonly Dictionary<(int Client, long Request), Wire.SessionBatch> _asked = [];
    private readonly Dictionary<(long Session, long Serial), ByteString> _results = [];

    /// <summary>Looks at a message between a client and a member.</summary>
    /// <param name="from">Who sends it; clients are negative.</param>
    /// <param name="to">To whom.</param>
    /// <param name="message">The message.</param>
    /// <returns>Null when it fits; otherwise what does not.</returns>
    public string? Sent(int from, int to, object message)
    {
        switch (message)
        {
            case Submit submit when Batch(submit) is { } batch:
                _asked[(from, submit.RequestId)] = batch;
                return null;
            case SubmitReply reply when _asked.TryGetValue((to, reply.RequestId), out var batch) && Wire.SessionResult.Parser.ParseFrom(reply.Result.Span) is { BatchResult: { } result }:
                return Compare(batch, result);
            default:
                return null;
        }
    }

    // What nobody can read is of no session.
    private static Wire.SessionBatch? Batch(Submit submit)
    {
        try
        {
            return Wire.SessionCommand.Parser.ParseFrom(submit.Payload.Span).Batch;
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }

    private string? Compare(Wire.SessionBatch batch, Wire.SessionBatchResult result)
    {
        if (result.Forgotten + result.Results.Count != batch.Operations.Count)
            return string.Create(CultureInfo.InvariantCulture, $"{batch.Operations.Count} operations of session {batch.Session} have {result.Forgotten} results that are forgotten and {result.Results.Count} others");
        for (var i = 0; i < result.Results.Count; i++)
        {
            var (told, place) = (result.Results[i], (batch.Session, batch.FirstSerial + result.Forgotten + i));
            if (_results.TryAdd(place, told) || _results[place].Equals(told)) continue;
            return string.Create(CultureInfo.InvariantCulture, $"operation {place.Item2} of session {batch.Session} has the result {Convert.ToHexString(told.Span)}, and had {Convert.ToHexString(_results[place].Span)}");
        }
        return null;
    }
}
