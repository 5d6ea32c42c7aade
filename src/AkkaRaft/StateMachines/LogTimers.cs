namespace AkkaRaft.StateMachines;

/// <summary>Timers on the log's clock. Those due at one time go off in the order of their names.</summary>
internal sealed class LogTimers
{
    public const int MostTimers = 100_000;
    public const int LongestName = 256;

    private readonly Dictionary<string, long> _byName = new(StringComparer.Ordinal);
    private readonly SortedSet<(long DueMs, string Name)> _byTime = new(Comparer<(long DueMs, string Name)>.Create((a, b) =>
        a.DueMs != b.DueMs ? a.DueMs.CompareTo(b.DueMs) : string.CompareOrdinal(a.Name, b.Name)));

    /// <summary>The first time at which one is due; null when none is set.</summary>
    public long? NextDueMs => _byTime.Count > 0 ? _byTime.Min.DueMs : null;

    /// <summary>All, in the order in which they go off.</summary>
    public IEnumerable<(long DueMs, string Name)> All => _byTime;

    public void Set(string name, long dueMs)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (name.Length > LongestName) throw new ArgumentException($"A timer's name has {name.Length} characters; the limit is {LongestName}.", nameof(name));
        if (!_byName.ContainsKey(name) && _byName.Count >= MostTimers) throw new InvalidOperationException($"There are {MostTimers} timers already.");
        Cancel(name);
        _byName.Add(name, dueMs);
        _byTime.Add((dueMs, name));
    }

    public bool Cancel(string name)
    {
        if (!_byName.Remove(name, out var dueMs)) return false;
        _byTime.Remove((dueMs, name));
        return true;
    }

    /// <summary>Takes the next one that is due.</summary>
    /// <returns>Its name; null when none is due.</returns>
    public string? TakeDue(long nowMs)
    {
        if (_byTime.Count == 0 || _byTime.Min.DueMs > nowMs) return null;
        var name = _byTime.Min.Name;
        Cancel(name);
        return name;
    }
}
