namespace AkkaRaft.StateMachines;

/// <summary>
/// Where a state machine keeps what its sessions need after a restart: with its state, so that both are of one entry. The store has tables for it, a plain
/// class's sessions are in memory and in its image.
/// </summary>
internal interface ISessionResults
{
    /// <summary>The session was opened, or used.</summary>
    void Changed(long session);

    /// <summary>The session is over: nothing of it is asked for again.</summary>
    void Removed(long session);

    /// <summary>Keeps the results of operations, whose serials follow those kept before.</summary>
    void Keep(long session, KeptResults results);

    /// <summary>The results up to a serial are acknowledged, and never asked for again.</summary>
    void Forget(long session, long upToSerial);

    /// <summary>What is kept and has serials from this one on, in order; the first may begin before it.</summary>
    IEnumerable<KeptResults> From(long session, long serial);
}

/// <summary>The results of operations that were executed together.</summary>
/// <param name="FirstSerial">Serial of the first.</param>
/// <param name="LastSerial">Serial of the last.</param>
/// <param name="Results">A <c>SessionBatchResult</c>.</param>
internal sealed record KeptResults(long FirstSerial, long LastSerial, byte[] Results);
