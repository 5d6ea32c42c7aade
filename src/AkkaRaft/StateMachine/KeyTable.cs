using AkkaRaft.Protocol.Wire;
using Google.Protobuf;
using Microsoft.Data.Sqlite;

namespace AkkaRaft.StateMachine;

/// <summary>
/// The keys and what they hold. Version 0 is that of a key that is not there. Puts gather in memory until <see cref="Save"/> or until what they hold must be
/// in the table: a key that is put again meanwhile is written once, and keys go in in their order.
/// </summary>
internal sealed class KeyTable(SqliteConnection connection) : IDisposable
{
    public const string Schema =
        """
        CREATE TABLE kv (key BLOB PRIMARY KEY, value BLOB NOT NULL, version INTEGER NOT NULL, lease INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
        CREATE INDEX kv_lease ON kv (lease) WHERE lease <> 0;
        """;

    private readonly Dictionary<ByteString, Row> _puts = new(new ByBytes());
    private readonly Statement _find = new(connection, "SELECT value, version, lease FROM kv WHERE key = ?");
    private readonly Statement _version = new(connection, "SELECT version FROM kv WHERE key = ?");
    private readonly Statement _put = new(connection,
        "INSERT INTO kv (key, value, version, lease) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (key) DO UPDATE SET value = ?2, version = ?3, lease = ?4");
    private readonly Statement _delete = new(connection, "DELETE FROM kv WHERE key = ?");
    private readonly Statement _range = new(connection, "SELECT key, value, version, lease FROM kv WHERE key >= ? AND key < ? ORDER BY key");
    private readonly Statement _rangeToTheEnd = new(connection, "SELECT key, value, version, lease FROM kv WHERE key >= ? ORDER BY key");
    private readonly Statement _keysOfLease = new(connection, "SELECT key FROM kv WHERE lease = ?1 AND lease <> 0 ORDER BY key");
    private readonly Statement _countOfLease = new(connection, "SELECT count(*) FROM kv WHERE lease = ?1 AND lease <> 0");
    private readonly Statement _deleteOfLease = new(connection, "DELETE FROM kv WHERE lease = ?1 AND lease <> 0");

    public KvLookupResult Find(ByteString key)
    {
        if (_puts.TryGetValue(key, out var row)) return new KvLookupResult { Found = true, Value = row.Value, Version = row.Version, Lease = row.Lease };
        var result = new KvLookupResult();
        if (_find.Bind(1, key.Span).Step())
        {
            result.Found = true;
            result.Value = ByteString.CopyFrom(_find.Blob(0));
            result.Version = _find.Integer(1);
            result.Lease = _find.Integer(2);
        }
        _find.Reset();
        return result;
    }

    public long VersionOf(ByteString key)
    {
        if (_puts.TryGetValue(key, out var row)) return row.Version;
        var version = _version.Bind(1, key.Span).Step() ? _version.Integer(0) : 0;
        _version.Reset();
        return version;
    }

    public void Put(ByteString key, ByteString value, long version, long lease) => _puts[key] = new Row(value, version, lease);

    /// <summary>Whether the key was there.</summary>
    public bool Delete(ByteString key) => _puts.Remove(key) | _delete.Bind(1, key.Span).Run() > 0;

    /// <summary>Writes the puts that have gathered.</summary>
    public void Save()
    {
        var inOrder = _puts.ToArray();
        Array.Sort(inOrder, (a, b) => a.Key.Span.SequenceCompareTo(b.Key.Span));
        foreach (var (key, row) in inOrder) _put.Bind(1, key.Span).Bind(2, row.Value.Span).Bind(3, row.Version).Bind(4, row.Lease).Run();
        _puts.Clear();
    }

    /// <summary>The rows of a range in order, cut so that they have at most so many bytes.</summary>
    /// <param name="range">From the first key, up to and without the last.</param>
    /// <param name="maxBytes">Most encoded bytes; a first row that has more comes alone. 0 or less for no row at all.</param>
    public KvRangeResult Range(KvRange range, int maxBytes)
    {
        Save();
        var page = new KvRangeResult();
        var statement = range.To.IsEmpty ? _rangeToTheEnd.Bind(1, range.From.Span) : _range.Bind(1, range.From.Span).Bind(2, range.To.Span);
        var bytes = 0;
        while (statement.Step())
        {
            bytes += statement.Blob(0).Length + statement.Blob(1).Length + RowOverheadBytes;
            if (page.Rows.Count == 0 ? maxBytes <= 0 : bytes > maxBytes || page.Rows.Count == range.Limit)
            {
                page.More = true;
                break;
            }
            page.Rows.Add(new KvRow
            {
                Key = ByteString.CopyFrom(statement.Blob(0)), Value = ByteString.CopyFrom(statement.Blob(1)),
                Version = statement.Integer(2), Lease = statement.Integer(3),
            });
        }
        statement.Reset();
        return page;
    }

    public IEnumerable<ByteString> KeysOf(long lease)
    {
        Save();
        _keysOfLease.Bind(1, lease);
        try
        {
            while (_keysOfLease.Step()) yield return ByteString.CopyFrom(_keysOfLease.Blob(0));
        }
        finally
        {
            _keysOfLease.Reset();
        }
    }

    public long CountOf(long lease)
    {
        Save();
        _countOfLease.Bind(1, lease).Step();
        var count = _countOfLease.Integer(0);
        _countOfLease.Reset();
        return count;
    }

    public void DeleteOf(long lease)
    {
        Save();
        _deleteOfLease.Bind(1, lease).Run();
    }

    public void Dispose()
    {
        foreach (var statement in new[] { _find, _version, _put, _delete, _range, _rangeToTheEnd, _keysOfLease, _countOfLease, _deleteOfLease }) statement.Dispose();
    }

    /// <summary>An upper bound of what tags, lengths, version and lease add to the key and value of a row.</summary>
    public const int RowOverheadBytes = 40;

    /// <summary>A key's own hash code is the same in each process, so that whoever writes could choose keys that collide.</summary>
    private sealed class ByBytes : IEqualityComparer<ByteString>
    {
        public bool Equals(ByteString? a, ByteString? b) => a!.Span.SequenceEqual(b!.Span);

        public int GetHashCode(ByteString key)
        {
            HashCode code = default;
            code.AddBytes(key.Span);
            return code.ToHashCode();
        }
    }

    private readonly record struct Row(ByteString Value, long Version, long Lease);
}
