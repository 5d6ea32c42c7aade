using AkkaRaft.Log;
using AkkaRaft.Protocol;
using AkkaRaft.Protocol.Wire;
using static AkkaRaft.Protocol.WireValue;

namespace AkkaRaft.Storage;

/// <summary>Each event beside its protobuf form.</summary>
internal static class StorageWire
{
    public static WireSealedEvent ToWire(SealedEvent e) =>
        new() { Manifest = e.Manifest, Body = Bytes(e.Body), PreviousChecksum = e.PreviousChecksum, Checksum = e.Checksum };

    public static SealedEvent FromWire(WireSealedEvent wire) => new(wire.Manifest, wire.Body.Memory, wire.PreviousChecksum, wire.Checksum);

    public static WireBootstrapped ToWire(Bootstrapped e) =>
        new() { ClusterId = e.ClusterId, MemberId = e.MemberId.Value, Configuration = LogWire.ToWire(e.Configuration), Incarnation = e.Incarnation, Backup = e.Backup };

    public static Bootstrapped FromWire(WireBootstrapped wire) =>
        new(wire.ClusterId, new MemberId(wire.MemberId), LogWire.FromWire(wire.Configuration), wire.Incarnation, wire.Backup);

    public static WireTermAndVote ToWire(TermAndVote e)
    {
        var wire = new WireTermAndVote { Term = e.Term };
        if (e.VotedFor is { } candidate) wire.VotedFor = candidate.Value;
        return wire;
    }

    public static TermAndVote FromWire(WireTermAndVote wire) => new(wire.Term, wire.HasVotedFor ? new MemberId(wire.VotedFor) : null);

    public static WireEntriesAppended ToWire(EntriesAppended e)
    {
        var wire = new WireEntriesAppended { PrevLogIndex = e.PrevLogIndex, PrevLogTerm = e.PrevLogTerm };
        wire.Entries.AddRange(e.Entries.Select(LogWire.ToWire));
        return wire;
    }

    public static EntriesAppended FromWire(WireEntriesAppended wire) => new(wire.PrevLogIndex, wire.PrevLogTerm, LogWire.Entries(wire.Entries));

    public static WireCheckpoint ToWire(Checkpoint c) => new()
    {
        Base = LogWire.ToWire(c.Base), Bootstrapped = ToWire(c.Origin), TermAndVote = ToWire(c.TermAndVote),
        FirstRetainedEvent = c.FirstRetained, FirstRetainedPreviousChecksum = c.PreviousChecksum,
    };

    public static Checkpoint FromWire(WireCheckpoint wire) => new(
        LogWire.FromWire(wire.Base), FromWire(wire.Bootstrapped), FromWire(wire.TermAndVote), wire.FirstRetainedEvent, wire.FirstRetainedPreviousChecksum);
}
