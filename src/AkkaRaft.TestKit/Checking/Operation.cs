namespace AkkaRaft.TestKit.Checking;

/// <summary>What a client asked of one key.</summary>
public enum OperationKind
{
    /// <summary>Reads the key.</summary>
    Get,

    /// <summary>Sets the key.</summary>
    Put,

    /// <summary>Removes the key.</summary>
    Delete,
}

/// <summary>How an operation ended.</summary>
public enum OperationOutcome
{
    /// <summary>With a result.</summary>
    Done,

    /// <summary>With an error that says it was not executed, and will not be.</summary>
    NotExecuted,

    /// <summary>Without an answer, or with one that tells nothing: it may take effect at any time after its call, or never.</summary>
    Unknown,
}

/// <summary>One client's call as seen from outside, for the linearizability checker.</summary>
/// <param name="Client">Who called; a client makes its calls one after the other.</param>
/// <param name="Kind">What was asked.</param>
/// <param name="Key">Of which key.</param>
/// <param name="Argument">The value of a put; null for others.</param>
/// <param name="Called">Place of the call in the history: each call and each answer has a place of its own, in real-time order.</param>
/// <param name="Answered">Place of the answer; <see cref="long.MaxValue"/> when there was none.</param>
/// <param name="Outcome">How it ended.</param>
/// <param name="Result">When done: what a get read, null for a key that is not there; for a delete <c>"1"</c> when the key was there, else <c>"0"</c>; null for a put.</param>
/// <param name="Version">When done: the version that the answer carried; 0 otherwise.</param>
public sealed record Operation(
    int Client, OperationKind Kind, string Key, string? Argument, long Called, long Answered, OperationOutcome Outcome, string? Result, long Version);
