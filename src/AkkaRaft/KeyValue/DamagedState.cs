namespace AkkaRaft.KeyValue;

/// <summary>
/// What becomes of a state's file that cannot be used. It is noted beside the file at once, so that no restart opens it again; the file itself is put aside
/// only when the state has something to begin anew from: it may be the only copy.
/// </summary>
internal sealed class DamagedState(string file)
{
    private const int MostKept = 2;

    private readonly string _note = $"{file}.damaged";

    /// <summary>Where the file will be.</summary>
    public string PutAsideAs => $"{file}.damaged-1";

    /// <summary>What was noted of the file; null for nothing.</summary>
    public string? Noted
    {
        get
        {
            try
            {
                return File.ReadAllText(_note);
            }
            catch (FileNotFoundException)
            {
                return null;
            }
            catch (DirectoryNotFoundException)
            {
                return null;
            }
        }
    }

    /// <summary>Notes what was found, durably.</summary>
    public void Note(string found)
    {
        using var note = new FileStream(_note, FileMode.Create, FileAccess.Write);
        note.Write(System.Text.Encoding.UTF8.GetBytes(found));
        note.Flush(flushToDisk: true);
    }

    /// <summary>Puts the file aside, with what SQLite keeps beside it. Of those put aside before, the last one stays.</summary>
    public void PutAside()
    {
        if (File.Exists(file))
        {
            foreach (var suffix in Suffixes)
            {
                File.Delete($"{file}.damaged-{MostKept}{suffix}");
                for (var n = MostKept - 1; n >= 1; n--) Move($"{file}.damaged-{n}{suffix}", $"{file}.damaged-{n + 1}{suffix}");
            }
        }
        // The file last: a log without it would be taken for the next one's.
        foreach (var suffix in Suffixes) Move(file + suffix, PutAsideAs + suffix);
        File.Delete(_note);
    }

    private static string[] Suffixes => ["-wal", "-shm", ""];

    private static void Move(string from, string to)
    {
        if (File.Exists(from)) File.Move(from, to, overwrite: true);
    }
}
