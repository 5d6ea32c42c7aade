using AkkaRaft.Protocol;

namespace AkkaRaft.TestKit.Checking;

/// <summary>What is asked of an application's own state machine: a command or a query. Either is one by itself where this is expected.</summary>
/// <typeparam name="TCommand">What changes the state.</typeparam>
/// <typeparam name="TQuery">What asks the state.</typeparam>
public sealed record StateMachineCall<TCommand, TQuery>
{
    private StateMachineCall(TCommand? command, TQuery? query, bool isQuery) => (Command, Query, IsQuery) = (command, query, isQuery);

    /// <summary>The command; the default for a query.</summary>
    public TCommand? Command { get; }

    /// <summary>The query; the default for a command.</summary>
    public TQuery? Query { get; }

    /// <summary>Whether it is a query.</summary>
    public bool IsQuery { get; }

    /// <summary>A command.</summary>
    public static StateMachineCall<TCommand, TQuery> OfCommand(TCommand command) => new(command, default, isQuery: false);

    /// <summary>A query.</summary>
    public static StateMachineCall<TCommand, TQuery> OfQuery(TQuery query) => new(default, query, isQuery: true);

    /// <summary>A command. Where commands and queries are of one type, or of interfaces, <see cref="OfCommand"/> and <see cref="OfQuery"/> say which.</summary>
    public static implicit operator StateMachineCall<TCommand, TQuery>(TCommand command) => OfCommand(command);

    /// <summary>A query.</summary>
    public static implicit operator StateMachineCall<TCommand, TQuery>(TQuery query) => OfQuery(query);

    /// <summary>What is asked.</summary>
    public override string ToString() => (IsQuery ? Query?.ToString() : Command?.ToString()) ?? "";
}

/// <summary>One client's call of an application's own state machine as seen from outside, for the linearizability checker.</summary>
/// <param name="Client">Who called.</param>
/// <param name="Call">What was asked.</param>
/// <param name="Called">Place of the call in the history: each call and each answer has a place of its own, in real-time order.</param>
/// <param name="Answered">Place of the answer; <see cref="long.MaxValue"/> when there was none.</param>
/// <param name="Outcome">How it ended; a command for which the state machine threw is done.</param>
public sealed record StateMachineOperation<TCommand, TResult, TQuery, TAnswer>(
    int Client, StateMachineCall<TCommand, TQuery> Call, long Called, long Answered, OperationOutcome Outcome)
{
    /// <summary>Of a command that is done: what it returned; the default when it threw.</summary>
    public TResult? Result { get; init; }

    /// <summary>Of a query that is done: what it was answered; the default when it threw.</summary>
    public TAnswer? Answer { get; init; }

    /// <summary>What the client was told of the exception that the state machine threw; null when it threw none.</summary>
    public string? Failure { get; init; }

    /// <summary>Of a query: how fresh the answer was to be.</summary>
    public ReadConsistency Consistency { get; init; }

    /// <summary>Where the cluster's log has the command: what is tried first, and no more than that. <see cref="long.MaxValue"/> when it is not known to have it.</summary>
    internal long Place { get; init; } = long.MaxValue;
}
