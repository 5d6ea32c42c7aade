using AkkaRaft.Client;
using AkkaRaft.StateMachines;

namespace AkkaRaft.TestKit.Checking;

/// <summary>One instance of a plain class without a cluster, from one saved state to the next.</summary>
internal sealed class ClassAlone<TCommand, TResult, TQuery, TAnswer>(Func<IStateMachine<TCommand, TResult, TQuery, TAnswer>> create, IRaftCodec codec)
{
    private const int LongestFailure = 1_000;

    private readonly EncodedEquality<TResult> _results = new(codec);

    // Mostly the next call goes on where the last one was. Whoever takes it has it alone.
    private Live? _last;

    private static string Class(IStateMachine<TCommand, TResult, TQuery, TAnswer> instance) => instance.GetType().Name;

    public SavedState Initial { get; } = SavedState.Of(create());

    public ModelStep<SavedState, TResult> Apply(SavedState state, TCommand command)
    {
        var once = Apply(state, command, 1);
        var again = Apply(state, command, 2);
        if (IsSame(once, again)) return once;
        var because = IsSame(once, Apply(state, command, 1))
            ? "and differs by its ApplyContext, so that the class cannot be its own model: give a SequentialModel, or turn SwarmSettings.ChecksResults off"
            : "and differs from one time to the next: it depends on more than the state, the command and ApplyContext";
        throw new UnfitModelException($"{Class(create())} makes of {command} in the state {state} first {Text(once)} and then {Text(again)}, {because}.");
    }

    public TAnswer Query(SavedState state, TQuery query)
    {
        var instance = At(state);
        var answer = instance.Query(query);
        _last = new Live(state, instance);
        return SavedState.Of(instance) is var after && after.Equals(state) ? answer : throw new UnfitModelException($"{Class(instance)}'s Query of {query} changes the state {state} to {after}.");
    }

    private ModelStep<SavedState, TResult> Apply(SavedState state, TCommand command, int which)
    {
        // The one goes on in memory, and the other from what was saved.
        var instance = which == 1 ? At(state) : state.LoadInto(create());
        var timers = new LogTimers();
        var context = new ApplyContext(timers, which, (long)TimeSpan.FromDays(10_000 + which).TotalMilliseconds, new LogRandom((ulong)which));
        TResult? result = default;
        string? failure = null;
        try
        {
            result = instance.Apply(command, context);
        }
        catch (Exception e) when (e is not (OutOfMemoryException or InsufficientExecutionStackException))
        {
            failure = $"{e.GetType().Name}: {e.Message}";
        }
        if (timers.NextDueMs is not null)
            throw new UnfitModelException($"{Class(instance)} sets a timer for {command}, and goes by time then, which nobody outside knows: give a SequentialModel, or turn SwarmSettings.ChecksResults off.");
        var after = SavedState.Of(instance);
        if (which == 1) _last = new Live(after, instance);
        return new ModelStep<SavedState, TResult>(after, result) { Failure = failure?.Length > LongestFailure ? failure[..LongestFailure] : failure };
    }

    private bool IsSame(ModelStep<SavedState, TResult> a, ModelStep<SavedState, TResult> b) =>
        a.State.Equals(b.State) && a.Failure == b.Failure && (a.Failure is not null || _results.Equals(a.Result, b.Result));

    private IStateMachine<TCommand, TResult, TQuery, TAnswer> At(SavedState state) =>
        Interlocked.Exchange(ref _last, null) is { } last && last.State.Equals(state) ? last.Instance : state.LoadInto(create());

    private sealed record Live(SavedState State, IStateMachine<TCommand, TResult, TQuery, TAnswer> Instance);

    private static string Text(ModelStep<SavedState, TResult> step) => $"{step.Failure ?? step.Result?.ToString() ?? "null"} with the state {step.State}";
}
