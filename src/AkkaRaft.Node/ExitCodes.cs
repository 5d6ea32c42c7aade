namespace AkkaRaft.Node;

/// <summary>What the process ends with; a contract that scripts rely on.</summary>
internal static class ExitCodes
{
    public const int Ok = 0;
    public const int Usage = 1;
    public const int Unavailable = 2;
    public const int NotFound = 3;
    public const int Conflict = 4;
    public const int OutcomeUnknown = 5;

    /// <summary>What was asked for cannot be done as it was said.</summary>
    public static readonly (string Error, int Code) BadInput = ("BadInput", Usage);

    /// <summary>The contract's word and exit code for what a request ended with, or null when it is a defect of ours.</summary>
    public static (string Error, int Code)? Of(Exception exception) => exception switch
    {
        NoLeaderException => ("NoLeader", Unavailable),
        ClusterUnreachableException => ("ClusterUnreachable", Unavailable),
        OverloadedException => ("Overloaded", Unavailable),
        OutcomeUnknownException => ("OutcomeUnknown", OutcomeUnknown),
        SessionExpiredException => ("OutcomeUnknown", OutcomeUnknown),
        ConflictException => ("Conflict", Conflict),
        LeaseNotFoundException => ("LeaseNotFound", NotFound),
        CompactedException => ("Compacted", Conflict),
        FutureRevisionException => ("FutureRevision", Conflict),
        ChangeGivenUpException => ("ChangeGivenUp", Unavailable),
        // The contract's word for both, since before they were told apart.
        ValueTooLargeException or BadInputException => BadInput,
        UsageException or RaftConfigurationException or ArgumentException => BadInput,
        _ => null,
    };
}

/// <summary>The command line, or a line of the shell, is wrong; the message is for people.</summary>
internal sealed class UsageException(string message) : Exception(message);
