using Microsoft.Data.Sqlite;

namespace AkkaRaft.Storage;

/// <summary>The journal does not hold what was written to it. The member neither votes nor serves on it.</summary>
public sealed class JournalCorruptException : RaftException
{
    /// <summary>Nothing is known of the damage.</summary>
    public JournalCorruptException() { }

    /// <summary>Says what is damaged.</summary>
    public JournalCorruptException(string message) : base(message) { }

    /// <summary>Says what is damaged, and how it was found.</summary>
    public JournalCorruptException(string message, Exception innerException) : base(message, innerException) { }

    // SQLITE_CORRUPT and SQLITE_NOTADB.
    private const int Corrupt = 11;
    private const int NoDatabase = 26;

    /// <summary>Whether an exception, by itself or its causes, proves damage; all else may pass: a full or failing disk, a lock, too few descriptors.</summary>
    internal static bool IsShownBy(Exception exception) => exception switch
    {
        JournalCorruptException or SqliteException { SqliteErrorCode: Corrupt or NoDatabase } => true,
        AggregateException several => several.InnerExceptions.Any(IsShownBy),
        { InnerException: { } cause } => IsShownBy(cause),
        _ => false,
    };
}
