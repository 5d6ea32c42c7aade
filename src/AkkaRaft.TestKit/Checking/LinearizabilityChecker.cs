using System.Globalization;
using System.Text;
using AkkaRaft.Protocol;

namespace AkkaRaft.TestKit.Checking;

/// <summary>
/// Tells whether a history of calls could have come from one register per key, or from a model of an application's own, that takes each call at one moment between its call and its answer.
/// The search is Wing and Gong's with Lowe's memory of what was tried ("Testing for linearizability", 2017), key by key.
/// Versions, where they are told, must grow along the order, so that no change goes before one that was answered with a lower version; that, one order for
/// calls of unknown outcome that nothing tells apart, those tried last, and no second thought about a call that changes nothing and fits where it is, keep the search short.
/// </summary>
public static class LinearizabilityChecker
{
    private const int Shown = 20;

    // Histories that have an order need some thousands.
    private const int MostTried = 1_000_000;
    private const string Unread = "(not read)";

    /// <summary>Checks a history. Each key begins absent.</summary>
    /// <param name="history">The calls, in any order.</param>
    /// <returns>Null when it is linearizable; otherwise, or when no order was found among a million beginnings of one, the key and the calls around the one that fitted nowhere.</returns>
    public static string? Check(IReadOnlyList<Operation> history)
    {
        ArgumentNullException.ThrowIfNull(history);
        return history.Where(o => o.Outcome != OperationOutcome.NotExecuted)
            .GroupBy(o => o.Key, StringComparer.Ordinal)
            .OrderBy(g => g.Key, StringComparer.Ordinal)
            .Select(g => CheckKey(g.Key, Relevant([.. g])))
            .FirstOrDefault(failure => failure is not null);
    }

    /// <summary>Checks a history of an application's own state machine. Local reads may be old, and are left out; of calls of unknown outcome each may have taken effect at any time after its call, or not.</summary>
    /// <param name="history">The calls, in any order.</param>
    /// <param name="model">What the state machine is to do.</param>
    /// <returns>Null when it is linearizable; otherwise, or when no order was found among <see cref="SequentialModel{TState, TCommand, TResult, TQuery, TAnswer}.MostTried"/> beginnings of one, the calls around the one that fitted nowhere, and what the model expected of it.</returns>
    /// <exception cref="UnfitModelException">The model is a class that cannot be one.</exception>
    public static string? Check<TState, TCommand, TResult, TQuery, TAnswer>(
        IReadOnlyList<StateMachineOperation<TCommand, TResult, TQuery, TAnswer>> history, SequentialModel<TState, TCommand, TResult, TQuery, TAnswer> model)
        where TState : notnull
    {
        ArgumentNullException.ThrowIfNull(history);
        ArgumentNullException.ThrowIfNull(model);
        return history.Where(o => o.Outcome != OperationOutcome.NotExecuted && !(o.Call.IsQuery && (o.Outcome == OperationOutcome.Unknown || o.Consistency == ReadConsistency.Local)))
            .GroupBy(o => model.PartitionOf?.Invoke(o.Call) ?? "", StringComparer.Ordinal)
            .OrderBy(g => g.Key, StringComparer.Ordinal)
            .Select(g => new ModelSearch<TState, TCommand, TResult, TQuery, TAnswer>([.. g], model).Explain(g.Key))
            .FirstOrDefault(failure => failure is not null);
    }

    /// <summary>
    /// Leaves out calls of unknown outcome that explain nothing: each would double the search. A value that nobody read is as good as any other,
    /// and one that was read and written once tells the version of its write.
    /// </summary>
    private static List<Operation> Relevant(List<Operation> all)
    {
        var read = all.Where(o => o is { Reads: true, Result: not null }).ToLookup(o => o.Result!, o => o.Version, StringComparer.Ordinal);
        var written = all.Where(o => o.Writes).GroupBy(o => o.Argument!, StringComparer.Ordinal).ToDictionary(g => g.Key, g => g.Count(), StringComparer.Ordinal);
        var lastFound = all.Where(o => o is { Kind: OperationKind.Delete, Outcome: OperationOutcome.Done, Result: "1" }).Select(o => o.Answered).DefaultIfEmpty(0).Max();
        List<Operation> relevant = [];
        foreach (var operation in all)
        {
            if (operation.Outcome == OperationOutcome.Done || operation.Kind == OperationKind.Delete) relevant.Add(operation);
            else if (operation.Writes && read.Contains(operation.Argument!))
                relevant.Add(written[operation.Argument!] == 1 ? operation with { Version = read[operation.Argument!].First() } : operation);
            // A put that nobody read may still be what a delete found. Whoever expects its version has read it.
            else if (operation.Writes && lastFound > operation.Called) relevant.Add(operation with { Argument = Unread });
        }
        return relevant;
    }

