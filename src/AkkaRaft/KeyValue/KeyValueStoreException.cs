namespace AkkaRaft.KeyValue;

/// <summary>The key-value store's file cannot be opened, or is not this member's. The message names the file and says what was found.</summary>
public sealed class KeyValueStoreException : RaftException
{
    /// <summary>With what is wrong, for people.</summary>
    public KeyValueStoreException(string message)
        : base(message)
    {
    }

    /// <summary>With what is wrong, for people, and its cause.</summary>
    public KeyValueStoreException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
