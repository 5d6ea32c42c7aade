using AkkaRaft.Client;
using AkkaRaft.Hosting;
using AkkaRaft.Protocol;
using AkkaRaft.StateMachines;
using AkkaRaft.TestKit.Checking;

namespace AkkaRaft.TestKit.Swarm;

/// <summary>A plain class, whose clients make the calls that a workload draws.</summary>
/// <param name="create">Makes an instance with an empty state.</param>
/// <param name="codec">The class's.</param>
/// <param name="workload">Draws the next call of all clients.</param>
/// <param name="model">What the class is to do; null when results are not looked at.</param>
internal sealed class StateMachineSubject<TState, TCommand, TResult, TQuery, TAnswer>(
    Func<IStateMachine<TCommand, TResult, TQuery, TAnswer>> create,
    IRaftCodec codec,
    Func<Random, int, StateMachineCall<TCommand, TQuery>> workload,
    SequentialModel<TState, TCommand, TResult, TQuery, TAnswer>? model) : ISwarmSubject
    where TState : notnull
{
    private readonly HashSet<SavedState> _known = [];

    public RaftStateMachine? Runs => RaftStateMachine.Of("swarm", () => new SavedAndLoaded<TCommand, TResult, TQuery, TAnswer>(create, _known), codec);

    public ISwarmLoad Begin(ClusterSimulation simulation, SwarmPlan plan) => new StateMachineLoad<TState, TCommand, TResult, TQuery, TAnswer>(simulation, plan, codec, workload, model);
}

/// <summary>Clients of a plain class that call until told to stop.</summary>
internal sealed class StateMachineLoad<TState, TCommand, TResult, TQuery, TAnswer> : ISwarmLoad
    where TState : notnull
{
    private readonly ClusterSimulation _simulation;
    private readonly SwarmPlan _plan;
    private readonly IRaftCodec _codec;
    private readonly Func<Random, int, StateMachineCall<TCommand, TQuery>> _workload;
    private readonly SequentialModel<TState, TCommand, TResult, TQuery, TAnswer>? _model;
    private readonly Random _calls;
    private readonly Random _shape;
    private readonly List<SimulatedStateMachineClient<TCommand, TResult, TQuery, TAnswer>> _clients = [];
    private int _step;
    private bool _stopped;

    public StateMachineLoad(
        ClusterSimulation simulation, SwarmPlan plan, IRaftCodec codec, Func<Random, int, StateMachineCall<TCommand, TQuery>> workload,
        SequentialModel<TState, TCommand, TResult, TQuery, TAnswer>? model)
    {
        _simulation = simulation;
        _plan = plan;
        _codec = codec;
        _workload = workload;
        _model = model;
        _calls = new Random(unchecked((int)plan.Seed) ^ 0x5EED);
        _shape = new Random(unchecked((int)plan.Seed) ^ 0x5AFE);
        for (var i = 0; i < plan.Clients; i++) Live();
    }

    public int Served => _clients.Sum(c => c.History.Count(o => o.Outcome == OperationOutcome.Done));

    public bool HasEnded => _clients.TrueForAll(c => c.HasEnded);

    public void Stop() => _stopped = true;

    public Func<ISwarmCall> AddCaller(string key)
    {
        var client = AddClient();
        return () => Call(client, ReadConsistency.Linearizable, null);
    }

    public void Check()
    {
        if (_model is null) _simulation.Check();
        else _simulation.Check(_model);
    }

    private SimulatedStateMachineClient<TCommand, TResult, TQuery, TAnswer> AddClient()
    {
        var client = _simulation.AddClient<TCommand, TResult, TQuery, TAnswer>(_codec);
        _clients.Add(client);
        return client;
    }

    private void Live()
    {
        if (_stopped) return;
        var client = AddClient();
        for (var i = 0; i < _plan.CallsAtOnce; i++) Think(client);
        if (_plan.ClientsLive is not { } longest) return;
        _simulation.After(longest * _shape.NextDouble(), () =>
        {
            if (_stopped) return;
            client.Crash();
            Live();
        });
    }

    private void Think(SimulatedStateMachineClient<TCommand, TResult, TQuery, TAnswer> client)
    {
        var thought = _plan.LongestThought * _shape.NextDouble();
        // What was answered together is often followed by calls that go together.
        if (_plan.CallsAtOnce > 1 && _shape.Next(2) == 0) thought = TimeSpan.Zero;
        _simulation.After(thought, () => CallAndThink(client));
    }

    private void CallAndThink(SimulatedStateMachineClient<TCommand, TResult, TQuery, TAnswer> client)
    {
        if (_stopped || client.IsDead) return;
        var answer = Call(client, _plan.ReadsOfAllKinds ? (ReadConsistency)_shape.Next(3) : ReadConsistency.Linearizable, () => Think(client));
        if (!_plan.Cancels || _shape.Next(3) != 0) return;
        // Before it is sent, on its way, or while its answer is.
        _simulation.After(TimeSpan.FromMilliseconds(20) * Math.Pow(_shape.NextDouble(), 3), () =>
        {
            if (answer.IsDone || answer.IsAbandoned) return;
            client.Cancel(answer);
            Think(client);
        });
    }

    private ISimulatedAnswer Call(SimulatedStateMachineClient<TCommand, TResult, TQuery, TAnswer> client, ReadConsistency consistency, Action? then)
    {
        var call = _workload(_calls, _step++);
        return call.IsQuery ? client.Query(call.Query!, consistency, then) : client.Submit(call.Command!, then);
    }
}
