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

    /// <summary>Sets the key if it has the expected version.</summary>
    CompareAndSet,

    /// <summary>Sets two keys if the first has the expected version. To the checkers it is a compare-and-set of the first, and a put of the other.</summary>
    Transaction,

    /// <summary>Grants, keeps alive or revokes a lease: no operation on a key.</summary>
    Lease,
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
/// <param name="Argument">The value of a put or compare-and-set; null for others.</param>
/// <param name="Called">Place of the call in the history: each call and each answer has a place of its own, in real-time order.</param>
/// <param name="Answered">Place of the answer; <see cref="long.MaxValue"/> when there was none.</param>
/// <param name="Outcome">How it ended.</param>
/// <param name="Result">When done: what a get read, null for a key that is not there; for a delete <c>"1"</c> when the key was there, else <c>"0"</c>; null for others.</param>
/// <param name="Version">When done: the version that the answer carried; 0 otherwise.</param>
public sealed record Operation(
    int Client, OperationKind Kind, string Key, string? Argument, long Called, long Answered, OperationOutcome Outcome, string? Result, long Version)
{
    /// <summary>Of a compare-and-set: the version that the key must have; 0 when it must not be there.</summary>
    public long ExpectedVersion { get; init; }

    /// <summary>Of a compare-and-set that is done: whether it found another version. Then it is a read, with the result and version of one.</summary>
    public bool IsConflict { get; init; }

    /// <summary>Whether it sets its key, if it takes effect.</summary>
    internal bool Writes => Kind == OperationKind.Put || (Kind == OperationKind.CompareAndSet && !IsConflict);

    /// <summary>Whether it is known to have changed its key, or will if it takes effect.</summary>
    internal bool Changes => Writes || this is { Kind: OperationKind.Delete, Result: "1" };

    /// <summary>Whether it says what its key holds.</summary>
    internal bool Reads => Outcome == OperationOutcome.Done && (Kind == OperationKind.Get || IsConflict);
}
