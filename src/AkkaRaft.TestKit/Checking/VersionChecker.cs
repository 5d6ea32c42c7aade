using System.Globalization;

namespace AkkaRaft.TestKit.Checking;

/// <summary>Tells whether the versions in a history could be those of one store whose revision grows with every change.</summary>
public static class VersionChecker
{
    /// <summary>Checks a history.</summary>
    /// <param name="history">The calls, in any order.</param>
    /// <returns>Null when the versions fit; otherwise what does not.</returns>
    public static string? Check(IReadOnlyList<Operation> history)
    {
        ArgumentNullException.ThrowIfNull(history);
        Dictionary<long, Operation> puts = [];
        Dictionary<string, long> highestOfKey = [];
        Dictionary<Operation, (long Store, long Key)> atCall = new(ReferenceEqualityComparer.Instance);
        long highest = 0;
        foreach (var (_, operation, isCall) in Events(history))
        {
            var highestHere = highestOfKey.GetValueOrDefault(operation.Key);
            if (isCall)
            {
                atCall[operation] = (highest, highestHere);
                continue;
            }
            var before = atCall[operation];
            if (operation.Changes && operation.Version <= before.Store)
                return Text($"{operation} got version {operation.Version}, though version {before.Store} was known before it was called");
            if (operation is { Reads: true, Result: not null } && operation.Version < before.Key)
                return Text($"{operation} read version {operation.Version} of key {operation.Key}, though version {before.Key} of it was known before");
            // What a transaction sets has one version.
            if (operation.Writes && !puts.TryAdd(operation.Version, operation) && puts[operation.Version].Called != operation.Called)
                return Text($"{operation} and {puts[operation.Version]} got the same version {operation.Version}");
            if (operation.Version > 0)
            {
                highest = Math.Max(highest, operation.Version);
                if (operation.Kind != OperationKind.Delete) highestOfKey[operation.Key] = Math.Max(highestHere, operation.Version);
            }
        }
        return history.Where(o => o is { Reads: true, Result: not null })
            .Where(get => puts.TryGetValue(get.Version, out var put) && put.Argument != get.Result)
            .Select(get => Text($"{get} read version {get.Version}, which {puts[get.Version]} had written"))
            .FirstOrDefault();
    }

    private static IEnumerable<(long Place, Operation Operation, bool IsCall)> Events(IReadOnlyList<Operation> history) =>
        history.Where(o => o.Outcome == OperationOutcome.Done)
            .SelectMany(o => new[] { (o.Called, o, true), (o.Answered, o, false) })
            .OrderBy(e => e.Item1);

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
