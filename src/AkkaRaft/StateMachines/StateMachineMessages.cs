using AkkaRaft.Log;
using AkkaRaft.Protocol;

namespace AkkaRaft.StateMachines;

/// <summary>
/// A state machine is a child actor of the member. It tells its parent <see cref="StateMachineReady"/> once it has opened its state,
/// then gets <see cref="ApplyEntries"/>, one at a time, and <see cref="Query"/> at any time. It may be any actor: the member is given its Props.
/// If it stops or throws, the member stops with it and both start anew.
/// </summary>
/// <param name="AppliedIndex">Index of the last log entry whose effect is in the state; 0 for an empty state.</param>
/// <param name="AppliedTerm">Term of that entry.</param>
/// <param name="JournalSequenceNr">The number last given with <see cref="ApplyEntries.JournalSequenceNr"/>, stored with the state: a journal that ends before it has lost what was acknowledged.</param>
public sealed record StateMachineReady(long AppliedIndex, long AppliedTerm, long JournalSequenceNr)
{
    /// <summary>
    /// What the state machine has to say to all members when this one begins to lead: the payload of the first entry of its term, an
    /// <see cref="EntryKind.NoOp"/>. Whatever decides results and comes from a member's own settings belongs here: all adopt it when they apply that entry,
    /// and so decide alike. Empty for nothing.
    /// </summary>
    public ReadOnlyMemory<byte> LeaderProposal { get; init; }

    /// <summary>Whether it answers an <see cref="EntryKind.StateCheck"/> with a hash of its state. Then members compare theirs now and then, and it must heed <see cref="ForgetState"/>.</summary>
    public bool HashesState { get; init; }
}

/// <summary>The state machine cannot open or trust its state; the member stops for good and says why.</summary>
/// <param name="Reason">What is wrong, where, and what to do, for people.</param>
public sealed record StateMachineFailed(string Reason)
{
    /// <summary>The state machine that the log is of, where it is another one (<see cref="StateMachineMismatchException.LogIsOf"/>): the member may be started with that one afterwards. Null for another cause.</summary>
    public string? LogIsOf { get; init; }
}

/// <summary>
/// Committed entries, in order and without gap after what was applied before; the sender gets <see cref="EntriesApplied"/> once queries see their effects.
/// All their effects, the last one's index and term, and <paramref name="JournalSequenceNr"/> become durable together or not at all, when the state
/// machine sees fit: what a crash takes away is applied again. With <see cref="SyncState"/> they must.
/// Entries that are no <see cref="EntryKind.Command"/> change nothing but the applied index, except for what a <see cref="EntryKind.NoOp"/> carries (<see cref="StateMachineReady.LeaderProposal"/>). The effect must follow from the entries and the state alone:
/// no clock but <see cref="LogEntry.TimestampMs"/>, no randomness, no I/O.
/// </summary>
/// <param name="Entries">Never empty.</param>
/// <param name="JournalSequenceNr">The journal's sequence number that covers these entries.</param>
public sealed record ApplyEntries(IReadOnlyList<LogEntry> Entries, long JournalSequenceNr);

/// <summary>Answer to <see cref="ApplyEntries"/>.</summary>
/// <param name="LastIndex">Index of the last entry applied: of the last one of those that were given, or of one before it, when so far there is much to say; it is then given the rest anew.</param>
/// <param name="Results">One result per entry up to <paramref name="LastIndex"/>, in order; empty bytes for one that is no command, except for an <see cref="EntryKind.StateCheck"/>, whose result is a hash of 8 bytes of the state after it, where it hashes its state: the same on all members that have applied the same. A command the state machine cannot read gets a result that says so: it must not throw for it.</param>
public sealed record EntriesApplied(long LastIndex, IReadOnlyList<ReadOnlyMemory<byte>> Results);

/// <summary>
/// A state machine may tell its parent when something of it falls due by the log's clock, whenever that changes: the leader then appends an entry
/// once the clock has reached the time, if none has by itself, and the state machine sees to what is due when it applies that entry. A member that does
/// not lead cannot make time pass.
/// </summary>
/// <param name="TimestampMs">The earliest <see cref="LogEntry.TimestampMs"/> with which something is due; null for nothing.</param>
public sealed record TimeDue(long? TimestampMs);

