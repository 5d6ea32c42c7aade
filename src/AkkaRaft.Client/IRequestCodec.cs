using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;
using Google.Protobuf;

namespace AkkaRaft.Client;

/// <summary>What the calls to one kind of state machine look like on the way: to the store, or to an application's own.</summary>
internal interface IRequestCodec
{
    /// <summary>The state machine's name, which members compare with their own; empty for the store.</summary>
    string StateMachine { get; }

    /// <summary>What is wrong with a request, so that it is not sent; null when nothing is.</summary>
    RequestFailed? Check(IRaftRequest request, RaftClientSettings settings);

    /// <summary>A write as its batch carries it; never empty.</summary>
    ByteString Encode(IRaftWrite write);

    /// <summary>About how many bytes a read adds to the query that it goes with.</summary>
    int SizeOf(IRaftRead read);

    /// <summary>What came of a write.</summary>
    /// <param name="write">The request.</param>
    /// <param name="result">What the state machine says.</param>
    /// <param name="isAlone">Whether it went alone.</param>
    /// <returns>Null when it was not executed, since the answer had no room beside the others': it is to be sent again, with fewer.</returns>
    IRaftReply? Reply(IRaftWrite write, ByteString result, bool isAlone);

    /// <summary>Reads of one consistency as one query.</summary>
    ReadOnlyMemory<byte> EncodeQuery(IEnumerable<IRaftRead> reads);

    /// <summary>What the answer to a query says of each of its reads, in their order: of the last ones perhaps only that the answer was full.</summary>
    /// <exception cref="InvalidProtocolBufferException">The bytes are no answer.</exception>
    IReadOnlyList<IRaftReply> Replies(IReadOnlyList<IRaftRead> reads, ReadOnlyMemory<byte> payload);
}
