using AkkaRaft.Protocol.Wire;
using AkkaRaft.StateMachines;
using Google.Protobuf;

namespace AkkaRaft.KeyValue;

/// <summary>What queries read: each from the state of one moment.</summary>
internal sealed partial class KeyValueStore
{
    // Looked through for one answer to a watch: whoever is far behind must not keep the others waiting.
    private const int MaxHistoryBytesRead = 4 * 1024 * 1024;

    // Read for one query, where little of it is told.
    private const long MaxWorkOfQuery = 16 * 1024 * 1024;

    /// <summary>Reads a query.</summary>
    /// <param name="payload">Its bytes.</param>
    /// <param name="query">The query, when nothing is wrong.</param>
    /// <returns>What is wrong, for people; null when nothing is.</returns>
    public string? Read(ReadOnlyMemory<byte> payload, out KvQuery query)
    {
        query = new KvQuery();
        try
        {
            query.MergeFrom(payload.Span);
        }
        catch (InvalidProtocolBufferException)
        {
            return "The query is no KvQuery.";
        }
        if (query.StateMachine.Length > 0) return $"The cluster runs {StateMachineNames.Words("")}, and the client asks {StateMachineNames.Words(query.StateMachine)}.";
        if (query.Watch is not { } watch) return query.Ranges.Select(range => OperationRules.WhatIsWrongWith(range, Limits)).FirstOrDefault(wrong => wrong is not null);
        return query.Lookups.Count + query.Ranges.Count > 0 || query.Leases ? "A watch must be alone in its query."
            : watch.FromRevision < 1 ? "A watch begins with a revision of 1 or more."
            : watch.WaitMs is < 0 or > LongestWaitMs ? $"A watch waits from 0 to {LongestWaitMs} ms."
            : OperationRules.WhatIsWrongWith(new KvRange { From = watch.From, To = watch.To }, Limits);
    }

    /// <summary>The longest that a watch may wait.</summary>
    public const int LongestWaitMs = 60_000;

    /// <summary>Answers a query at once; a watch perhaps without changes.</summary>
    public ReadOnlyMemory<byte> Query(ReadOnlyMemory<byte> payload) =>
        Read(payload, out var query) is { } wrong ? Wrong(wrong)
        : query.Watch is { } watch ? Told(ChangesFor(watch, watch.FromRevision) ?? NothingFor(watch.FromRevision))
        : Answer(query);

    /// <summary>Answers a query without a watch.</summary>
    public ReadOnlyMemory<byte> Answer(KvQuery query) => _connection.ReadTogether(() => ResultOf(query).ToByteArray());

    private KvQueryResult ResultOf(KvQuery query)
    {
        var result = new KvQueryResult { AppliedIndex = AppliedIndex, Revision = _revision };
        var left = Limits.MaxCommandBytes - (query.Leases ? _leases.Count * KeyTable.RowOverheadBytes : 0);
        var before = _keys.Work;
        foreach (var lookup in query.Lookups)
        {
            var found = _keys.Find(lookup.Key);
            left -= found.Value.Length + KeyTable.RowOverheadBytes;
            if (left < 0 && result.Lookups.Count > 0) return result;
            result.Lookups.Add(found);
        }
        foreach (var range in query.Ranges)
        {
            if ((left <= 0 || _keys.Work - before > MaxWorkOfQuery) && result.Lookups.Count + result.Ranges.Count > 0) return result;
            var page = _keys.Range(range, Limits.PageBytes);
            left -= page.Rows.Sum(row => row.Key.Length + row.Value.Length + KeyTable.RowOverheadBytes) + KeyTable.RowOverheadBytes;
            if (left < 0 && result.Lookups.Count + result.Ranges.Count > 0) return result;
            result.Ranges.Add(page);
        }
        if (query.Leases) result.Leases.AddRange(_leases.All.Select(lease => StatusOf(lease.Key)));
        return result;
    }

    /// <summary>The changes of a watch's range from a revision on, as many as an answer holds.</summary>
    /// <returns>What there is to tell; null when all that was applied has been looked through, and nothing is.</returns>
    public KvWatchResult? ChangesFor(KvWatch watch, long fromRevision)
    {
        if (fromRevision > _revision) return null;
        if (fromRevision < _history.KeptFrom) return new KvWatchResult { OldestRevision = _history.KeptFrom, NextRevision = _history.KeptFrom };
        var answer = new WatchAnswer(watch, fromRevision, Limits.PageBytes);
        var read = 0;
        foreach (var (changes, bytes) in _history.From(fromRevision))
        {
            foreach (var change in changes)
                if (!answer.Add(change)) return answer.Result;
            read += bytes;
            _historyRead += bytes;
            if (read <= MaxHistoryBytesRead) continue;
            answer.Result.NextRevision = changes[^1].Version + 1;
            return answer.Result;
        }
        answer.Result.NextRevision = _revision + 1;
        return answer.Result.Changes.Count > 0 ? answer.Result : null;
    }

    /// <summary>All changes from a revision on; null when some are no longer kept.</summary>
    public IReadOnlyList<KvChange>? ChangesSince(long revision) =>
        revision < _history.KeptFrom ? null : [.. _history.From(revision).SelectMany(row => row.Changes).Where(change => change.Version >= revision)];

    /// <summary>An answer without changes, from which the watch goes on.</summary>
    public KvWatchResult NothingFor(long fromRevision) => new() { NextRevision = Math.Max(fromRevision, _revision + 1) };

    /// <summary>An answer to a watch as a query's result.</summary>
    public ReadOnlyMemory<byte> Told(KvWatchResult told) => new KvQueryResult { AppliedIndex = AppliedIndex, Revision = _revision, Watch = told }.ToByteArray();

    /// <summary>A query's result that says what is wrong with it.</summary>
    public ReadOnlyMemory<byte> Wrong(string error, bool overloaded = false) =>
        new KvQueryResult { AppliedIndex = AppliedIndex, Revision = _revision, Error = error, Overloaded = overloaded }.ToByteArray();
}

/// <summary>Gathers the changes of a watch's range from a revision on, until it has as many bytes as an answer holds; those of one revision stay together.</summary>
internal sealed class WatchAnswer(KvWatch watch, long fromRevision, int maxBytes)
{
    private int _bytes;
    private int _revisionBegins;

    public KvWatchResult Result { get; } = new() { NextRevision = fromRevision };

    /// <summary>Takes the next change, in order of revision, or leaves it out when it is not of the range.</summary>
    /// <returns>False when the answer is full, and goes on with the change's revision.</returns>
    public bool Add(KvChange change)
    {
        if (change.Version < fromRevision || !IsInRange(change.Key.Span)) return true;
        var changes = Result.Changes;
        if (changes.Count > 0 && changes[^1].Version != change.Version) _revisionBegins = changes.Count;
        _bytes += change.Key.Length + change.Value.Length + KeyTable.RowOverheadBytes;
        if (_bytes > maxBytes && _revisionBegins > 0)
        {
            while (changes.Count > _revisionBegins) changes.RemoveAt(changes.Count - 1);
            Result.NextRevision = change.Version;
            return false;
        }
        changes.Add(change);
        return true;
    }

    private bool IsInRange(ReadOnlySpan<byte> key) =>
        key.SequenceCompareTo(watch.From.Span) >= 0 && (watch.To.IsEmpty || key.SequenceCompareTo(watch.To.Span) < 0);
}
