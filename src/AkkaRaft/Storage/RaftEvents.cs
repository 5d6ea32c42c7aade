using System.Collections.Immutable;
using AkkaRaft.Log;
using AkkaRaft.Protocol;

namespace AkkaRaft.Storage;

/// <summary>What a member persists: all of its Raft state follows from these, in order.</summary>
internal interface IRaftEvent;

/// <summary>The first event of each journal: whose it is, and the configuration the cluster began with.</summary>
/// <param name="ClusterId">The cluster.</param>
/// <param name="MemberId">The member.</param>
/// <param name="Configuration">Empty for a member that joins.</param>
/// <param name="Incarnation">Drawn at random when the journal begins, so that peers tell a member from one that began anew under its id.</param>
/// <param name="Backup">CRC-32C of the file that the member was restored from; 0 when it was not.</param>
internal sealed record Bootstrapped(string ClusterId, MemberId MemberId, Configuration Configuration, ulong Incarnation, uint Backup = 0) : IRaftEvent;

/// <summary>All first members have met: from now on the configuration that the cluster began with tells each by its <see cref="Bootstrapped.Incarnation"/>.</summary>
internal sealed record ClusterBegun(ImmutableSortedDictionary<MemberId, ulong> Incarnations) : IRaftEvent;

/// <summary>The cluster knows the member by another incarnation: what it promised with that is lost, and it never takes part.</summary>
/// <param name="KnownBy">Who said so.</param>
internal sealed record BeganAnew(MemberId KnownBy) : IRaftEvent;

/// <summary>The member's term and whom it voted for in it; durable before any reply that depends on it (Raft dissertation §3.8).</summary>
internal sealed record TermAndVote(long Term, MemberId? VotedFor) : IRaftEvent;

/// <summary>
/// Whatever the log holds after <paramref name="PrevLogIndex"/> is dropped, then the entries are appended:
/// truncation and append are one event, so no crash falls between them.
/// </summary>
internal sealed record EntriesAppended(long PrevLogIndex, long PrevLogTerm, IReadOnlyList<LogEntry> Entries) : IRaftEvent;

/// <summary>All that a member must remember of the events before <paramref name="FirstRetained"/>, which may be deleted once this is durable.</summary>
/// <param name="Base">Where the log goes on.</param>
/// <param name="Origin">The journal's first event.</param>
/// <param name="TermAndVote">In force when this was written.</param>
/// <param name="FirstRetained">Sequence number of the first event still needed: the one that holds the entry after the base, or this one.</param>
/// <param name="PreviousChecksum">That the first event still needed carries.</param>
internal sealed record Checkpoint(
    LogBase Base, Bootstrapped Origin, TermAndVote TermAndVote, long FirstRetained, uint PreviousChecksum);

/// <summary>The log's entries up to the base are durably applied and no longer held.</summary>
internal sealed record LogCompacted(Checkpoint Checkpoint) : IRaftEvent;

/// <summary>A leader's image stands for the log up to the base; entries after it stay only if the log had the base's entry (Raft dissertation §5.2).</summary>
internal sealed record SnapshotInstalled(Checkpoint Checkpoint) : IRaftEvent;

/// <summary>
/// An event as the journal stores it. Each carries the checksum of the one before, so that a flipped bit, a hole
/// or a journal put together from two is seen at recovery.
/// </summary>
/// <param name="Manifest">Which event, and which version of its encoding.</param>
/// <param name="Body">The encoded event.</param>
/// <param name="PreviousChecksum">Checksum of the event before; 0 for the first.</param>
/// <param name="Checksum">CRC-32C of manifest, body and previous checksum.</param>
internal sealed record SealedEvent(string Manifest, ReadOnlyMemory<byte> Body, uint PreviousChecksum, uint Checksum);
