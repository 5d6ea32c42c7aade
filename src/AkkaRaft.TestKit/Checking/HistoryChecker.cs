using System.Globalization;

namespace AkkaRaft.TestKit.Checking;

/// <summary>A change as a watch told it.</summary>
/// <param name="Version">The store's revision with it.</param>
/// <param name="Key">The key.</param>
/// <param name="Value">Its new value; null when it was removed.</param>
/// <param name="At">When it was told.</param>
public sealed record SeenChange(long Version, string Key, string? Value, TimeSpan At);

/// <summary>Tells whether the changes of a store are those that its clients made, each once, and whether watches have told them.</summary>
public static class HistoryChecker
{
    /// <summary>Compares all changes with what clients were told of their calls.</summary>
    /// <param name="changes">All changes from revision 1 on, in order.</param>
    /// <param name="operations">All operations of all clients.</param>
    /// <returns>Null when they fit; otherwise what does not.</returns>
    public static string? Check(IReadOnlyList<SeenChange> changes, IReadOnlyList<Operation> operations)
    {
        ArgumentNullException.ThrowIfNull(changes);
        ArgumentNullException.ThrowIfNull(operations);
        long last = 0;
        foreach (var change in changes)
        {
            if (change.Version != last + 1 && (change.Version != last || last == 0)) return Text($"after the changes of revision {last} come those of {change.Version}");
            last = change.Version;
        }

        var made = changes.ToLookup(c => (c.Key, c.Value));
        foreach (var calls in operations.Where(o => o.Writes).GroupBy(o => (o.Key, (string?)o.Argument)))
        {
            var done = calls.Where(o => o.Outcome == OperationOutcome.Done).ToList();
            var most = done.Count + calls.Count(o => o.Outcome == OperationOutcome.Unknown);
            var found = made[calls.Key].Select(c => c.Version).ToList();
            if (done.Find(o => !found.Contains(o.Version)) is { } lost) return Text($"{lost} got version {lost.Version}, and there is no such change");
            if (found.Count > most) return Text($"{calls.First()} was called {most} times to take effect, and did so {found.Count} times, with the versions {string.Join(", ", found)}");
        }
        foreach (var delete in operations.Where(o => o is { Kind: OperationKind.Delete, Outcome: OperationOutcome.Done, Result: "1" }))
            if (made[(delete.Key, null)].Count(c => c.Version == delete.Version) != 1) return Text($"{delete} got version {delete.Version}, and there is no such change");
        var written = operations.Where(o => o.Writes).Select(o => (o.Key, (string?)o.Argument)).ToHashSet();
        return changes.FirstOrDefault(c => c.Value is not null && !written.Contains((c.Key, c.Value))) is { } stray ? Text($"nobody made the change {stray}") : null;
    }

    /// <summary>Compares what a watch told with all changes.</summary>
    /// <param name="changes">All changes from revision 1 on, in order.</param>
    /// <param name="seen">What the watch told, in order.</param>
    /// <param name="prefix">What the watched keys begin with.</param>
    /// <param name="from">The first revision wanted.</param>
    /// <param name="before">The first revision whose changes were not told.</param>
    /// <returns>Null when each change was told once, in order; otherwise what was not.</returns>
    public static string? CheckWatch(IReadOnlyList<SeenChange> changes, IReadOnlyList<SeenChange> seen, string prefix, long from, long before)
    {
        ArgumentNullException.ThrowIfNull(changes);
        ArgumentNullException.ThrowIfNull(seen);
        var expected = changes.Where(c => c.Version >= from && c.Version < before && c.Key.StartsWith(prefix, StringComparison.Ordinal)).ToList();
        for (var i = 0; i < Math.Max(expected.Count, seen.Count); i++)
        {
            var (wanted, told) = (expected.ElementAtOrDefault(i), seen.ElementAtOrDefault(i));
            if (wanted is null || told is null || wanted with { At = told.At } != told)
                return Text($"a watch of '{prefix}' from revision {from} tells as change {i + 1} {(object?)told ?? "nothing"}, and it is {(object?)wanted ?? "none"}");
        }
        return null;
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