    private static string? CheckKey(string key, List<Operation> operations)
    {
        var search = new Search(operations);
        return search.Succeeds() ? null : Explain(key, operations, search.Blocked, search.GaveUp);
    }

    private static string Explain(string key, List<Operation> operations, Operation? blocked, bool gaveUp)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"the calls of key '{key}' cannot be put in one order");
        if (gaveUp) text.Append(CultureInfo.InvariantCulture, $", as far as {MostTried} beginnings of one tell");
        if (blocked is null) return text.ToString();
        text.Append(CultureInfo.InvariantCulture, $"; this one fits nowhere: {Line(blocked)}\naround it:");
        foreach (var operation in operations.OrderBy(o => o.Called).Where(o => o.Called < blocked.Answered).TakeLast(Shown)) text.Append("\n  ").Append(Line(operation));
        return text.ToString();
    }

    private static string Line(Operation o) => string.Create(
        CultureInfo.InvariantCulture,
        $"{o.Called,6}..{(o.Answered == long.MaxValue ? "never" : o.Answered.ToString(CultureInfo.InvariantCulture)),-6} client {o.Client} {o.Kind}{(o.Argument is null ? "" : $" {o.Argument}")} {(o.Kind == OperationKind.CompareAndSet ? $" expecting {o.ExpectedVersion}" : "")} -> {(o.Outcome == OperationOutcome.Unknown ? "unknown" : o.Writes ? $"done {o.Version}" : o.Result ?? "absent")}{(o.IsConflict ? $" {o.Version}, a conflict" : "")}");

    private sealed class Search
    {
        private readonly Operation[] _operations;
        private readonly CallsInTime _calls;
        private readonly (ulong, ulong)[] _marks;

        // Of calls of unknown outcome that do the same, the one called before: it goes first.
        private readonly int[] _alikeBefore;

        // The versions that changes were answered with. They grow, so that those in order are always the lowest.
        private readonly long[] _answeredVersions;

        // Reads that tell a version, by version, and the first that is not in order yet.
        private readonly int[] _reads;
        private readonly int[] _placeOfRead;
        private int _lowestRead;
        private readonly HashSet<(ulong, ulong, State)> _tried = [];

        public Search(List<Operation> operations)
        {
            _operations = [.. operations.OrderBy(o => o.Called)];
            _answeredVersions = [.. _operations.Where(IsAnsweredChange).Select(o => o.Version).Order()];
            _reads = [.. Enumerable.Range(0, _operations.Length).Where(i => _operations[i] is { Outcome: OperationOutcome.Done, Changes: false, Version: > 0 }).OrderBy(i => _operations[i].Version)];
            _placeOfRead = [.. Enumerable.Repeat(int.MaxValue, _operations.Length)];
            for (var i = 0; i < _reads.Length; i++) _placeOfRead[_reads[i]] = i;
            _alikeBefore = new int[_operations.Length];
            var alike = new Dictionary<(OperationKind, long), int>();
            for (var i = 0; i < _operations.Length; i++)
            {
                _alikeBefore[i] = -1;
                var operation = _operations[i];
                if (operation.Outcome == OperationOutcome.Done || (operation.Kind != OperationKind.Delete && operation.Argument != Unread)) continue;
                var kind = (operation.Kind, operation.ExpectedVersion);
                if (alike.TryGetValue(kind, out var before)) _alikeBefore[i] = before;
                alike[kind] = i;
            }
            _calls = new CallsInTime([.. _operations.Select(o => (o.Called, o.Outcome == OperationOutcome.Done ? o.Answered : (long?)null))]);
            var random = new Random(1);
            _marks = [.. _operations.Select(_ => ((ulong)random.NextInt64(), (ulong)random.NextInt64()))];
        }

        /// <summary>The call at whose answer the longest attempt was stuck.</summary>
        public Operation? Blocked { get; private set; }

        /// <summary>Whether there is more to try.</summary>
        public bool GaveUp { get; private set; }

        public bool Succeeds()
        {
            var left = _operations.Count(o => o.Outcome == OperationOutcome.Done);
            var order = new Stack<(int Event, State Before, bool IsFree)>();
            (ulong A, ulong B) done = (0, 0);
            var state = new State(null, 0, 0);
            var changes = 0;
            var deepest = -1;
            var at = _calls.First;
            // What may never have been done is tried where nothing that was done goes on.
            var known = true;
            while (left > 0)
            {
                // A check that cannot tell must not say that all is well.
                if (_tried.Count > MostTried)
                {
                    GaveUp = true;
                    return false;
                }
                var (index, isCall) = _calls[at];
                if (isCall)
                {
                    var operation = _operations[index];
                    var with = (done.A ^ _marks[index].Item1, done.B ^ _marks[index].Item2);
                    var after = state;
                    var fits = known == (operation.Outcome == OperationOutcome.Done) && Step(state, operation, out after) && (_alikeBefore[index] < 0 || _calls.IsTaken(_alikeBefore[index])) && IsDue(operation, changes, state);
                    // What changes nothing costs nothing: whatever order there is has one with it here.
                    var isFree = fits && operation is { Outcome: OperationOutcome.Done, Changes: false };
                    if (fits && (isFree || _tried.Add((with.Item1, with.Item2, after))))
                    {
                        order.Push((at, state, isFree));
                        (state, done) = (after, with);
                        _calls.Take(at);
                        if (operation.Outcome == OperationOutcome.Done) left--;
                        if (IsAnsweredChange(operation)) changes++;
                        (at, known) = (_calls.First, true);
                    }
                    else
                    {
                        at = _calls.After(at);
                    }
                    continue;
                }

                if (known)
                {
                    (at, known) = (_calls.First, false);
                    continue;
                }

                if (order.Count > deepest)
                {
                    deepest = order.Count;
                    Blocked = _operations[index];
                }
                bool wasFree;
                do
                {
                    if (!order.TryPop(out var last)) return false;
                    var undone = _calls[last.Event].Operation;
                    state = last.Before;
                    done = (done.A ^ _marks[undone].Item1, done.B ^ _marks[undone].Item2);
                    PutBack(last.Event, undone);
                    if (_operations[undone].Outcome == OperationOutcome.Done) left++;
                    if (IsAnsweredChange(_operations[undone])) changes--;
                    (at, known) = (_calls.After(last.Event), _operations[undone].Outcome == OperationOutcome.Done);
                    wasFree = last.IsFree;
                }
                while (wasFree);
            }
            return true;
        }

        private static bool IsAnsweredChange(Operation operation) => operation is { Outcome: OperationOutcome.Done, Changes: true, Version: > 0 };

        /// <summary>Whether no change that was answered with a lower version, and no read of one, is left that would come too late behind this change.</summary>
        private bool IsDue(Operation operation, int changes, State state)
        {
            if (!operation.Changes && operation.Kind != OperationKind.Delete) return true;
            while (_lowestRead < _reads.Length && _calls.IsTaken(_reads[_lowestRead])) _lowestRead++;
            var lowestRead = _lowestRead < _reads.Length ? _operations[_reads[_lowestRead]].Version : long.MaxValue;
            if (operation.Version <= 0) return lowestRead > state.Highest;
            return operation.Version <= lowestRead && (changes == _answeredVersions.Length || operation.Version <= _answeredVersions[changes]);
        }

        private static bool Step(State state, Operation operation, out State after)
        {
            var known = operation.Outcome == OperationOutcome.Done;
            after = operation.Kind switch
            {
                _ when operation.Writes => new State(operation.Argument, operation.Version > 0 || known ? operation.Version : State.UnknownVersion, Math.Max(state.Highest, operation.Version)),
                OperationKind.Delete when known && operation.Result == "1" => new State(null, 0, Math.Max(state.Highest, operation.Version)),
                OperationKind.Delete => new State(null, 0, state.Highest),
                _ => state,
            };
            if (operation.Changes && operation.Version > 0 && operation.Version <= state.Highest) return false;
            // One of unknown outcome that finds another version changes nothing, as if it never came.
            if (operation is { Kind: OperationKind.CompareAndSet, IsConflict: false }) return state.MayHave(operation.ExpectedVersion);
            if (!known) return true;
            return operation.Kind switch
            {
                OperationKind.Get => operation.Result == state.Value && (operation.Version == 0 || state.Value is null || state.MayHave(operation.Version)),
                OperationKind.CompareAndSet => operation.Result == state.Value && state.MayHave(operation.Version) && operation.Version != operation.ExpectedVersion,
                OperationKind.Delete => operation.Result == (state.Value is null ? "0" : "1"),
                _ => true,
            };
        }

        /// <summary>What a key holds. The version is not known when a call of unknown outcome has set it. The highest is that of all changes whose version is known.</summary>
        private readonly record struct State(string? Value, long Version, long Highest)
        {
            public const long UnknownVersion = -1;

            public bool MayHave(long version) => Version == version || (Version == UnknownVersion && version != 0);
        }

        private void PutBack(int call, int operation)
        {
            _calls.PutBack(call);
            _lowestRead = Math.Min(_lowestRead, _placeOfRead[operation]);
        }
    }
}
