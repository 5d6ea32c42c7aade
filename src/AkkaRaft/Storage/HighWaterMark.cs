using System.Buffers.Binary;
using AkkaRaft.Protocol;
using Microsoft.Win32.SafeHandles;

namespace AkkaRaft.Storage;

/// <summary>
/// How far the journal had come when it last answered a write, in a file beside it: a journal that ends before has lost what it told its member.
/// The mark is written after each commit without a sync of its own. Whatever the machine loses with a power cut, it is never ahead of the journal.
/// </summary>
internal sealed class HighWaterMark : IDisposable
{
    // Position, checksum of the event there, checksum of these two.
    private const int SlotBytes = sizeof(long) + 2 * sizeof(uint);

    // A write that is torn leaves the slot before it, in another sector.
    private const int SlotDistance = 4096;

    private readonly SafeFileHandle _file;
    private int _slot;

    private HighWaterMark(SafeFileHandle file) => _file = file;

    /// <summary>The journal's last event that was answered; null when the file is new, or tells nothing.</summary>
    public (long Ordering, uint Checksum)? Last { get; private set; }

    public static string FileOf(string journalFile) => Path.ChangeExtension(journalFile, "mark");

    public static HighWaterMark Open(string journalFile)
    {
        var mark = new HighWaterMark(File.OpenHandle(FileOf(journalFile), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite));
        mark.Read(0);
        mark.Read(1);
        return mark;
    }

    /// <summary>Notes the journal's last event before the write that holds it is answered.</summary>
    public void Advance(long ordering, uint checksum)
    {
        Span<byte> slot = stackalloc byte[SlotBytes];
        BinaryPrimitives.WriteInt64LittleEndian(slot, ordering);
        BinaryPrimitives.WriteUInt32LittleEndian(slot[sizeof(long)..], checksum);
        BinaryPrimitives.WriteUInt32LittleEndian(slot[^sizeof(uint)..], Crc.Of(slot[..^sizeof(uint)]));
        _slot = 1 - _slot;
        RandomAccess.Write(_file, slot, _slot * SlotDistance);
        Last = (ordering, checksum);
    }

    public void Dispose()
    {
        if (Last is not null) RandomAccess.FlushToDisk(_file);
        _file.Dispose();
    }

    private void Read(int index)
    {
        Span<byte> slot = stackalloc byte[SlotBytes];
        if (RandomAccess.Read(_file, slot, index * SlotDistance) < SlotBytes) return;
        if (Crc.Of(slot[..^sizeof(uint)]) != BinaryPrimitives.ReadUInt32LittleEndian(slot[^sizeof(uint)..])) return;
        var ordering = BinaryPrimitives.ReadInt64LittleEndian(slot);
        if (ordering <= (Last?.Ordering ?? 0)) return;
        Last = (ordering, BinaryPrimitives.ReadUInt32LittleEndian(slot[sizeof(long)..]));
        _slot = index;
    }
}
