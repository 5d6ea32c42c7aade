using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;
using Google.Protobuf;
using Wire = AkkaRaft.Protocol.Wire;

namespace AkkaRaft.Client;

/// <summary>The store's requests.</summary>
internal sealed class KeyValueRequests : IRequestCodec
{
    public static readonly KeyValueRequests Instance = new();

    public string StateMachine => "";

    public RequestFailed? Check(IRaftRequest request, RaftClientSettings settings) => RequestLimits.Check(request, settings);

    public ByteString Encode(IRaftWrite write) => KeyValueCodec.ToWire((IKeyValueWrite)write).ToByteString();

    public int SizeOf(IRaftRead read) => read switch
    {
        Get get => get.Key.Length,
        GetRange range => range.From.Length + range.To.Length,
        Watch watch => watch.From.Length + watch.To.Length,
        _ => 0,
    };

    public IRaftReply? Reply(IRaftWrite write, ByteString result, bool isAlone)
    {
        Wire.KvOperationResult read;
        try
        {
            read = Wire.KvOperationResult.Parser.ParseFrom(result.Span);
        }
        catch (InvalidProtocolBufferException e)
        {
            return new RequestFailed(write.RequestId, FailureKind.OutcomeUnknown, $"It was executed, and this client cannot read what came of it: {e.Message}");
        }
        return read.Error == Wire.KvOperationError.AnswerFull && !isAlone ? null : KeyValueCodec.Reply((IKeyValueWrite)write, read);
    }

    public ReadOnlyMemory<byte> EncodeQuery(IEnumerable<IRaftRead> reads) => KeyValueCodec.EncodeQuery(reads.Cast<IKeyValueRead>());

    public IReadOnlyList<IRaftReply> Replies(IReadOnlyList<IRaftRead> reads, ReadOnlyMemory<byte> payload) =>
        KeyValueCodec.Replies([.. reads.Cast<IKeyValueRead>()], payload);
}
