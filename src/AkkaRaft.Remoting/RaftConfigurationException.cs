namespace AkkaRaft;

/// <summary>A setting is unknown, missing, of the wrong kind or out of range; the message names the file, the key and what was expected.</summary>
public sealed class RaftConfigurationException : RaftException
{
    /// <summary>Nothing is known of the setting.</summary>
    public RaftConfigurationException() { }

    /// <summary>Names the file, the key and what was expected.</summary>
    public RaftConfigurationException(string message) : base(message) { }

    /// <summary>Names the file, the key and what was expected, and what was found.</summary>
    public RaftConfigurationException(string message, Exception innerException) : base(message, innerException) { }
}
