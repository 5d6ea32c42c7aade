using AkkaRaft.Protocol;
using AkkaRaft.StateMachines;

namespace AkkaRaft.Consensus;

/// <summary>A member has stopped for good; it is told on the EventStream.</summary>
/// <param name="Id">The member.</param>
/// <param name="Reason">What happened, where, and what to do.</param>
internal sealed record MemberFailed(MemberId Id, string Reason)
{
    /// <inheritdoc cref="StateMachineFailed.LogIsOf"/>
    public string? LogIsOf { get; init; }
}

/// <summary>The member has read its journal: until then Akka.Persistence would keep, without a bound, whatever it is told.</summary>
internal sealed record JournalRead
{
    public static readonly JournalRead Instance = new();
}

/// <summary>Something that may pass keeps a member from reading or writing its journal: it stops, and is to be started anew.</summary>
/// <param name="Reason">What was tried, where, and what happened.</param>
internal sealed record MemberHindered(string Reason);

/// <summary>A committed change has removed the member, which has stopped; it is told on the EventStream.</summary>
/// <param name="Id">The member.</param>
/// <param name="Successor">One that is still a member, to which clients are sent on.</param>
internal sealed record MemberRemoved(MemberId Id, RaftEndpoint? Successor);
