namespace AkkaRaft.TestKit.Tracing;

/// <summary>What happened, in a <see cref="TraceEvent"/>.</summary>
public enum TraceKind
{
    /// <summary><see cref="TraceEvent.Member"/> gave a message for <see cref="TraceEvent.Peer"/> to the network.</summary>
    Sent,

    /// <summary>A message reached <see cref="TraceEvent.Member"/> from <see cref="TraceEvent.Peer"/>.</summary>
    Delivered,

    /// <summary>A message to <see cref="TraceEvent.Member"/> from <see cref="TraceEvent.Peer"/> was lost, as the text says why.</summary>
    Lost,

    /// <summary>The member took another role or term.</summary>
    Role,

    /// <summary>The member's journal wrote, failed, hung or lost something.</summary>
    Journal,

    /// <summary>A client called, or got an answer.</summary>
    Client,

    /// <summary>A fault was put in place or taken away.</summary>
    Fault,

    /// <summary>A property that must hold does not.</summary>
    Violation,
}

/// <summary>One line of a simulation's trace.</summary>
/// <param name="Step">The simulation's step; two events of one step are in order.</param>
/// <param name="At">Virtual time since the simulation began.</param>
/// <param name="Kind">What happened.</param>
/// <param name="Member">The member it happened to; null when it is the cluster's or a client's.</param>
/// <param name="Peer">The other end of a message.</param>
/// <param name="Term">The member's term then; 0 when not known.</param>
/// <param name="MessageId">Ties a <see cref="TraceKind.Sent"/> to what became of it (a message repeated has several ends); 0 for no message.</param>
/// <param name="Text">For people: such as <c>AppendEntries prev=4/2 entries=5..7 commit=4</c>, <c>Leader</c>, or <c>partition 0,1 | 2</c>.</param>
public sealed record TraceEvent(long Step, TimeSpan At, TraceKind Kind, int? Member, int? Peer, long Term, long MessageId, string Text);
