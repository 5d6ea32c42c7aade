using System.Runtime.InteropServices;
using AkkaRaft.Protocol.Wire;
using Google.Protobuf;

namespace AkkaRaft.KeyValue;

/// <summary>
/// The keys and what they hold. Version 0 is that of a key that is not there. Puts gather in memory until a commit takes them or until what they hold must be
/// in the table: a key that is put again meanwhile is written once, and keys go in in their order. What was put lately is read from memory after that, too.
/// </summary>
internal sealed class KeyTable(StateConnection file)
{
    // With row ids: the index of the keys alone is searched. Without them SQLite reads the whole of each row that it passes, and values are large.
    public const string Schema =
        """
        CREATE TABLE kv (key BLOB PRIMARY KEY, value BLOB NOT NULL, version INTEGER NOT NULL, lease INTEGER NOT NULL, crc INTEGER NOT NULL);
        CREATE INDEX kv_lease ON kv (lease, key) WHERE lease <> 0;
        """;

    public static readonly StateTable Table = new(
        "kv", "key, value, version, lease, crc", row => Sum(row.Blob(0), row.Blob(1), row.Integer(2), row.Integer(3)));

    private readonly Statement _find = file.Prepare(Table.Select("WHERE key = ?"));
    private readonly Statement _put = file.Prepare(
        "INSERT INTO kv (key, value, version, lease, crc) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (key) DO UPDATE SET value = ?2, version = ?3, lease = ?4, crc = ?5");
    private readonly Statement _delete = file.Prepare("DELETE FROM kv WHERE key = ?");
    private readonly Statement _range = file.Prepare(Table.Select("WHERE key >= ? AND key < ? ORDER BY key"));
    private readonly Statement _rangeToTheEnd = file.Prepare(Table.Select("WHERE key >= ? ORDER BY key"));
    private readonly Statement _has = file.Prepare("SELECT 1 FROM kv WHERE key = ?");
    private readonly Statement _from = file.Prepare("SELECT 1 FROM kv WHERE key >= ? AND key < ? LIMIT 1");
    private readonly Statement _fromToTheEnd = file.Prepare("SELECT 1 FROM kv WHERE key >= ? LIMIT 1");
    private readonly Statement _keysOfLease = file.Prepare(Table.Select("WHERE lease = ?1 AND lease <> 0 ORDER BY key"));
    private readonly Statement _countOfLease = file.Prepare("SELECT count(*) FROM kv WHERE lease = ?1 AND lease <> 0");
    private readonly Statement _deleteOfLease = file.Prepare("DELETE FROM kv WHERE lease = ?1 AND lease <> 0");

    // Beyond this it begins anew, with what one commit takes.
    private const int MaxKnown = 32 * 1024;
    private const long MaxKnownBytes = 16 * 1024 * 1024;

    private Dictionary<ByteString, Row> _puts = new(new ByBytes());
    // What the last commit took; nobody else looks at it while that is under way.
    private Dictionary<ByteString, Row> _taken = new(new ByBytes());
    // What commits took: it is read here while one is under way, and holds afterwards what the table does.
    private readonly Dictionary<ByteString, Row> _known = new(new ByBytes());
    private long _knownBytes;

    /// <summary>Keys whose puts no commit has taken yet.</summary>
    public int UncommittedPuts => _puts.Count;

    /// <summary>What was read so far, in bytes, and what each search and each row costs besides. It follows from what was asked and from the rows alone.</summary>
    public long Work { get; private set; }

    public KvLookupResult Find(ByteString key)
    {
        Work += RowOverheadBytes;
        if (_puts.TryGetValue(key, out var row) || _known.TryGetValue(key, out row))
        {
            Work += row.Value.Length;
            return new KvLookupResult { Found = true, Value = row.Value, Version = row.Version, Lease = row.Lease };
        }
        var result = new KvLookupResult();
        if (file.Step(Table, file.Reading(_find).Bind(1, key.Span)))
        {
            result.Found = true;
            result.Value = ByteString.CopyFrom(_find.Blob(1));
            result.Version = _find.Integer(2);
            result.Lease = _find.Integer(3);
            Work += result.Value.Length;
        }
        _find.Reset();
        return result;
    }

    public long VersionOf(ByteString key)
    {
        Work += RowOverheadBytes;
        if (_puts.TryGetValue(key, out var row) || _known.TryGetValue(key, out row))
        {
            Work += row.Value.Length;
            return row.Version;
        }
        long version = 0;
        if (file.Step(Table, file.Reading(_find).Bind(1, key.Span)))
        {
            version = _find.Integer(2);
            Work += _find.Blob(1).Length;
        }
        _find.Reset();
        return version;
    }

    /// <summary>Whether the key is there; its row is not read.</summary>
    public bool Has(ByteString key)
    {
        Work += RowOverheadBytes;
        return _puts.ContainsKey(key) || _known.ContainsKey(key) || IsThere(file.Reading(_has).Bind(1, key.Span));
    }

    public void Put(ByteString key, ByteString value, long version, long lease) => _puts[key] = new Row(value, version, lease);

