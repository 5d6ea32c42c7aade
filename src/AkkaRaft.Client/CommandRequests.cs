using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;
using Google.Protobuf;
using Wire = AkkaRaft.Protocol.Wire;

namespace AkkaRaft.Client;

/// <summary>Asks an application's own state machine to apply a command.</summary>
internal sealed record SubmitCommand(ReadOnlyMemory<byte> Command, long RequestId = 0) : IRaftWrite;

/// <summary>Asks an application's own state machine.</summary>
internal sealed record AskState(ReadOnlyMemory<byte> Query, ReadConsistency Consistency, long RequestId = 0) : IRaftRead;

/// <summary>What the state machine says to a command or a query.</summary>
internal sealed record StateReply(long RequestId, ReadOnlyMemory<byte> Result) : IRaftReply;

/// <summary>The requests to an application's own state machine.</summary>
/// <param name="stateMachine">Its name.</param>
internal sealed class CommandRequests(string stateMachine) : IRequestCodec
{
    public string StateMachine => stateMachine;

    public RequestFailed? Check(IRaftRequest request, RaftClientSettings settings)
    {
        var (bytes, what) = request switch
        {
            SubmitCommand submit => (submit.Command.Length, "command"),
            AskState ask => (ask.Query.Length, "query"),
            _ => (0, ""),
        };
        if (request is AskState { Consistency: var consistency } && !Enum.IsDefined(consistency))
            return new RequestFailed(request.RequestId, FailureKind.BadInput, $"{consistency} is no consistency of a read.");
        return what.Length == 0 ? new RequestFailed(request.RequestId, FailureKind.BadInput, $"The cluster runs the state machine '{stateMachine}', which takes no {request.GetType().Name}.")
            : bytes == 0 ? new RequestFailed(request.RequestId, FailureKind.BadInput, $"The codec wrote the {what} as no bytes; it needs at least one.")
            : bytes > settings.MaxTransactionBytes ? new RequestFailed(request.RequestId, FailureKind.ValueTooLarge, $"The {what} has {bytes} bytes; the limit is {settings.MaxTransactionBytes} (max-transaction-bytes).")
            : null;
    }

    // Not copied: a caller leaves the bytes alone until the call ends.
    public ByteString Encode(IRaftWrite write) => UnsafeByteOperations.UnsafeWrap(((SubmitCommand)write).Command);

    public int SizeOf(IRaftRead read) => ((AskState)read).Query.Length;

    public IRaftReply? Reply(IRaftWrite write, ByteString result, bool isAlone)
    {
        try
        {
            var read = Wire.CommandResult.Parser.ParseFrom(result.Span);
            return read.NoRoom && !isAlone ? null : ReplyOf(write.RequestId, read, "It was applied");
        }
        catch (InvalidProtocolBufferException e)
        {
            return new RequestFailed(write.RequestId, FailureKind.OutcomeUnknown, $"It was applied, and this client cannot read what came of it: {e.Message}");
        }
    }

    public ReadOnlyMemory<byte> EncodeQuery(IEnumerable<IRaftRead> reads)
    {
        var query = new Wire.StateQuery { StateMachine = stateMachine };
        query.Queries.AddRange(reads.Select(read => UnsafeByteOperations.UnsafeWrap(((AskState)read).Query)));
        return query.ToByteArray();
    }

    public IReadOnlyList<IRaftReply> Replies(IReadOnlyList<IRaftRead> reads, ReadOnlyMemory<byte> payload)
    {
        var result = Wire.StateQueryResult.Parser.ParseFrom(payload.Span);
        if (result.Error.Length > 0) return [.. reads.Select(r => new RequestFailed(r.RequestId, result.Overloaded ? FailureKind.Overloaded : FailureKind.BadInput, result.Error))];
        // The first is always answered, by whoever runs this state machine.
        if (result.Answers.Count == 0) return [.. reads.Select(r => new RequestFailed(r.RequestId, FailureKind.BadInput, $"The cluster does not run the state machine '{stateMachine}'."))];
        return [.. reads.Select((read, i) => i < result.Answers.Count
            ? ReplyOf(read.RequestId, result.Answers[i], "It changed nothing")
            : new RequestFailed(read.RequestId, FailureKind.Overloaded, "What was asked for together is more than one answer holds (akkaraft.max-command-bytes); ask again, for less at once."))];
    }

    private IRaftReply ReplyOf(long requestId, Wire.CommandResult result, string effect) => result.HasFailure
        ? new RequestFailed(requestId, FailureKind.StateMachineFailed, $"The state machine '{stateMachine}' threw for it: {result.Failure.TrimEnd('.')}. {effect}.")
        : new StateReply(requestId, result.Result.Memory);
}
