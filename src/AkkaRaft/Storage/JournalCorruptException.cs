namespace AkkaRaft.Storage;

/// <summary>The journal does not hold what was written to it. The member neither votes nor serves on it.</summary>
public sealed class JournalCorruptException : Exception
{
    /// <summary>Nothing is known of the damage.</summary>
    public JournalCorruptException() { }

    /// <summary>Says what is damaged.</summary>
    public JournalCorruptException(string message) : base(message) { }

    /// <summary>Says what is damaged, and how it was found.</summary>
    public JournalCorruptException(string message, Exception innerException) : base(message, innerException) { }
}
