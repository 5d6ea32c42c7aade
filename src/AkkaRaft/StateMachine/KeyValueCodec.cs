using System.Collections.Immutable;
using Google.Protobuf;
using Wire = AkkaRaft.Protocol.Wire;

namespace AkkaRaft.StateMachine;

/// <summary>What a <see cref="KvOperation"/> does.</summary>
internal enum KvOperationKind
{
    Put,
    Delete,
    Noop,
}

/// <summary>One operation of a batch.</summary>
internal sealed record KvOperation(KvOperationKind Kind, ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> Value)
{
    public static KvOperation Noop { get; } = new(KvOperationKind.Noop, default, default);

    public static KvOperation Put(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value) => new(KvOperationKind.Put, key, value);

    public static KvOperation Delete(ReadOnlyMemory<byte> key) => new(KvOperationKind.Delete, key, default);
}

/// <summary>The state machine's answer to a command.</summary>
internal abstract record KvOutcome;

/// <summary>A session is open.</summary>
internal sealed record KvSessionOpened(long Session) : KvOutcome;

/// <summary>A session is closed.</summary>
internal sealed record KvSessionClosed : KvOutcome;

/// <summary>Each operation was executed, now or before.</summary>
internal sealed record KvBatchExecuted(ImmutableArray<OperationResult> Results) : KvOutcome;

/// <summary>There is no such session any more; nothing was executed.</summary>
internal sealed record KvSessionExpired : KvOutcome;

/// <summary>Operations before the batch are missing; nothing was executed.</summary>
internal sealed record KvOutOfOrder(long ExpectedSerial) : KvOutcome;

/// <summary>Results must be acknowledged first; nothing was executed.</summary>
internal sealed record KvTooManyResults(long Limit) : KvOutcome;

/// <summary>The command is wrong in itself; nothing was executed.</summary>
internal sealed record KvMalformed(string Message) : KvOutcome;

/// <summary>What one key holds.</summary>
internal readonly record struct KvLookup(bool Found, ReadOnlyMemory<byte> Value, long Version);

/// <summary>The state machine's answer to a query; <paramref name="Error"/> is null unless the query could not be read.</summary>
internal sealed record KvQueryAnswer(ImmutableArray<KvLookup> Lookups, long AppliedIndex, string? Error);

/// <summary>Writes commands and queries of the key-value state machine, and reads its results.</summary>
internal static class KeyValueCodec
{
    public static ReadOnlyMemory<byte> EncodeOpenSession(string clientName) =>
        new Wire.KvCommand { OpenSession = new Wire.KvOpenSession { ClientName = clientName } }.ToByteArray();

    public static ReadOnlyMemory<byte> EncodeCloseSession(long session) =>
        new Wire.KvCommand { CloseSession = new Wire.KvCloseSession { Session = session } }.ToByteArray();

    /// <summary>The operations have the serials <paramref name="firstSerial"/> and following; a session's first is 1.</summary>
    public static ReadOnlyMemory<byte> EncodeBatch(long session, long firstSerial, long ackedUpTo, IEnumerable<KvOperation> operations)
    {
        var batch = new Wire.KvBatch { Session = session, FirstSerial = firstSerial, AckedUpTo = ackedUpTo };
        foreach (var operation in operations)
            batch.Operations.Add(ToWire(operation));
        return new Wire.KvCommand { Batch = batch }.ToByteArray();
    }

    public static ReadOnlyMemory<byte> EncodeQuery(IEnumerable<ReadOnlyMemory<byte>> keys)
    {
        var query = new Wire.KvQuery();
        foreach (var key in keys)
            query.Lookups.Add(new Wire.KvLookup { Key = UnsafeByteOperations.UnsafeWrap(key) });
        return query.ToByteArray();
    }

    /// <exception cref="InvalidProtocolBufferException">The bytes are no result.</exception>
    /// <exception cref="InvalidDataException">The result is of an unknown kind: the outcome is unknown.</exception>
    public static KvOutcome DecodeResult(ReadOnlyMemory<byte> payload)
    {
        var result = Wire.KvResult.Parser.ParseFrom(payload.Span);
        return result.ResultCase switch
        {
            Wire.KvResult.ResultOneofCase.SessionOpened => new KvSessionOpened(result.SessionOpened.Session),
            Wire.KvResult.ResultOneofCase.SessionClosed => new KvSessionClosed(),
            Wire.KvResult.ResultOneofCase.BatchResult => new KvBatchExecuted(
                [.. result.BatchResult.Results.Select(r => new OperationResult(r.Existed, r.Version, r.Forgotten))]),
            Wire.KvResult.ResultOneofCase.SessionExpired => new KvSessionExpired(),
            Wire.KvResult.ResultOneofCase.OutOfOrder => new KvOutOfOrder(result.OutOfOrder.ExpectedSerial),
            Wire.KvResult.ResultOneofCase.TooManyResults => new KvTooManyResults(result.TooManyResults.Limit),
            Wire.KvResult.ResultOneofCase.Malformed => new KvMalformed(result.Malformed.Message),
            // Not KvMalformed, which promises that nothing was executed.
            _ => throw new InvalidDataException("The result is of a kind this client does not know."),
        };
    }

    /// <exception cref="InvalidProtocolBufferException">The bytes are no result.</exception>
    public static KvQueryAnswer DecodeQueryResult(ReadOnlyMemory<byte> payload)
    {
        var result = Wire.KvQueryResult.Parser.ParseFrom(payload.Span);
        return new KvQueryAnswer(
            [.. result.Lookups.Select(l => new KvLookup(l.Found, l.Value.Memory, l.Version))],
            result.AppliedIndex,
            result.Error.Length == 0 ? null : result.Error);
    }

    private static Wire.KvOperation ToWire(KvOperation operation)
    {
        // Encoded before the caller can change the bytes, so they need not be copied.
        var key = UnsafeByteOperations.UnsafeWrap(operation.Key);
        return operation.Kind switch
        {
            KvOperationKind.Put => new Wire.KvOperation { Put = new Wire.KvPut { Key = key, Value = UnsafeByteOperations.UnsafeWrap(operation.Value) } },
            KvOperationKind.Delete => new Wire.KvOperation { Delete = new Wire.KvDelete { Key = key } },
            _ => new Wire.KvOperation { Noop = new Wire.KvNoop() },
        };
    }
}
