using AkkaRaft.Consensus;
using AkkaRaft.Protocol;

namespace AkkaRaft.Storage;

/// <summary>What a member persists: all of its Raft state follows from these, in order.</summary>
internal interface IRaftEvent;

/// <summary>The first event of each journal: whose it is, and the configuration the cluster began with.</summary>
internal sealed record Bootstrapped(string ClusterId, MemberId MemberId, Configuration Configuration) : IRaftEvent;

/// <summary>The member's term and whom it voted for in it; durable before any reply that depends on it (Raft dissertation §3.8).</summary>
internal sealed record TermAndVote(long Term, MemberId? VotedFor) : IRaftEvent;

/// <summary>
/// Whatever the log holds after <paramref name="PrevLogIndex"/> is dropped, then the entries are appended:
/// truncation and append are one event, so no crash falls between them.
/// </summary>
internal sealed record EntriesAppended(long PrevLogIndex, long PrevLogTerm, IReadOnlyList<LogEntry> Entries) : IRaftEvent;

/// <summary>
/// An event as the journal stores it. Each carries the checksum of the one before, so that a flipped bit, a hole
/// or a journal put together from two is seen at recovery.
/// </summary>
/// <param name="Manifest">Which event, and which version of its encoding.</param>
/// <param name="Body">The encoded event.</param>
/// <param name="PreviousChecksum">Checksum of the event before; 0 for the first.</param>
/// <param name="Checksum">CRC-32C of manifest, body and previous checksum.</param>
internal sealed record SealedEvent(string Manifest, ReadOnlyMemory<byte> Body, uint PreviousChecksum, uint Checksum);
