using Akka.Actor;
using AkkaRaft.Client;
using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;
using AkkaRaft.TestKit.Checking;

namespace AkkaRaft.TestKit;

/// <summary>
/// A client of a plain class that a simulated cluster runs: the production client actor, with its session, reaching the members through the virtual network. Made by
/// <see cref="ClusterSimulation.AddClient{TCommand, TResult, TQuery, TAnswer}"/>.
/// </summary>
public sealed class SimulatedStateMachineClient<TCommand, TResult, TQuery, TAnswer>
{
    private readonly ClusterSimulation _simulation;
    private readonly SimulatedEndpoint _endpoint;
    private readonly List<(StateMachineCall<TCommand, TQuery> Call, SimulatedAnswer<TResult>? Result, SimulatedAnswer<TAnswer>? Answer, ReadConsistency Consistency)> _calls = [];

    internal SimulatedStateMachineClient(ClusterSimulation simulation, SimulatedEndpoint endpoint, IRaftCodec codec)
    {
        _simulation = simulation;
        _endpoint = endpoint;
        Codec = codec;
    }

    /// <summary>Its number, from 1.</summary>
    public int Id => _endpoint.Id;

    /// <summary>All its calls, as the linearizability checker takes them.</summary>
    public IReadOnlyList<StateMachineOperation<TCommand, TResult, TQuery, TAnswer>> History => [.. _calls.Select(c => c.Result is { } result
        ? Of(c.Call, result) with { Result = result.Value }
        : Of(c.Call, c.Answer!) with { Answer = c.Answer!.Value, Consistency = c.Consistency })];

    internal IRaftCodec Codec { get; }

    internal bool IsDead => _endpoint.Process.IsDead;

    internal bool HasEnded => _calls.TrueForAll(c => (c.Result as ISimulatedAnswer ?? c.Answer!) is { IsDone: true } or { IsAbandoned: true });

    /// <summary>Has a command applied.</summary>
    public SimulatedAnswer<TResult> Submit(TCommand command) => Submit(command, null);

    internal SimulatedAnswer<TResult> Submit(TCommand command, Action? then)
    {
        var answer = New<TResult>(then, command);
        _calls.Add((StateMachineCall<TCommand, TQuery>.OfCommand(command), answer, null, default));
        Ask(new SubmitCommand(Codec.Encode(command)), answer);
        return answer;
    }

    /// <summary>Asks the state.</summary>
    /// <param name="query">The query.</param>
    /// <param name="consistency">How fresh the answer must be. A local one may be old, and is left out of the check of linearizability.</param>
    public SimulatedAnswer<TAnswer> Query(TQuery query, ReadConsistency consistency = ReadConsistency.Linearizable) => Query(query, consistency, null);

    internal SimulatedAnswer<TAnswer> Query(TQuery query, ReadConsistency consistency, Action? then)
    {
        var answer = New<TAnswer>(then, query);
        _calls.Add((StateMachineCall<TCommand, TQuery>.OfQuery(query), null, answer, consistency));
        Ask(new AskState(Codec.Encode(query), consistency), answer);
        return answer;
    }

    /// <summary>Nobody waits for the answer any more; the command is applied or not.</summary>
    internal void Cancel(ISimulatedAnswer answer)
    {
        answer.Abandon();
        _endpoint.Inbox.Cancel(answer.Pending!);
        Pump();
    }

    /// <summary>The client's process dies: its calls are never answered.</summary>
    public void Crash()
    {
        _endpoint.Process.Kill();
        foreach (var call in _calls) (call.Result as ISimulatedAnswer ?? call.Answer!).Abandon();
    }

    private SimulatedAnswer<T> New<T>(Action? then, object? asked) => new(_simulation.NextPlace(), $"client {Id} {asked}", then);

