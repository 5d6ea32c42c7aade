using AkkaRaft.Protocol;

namespace AkkaRaft.TestKit;

/// <summary>A command or a query for a state machine of one's own, sent to one member once.</summary>
public sealed class SimulatedRequest
{
    internal SimulatedRequest()
    {
    }

    /// <summary>Whether an answer has come, good or bad. A lost message or a member that dies leaves it without one for ever: run for a time, and ask again.</summary>
    public bool IsDone => Result is not null || Refusal is not null;

    /// <summary>What the state machine answered; null while there is no answer, or when it was refused.</summary>
    public ReadOnlyMemory<byte>? Result { get; private set; }

    /// <summary>Index of the command's entry in the log; 0 for a query, and while there is no answer.</summary>
    public long Index { get; private set; }

    /// <summary>Why the member did not do it; null when it did, and while there is no answer.</summary>
    public string? Refusal { get; private set; }

    // A message that arrived twice is answered twice.
    internal void Answer(object reply)
    {
        if (IsDone) return;
        switch (reply)
        {
            case SubmitReply done:
                (Result, Index) = (done.Result, done.Index);
                break;
            case QueryReply done:
                Result = done.Result;
                break;
            case Refused refused:
                Refusal = refused.Message;
                break;
        }
    }
}
