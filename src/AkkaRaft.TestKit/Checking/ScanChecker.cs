using System.Globalization;
using AkkaRaft.Protocol;

namespace AkkaRaft.TestKit.Checking;

/// <summary>Compares reads with the store's own history of changes.</summary>
internal static class ScanChecker
{
    /// <summary>Each page is the state of its revision, and all but local reads know what was acknowledged before they were called.</summary>
    /// <param name="changes">All changes from revision 1 on, in order.</param>
    /// <param name="scans">The scans.</param>
    /// <param name="operations">All operations of all clients.</param>
    /// <returns>Null when they fit; otherwise what does not.</returns>
    public static string? Check(IReadOnlyList<SeenChange> changes, IReadOnlyList<SimulatedScan> scans, IReadOnlyList<Operation> operations)
    {
        var acknowledged = operations.Where(o => o.Outcome == OperationOutcome.Done).ToList();
        foreach (var scan in scans.Where(s => s.Page is not null))
        {
            var page = scan.Page!;
            if (scan.Consistency != ReadConsistency.Local && acknowledged.Find(o => o.Answered < scan.Called && o.Version > page.Revision) is { } missed)
                return Text($"{scan} is of revision {page.Revision}, and {missed} was answered before it was called");
            var expected = new SortedDictionary<string, (string Key, long Version, string Value)>(StringComparer.Ordinal);
            foreach (var change in changes.TakeWhile(c => c.Version <= page.Revision).Where(c => c.Key.StartsWith(scan.Prefix, StringComparison.Ordinal)))
            {
                if (change.Value is null) expected.Remove(change.Key);
                else expected[change.Key] = (change.Key, change.Version, change.Value);
            }
            var told = scan.Rows.ToList();
            var wanted = page.More ? expected.Values.Take(told.Count) : expected.Values;
            if (!told.SequenceEqual(wanted)) return Text($"{scan} of revision {page.Revision} tells {string.Join(' ', told)}, and the changes say {string.Join(' ', wanted)}");
        }
        return null;
    }

    /// <summary>What a local read found was there at some time.</summary>
    public static string? CheckLocal(IReadOnlyList<SeenChange> changes, IEnumerable<Operation> reads)
    {
        var made = changes.Select(c => (c.Version, c.Key, c.Value)).ToHashSet();
        return reads.FirstOrDefault(r => r is { Reads: true, Result: not null } && !made.Contains((r.Version, r.Key, r.Result))) is { } stray
            ? Text($"{stray} is a local read of what never was") : null;
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
