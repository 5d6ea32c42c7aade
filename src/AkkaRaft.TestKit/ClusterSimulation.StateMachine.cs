using AkkaRaft.Client;
using AkkaRaft.Log;
using AkkaRaft.TestKit.Checking;
using AkkaRaft.TestKit.Tracing;

namespace AkkaRaft.TestKit;

/// <summary>Clients of a plain class, and what a model says to their calls.</summary>
public sealed partial class ClusterSimulation
{
    private readonly List<object> _stateMachineClients = [];
    private readonly LogOrder? _order;

    /// <summary>A client more, of the plain class that the members run (<see cref="SimulationSettings.Runs"/>).</summary>
    /// <param name="codec">How it writes its commands: as the members do.</param>
    public SimulatedStateMachineClient<TCommand, TResult, TQuery, TAnswer> AddClient<TCommand, TResult, TQuery, TAnswer>(IRaftCodec codec)
    {
        ArgumentNullException.ThrowIfNull(codec);
        var runs = _settings.Runs ?? throw new InvalidOperationException("The members run no plain class: SimulationSettings.Runs is not set.");
        var client = new SimulatedStateMachineClient<TCommand, TResult, TQuery, TAnswer>(this, StartClient(runs.Requests), codec);
        _stateMachineClients.Add(client);
        return client;
    }

    /// <summary>Checks what <see cref="Check()"/> does, and that what the clients of the plain class were told is what the model says, in one order for all of them.</summary>
    /// <param name="model">What the class is to do.</param>
    /// <exception cref="SimulationViolationException">It does not hold, or the model is a class that cannot be one.</exception>
    public void Check<TState, TCommand, TResult, TQuery, TAnswer>(SequentialModel<TState, TCommand, TResult, TQuery, TAnswer> model)
        where TState : notnull
    {
        ArgumentNullException.ThrowIfNull(model);
        Check();
        var clients = _stateMachineClients.OfType<SimulatedStateMachineClient<TCommand, TResult, TQuery, TAnswer>>().ToList();
        if (clients.Count == 0) return;
        string? wrong;
        try
        {
            wrong = LinearizabilityChecker.Check([.. clients.SelectMany(c => c.History)], model.With(clients[0].Codec));
        }
        catch (UnfitModelException e)
        {
            wrong = e.Message;
        }
        if (wrong is not null) throw Failed(wrong);
    }

    /// <summary>Where the log has the call; <see cref="long.MaxValue"/> when it has none.</summary>
    internal long PlaceOf(PendingCall? call) => call is null ? long.MaxValue : _order!.PlaceOf(call);

    internal void Asks(int client, PendingCall call) => _order!.Asks(client, call);

    private void CommittedNow(LogEntry entry) => _order?.Committed(entry);

    internal void Tell(ISwarmCall call)
    {
        if (_settings.KeepTrace) Add(TraceKind.Client, null, null, 0, call.ToString()!);
    }
}
