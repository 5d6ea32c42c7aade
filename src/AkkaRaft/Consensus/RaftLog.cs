using AkkaRaft.Protocol;

namespace AkkaRaft.Consensus;

/// <summary>
/// The log as the member sees it, and how much of it the journal has.
/// Invariant: <c>BaseIndex ≤ DurableIndex ≤ WrittenIndex ≤ LastIndex</c>, and every entry's index is its predecessor's plus one.
/// </summary>
internal sealed class RaftLog
{
    private readonly List<LogEntry> _entries = [];
    private readonly List<(long Index, Configuration Configuration)> _configurations;

    public RaftLog(Configuration initial) => _configurations = [(0, initial)];

    /// <summary>Index of the last entry that is no longer held; 0 when none was dropped.</summary>
    public long BaseIndex { get; }

    public long BaseTerm { get; }

    public long FirstIndex => BaseIndex + 1;

    public long LastIndex => BaseIndex + _entries.Count;

    public long LastTerm => _entries.Count == 0 ? BaseTerm : _entries[^1].Term;

    public long LastTimestampMs => _entries.Count == 0 ? 0 : _entries[^1].TimestampMs;

    /// <summary>Up to here the journal has confirmed what this log holds.</summary>
    public long DurableIndex { get; private set; }

    /// <summary>Up to here the journal has been given what this log holds.</summary>
    public long WrittenIndex { get; private set; }

    /// <summary>In force: the last one appended, committed or not (Raft dissertation §4.1).</summary>
    public Configuration Configuration => _configurations[^1].Configuration;

    public LogEntry this[long index] => _entries[(int)(index - FirstIndex)];

    /// <summary>The term of the entry at <paramref name="index"/>, or null when the log does not reach it or no longer holds it.</summary>
    public long? TermAt(long index)
    {
        if (index == BaseIndex) return BaseTerm;
        return index > BaseIndex && index <= LastIndex ? this[index].Term : null;
    }

    /// <summary>Whether a log that ends so is at least as up to date as this one (Raft dissertation §3.6.1).</summary>
    public bool IsUpToDate(long lastIndex, long lastTerm) =>
        lastTerm > LastTerm || (lastTerm == LastTerm && lastIndex >= LastIndex);

    public void Append(LogEntry entry)
    {
        if (entry.Index != LastIndex + 1)
            throw new InvariantViolationException($"Entry {entry.Index} appended after entry {LastIndex}.");
        if (entry.Term < LastTerm)
            throw new InvariantViolationException($"Entry {entry.Index} of term {entry.Term} appended after one of term {LastTerm}.");
        _entries.Add(entry);
        if (entry.Kind == EntryKind.Configuration)
            _configurations.Add((entry.Index, ConfigurationCodec.Decode(entry.Payload)));
    }

    /// <summary>Drops every entry from <paramref name="index"/> on; a configuration among them is rolled back.</summary>
    public void TruncateFrom(long index)
    {
        if (index > LastIndex) return;
        _entries.RemoveRange((int)(index - FirstIndex), (int)(LastIndex - index + 1));
        while (_configurations[^1].Index >= index) _configurations.RemoveAt(_configurations.Count - 1);
        DurableIndex = Math.Min(DurableIndex, index - 1);
        WrittenIndex = Math.Min(WrittenIndex, index - 1);
    }

    /// <summary>
    /// Appends what is new among <paramref name="entries"/>, and truncates first where one conflicts: an entry that is there already stays,
    /// so that a late, shorter message takes nothing away (Raft dissertation §3.5).
    /// </summary>
    /// <returns>The index from which entries were dropped, or null.</returns>
    public long? Merge(IReadOnlyList<LogEntry> entries)
    {
        long? truncatedFrom = null;
        foreach (var entry in entries)
        {
            if (entry.Index <= BaseIndex) continue;
            if (entry.Index <= LastIndex)
            {
                if (this[entry.Index].Term == entry.Term) continue;
                truncatedFrom = entry.Index;
                TruncateFrom(entry.Index);
            }
            Append(entry);
        }
        return truncatedFrom;
    }

    /// <summary>
    /// The last index, at most <paramref name="index"/>, whose term is at most <paramref name="term"/>: nothing after it can agree
    /// with a log that has <paramref name="term"/> at <paramref name="index"/>.
    /// </summary>
    public long FindConflict(long index, long term)
    {
        var candidate = Math.Min(index, LastIndex);
        while (candidate > BaseIndex && this[candidate].Term > term) candidate--;
        return Math.Max(candidate, BaseIndex);
    }

    /// <summary>Entries from <paramref name="from"/> to at most <paramref name="to"/>, as many as fit in <paramref name="maxBytes"/> but at least one.</summary>
    public IReadOnlyList<LogEntry> Slice(long from, long to, int maxBytes)
    {
        to = Math.Min(to, LastIndex);
        if (from > to) return [];
        long bytes = 0;
        var end = from;
        while (end <= to)
        {
            bytes += this[end].EncodedBytes;
            if (bytes > maxBytes && end > from) break;
            end++;
        }
        return _entries.GetRange((int)(from - FirstIndex), (int)(end - from));
    }

    /// <summary>What the journal has not been given yet, within <paramref name="maxBytes"/>.</summary>
    public IReadOnlyList<LogEntry> Unwritten(int maxBytes) => Slice(WrittenIndex + 1, LastIndex, maxBytes);

    public void MarkWritten(long index) => WrittenIndex = index;

    /// <summary>The journal has confirmed up to <paramref name="index"/>, of which only what was not truncated meanwhile counts.</summary>
    public void MarkDurable(long index) => DurableIndex = Math.Max(DurableIndex, Math.Min(index, WrittenIndex));
}
