using AkkaRaft.Protocol;

namespace AkkaRaft.Log;

/// <summary>
/// The log as the member sees it, and how much of it the journal has.
/// Invariant: <c>BaseIndex ≤ WrittenIndex ≤ LastIndex</c>, <c>DurableIndex ≤ WrittenIndex</c>, and every entry's index is its predecessor's plus one.
/// </summary>
internal sealed class RaftLog
{
    private readonly List<LogEntry> _entries = [];
    private readonly List<(long Index, Configuration Configuration)> _configurations;

    public RaftLog(LogBase @base)
    {
        Base = @base;
        DurableIndex = WrittenIndex = @base.Index;
        _configurations = [(@base.Index, @base.Configuration)];
    }

    /// <summary>What stands for the entries that are no longer held.</summary>
    public LogBase Base { get; private set; }

    public long BaseIndex => Base.Index;

    public long BaseTerm => Base.Term;

    public long FirstIndex => BaseIndex + 1;

    public long LastIndex => BaseIndex + _entries.Count;

    public long LastTerm => _entries.Count == 0 ? BaseTerm : _entries[^1].Term;

    public long LastTimestampMs => _entries.Count == 0 ? Base.TimestampMs : _entries[^1].TimestampMs;

    /// <summary>Encoded size of all entries held, as an upper bound.</summary>
    public long Bytes { get; private set; }

    /// <summary>Up to here the journal has confirmed what this log holds.</summary>
    public long DurableIndex { get; private set; }

    /// <summary>Up to here the journal has been given what this log holds.</summary>
    public long WrittenIndex { get; private set; }

    /// <summary>In force: the last one appended, committed or not (Raft dissertation §4.1).</summary>
    public Configuration Configuration => _configurations[^1].Configuration;

    /// <summary>Index of the entry that brought the configuration in force, or of the base.</summary>
    public long ConfigurationIndex => _configurations[^1].Index;

    public LogEntry this[long index] => _entries[(int)(index - FirstIndex)];

    /// <summary>The term of the entry at <paramref name="index"/>, or null when the log does not reach it or no longer holds it.</summary>
    public long? TermAt(long index)
    {
        if (index == BaseIndex) return BaseTerm;
        return index > BaseIndex && index <= LastIndex ? this[index].Term : null;
    }

    /// <summary>The configuration in force when <paramref name="index"/> was the last entry.</summary>
    public Configuration ConfigurationAt(long index) => _configurations.FindLast(c => c.Index <= index).Configuration;

    /// <summary>What would stand for all entries up to <paramref name="index"/>.</summary>
    public LogBase BaseAt(long index) =>
        index == BaseIndex ? Base : new LogBase(index, this[index].Term, this[index].TimestampMs, ConfigurationAt(index));

    /// <summary>Of the entry at <paramref name="index"/>; null when the log does not have it, or begins after it.</summary>
    public uint? ChecksumAt(long index) => index > BaseIndex && index <= LastIndex ? this[index].Checksum : null;

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
        Bytes += entry.EncodedBytes;
        if (entry.Kind == EntryKind.Configuration)
            _configurations.Add((entry.Index, ConfigurationCodec.Decode(entry.Payload)));
    }

    /// <summary>All first members have met: the base's configuration, in force from the beginning, tells their incarnations.</summary>
    public void BeginWith(System.Collections.Immutable.ImmutableSortedDictionary<MemberId, ulong> incarnations)
    {
        Base = Base with { Configuration = Base.Configuration with { Incarnations = incarnations } };
        _configurations[0] = (Base.Index, Base.Configuration);
    }

    /// <summary>Drops every entry from <paramref name="index"/> on; a configuration among them is rolled back.</summary>
    public void TruncateFrom(long index)
    {
        if (index > LastIndex) return;
        if (index <= BaseIndex) throw new InvariantViolationException($"Entry {index} is dropped, though the log is compacted to {BaseIndex}.");
        Remove((int)(index - FirstIndex), (int)(LastIndex - index + 1));
        while (_configurations[^1].Index >= index) _configurations.RemoveAt(_configurations.Count - 1);
        DurableIndex = Math.Min(DurableIndex, index - 1);
        WrittenIndex = Math.Min(WrittenIndex, index - 1);
    }

    /// <summary>
    /// From now on <paramref name="newBase"/> stands for what is up to its index. What follows stays if this log has the base's entry,
    /// and goes if it does not (Raft dissertation §5.2). The journal has yet to be told of it: <see cref="DurableIndex"/> may be below the base until then.
    /// </summary>
    public void StartFrom(LogBase newBase)
    {
        if (newBase.Index < BaseIndex) return;
        var keeps = TermAt(newBase.Index) == newBase.Term;
        Remove(0, keeps ? (int)(newBase.Index - BaseIndex) : _entries.Count);
        _configurations.RemoveAll(c => !keeps || c.Index <= newBase.Index);
        _configurations.Insert(0, (newBase.Index, newBase.Configuration));
        Base = newBase;
        WrittenIndex = keeps ? Math.Max(WrittenIndex, newBase.Index) : newBase.Index;
        DurableIndex = keeps ? DurableIndex : Math.Min(DurableIndex, newBase.Index);
    }

    /// <summary>The lowest index that can stand for what is before it so that the rest is within both bounds.</summary>
    public long LowestBaseWithin(long maxEntries, long maxBytes)
    {
        var index = Math.Max(BaseIndex, LastIndex - maxEntries);
        var bytes = Bytes;
        for (var i = FirstIndex; i <= index; i++) bytes -= this[i].EncodedBytes;
        while (bytes > maxBytes && index < LastIndex) bytes -= this[++index].EncodedBytes;
        return index;
    }

    private void Remove(int from, int count)
    {
        for (var i = from; i < from + count; i++) Bytes -= _entries[i].EncodedBytes;
        _entries.RemoveRange(from, count);
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
    /// with a log that has <paramref name="term"/> at <paramref name="index"/>. Before the base every index may agree.
    /// </summary>
    public long FindConflict(long index, long term)
    {
        var candidate = Math.Min(index, LastIndex);
        while (candidate > BaseIndex && this[candidate].Term > term) candidate--;
        return candidate;
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
