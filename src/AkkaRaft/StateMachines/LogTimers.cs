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

    /// <summary>Why a timer cannot have the name, for people; null when it can.</summary>
    public static string? WhatIsWrongWith(string name) =>
        name.Length == 0 ? "A timer's name is empty."
        : name.Length > LongestName ? $"A timer's name has {name.Length} characters; the limit is {LongestName}."
        // In an image two of them would be one.
        : IsUnicode(name) ? null : "A timer's name has half of a surrogate pair, and is no Unicode.";

    private static bool IsUnicode(string name)
    {
        for (var i = 0; i < name.Length; i++)
        {
            if (!char.IsSurrogate(name[i])) continue;
            if (i + 1 == name.Length || !char.IsSurrogatePair(name[i], name[i + 1])) return false;
            i++;
        }
        return true;
    }

    public void Set(string name, long dueMs)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (WhatIsWrongWith(name) is { } wrong) throw new ArgumentException(wrong, nameof(name));
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

    /// <summary>Takes those that are due now, one after the other; what is set meanwhile is not among them, and what is cancelled or set anew is taken no more.</summary>
    /// <returns>Their names.</returns>
    public IEnumerable<string> TakeDue(long nowMs)
    {
        List<(long DueMs, string Name)> due = [.. _byTime.TakeWhile(timer => timer.DueMs <= nowMs)];
        foreach (var (dueMs, name) in due)
        {
            if (!_byName.TryGetValue(name, out var setTo) || setTo != dueMs) continue;
            Cancel(name);
            yield return name;
        }
    }
}
