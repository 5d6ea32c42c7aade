using System.Diagnostics;

namespace AkkaRaft.Storage;

/// <summary>How long a disk takes to sync what was written, measured before a member depends on it.</summary>
internal static class SyncProbe
{
    private const int Writes = 3;
    private const int WrittenBytes = 4 * 1024;

    /// <summary>Writes and syncs a file in a directory a few times, and removes it.</summary>
    /// <param name="directory">The directory, which must be there.</param>
    /// <returns>The median; zero when the directory cannot be written now: whoever writes next says why.</returns>
    public static TimeSpan Measure(string directory)
    {
        var file = Path.Combine(directory, "sync.probe");
        var took = new TimeSpan[Writes];
        try
        {
            using var probe = new FileStream(file, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 1, FileOptions.DeleteOnClose);
            for (var i = 0; i < Writes; i++)
            {
                var began = Stopwatch.GetTimestamp();
                probe.Write(new byte[WrittenBytes]);
                probe.Flush(flushToDisk: true);
                took[i] = Stopwatch.GetElapsedTime(began);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return TimeSpan.Zero;
        }
        Array.Sort(took);
        return took[Writes / 2];
    }
}
