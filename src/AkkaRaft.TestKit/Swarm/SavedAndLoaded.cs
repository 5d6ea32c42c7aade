using AkkaRaft.StateMachines;
using AkkaRaft.TestKit.Checking;

namespace AkkaRaft.TestKit.Swarm;

/// <summary>A plain class of which each saved state is loaded into another instance, which must save the same.</summary>
/// <param name="create">Makes an instance with an empty state.</param>
/// <param name="known">States that were looked at, for all members of a cluster.</param>
internal sealed class SavedAndLoaded<TCommand, TResult, TQuery, TAnswer>(Func<IStateMachine<TCommand, TResult, TQuery, TAnswer>> create, HashSet<SavedState> known) : IStateMachine<TCommand, TResult, TQuery, TAnswer>
{
    private const int MostKnown = 100;

    private readonly IStateMachine<TCommand, TResult, TQuery, TAnswer> _machine = create();

    public TResult Apply(TCommand command, ApplyContext context) => _machine.Apply(command, context);

    public TAnswer Query(TQuery query) => _machine.Query(query);

    public void OnTimer(string timer, ApplyContext context) => _machine.OnTimer(timer, context);

    public void Load(Stream source) => _machine.Load(source);

    public void Save(Stream destination)
    {
        var saved = SavedState.Of(_machine);
        if (!known.Contains(saved)) CheckLoad(saved);
        destination.Write(saved.Bytes.Span);
    }

    private void CheckLoad(SavedState saved)
    {
        if (SavedState.Of(saved.LoadInto(create())) is var again && !again.Equals(saved))
            throw new InvalidDataException($"{_machine.GetType().Name}.Load does not bring back what Save wrote, or Save writes one state in two ways. It wrote {saved}, and after Load it writes {again}");
        // Members come to a state at about one time.
        if (known.Count == MostKnown) known.Clear();
        known.Add(saved);
    }
}
