namespace AkkaRaft.Log;

/// <summary>A property that Raft guarantees does not hold: the member stops rather than go on from a state that cannot be right.</summary>
public sealed class InvariantViolationException : RaftException
{
    /// <summary>Nothing is known of the violation.</summary>
    public InvariantViolationException() { }

    /// <summary>Says what was violated.</summary>
    public InvariantViolationException(string message) : base(message) { }

    /// <summary>Says what was violated, and what led to it.</summary>
    public InvariantViolationException(string message, Exception innerException) : base(message, innerException) { }
}
