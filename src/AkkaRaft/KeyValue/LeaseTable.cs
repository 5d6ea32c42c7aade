namespace AkkaRaft.KeyValue;

/// <summary>The leases, in memory and in their table. They follow from the entries alone, the log's timestamps being their only clock.</summary>
internal sealed class LeaseTable
{
    public const string Schema = "CREATE TABLE lease (id INTEGER PRIMARY KEY, ttl_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL, crc INTEGER NOT NULL);";

    public static readonly StateTable Table = new(
        "lease", "id, ttl_ms, expires_ms, crc", row => Sum(row.Integer(0), new LeaseTimes(row.Integer(1), row.Integer(2))));

    private readonly SortedDictionary<long, LeaseTimes> _byId = [];
    private readonly SortedSet<(long ExpiresMs, long Id)> _byExpiry = [];
    private readonly HashSet<long> _unsaved = [];
    private readonly StateConnection _file;
    private readonly Statement _all;
    private readonly Statement _save;
    private readonly Statement _remove;

    public LeaseTable(StateConnection file)
    {
        _file = file;
        _all = file.Prepare(Table.Select());
        _save = file.Prepare("INSERT OR REPLACE INTO lease (id, ttl_ms, expires_ms, crc) VALUES (?, ?, ?, ?)");
        _remove = file.Prepare("DELETE FROM lease WHERE id = ?");
    }

    public int Count => _byId.Count;

    /// <summary>In order of number.</summary>
    public IEnumerable<KeyValuePair<long, LeaseTimes>> All => _byId;

    /// <summary>The first timestamp at which a lease has expired; null when there is none.</summary>
    public long? NextExpiryMs => _byExpiry.Count > 0 ? _byExpiry.Min.ExpiresMs + 1 : null;

    /// <summary>Reads the table.</summary>
    public void Load()
    {
        _byId.Clear();
        _byExpiry.Clear();
        _unsaved.Clear();
        while (_file.Step(Table, _file.Reading(_all))) Set(_all.Integer(0), new LeaseTimes(_all.Integer(1), _all.Integer(2)));
        _all.Reset();
    }

    public bool Has(long id) => _byId.ContainsKey(id);

    public LeaseTimes? Find(long id) => _byId.TryGetValue(id, out var lease) ? lease : null;

    /// <summary>The lease that has lived longest beyond its time; null when none has expired.</summary>
    public long? FindExpired(long nowMs) => NextExpiryMs <= nowMs ? _byExpiry.Min.Id : null;

    /// <summary>The lease's time to live begins now.</summary>
    public LeaseTimes Begin(long id, long timeToLiveMs, long nowMs)
    {
        if (_byId.TryGetValue(id, out var old)) _byExpiry.Remove((old.ExpiresMs, id));
        var lease = new LeaseTimes(timeToLiveMs, nowMs + timeToLiveMs);
        Set(id, lease);
        _unsaved.Add(id);
        return lease;
    }

    public void Remove(long id)
    {
        _byExpiry.Remove((_byId[id].ExpiresMs, id));
        _byId.Remove(id);
        _unsaved.Remove(id);
        _file.Writing(_remove).Bind(1, id).Run();
    }

    /// <summary>What a commit has to do to write what began since the last one, once per lease however often it was kept alive.</summary>
    public Action Take()
    {
        var taken = _unsaved.Select(id => (Id: id, Lease: _byId[id])).ToArray();
        _unsaved.Clear();
        return () =>
        {
            foreach (var (id, lease) in taken) _save.Bind(1, id).Bind(2, lease.TimeToLiveMs).Bind(3, lease.ExpiresMs).Bind(4, Sum(id, lease).Value).Run();
        };
    }

    private static RowChecksum Sum(long id, LeaseTimes lease) => RowChecksum.Begin.With(id).With(lease.TimeToLiveMs).With(lease.ExpiresMs);

    private void Set(long id, LeaseTimes lease)
    {
        _byId[id] = lease;
        _byExpiry.Add((lease.ExpiresMs, id));
    }
}

/// <summary>How long a lease lives without being kept alive, and the last timestamp at which it does, by the log's clock in Unix milliseconds.</summary>
internal readonly record struct LeaseTimes(long TimeToLiveMs, long ExpiresMs);
