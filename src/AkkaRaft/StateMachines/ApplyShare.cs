namespace AkkaRaft.StateMachines;

/// <summary>
/// What a state machine does before it answers and is asked for the rest: small commands may have large results, or much to do, and thousands of them one after the other
/// would fill the memory with what they say, and let all others wait. Where it stops decides no result.
/// </summary>
internal struct ApplyShare
{
    private const long MostResultBytes = 4 * 1024 * 1024;
    private const long MostWork = 64 * 1024 * 1024;

    private long _resultBytes;

    /// <summary>An entry was applied.</summary>
    /// <param name="resultBytes">What came of it.</param>
    public void Add(int resultBytes) => _resultBytes += resultBytes;

    /// <summary>Whether the next entry is to wait.</summary>
    /// <param name="work">What was done for those before, in bytes read.</param>
    public readonly bool IsOver(long work = 0) => _resultBytes >= MostResultBytes || work >= MostWork;
}