    private void Ask<T>(IRaftRequest request, SimulatedAnswer<T> answer)
    {
        _simulation.Tell(answer);
        if (_endpoint.Requests.Check(request, _endpoint.Settings) is { } wrong)
        {
            Came(wrong);
            return;
        }
        answer.Pending = PendingCall.From(request, new ReplyRef(Came, _simulation, _endpoint.Actor.Path.Root), _endpoint.Settings.RequestTimeout, _endpoint.Requests);
        if (answer.Pending.Operation is not null) _simulation.Asks(Id, answer.Pending);
        if (!_endpoint.Inbox.TryAdd(answer.Pending)) throw new InvalidOperationException($"Client {Id} has too many calls open.");
        Pump();

        void Came(IRaftReply reply)
        {
            if (answer.IsDone || answer.IsAbandoned) return;
            if (reply is StateReply told) answer.Came(Codec.Decode<T>(told.Result), _simulation.NextPlace());
            else if (reply is RequestFailed failed) answer.Came(failed, _simulation.NextPlace());
            _simulation.Tell(answer);
            answer.Then?.Invoke();
        }
    }

    private void Pump()
    {
        if (_endpoint.Inbox.NeedsTelling()) _endpoint.Actor.Tell(ClientActor.Pump.Instance, ActorRefs.NoSender);
    }

    private StateMachineOperation<TCommand, TResult, TQuery, TAnswer> Of(StateMachineCall<TCommand, TQuery> call, ISimulatedAnswer answer)
    {
        var outcome = answer.Failure switch
        {
            null => answer.IsDone ? OperationOutcome.Done : OperationOutcome.Unknown,
            { Kind: FailureKind.StateMachineFailed } => OperationOutcome.Done,
            { Kind: FailureKind.OutcomeUnknown } => OperationOutcome.Unknown,
            _ => OperationOutcome.NotExecuted,
        };
        return new StateMachineOperation<TCommand, TResult, TQuery, TAnswer>(Id, call, answer.Called, outcome == OperationOutcome.Unknown ? long.MaxValue : answer.AnsweredAt, outcome) { Failure = answer.Failure?.Message, Place = _simulation.PlaceOf(answer.Pending) };
    }
}

/// <summary>What a call comes to.</summary>
public sealed class SimulatedAnswer<T> : ISimulatedAnswer
{
    private readonly string _asked;
    private bool _isAbandoned;
    private long _answeredAt = long.MaxValue;
    private readonly long _called;

    internal SimulatedAnswer(long called, string asked, Action? then)
    {
        _called = called;
        _asked = asked;
        Then = then;
    }

    /// <summary>Whether the call has ended, well or not.</summary>
    public bool IsDone { get; private set; }

    /// <summary>What the state machine returned; the default when there is no answer, or when it failed.</summary>
    public T? Value { get; private set; }

    /// <summary>Why there is no value; null when there is one, and while there is no answer.</summary>
    public RequestFailed? Failure { get; private set; }

    /// <summary>Whether there is a value.</summary>
    public bool Succeeded => IsDone && Failure is null;

    /// <summary>Whether nobody waits for the answer any more: its client died, or it was cancelled.</summary>
    public bool IsAbandoned => _isAbandoned;

    internal Action? Then { get; }

    internal PendingCall? Pending { get; set; }

    PendingCall? ISimulatedAnswer.Pending => Pending;

    long ISimulatedAnswer.Called => _called;

    long ISimulatedAnswer.AnsweredAt => _answeredAt;

    bool ISwarmCall.IsServed => IsDone && Failure is null or { Kind: FailureKind.StateMachineFailed };

    void ISimulatedAnswer.Abandon() => _isAbandoned = !IsDone;

    internal void Came(T value, long at) => (IsDone, Value, _answeredAt) = (true, value, at);

    internal void Came(RequestFailed failure, long at) => (IsDone, Failure, _answeredAt) = (true, failure, at);

    /// <summary>Who asked what, and what came back.</summary>
    public override string ToString() => $"{_asked}: {(IsDone ? Failure?.Message ?? Value?.ToString() : IsAbandoned ? "nobody waits for it" : "no answer yet")}";
}

/// <summary>A call that ends, whatever is asked.</summary>
internal interface ISwarmCall
{
    bool IsDone { get; }

    /// <summary>Whether it shows that the cluster serves.</summary>
    bool IsServed { get; }
}

/// <summary>What a call of a plain class comes to, whatever it returns.</summary>
internal interface ISimulatedAnswer : ISwarmCall
{
    bool IsAbandoned { get; }

    RequestFailed? Failure { get; }

    PendingCall? Pending { get; }

    long Called { get; }

    long AnsweredAt { get; }

    void Abandon();
}
