using AkkaRaft.Remoting;

namespace AkkaRaft.Protocol;

/// <summary>A state machine's answer to a query; crosses the wire to the client as it is.</summary>
/// <param name="RequestId">Echo of the query's number.</param>
/// <param name="Result">The result, which only the asker understands.</param>
public sealed record QueryReply(long RequestId, ReadOnlyMemory<byte> Result) : ILargeAnswer
{
    internal CountedAnswer Counted { get; init; }

    CountedAnswer ILargeAnswer.Counted => Counted;
}
