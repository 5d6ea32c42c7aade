using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;
using Google.Protobuf;
using Wire = AkkaRaft.Protocol.Wire;

namespace AkkaRaft.Tests;

/// <summary>Commands as a client of the store writes them.</summary>
internal static class StoreCommands
{
    /// <summary>Null takes a serial and does nothing.</summary>
    public static ReadOnlyMemory<byte> Batch(long session, long firstSerial, long ackedUpTo, IEnumerable<IKeyValueWrite?> requests) =>
        SessionCodec.EncodeBatch(session, firstSerial, ackedUpTo, requests.Select(r => r is null ? ByteString.Empty : KeyValueCodec.ToWire(r).ToByteString()));

    /// <summary>The reply to the request at a position within its batch.</summary>
    public static IKeyValueReply Reply(IKeyValueWrite request, BatchExecuted executed, int position) => position < executed.Forgotten
        ? new RequestFailed(request.RequestId, FailureKind.OutcomeUnknown, "forgotten")
        : KeyValueCodec.Reply(request, Wire.KvOperationResult.Parser.ParseFrom(executed.Results[(int)(position - executed.Forgotten)]));

    /// <summary>The operations that a batch carries.</summary>
    public static IEnumerable<Wire.KvOperation> Operations(this Wire.SessionBatch batch) => batch.Operations.Select(Wire.KvOperation.Parser.ParseFrom);
}
