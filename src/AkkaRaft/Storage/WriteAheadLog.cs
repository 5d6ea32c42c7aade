using System.Buffers.Binary;

namespace AkkaRaft.Storage;

/// <summary>
/// SQLite's write-ahead log, as its file format describes it. SQLite takes the first frame whose checksum does not fit for the end of the log, and says nothing:
/// a flipped bit is a shorter journal. It is looked at before SQLite opens the file, and so forgets what was behind.
/// </summary>
internal static class WriteAheadLog
{
    private const int HeaderBytes = 32;
    private const int FrameHeaderBytes = 24;
    private const uint Magic = 0x377f0682;

    public static string FileOf(string databaseFile) => databaseFile + "-wal";

    /// <summary>
    /// Finds damage in what was synced. A commit is synced before the next begins, so that a power cut tears the last one alone:
    /// two commits at or behind a frame that does not fit prove that it was whole once.
    /// </summary>
    /// <exception cref="JournalCorruptException">There is such a frame.</exception>
    public static void Verify(string databaseFile)
    {
        var file = FileOf(databaseFile);
        if (!File.Exists(file)) return;
        using var log = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1 << 20);
        var header = new byte[HeaderBytes];
        if (log.ReadAtLeast(header, HeaderBytes, throwOnEndOfStream: false) < HeaderBytes || PageSize(databaseFile) is not { } pageSize) return;

        var bigEndian = (header[3] & 1) != 0;
        var (salt1, salt2) = (Field(header, 16), Field(header, 20));
        var sum = Sum(header.AsSpan(0, 24), (0, 0), bigEndian);
        var fits = (Field(header, 0) & ~1u) == Magic && Field(header, 8) == pageSize && sum == (Field(header, 24), Field(header, 28));
        var firstBad = fits ? null : (long?)0;
        var commits = 0;
        var frame = new byte[FrameHeaderBytes + pageSize];
        for (var number = 1L; log.ReadAtLeast(frame, frame.Length, throwOnEndOfStream: false) == frame.Length; number++)
        {
            var (own1, own2) = (Field(frame, 8), Field(frame, 12));
            if (firstBad is null)
            {
                sum = Sum(frame.AsSpan(FrameHeaderBytes), Sum(frame.AsSpan(0, 8), sum, bigEndian), bigEndian);
                if (own1 == salt1 && own2 == salt2 && sum == (Field(frame, 16), Field(frame, 20))) continue;
                firstBad = number;
            }
            // Frames of an earlier turn of the log, which were taken over long ago, have neither salt: one that is damaged still has the other.
            if ((own1 == salt1 || own2 == salt2) && Field(frame, 4) != 0) commits++;
        }
        if (firstBad is { } bad && commits > 1)
            throw new JournalCorruptException(
                $"{file} is damaged {(bad == 0 ? "in its header" : $"in frame {bad}")}: its checksum does not fit, and {commits} transactions that were synced are at it or behind it. SQLite would drop them without a word.");
    }

    /// <summary>As the database says it; the log's own header may be what is damaged.</summary>
    private static int? PageSize(string databaseFile)
    {
        if (!File.Exists(databaseFile)) return null;
        using var database = new FileStream(databaseFile, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var header = new byte[18];
        if (database.ReadAtLeast(header, header.Length, throwOnEndOfStream: false) < header.Length) return null;
        var size = BinaryPrimitives.ReadUInt16BigEndian(header.AsSpan(16));
        return size == 1 ? 65_536 : size >= 512 && (size & (size - 1)) == 0 ? size : null;
    }

    private static uint Field(byte[] bytes, int at) => BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(at));

    private static (uint, uint) Sum(ReadOnlySpan<byte> bytes, (uint, uint) sum, bool bigEndian)
    {
        var (s1, s2) = sum;
        for (; bytes.Length >= 8; bytes = bytes[8..])
        {
            unchecked
            {
                s1 += Word(bytes, bigEndian) + s2;
                s2 += Word(bytes[4..], bigEndian) + s1;
            }
        }
        return (s1, s2);
    }

    private static uint Word(ReadOnlySpan<byte> bytes, bool bigEndian) =>
        bigEndian ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt32LittleEndian(bytes);
}
