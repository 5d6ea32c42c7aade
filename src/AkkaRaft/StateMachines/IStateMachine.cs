namespace AkkaRaft.StateMachines;

/// <summary>
/// A replicated state machine as a plain class: all members apply the same commands in the same order, and so come to the same state. The library keeps it in
/// memory, saves it, compacts the log, brings it to members that are far behind, and sees to it that each command of a client takes effect exactly once.
/// </summary>
/// <remarks>
/// <para>It is called by one thread at a time. What it does must follow from its state, the command and <see cref="ApplyContext"/> alone: no clock, no random source, no
/// I/O of its own, and no order of a <see cref="Dictionary{TKey, TValue}"/> or of strings by culture where it shows in a result.</para>
/// <para>An exception is the command's or query's answer (<c>StateMachineException</c> at the client), on all members alike; what had been changed before it stays
/// changed, so check first and change then. <see cref="OutOfMemoryException"/> and <see cref="InsufficientExecutionStackException"/> alone are taken for this member's own, which starts anew.</para>
/// </remarks>
/// <typeparam name="TCommand">What changes the state.</typeparam>
/// <typeparam name="TResult">What comes of a command.</typeparam>
/// <typeparam name="TQuery">What asks the state.</typeparam>
/// <typeparam name="TAnswer">What a query is answered with.</typeparam>
public interface IStateMachine<in TCommand, out TResult, in TQuery, out TAnswer>
{
    /// <summary>Applies a command.</summary>
    /// <param name="command">What its client has submitted; it may be kept, and must not be changed.</param>
    /// <param name="context">The log's time, timers and random numbers; of use during the call alone.</param>
    /// <returns>What the client gets.</returns>
    TResult Apply(TCommand command, ApplyContext context);

    /// <summary>Answers a query, and changes nothing.</summary>
    TAnswer Query(TQuery query);

    /// <summary>Writes the whole state, from which <see cref="Load"/> makes the same one. Nothing is applied meanwhile, so that it should be quick; timers and sessions are kept by the library.</summary>
    /// <param name="destination">Up to 1 GiB; closed by the caller.</param>
    void Save(Stream destination);

    /// <summary>Reads what <see cref="Save"/> wrote, perhaps with an earlier version of the class, into an instance that is new.</summary>
    /// <param name="source">It has the state and nothing else.</param>
    void Load(Stream source);

    /// <summary>A timer that was set with <see cref="ApplyContext.SetTimer"/> is due; it is set no more.</summary>
    /// <param name="timer">Its name.</param>
    /// <param name="context">As for <see cref="Apply"/>.</param>
    void OnTimer(string timer, ApplyContext context)
    {
    }
}
