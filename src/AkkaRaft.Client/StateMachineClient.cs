using AkkaRaft.Protocol;

namespace AkkaRaft.Client;

/// <summary>
/// An application's own state machine, as its callers see it. Each command takes effect exactly once, however often it has to be sent. Thread-safe; one is enough
/// for a process. Made by <see cref="RaftClient.ForStateMachine"/>.
/// </summary>
/// <typeparam name="TCommand">What changes the state.</typeparam>
/// <typeparam name="TResult">What comes of a command.</typeparam>
/// <typeparam name="TQuery">What asks the state.</typeparam>
/// <typeparam name="TAnswer">What a query is answered with.</typeparam>
public sealed class StateMachineClient<TCommand, TResult, TQuery, TAnswer> : IAsyncDisposable
{
    private readonly Calls _calls;
    private readonly IRaftCodec _codec;

    internal StateMachineClient(Calls calls, IRaftCodec codec)
    {
        _calls = calls;
        _codec = codec;
    }

    /// <summary>Has a command applied by all members; ends once a majority has it on disk and the leader has applied it.</summary>
    /// <param name="command">The command. It must stay as it is until the call ends.</param>
    /// <param name="cancellationToken">Ends the wait; the command may take effect all the same.</param>
    /// <returns>What the state machine's <c>Apply</c> returned.</returns>
    /// <exception cref="StateMachineException">The state machine threw for the command.</exception>
    /// <exception cref="CodecException">The codec cannot write the command, and nothing was sent.</exception>
    /// <exception cref="OutcomeUnknownException">It may have been applied; or it was, and the codec cannot read its result.</exception>
    /// <exception cref="RaftException">It got no result; the type says whether it may have taken effect.</exception>
    public async Task<TResult> SubmitAsync(TCommand command, CancellationToken cancellationToken = default)
    {
        var reply = await _calls.AskAsync<StateReply>(new SubmitCommand(_codec.Encode(command)), cancellationToken).ConfigureAwait(false);
        try
        {
            return _codec.Decode<TResult>(reply.Result);
        }
        catch (CodecException e)
        {
            throw new OutcomeUnknownException($"The command was applied, and this client's codec cannot read what came of it: {e.Message}");
        }
    }

    /// <summary>Asks the state, and changes nothing.</summary>
    /// <param name="query">The query.</param>
    /// <param name="consistency">How fresh the answer must be.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>What the state machine's <c>Query</c> returned.</returns>
    /// <exception cref="StateMachineException">The state machine threw for the query.</exception>
    /// <exception cref="CodecException">The codec cannot write the query, or read the answer.</exception>
    /// <exception cref="RaftException">It could not be asked.</exception>
    public async Task<TAnswer> QueryAsync(TQuery query, ReadConsistency consistency = ReadConsistency.Linearizable, CancellationToken cancellationToken = default)
    {
        var reply = await _calls.AskAsync<StateReply>(new AskState(_codec.Encode(query), consistency), cancellationToken).ConfigureAwait(false);
        return _codec.Decode<TAnswer>(reply.Result);
    }

    /// <summary>Stops the client; calls that are still out fail, as those of <see cref="RaftClient.DisposeAsync"/> do. The <see cref="RaftClient"/> that it was made by goes on.</summary>
    public ValueTask DisposeAsync() => _calls.StopAsync();
}