/// <summary>
/// A read of the state as it is; answered to the sender with <see cref="QueryReply"/>. A leader asks before it knows that the answer may be given, and the
/// sender holds it until then: it is to be told, and not to be watched or compared.
/// </summary>
/// <param name="RequestId">Echoed in the reply.</param>
/// <param name="Payload">The query, which only the state machine understands.</param>
public sealed record Query(long RequestId, ReadOnlyMemory<byte> Payload);

/// <summary>
/// Asks for all that was applied to be on the disk, synced: the log that could rebuild it goes after the answer, which is <see cref="StateSynced"/>.
/// A state machine that leaves it unanswered, or answers 0, has its log kept whole.
/// </summary>
public sealed record SyncState;

/// <summary>Answer to <see cref="SyncState"/>.</summary>
/// <param name="AppliedIndex">Index of the last entry whose effect no crash takes away, of the machine's power included.</param>
public sealed record StateSynced(long AppliedIndex);

/// <summary>
/// Asks for a consistent image of the state in a file, which does not exist yet; answered with <see cref="ImageSaved"/>. The state machine may go on
/// applying meanwhile: the image is of one moment.
/// </summary>
/// <param name="File">Where to write it.</param>
public sealed record SaveImage(string File);

/// <summary>Answer to <see cref="SaveImage"/>.</summary>
/// <param name="Index">Index of the last entry whose effect is in the image.</param>
/// <param name="Term">Term of that entry.</param>
/// <param name="Failure">Why there is no image, for people; null when there is.</param>
public sealed record ImageSaved(long Index, long Term, string? Failure = null);

/// <summary>
/// Asks whether a file is an image that can be loaded, before anything is noted of it: it came from another member, whose word is not enough. Answered with
/// <see cref="ImageChecked"/>; the state stays as it is.
/// </summary>
/// <param name="File">What was received.</param>
/// <param name="Index">Index of the last entry whose effect is in the image, as its sender says.</param>
/// <param name="Term">Term of that entry, as its sender says.</param>
public sealed record CheckImage(string File, long Index, long Term);

/// <summary>Answer to <see cref="CheckImage"/>.</summary>
/// <param name="Index">Echo of the index.</param>
/// <param name="Failure">Why the file is of no use, for people; null when <see cref="LoadImage"/> can take it.</param>
public sealed record ImageChecked(long Index, string? Failure = null);

/// <summary>
/// The state becomes that of an image, all of it or nothing, durably; then the sender gets <see cref="ImageLoaded"/>. It may come again, after a crash.
/// </summary>
/// <param name="File">An image that a member's state machine has written; it must stay as it is.</param>
/// <param name="Index">Index of the last entry whose effect is in the image.</param>
/// <param name="Term">Term of that entry.</param>
/// <param name="JournalSequenceNr">As in <see cref="ApplyEntries.JournalSequenceNr"/>.</param>
public sealed record LoadImage(string File, long Index, long Term, long JournalSequenceNr);

/// <summary>Answer to <see cref="LoadImage"/>.</summary>
/// <param name="Index">Echo of the index.</param>
/// <param name="Failure">Why the image is of no use, for people: the state is as it was, and the member fetches another. Null when the state is the image's.</param>
public sealed record ImageLoaded(long Index, string? Failure = null);

/// <summary>
/// A quorum of members has another state after the same entries. The state is to be given up, so that at the next start there is none, durably; it may be kept
/// aside, for people. Answered with <see cref="StateForgotten"/>, after which the member and its state machine start anew.
/// </summary>
public sealed record ForgetState;

/// <summary>Answer to <see cref="ForgetState"/>.</summary>
public sealed record StateForgotten;

/// <summary>
/// The transport has lost a connection, which may mean that whoever was at its other end is gone. What a client there waits for need not be kept, since it asks
/// anew. A state machine need not answer this, or know it.
/// </summary>
/// <param name="Address">Where that is, as <c>host:port</c>.</param>
public sealed record ConnectionLost(string Address);
