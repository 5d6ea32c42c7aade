using AkkaRaft.Protocol.Wire;
using Google.Protobuf;
using Google.Protobuf.Collections;

namespace AkkaRaft.KeyValue;

/// <summary>
/// The latest changes, for watches: one row for each entry that changed something. What is kept follows from the entries alone, so that all members
/// keep the same.
/// </summary>
internal sealed class History
{
    public const string Schema = "CREATE TABLE history (last_revision INTEGER PRIMARY KEY, first_revision INTEGER NOT NULL, changes BLOB NOT NULL, crc INTEGER NOT NULL);";

    public static readonly StateTable Table = new(
        "history", "last_revision, first_revision, changes, crc", row => Sum(row.Integer(0), row.Integer(1), row.Blob(2)));

    // Commits come before: only leases that expire together have more.
    private const int MaxUnwrittenBytes = 32 * 1024 * 1024;

    private readonly Queue<(long LastRevision, int Bytes)> _rows = new();
    private readonly Queue<Row> _unwritten = new();
    private readonly StateConnection _file;
    private readonly Statement _all;
    private readonly Statement _add;
    private readonly Statement _trim;
    private readonly Statement _read;
    private long _bytes;
    private bool _trims;

    public History(StateConnection file)
    {
        _file = file;
        _all = file.Prepare(Table.Select("ORDER BY last_revision"));
        _add = file.Prepare("INSERT INTO history (last_revision, first_revision, changes, crc) VALUES (?, ?, ?, ?)");
        _trim = file.Prepare("DELETE FROM history WHERE last_revision < ?");
        _read = file.Prepare(Table.Select("WHERE last_revision >= ? ORDER BY last_revision"));
    }

    /// <summary>
    /// Those in force: revisions beyond so many are dropped, each with the whole of its entry, and so are those beyond so many bytes. A revision with more
    /// bytes of changes than an answer holds is not kept at all; nor is what was before it.
    /// </summary>
    public StoreLimits Limits { get; set; } = StoreLimits.BeforeTheFirst;

    /// <summary>The oldest revision whose changes are kept, with all after it: 1 at the beginning. It is stored with the store's progress.</summary>
    public long KeptFrom { get; private set; }

    /// <summary>Bytes of changes that no commit has taken yet.</summary>
    public int UnwrittenBytes { get; private set; }

    /// <summary>Reads the table.</summary>
    public void Load(long keptFrom)
    {
        KeptFrom = keptFrom;
        _rows.Clear();
        _unwritten.Clear();
        UnwrittenBytes = 0;
        _bytes = 0;
        _trims = false;
        while (_file.Step(Table, _file.Reading(_all)))
        {
            var bytes = _all.Blob(2).Length;
            _rows.Enqueue((_all.Integer(0), bytes));
            _bytes += bytes;
        }
        _all.Reset();
    }

    /// <summary>Adds the changes of an entry, and drops what is beyond the bounds.</summary>
    /// <param name="changes">In order of revision; of at least one.</param>
    public void Add(RepeatedField<KvChange> changes)
    {
        var (first, last) = (changes[0].Version, changes[^1].Version);
        var encoded = new KvWatchResult { Changes = { changes } }.ToByteArray();
        if (encoded.Length > Limits.RevisionBytes && LastTooLarge(changes) is { } tooLarge)
        {
            DropUpTo(tooLarge);
            if (tooLarge == last) return;
        }
        _unwritten.Enqueue(new Row(first, last, encoded));
        UnwrittenBytes += encoded.Length;
        _rows.Enqueue((last, encoded.Length));
        _bytes += encoded.Length;
        while (_rows.Count > 1 && (_bytes > Limits.WatchRetainBytes || _rows.Peek().LastRevision <= last - Limits.WatchRetainChanges)) DropUpTo(_rows.Peek().LastRevision);
        if (UnwrittenBytes > MaxUnwrittenBytes) _file.Write(Take());
    }

    /// <summary>A revision whose changes are not kept at all.</summary>
    public void Skip(long revision) => DropUpTo(revision);

    /// <summary>What a commit has to do to write what was added since the last one, but for what was dropped again, and that rows were dropped.</summary>
    public Action Take()
    {
        long? keptFrom = _trims ? KeptFrom : null;
        var taken = _unwritten.ToArray();
        _trims = false;
        _unwritten.Clear();
        UnwrittenBytes = 0;
        return () =>
        {
            if (keptFrom is { } from) _trim.Bind(1, from).Run();
            foreach (var row in taken)
            {
                var sum = Sum(row.LastRevision, row.FirstRevision, row.Changes);
                _add.Bind(1, row.LastRevision).Bind(2, row.FirstRevision).Bind(3, row.Changes).Bind(4, sum.Value).Run();
            }
        };
    }

    /// <summary>The changes from a revision on, entry by entry, in order. To be read to its end or disposed of before anything else is done.</summary>
    public IEnumerable<(RepeatedField<KvChange> Changes, int Bytes)> From(long revision)
    {
        if (!_unwritten.TryPeek(out var first) || revision < first.FirstRevision)
        {
            _file.Reading(_read).Bind(1, revision);
            try
            {
                while (_file.Step(Table, _read))
                {
                    var bytes = _read.Blob(2);
                    yield return (KvWatchResult.Parser.ParseFrom(bytes).Changes, bytes.Length);
                }
            }
            finally
            {
                _read.Reset();
            }
        }
        foreach (var row in _unwritten)
            if (row.LastRevision >= revision) yield return (KvWatchResult.Parser.ParseFrom(row.Changes).Changes, row.Changes.Length);
    }

    private static RowChecksum Sum(long lastRevision, long firstRevision, ReadOnlySpan<byte> changes) =>
        RowChecksum.Begin.With(lastRevision).With(firstRevision).With(changes);

    private void DropUpTo(long revision)
    {
        while (_rows.TryPeek(out var row) && row.LastRevision <= revision)
        {
            _bytes -= row.Bytes;
            _rows.Dequeue();
        }
        while (_unwritten.TryPeek(out var row) && row.LastRevision <= revision) UnwrittenBytes -= _unwritten.Dequeue().Changes.Length;
        KeptFrom = revision + 1;
        _trims = true;
    }

    private long? LastTooLarge(RepeatedField<KvChange> changes)
    {
        long? tooLarge = null;
        long bytes = 0;
        for (var i = 0; i < changes.Count; i++)
        {
            if (i > 0 && changes[i].Version != changes[i - 1].Version) bytes = 0;
            bytes += changes[i].CalculateSize();
            if (bytes > Limits.RevisionBytes) tooLarge = changes[i].Version;
        }
        return tooLarge;
    }

    private sealed record Row(long FirstRevision, long LastRevision, byte[] Changes);
}
