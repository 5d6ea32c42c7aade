using Akka.Actor;
using AkkaRaft.Client;
using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;
using AkkaRaft.TestKit.Engine;

namespace AkkaRaft.TestKit;

/// <summary>
/// A client of a plain class that a simulated cluster runs: the production client actor, with its session, reaching the members through the virtual network. Made by
/// <see cref="ClusterSimulation.AddClient{TCommand, TResult, TQuery, TAnswer}"/>.
/// </summary>
public sealed class SimulatedStateMachineClient<TCommand, TResult, TQuery, TAnswer>
{
    private readonly ClusterSimulation _simulation;
    private readonly IActorRef _actor;
    private readonly SimulatedProcess _process;
    private readonly IRaftCodec _codec;

    internal SimulatedStateMachineClient(ClusterSimulation simulation, IActorRef actor, SimulatedProcess process, IRaftCodec codec)
    {
        _simulation = simulation;
        _actor = actor;
        _process = process;
        _codec = codec;
    }

    /// <summary>Has a command applied.</summary>
    public SimulatedAnswer<TResult> Submit(TCommand command) => Ask<TResult>(new SubmitCommand(_codec.Encode(command)));

    /// <summary>Asks the state.</summary>
    /// <param name="query">The query.</param>
    /// <param name="consistency">How fresh the answer must be.</param>
    public SimulatedAnswer<TAnswer> Query(TQuery query, ReadConsistency consistency = ReadConsistency.Linearizable) => Ask<TAnswer>(new AskState(_codec.Encode(query), consistency));

    /// <summary>The client's process dies: its calls are never answered.</summary>
    public void Crash() => _process.Kill();

    private SimulatedAnswer<T> Ask<T>(IRaftRequest request)
    {
        var answer = new SimulatedAnswer<T>();
        _simulation.Tell(_actor, request, reply =>
        {
            if (reply is StateReply told) answer.Came(_codec.Decode<T>(told.Result));
            else if (reply is RequestFailed failed) answer.Came(failed);
        });
        return answer;
    }
}

/// <summary>What a call comes to.</summary>
public sealed class SimulatedAnswer<T>
{
    internal SimulatedAnswer()
    {
    }

    /// <summary>Whether the call has ended, well or not.</summary>
    public bool IsDone { get; private set; }

    /// <summary>What the state machine returned; the default when there is no answer, or when it failed.</summary>
    public T? Value { get; private set; }

    /// <summary>Why there is no value; null when there is one, and while there is no answer.</summary>
    public RequestFailed? Failure { get; private set; }

    /// <summary>Whether there is a value.</summary>
    public bool Succeeded => IsDone && Failure is null;

    internal void Came(T value) => (IsDone, Value) = (true, value);

    internal void Came(RequestFailed failure) => (IsDone, Failure) = (true, failure);
}
