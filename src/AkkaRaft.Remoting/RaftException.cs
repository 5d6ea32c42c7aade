namespace AkkaRaft;

/// <summary>AkkaRaft cannot do what it was asked; the type says which kind of reason there is, and the message what happened, where, and what to do.</summary>
public abstract class RaftException : Exception
{
    /// <summary>Nothing is known of the reason.</summary>
    protected RaftException() { }

    /// <summary>What happened, where, and what to do.</summary>
    protected RaftException(string message) : base(message) { }

    /// <summary>What happened, where, and what to do, and what it comes from.</summary>
    protected RaftException(string message, Exception? innerException) : base(message, innerException) { }
}
