using AkkaRaft.Client;
using AkkaRaft.StateMachines;

namespace AkkaRaft.TestKit.Checking;

/// <summary>What a model does with a command.</summary>
/// <param name="State">The state after it.</param>
/// <param name="Result">What the client is to get.</param>
public readonly record struct ModelStep<TState, TResult>(TState State, TResult? Result)
{
    /// <summary>The exception that is to be the answer, as <c>Type: message</c>; null for none.</summary>
    internal string? Failure { get; init; }
}

/// <summary>Makes steps of a model.</summary>
public static class ModelStep
{
    /// <summary>A step to a state, with a result.</summary>
    public static ModelStep<TState, TResult> To<TState, TResult>(TState state, TResult result) => new(state, result);
}

/// <summary>
/// What a state machine is to do, as pure functions of a state that never changes. A function that throws says that the state machine is to throw, too, and to change nothing;
/// texts are not compared.
/// </summary>
/// <param name="Initial">The state at the beginning.</param>
/// <param name="Apply">The state after a command, and what the command returns.</param>
/// <param name="Query">What a query is answered.</param>
/// <remarks>States are compared, so as not to try the same twice: a record, or another type with equality by value, or one with <see cref="States"/>. <see cref="SequentialModel.Of"/> makes one.</remarks>
public sealed record SequentialModel<TState, TCommand, TResult, TQuery, TAnswer>(
    TState Initial, Func<TState, TCommand, ModelStep<TState, TResult>> Apply, Func<TState, TQuery, TAnswer> Query)
    where TState : notnull
{
    /// <summary>When two states are the same; by their own equality when nothing is said.</summary>
    public IEqualityComparer<TState>? States { get; init; }

    /// <summary>When two results are the same; when nothing is said, in a simulation if the codec writes them as the same bytes, and otherwise by their own equality.</summary>
    public IEqualityComparer<TResult>? Results { get; init; }

    /// <summary>When two answers are the same; as for <see cref="Results"/>.</summary>
    public IEqualityComparer<TAnswer>? Answers { get; init; }

    /// <summary>
    /// The part of the state that a call is about, when no call is about two: each part is then checked alone, beginning with <see cref="Initial"/>, which is faster by far. Null for a state that is one whole.
    /// </summary>
    public Func<StateMachineCall<TCommand, TQuery>, string>? PartitionOf { get; init; }

    /// <summary>How many beginnings of an order are tried before the check says that it found none.</summary>
    public int MostTried { get; init; } = 50_000;

    /// <summary>Results and answers are compared as the codec writes them, where the model does not say how.</summary>
    internal SequentialModel<TState, TCommand, TResult, TQuery, TAnswer> With(IRaftCodec codec) =>
        this with { Results = Results ?? new EncodedEquality<TResult>(codec), Answers = Answers ?? new EncodedEquality<TAnswer>(codec) };
}

/// <summary>Makes models.</summary>
public static class SequentialModel
{
    /// <summary>A model of pure functions.</summary>
    /// <param name="initial">The state at the beginning.</param>
    /// <param name="apply">The state after a command, and what the command returns: <see cref="ModelStep.To"/>.</param>
    /// <param name="query">What a query is answered.</param>
    public static SequentialModel<TState, TCommand, TResult, TQuery, TAnswer> Of<TState, TCommand, TResult, TQuery, TAnswer>(
        TState initial, Func<TState, TCommand, ModelStep<TState, TResult>> apply, Func<TState, TQuery, TAnswer> query)
        where TState : notnull
    {
        ArgumentNullException.ThrowIfNull(apply);
        ArgumentNullException.ThrowIfNull(query);
        return new SequentialModel<TState, TCommand, TResult, TQuery, TAnswer>(initial, apply, query);
    }

    /// <summary>
    /// A plain class as its own model: what a cluster of it does must be what one instance alone does. It finds what sessions, images and replication make of the class, and not what is wrong with the class in itself.
    /// </summary>
    /// <param name="create">Makes an instance with an empty state. Its states are compared as what <c>Save</c> writes.</param>
    /// <param name="codec">Results and answers are compared as it writes them.</param>
    /// <remarks>
    /// Nobody outside knows a command's <see cref="ApplyContext"/>. Each command is therefore applied under two of them; a class for which that makes a difference, or that sets timers, is refused with
    /// <see cref="UnfitModelException"/>, and needs a model of pure functions.
    /// </remarks>
    public static SequentialModel<SavedState, TCommand, TResult, TQuery, TAnswer> OfClass<TCommand, TResult, TQuery, TAnswer>(
        Func<IStateMachine<TCommand, TResult, TQuery, TAnswer>> create, IRaftCodec codec)
    {
        ArgumentNullException.ThrowIfNull(create);
        ArgumentNullException.ThrowIfNull(codec);
        var alone = new ClassAlone<TCommand, TResult, TQuery, TAnswer>(create, codec);
        return new SequentialModel<SavedState, TCommand, TResult, TQuery, TAnswer>(alone.Initial, alone.Apply, alone.Query).With(codec);
    }
}

/// <summary>A plain class cannot be its own model; the message says why, and what to do.</summary>
public sealed class UnfitModelException : RaftException
{
    /// <summary>For people.</summary>
    /// <param name="message">Why, and what to do.</param>
    public UnfitModelException(string message)
        : base(message)
    {
    }

    /// <summary>Without a reason.</summary>
    public UnfitModelException()
    {
    }

    /// <summary>For people.</summary>
    /// <param name="message">Why, and what to do.</param>
    /// <param name="innerException">What it comes from.</param>
    public UnfitModelException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>Values are the same that a codec writes as the same bytes.</summary>
internal sealed class EncodedEquality<T>(IRaftCodec codec) : IEqualityComparer<T>
{
    public bool Equals(T? x, T? y) => codec.Encode(x).Span.SequenceEqual(codec.Encode(y).Span);

    public int GetHashCode(T obj) => new SavedState(codec.Encode(obj).ToArray()).GetHashCode();
}