    /// <summary>Whether the key was there.</summary>
    public bool Delete(ByteString key)
    {
        Work += RowOverheadBytes;
        var wasInTable = file.Writing(_delete).Bind(1, key.Span).Run() > 0;
        if (_known.Remove(key, out var known)) _knownBytes -= BytesOf(key, known);
        return _puts.Remove(key) || wasInTable;
    }

    /// <summary>What a commit has to do to write the puts that have gathered. No other is under way.</summary>
    public Action Take()
    {
        (_taken, _puts) = (_puts, _taken);
        _puts.Clear();
        var taken = _taken;
        Know(taken);
        return () => Write(taken);
    }

    private void Know(Dictionary<ByteString, Row> rows)
    {
        // Not in between: what a commit takes is read here until it is done.
        if (_known.Count + rows.Count > MaxKnown || _knownBytes > MaxKnownBytes) Forget();
        foreach (var (key, row) in rows)
        {
            ref var known = ref CollectionsMarshal.GetValueRefOrAddDefault(_known, key, out var isThere);
            _knownBytes += isThere ? row.Value.Length - known.Value.Length : BytesOf(key, row);
            known = row;
        }
    }

    private static int BytesOf(ByteString key, Row row) => key.Length + row.Value.Length + RowOverheadBytes;

    private void Forget()
    {
        _known.Clear();
        _knownBytes = 0;
    }

    /// <summary>The table becomes another one.</summary>
    public void Load()
    {
        _puts.Clear();
        Forget();
    }

    private void Write(Dictionary<ByteString, Row> puts)
    {
        var inOrder = puts.ToArray();
        Array.Sort(inOrder, (a, b) => a.Key.Span.SequenceCompareTo(b.Key.Span));
        foreach (var (key, row) in inOrder)
        {
            var sum = Sum(key.Span, row.Value.Span, row.Version, row.Lease);
            _put.Bind(1, key.Span).Bind(2, row.Value.Span).Bind(3, row.Version).Bind(4, row.Lease).Bind(5, sum.Value).Run();
        }
    }

    /// <summary>Has all puts in the table.</summary>
    private void Settle()
    {
        if (_puts.Count == 0) return;
        file.Write(() => Write(_puts));
        Know(_puts);
        _puts.Clear();
    }

    /// <summary>The rows of a range in order, cut so that they have at most so many bytes.</summary>
    /// <param name="range">From the first key, up to and without the last.</param>
    /// <param name="maxBytes">Most encoded bytes; a first row that has more comes alone. 0 or less for no row at all.</param>
    public KvRangeResult Range(KvRange range, int maxBytes)
    {
        Settle();
        var page = new KvRangeResult();
        Work += RowOverheadBytes;
        if (maxBytes <= 0)
        {
            page.More = IsThereOneFrom(range.From.Span, range.To);
            return page;
        }
        var statement = range.To.IsEmpty ? file.Reading(_rangeToTheEnd).Bind(1, range.From.Span) : file.Reading(_range).Bind(1, range.From.Span).Bind(2, range.To.Span);
        var bytes = 0;
        while (file.Step(Table, statement))
        {
            var rowBytes = statement.Blob(0).Length + statement.Blob(1).Length + RowOverheadBytes;
            Work += rowBytes;
            bytes += rowBytes;
            if (page.Rows.Count > 0 && bytes > maxBytes)
            {
                page.More = true;
                break;
            }
            page.Rows.Add(new KvRow
            {
                Key = ByteString.CopyFrom(statement.Blob(0)), Value = ByteString.CopyFrom(statement.Blob(1)),
                Version = statement.Integer(2), Lease = statement.Integer(3),
            });
            // What comes after it is not read.
            if (page.Rows.Count != range.Limit) continue;
            page.More = IsThereOneFrom(KeyValueCodec.After(page.Rows[^1].Key.Memory).Span, range.To);
            break;
        }
        statement.Reset();
        return page;
    }

    private bool IsThereOneFrom(ReadOnlySpan<byte> key, ByteString to) => IsThere(to.IsEmpty ? file.Reading(_fromToTheEnd).Bind(1, key) : file.Reading(_from).Bind(1, key).Bind(2, to.Span));

    private static bool IsThere(Statement statement)
    {
        var isThere = statement.Step();
        statement.Reset();
        return isThere;
    }

    public IEnumerable<ByteString> KeysOf(long lease)
    {
        Settle();
        file.Reading(_keysOfLease).Bind(1, lease);
        try
        {
            while (file.Step(Table, _keysOfLease)) yield return ByteString.CopyFrom(_keysOfLease.Blob(0));
        }
        finally
        {
            _keysOfLease.Reset();
        }
    }

    public long CountOf(long lease)
    {
        Settle();
        file.Reading(_countOfLease).Bind(1, lease).Step();
        var count = _countOfLease.Integer(0);
        Work += count * IndexEntryBytes;
        _countOfLease.Reset();
        return count;
    }

    public void DeleteOf(long lease)
    {
        Settle();
        file.Writing(_deleteOfLease).Bind(1, lease).Run();
        Forget();
    }

    private static RowChecksum Sum(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, long version, long lease) =>
        RowChecksum.Begin.With(key).With(value).With(version).With(lease);

    private const int IndexEntryBytes = 16;

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
