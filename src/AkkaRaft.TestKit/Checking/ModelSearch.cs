using System.Globalization;
using System.Text;

namespace AkkaRaft.TestKit.Checking;

/// <summary>
/// Looks for an order of the calls of one part of a state in which the model gives each what it got. It is Wing and Gong's search with Lowe's memory, as for the store. Four things
/// keep it short: what asks and fits goes at once; what the cluster's log has goes in its order first, which is the one wanted when all is well; what may never have been done goes only where nothing else
/// goes on, what lets it go on first; and of those that nothing tells apart the earlier goes first.
/// </summary>
internal sealed class ModelSearch<TState, TCommand, TResult, TQuery, TAnswer>
    where TState : notnull
{
    private const int Shown = 20;
    private const int Nowhere = -1;

    private readonly StateMachineOperation<TCommand, TResult, TQuery, TAnswer>[] _operations;
    private readonly SequentialModel<TState, TCommand, TResult, TQuery, TAnswer> _model;
    private readonly IEqualityComparer<TResult> _results;
    private readonly IEqualityComparer<TAnswer> _answers;
    private readonly CallsInTime _calls;
    private readonly (ulong A, ulong B)[] _marks;

    // Of commands of which nothing is known that are the same, the one called before.
    private readonly int[] _alikeBefore;

    // Each state has a number, and what comes of a call in it is worked out once.
    private readonly List<TState> _states = [];
    private readonly Dictionary<TState, int> _numbers;
    private readonly Dictionary<(int State, int Operation), int> _after = [];
    private readonly HashSet<(ulong, ulong, int)> _tried = [];
    private (int Operation, int State)? _blocked;
    private bool _gaveUp;

    public ModelSearch(IReadOnlyList<StateMachineOperation<TCommand, TResult, TQuery, TAnswer>> operations, SequentialModel<TState, TCommand, TResult, TQuery, TAnswer> model)
    {
        _operations = [.. operations.OrderBy(o => o.Called)];
        _model = model;
        _results = model.Results ?? EqualityComparer<TResult>.Default;
        _answers = model.Answers ?? EqualityComparer<TAnswer>.Default;
        _numbers = new Dictionary<TState, int>(model.States);
        _calls = new CallsInTime([.. _operations.Select(o => (o.Called, IsKnown(o) ? o.Answered : (long?)null))]);
        var random = new Random(1);
        _marks = [.. _operations.Select(_ => ((ulong)random.NextInt64(), (ulong)random.NextInt64()))];
        _alikeBefore = new int[_operations.Length];
        Array.Fill(_alikeBefore, Nowhere);
        foreach (var alike in Enumerable.Range(0, _operations.Length).Where(i => !IsTold(i)).GroupBy(i => _operations[i].Call).Select(g => g.ToList()))
            for (var i = 1; i < alike.Count; i++) _alikeBefore[alike[i]] = alike[i - 1];
    }

    /// <returns>Null when there is an order; otherwise what fitted nowhere.</returns>
    public string? Explain(string part)
    {
        if (Succeeds()) return null;
        var text = new StringBuilder("the calls").Append(part.Length > 0 ? $" of '{part}'" : "").Append(" cannot be put in one order in which the model gives each what it got");
        if (_gaveUp) text.Append(CultureInfo.InvariantCulture, $", as far as {_model.MostTried} beginnings of one tell");
        if (_blocked is not var (operation, state)) return text.ToString();
        var blocked = _operations[operation];
        text.Append(CultureInfo.InvariantCulture, $"; this one fits nowhere: {Line(blocked)}\nin the longest order found the model has come to {_states[state]}, and expects {Expected(state, blocked)}\naround it:");
        foreach (var around in _operations.Where(o => o.Called < blocked.Answered).TakeLast(Shown)) text.Append("\n  ").Append(Line(around));
        return text.ToString();
    }

    private bool Succeeds()
    {
        var left = _operations.Count(IsKnown);
        var order = new Stack<(int Call, int State, (ulong A, ulong B) Done, IEnumerator<(int Call, int State)> Next)>();
        (ulong A, ulong B) done = (0, 0);
        var state = NumberOf(_model.Initial);
        var next = Candidates(state).GetEnumerator();
        var deepest = Nowhere;
        while (left > 0)
        {
            // A check that cannot tell must not say that all is well.
            if (_tried.Count > _model.MostTried)
            {
                _gaveUp = true;
                return false;
            }
            if (next.MoveNext())
            {
                var (call, after) = next.Current;
                var operation = _calls[call].Operation;
                var with = (A: done.A ^ _marks[operation].A, B: done.B ^ _marks[operation].B);
                if (!_tried.Add((with.A, with.B, after))) continue;
                order.Push((call, state, done, next));
                _calls.Take(call);
                if (IsKnown(_operations[operation])) left--;
                (state, done, next) = (after, with, Candidates(after).GetEnumerator());
                continue;
            }
            if (order.Count > deepest)
            {
                deepest = order.Count;
                _blocked = (_calls[FirstAnswer()].Operation, state);
            }
            if (!order.TryPop(out var last)) return false;
            _calls.PutBack(last.Call);
            if (IsKnown(_operations[_calls[last.Call].Operation])) left++;
            (state, done, next) = (last.State, last.Done, last.Next);
        }
        return true;
    }

    /// <summary>What may go next: whatever was called before the first answer that is left. While one is tried the list changes, and it is as before when the next is asked for.</summary>
    private IEnumerable<(int Call, int State)> Candidates(int state)
    {
        List<int> told = [];
        List<int> untold = [];
        var at = _calls.First;
        for (; _calls[at].IsCall; at = _calls.After(at))
        {
            var operation = _calls[at].Operation;
            if (!_operations[operation].Call.IsQuery)
            {
                (IsTold(operation) ? told : untold).Add(at);
            }
            else if (After(state, operation) != Nowhere)
            {
                // It changes nothing: whatever order there is has one with it here.
                yield return (at, state);
                yield break;
            }
        }
        foreach (var call in told.OrderBy(c => _operations[_calls[c].Operation].Place))
            if (After(state, _calls[call].Operation) is var after and not Nowhere) yield return (call, after);

        var waits = _calls[at].Operation;
        List<(int, int)> others = [];
        // The last is most often the one that was done.
        for (var i = untold.Count - 1; i >= 0; i--)
        {
            var operation = _calls[untold[i]].Operation;
            if (_alikeBefore[operation] >= 0 && !_calls.IsTaken(_alikeBefore[operation])) continue;
            var after = After(state, operation);
            // One that changes nothing is as if it never came.
            if (after == state) continue;
            if (After(after, waits) != Nowhere) yield return (untold[i], after);
            else others.Add((untold[i], after));
        }
        foreach (var other in others) yield return other;
    }

    private int FirstAnswer()
    {
        var at = _calls.First;
        while (_calls[at].IsCall) at = _calls.After(at);
        return at;
    }

    /// <returns>The state after the call, or <see cref="Nowhere"/> when the model does not give it what it got.</returns>
    private int After(int state, int index)
    {
        if (_after.TryGetValue((state, index), out var known)) return known;
        var operation = _operations[index];
        int after;
        if (operation.Call.IsQuery)
        {
            var (answer, threw) = Ask(state, operation.Call.Query!);
            var fits = operation.Failure is null ? threw is null && _answers.Equals(answer, operation.Answer!) : threw is not null;
            after = fits ? state : Nowhere;
        }
        else
        {
            var step = Apply(state, operation.Call.Command!);
            var fits = !IsKnown(operation) || (step.Failure is { } failure
                ? operation.Failure?.Contains(failure, StringComparison.Ordinal) == true
                : operation.Failure is null && _results.Equals(step.Result, operation.Result));
            after = fits ? NumberOf(step.State) : Nowhere;
        }
        _after.Add((state, index), after);
        return after;
    }

    private ModelStep<TState, TResult> Apply(int state, TCommand command)
    {
        try
        {
            return _model.Apply(_states[state], command);
        }
        catch (Exception e) when (e is not (UnfitModelException or OutOfMemoryException))
        {
            // Any text fits.
            return new ModelStep<TState, TResult>(_states[state], default) { Failure = "" };
        }
    }

    private (TAnswer? Answer, string? Threw) Ask(int state, TQuery query)
    {
        try
        {
            return (_model.Query(_states[state], query), null);
        }
        catch (Exception e) when (e is not (UnfitModelException or OutOfMemoryException))
        {
            return (default, e.GetType().Name);
        }
    }

    private int NumberOf(TState state)
    {
        if (_numbers.TryGetValue(state, out var number)) return number;
        _states.Add(state);
        _numbers.Add(state, _states.Count - 1);
        return _states.Count - 1;
    }

    /// <summary>Whether its client was told of it, or the log has it, though only in the place that it has there.</summary>
    private bool IsTold(int operation) => IsKnown(_operations[operation]) || _operations[operation].Place < long.MaxValue;

    private string Expected(int state, StateMachineOperation<TCommand, TResult, TQuery, TAnswer> operation)
    {
        if (operation.Call.IsQuery) return Ask(state, operation.Call.Query!) is var (answer, threw) && threw is not null ? "an exception" : answer?.ToString() ?? "null";
        return Apply(state, operation.Call.Command!) is { Failure: { } failure } ? $"an exception{(failure.Length > 0 ? ", " + failure : "")}" : Apply(state, operation.Call.Command!).Result?.ToString() ?? "null";
    }

    private static bool IsKnown(StateMachineOperation<TCommand, TResult, TQuery, TAnswer> operation) => operation.Outcome == OperationOutcome.Done;

    private static string Line(StateMachineOperation<TCommand, TResult, TQuery, TAnswer> o) => string.Create(
        CultureInfo.InvariantCulture,
        $"{o.Called,6}..{(o.Answered == long.MaxValue ? "never" : o.Answered.ToString(CultureInfo.InvariantCulture)),-6} client {o.Client} {o.Call} -> {(!IsKnown(o) ? "unknown" : o.Failure ?? (o.Call.IsQuery ? o.Answer?.ToString() : o.Result?.ToString()) ?? "null")}");
}
