using AkkaRaft.Protocol.Wire;

namespace AkkaRaft.KeyValue;

/// <summary>A watch that waits for a change.</summary>
/// <param name="Watch">What is watched.</param>
/// <param name="NextRevision">All changes before it have been looked through.</param>
/// <param name="Deadline">When it is answered without any.</param>
/// <param name="Number">In order of arrival.</param>
/// <param name="Client">Where the answer goes, as <c>host:port</c>; empty for this process.</param>
/// <param name="Answer">Answers it.</param>
internal sealed record ParkedWatch(KvWatch Watch, long NextRevision, TimeSpan Deadline, long Number, string Client, Action<KvWatchResult> Answer);

/// <summary>The watches that wait. Their ranges are compared with what an Apply has changed, so that those of which nothing changed cost little.</summary>
internal sealed class ParkedWatches
{
    private readonly SortedSet<ParkedWatch> _byDeadline = new(Comparer<ParkedWatch>.Create((a, b) =>
        a.Deadline != b.Deadline ? a.Deadline.CompareTo(b.Deadline) : a.Number.CompareTo(b.Number)));

    private readonly Dictionary<string, int> _ofClient = new(StringComparer.OrdinalIgnoreCase);
    private long _lastNumber;

    public int Count => _byDeadline.Count;

    public int CountOf(string client) => _ofClient.GetValueOrDefault(client);

    public TimeSpan? NextDeadline => _byDeadline.Min?.Deadline;

    public void Add(KvWatch watch, long nextRevision, TimeSpan deadline, string client, Action<KvWatchResult> answer)
    {
        _byDeadline.Add(new ParkedWatch(watch, nextRevision, deadline, ++_lastNumber, client, answer));
        _ofClient[client] = CountOf(client) + 1;
    }

    /// <summary>Forgets those of a client that is gone.</summary>
    public void RemoveOf(string client)
    {
        if (_ofClient.Remove(client)) _byDeadline.RemoveWhere(w => w.Client.Equals(client, StringComparison.OrdinalIgnoreCase));
    }

    private void Remove(ParkedWatch watch)
    {
        _byDeadline.Remove(watch);
        if (--_ofClient[watch.Client] == 0) _ofClient.Remove(watch.Client);
    }

    /// <summary>Takes out those whose time is over, in order.</summary>
    public IReadOnlyList<ParkedWatch> TakeExpired(TimeSpan now)
    {
        List<ParkedWatch> expired = [];
        while (_byDeadline.Min is { } first && first.Deadline <= now)
        {
            Remove(first);
            expired.Add(first);
        }
        return expired;
    }

    /// <summary>Takes out all, in order.</summary>
    public IReadOnlyList<ParkedWatch> TakeAll()
    {
        List<ParkedWatch> all = [.. _byDeadline];
        _byDeadline.Clear();
        _ofClient.Clear();
        return all;
    }

    /// <summary>Takes out those of whose range something has changed, each with what it is told.</summary>
    /// <param name="changes">All changes since the last call, in order of revision.</param>
    /// <param name="maxBytes">Most bytes of changes in an answer.</param>
    /// <param name="revision">The store's revision.</param>
    public IReadOnlyList<(ParkedWatch Watch, KvWatchResult Told)> TakeChanged(IReadOnlyList<KvChange> changes, int maxBytes, long revision)
    {
        var byKey = Enumerable.Range(0, changes.Count).ToArray();
        Array.Sort(byKey, (a, b) => changes[a].Key.Span.SequenceCompareTo(changes[b].Key.Span) is var order and not 0 ? order : a.CompareTo(b));
        List<(ParkedWatch, KvWatchResult)> told = [];
        foreach (var parked in _byDeadline)
        {
            var first = FirstAtOrAfter(parked.Watch.From.Span);
            var last = parked.Watch.To.IsEmpty ? byKey.Length : FirstAtOrAfter(parked.Watch.To.Span);
            if (first >= last) continue;
            var answer = new WatchAnswer(parked.Watch, parked.NextRevision, maxBytes);
            var complete = byKey[first..last].Order().All(i => answer.Add(changes[i]));
            if (answer.Result.Changes.Count == 0) continue;
            if (complete) answer.Result.NextRevision = revision + 1;
            told.Add((parked, answer.Result));
        }
        foreach (var (parked, _) in told) Remove(parked);
        return told;

        int FirstAtOrAfter(ReadOnlySpan<byte> key)
        {
            var (low, high) = (0, byKey.Length);
            while (low < high)
            {
                var middle = (low + high) / 2;
                if (changes[byKey[middle]].Key.Span.SequenceCompareTo(key) < 0) low = middle + 1;
                else high = middle;
            }
            return low;
        }
    }
}
