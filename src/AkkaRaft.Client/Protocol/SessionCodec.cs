using AkkaRaft.Remoting;
using Google.Protobuf;

namespace AkkaRaft.Protocol;

/// <summary>The answer to a session's command.</summary>
internal abstract record SessionOutcome;

/// <summary>A session is open.</summary>
internal sealed record SessionOpened(long Session) : SessionOutcome;

/// <summary>Another session has the number that this one would have had: it is not open, and is to be asked for again.</summary>
internal sealed record SessionTaken : SessionOutcome;

/// <summary>A session is closed.</summary>
internal sealed record SessionClosed : SessionOutcome;

/// <summary>Each operation was executed, now or before, or has an error of its own.</summary>
/// <param name="Results">In order, but for the first ones, which are no longer known.</param>
/// <param name="Forgotten">How many are no longer known.</param>
internal sealed record BatchExecuted(IReadOnlyList<ByteString> Results, long Forgotten) : SessionOutcome;

/// <summary>There is no such session any more; nothing was executed.</summary>
internal sealed record SessionExpired : SessionOutcome;

/// <summary>Operations before the batch are missing; nothing was executed.</summary>
internal sealed record BatchOutOfOrder(long ExpectedSerial) : SessionOutcome;

/// <summary>Results must be acknowledged first; nothing was executed.</summary>
internal sealed record TooManyResults(long Limit) : SessionOutcome;

/// <summary>The command is wrong in itself; nothing was executed.</summary>
internal sealed record CommandMalformed(string Message) : SessionOutcome;

/// <summary>Writes what a client's session says as commands, and reads the answers.</summary>
internal static class SessionCodec
{
    /// <param name="stateMachine">Whose operations will come; empty for the key-value store's.</param>
    /// <param name="clientName">For people.</param>
    /// <param name="nonce">Drawn at random for each session; the same when its opening is sent again.</param>
    public static ReadOnlyMemory<byte> EncodeOpen(string stateMachine, string clientName, ulong nonce) =>
        new Wire.SessionCommand { OpenSession = new Wire.OpenSession { StateMachine = stateMachine, ClientName = clientName, Nonce = nonce } }.ToByteArray();

    public static ReadOnlyMemory<byte> EncodeClose(long session) =>
        new Wire.SessionCommand { CloseSession = new Wire.CloseSession { Session = session } }.ToByteArray();

    /// <summary>The operations have the serials <paramref name="firstSerial"/> and following; a session's first is 1. An empty one takes a serial and does nothing.</summary>
    public static ReadOnlyMemory<byte> EncodeBatch(long session, long firstSerial, long ackedUpTo, IEnumerable<ByteString> operations)
    {
        var batch = new Wire.SessionBatch { Session = session, FirstSerial = firstSerial, AckedUpTo = ackedUpTo };
        batch.Operations.AddRange(operations);
        return new Wire.SessionCommand { Batch = batch }.ToByteArray();
    }

    /// <exception cref="InvalidProtocolBufferException">The bytes are no result.</exception>
    /// <exception cref="InvalidDataException">The result is of an unknown kind: the outcome is unknown.</exception>
    public static SessionOutcome DecodeResult(ReadOnlyMemory<byte> payload)
    {
        var result = Wire.SessionResult.Parser.ParseFrom(payload.Span);
        return result.ResultCase switch
        {
            Wire.SessionResult.ResultOneofCase.SessionOpened => new SessionOpened(result.SessionOpened.Session),
            Wire.SessionResult.ResultOneofCase.SessionTaken => new SessionTaken(),
            Wire.SessionResult.ResultOneofCase.SessionClosed => new SessionClosed(),
            Wire.SessionResult.ResultOneofCase.BatchResult => new BatchExecuted(result.BatchResult.Results, result.BatchResult.Forgotten),
            Wire.SessionResult.ResultOneofCase.SessionExpired => new SessionExpired(),
            Wire.SessionResult.ResultOneofCase.OutOfOrder => new BatchOutOfOrder(result.OutOfOrder.ExpectedSerial),
            Wire.SessionResult.ResultOneofCase.TooManyResults => new TooManyResults(result.TooManyResults.Limit),
            Wire.SessionResult.ResultOneofCase.Malformed => new CommandMalformed(PeerWarnings.OneLine(result.Malformed.Message)),
            // Not CommandMalformed, which promises that nothing was executed.
            _ => throw new InvalidDataException("The result is of a kind this client does not know."),
        };
    }
}
