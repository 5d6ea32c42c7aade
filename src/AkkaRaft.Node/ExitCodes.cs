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
    public const int OutputLost = 6;

    /// <summary>What was asked for cannot be done as it was said.</summary>
    public static readonly (string Error, int Code) BadInput = ("BadInput", Usage);

    /// <summary>The contract's word and exit code for what a request ended with, or null when it is a defect of ours.</summary>
    public static (string Error, int Code)? Of(Exception exception) => exception switch
    {
        NoLeaderException => ("NoLeader", Unavailable),
        ClusterUnreachableException => ("ClusterUnreachable", Unavailable),
        OverloadedException => ("Overloaded", Unavailable),
        BadAnswerException => ("BadAnswer", Unavailable),
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
        OutputLostException => ("OutputLost", OutputLost),
        IOException or UnauthorizedAccessException or DataDirectoryException or KeyValueStoreException => BadInput,
        _ => null,
    };

    /// <summary>Says what went wrong on standard error and, with --json, as an object too.</summary>
    /// <returns>What the process is to end with.</returns>
    public static int Tell(Exception exception, (string Error, int Code) known, bool json, TextWriter output, TextWriter error)
    {
        if (exception is OutputLostException { IsReaderGone: true })
        {
            return known.Code;
        }

        if (json && exception is not OutputLostException)
        {
            try
            {
                output.WriteLine(Output.Error(known.Error, exception.Message));
            }
            catch (OutputLostException)
            {
                // Standard error tells, and what went wrong first is what the process ends with.
            }
        }

        error.WriteLine($"akkaraft: {exception.Message}");
        return known.Code;
    }
}

/// <summary>The command line, or a line of the shell, is wrong; the message is for people.</summary>
internal sealed class UsageException(string message) : Exception(message);
