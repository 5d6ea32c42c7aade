namespace AkkaRaft.StateMachines;

/// <summary>Results of sessions that are kept in memory, and go into the state's image as a whole.</summary>
internal sealed class SessionsInMemory : ISessionResults
{
    private readonly Dictionary<long, Queue<KeptResults>> _bySession = [];

    public void Changed(long session)
    {
    }

    public void Removed(long session) => _bySession.Remove(session);

    public void Keep(long session, KeptResults results)
    {
        if (!_bySession.TryGetValue(session, out var kept)) _bySession[session] = kept = [];
        kept.Enqueue(results);
    }

    public void Forget(long session, long upToSerial)
    {
        if (!_bySession.TryGetValue(session, out var kept)) return;
        while (kept.TryPeek(out var oldest) && oldest.LastSerial <= upToSerial) kept.Dequeue();
        if (kept.Count == 0) _bySession.Remove(session);
    }

    public IEnumerable<KeptResults> From(long session, long serial) =>
        _bySession.TryGetValue(session, out var kept) ? kept.Where(results => results.LastSerial >= serial) : [];
}
