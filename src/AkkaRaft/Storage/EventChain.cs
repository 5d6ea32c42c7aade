using System.Text;
using AkkaRaft.Log;
using AkkaRaft.Protocol;
using AkkaRaft.Protocol.Wire;
using Google.Protobuf;

namespace AkkaRaft.Storage;

/// <summary>Seals events as they are written and opens them as they are read, each bound to the one before by its checksum.</summary>
internal sealed class EventChain
{
    private const string BootstrappedManifest = "Bootstrapped:1";
    private const string TermAndVoteManifest = "TermAndVote:1";
    private const string EntriesAppendedManifest = "EntriesAppended:1";

    private const string ClusterBegunManifest = "ClusterBegun:1";
    private const string BeganAnewManifest = "BeganAnew:1";
    private const string LogCompactedManifest = "LogCompacted:1";
    private const string SnapshotInstalledManifest = "SnapshotInstalled:1";

    private bool _begun;

    /// <summary>Of the last event sealed or opened; 0 before the first.</summary>
    public uint LastChecksum { get; private set; }

    public SealedEvent Seal(IRaftEvent raftEvent)
    {
        var (manifest, message) = Encode(raftEvent);
        var body = message.ToByteArray();
        var previous = LastChecksum;
        LastChecksum = Checksum(manifest, body, previous);
        _begun = true;
        return new SealedEvent(manifest, body, previous, LastChecksum);
    }

    /// <summary>Opens the next event. What was before the first is for a checkpoint to vouch for.</summary>
    /// <exception cref="JournalCorruptException">The event is not what was written, or does not follow the one before.</exception>
    public IRaftEvent Open(SealedEvent sealedEvent, long sequenceNr)
    {
        if (sealedEvent.PreviousChecksum != LastChecksum && (_begun || sequenceNr == 1))
            throw new JournalCorruptException($"Event {sequenceNr} of the journal does not follow the one before it: an event is missing, or foreign.");
        if (Checksum(sealedEvent.Manifest, sealedEvent.Body.Span, sealedEvent.PreviousChecksum) != sealedEvent.Checksum)
            throw new JournalCorruptException($"Event {sequenceNr} of the journal is damaged: its checksum does not match its bytes.");
        LastChecksum = sealedEvent.Checksum;
        _begun = true;
        return Decode(sealedEvent);
    }

    private static (string Manifest, IMessage Message) Encode(IRaftEvent raftEvent) => raftEvent switch
    {
        Bootstrapped e => (BootstrappedManifest, StorageWire.ToWire(e)),
        TermAndVote e => (TermAndVoteManifest, StorageWire.ToWire(e)),
        EntriesAppended e => (EntriesAppendedManifest, StorageWire.ToWire(e)),
        ClusterBegun e => (ClusterBegunManifest, new WireClusterBegun { Incarnations = { LogWire.ToWire(e.Incarnations) } }),
        BeganAnew e => (BeganAnewManifest, new WireBeganAnew { KnownBy = e.KnownBy.Value }),
        LogCompacted e => (LogCompactedManifest, StorageWire.ToWire(e.Checkpoint)),
        SnapshotInstalled e => (SnapshotInstalledManifest, StorageWire.ToWire(e.Checkpoint)),
        _ => throw new ArgumentException($"{raftEvent.GetType()} is no persistent event.", nameof(raftEvent)),
    };

    /// <exception cref="JournalCorruptException">The event is of a kind that this version does not know.</exception>
    internal static IRaftEvent Decode(SealedEvent sealedEvent)
    {
        var body = sealedEvent.Body.Span;
        return sealedEvent.Manifest switch
        {
            BootstrappedManifest => StorageWire.FromWire(WireBootstrapped.Parser.ParseFrom(body)),
            TermAndVoteManifest => StorageWire.FromWire(WireTermAndVote.Parser.ParseFrom(body)),
            EntriesAppendedManifest => StorageWire.FromWire(WireEntriesAppended.Parser.ParseFrom(body)),
            ClusterBegunManifest => new ClusterBegun(LogWire.FromWire(WireClusterBegun.Parser.ParseFrom(body).Incarnations)),
            BeganAnewManifest => new BeganAnew(new MemberId(WireBeganAnew.Parser.ParseFrom(body).KnownBy)),
            LogCompactedManifest => new LogCompacted(StorageWire.FromWire(WireCheckpoint.Parser.ParseFrom(body))),
            SnapshotInstalledManifest => new SnapshotInstalled(StorageWire.FromWire(WireCheckpoint.Parser.ParseFrom(body))),
            _ => throw new JournalCorruptException($"An event of the journal is '{sealedEvent.Manifest}', which this version does not know: was it written by a newer one?"),
        };
    }

    /// <summary>CRC-32C over the previous checksum, the manifest and the body.</summary>
    private static uint Checksum(string manifest, ReadOnlySpan<byte> body, uint previous)
    {
        var crc = Crc.Continue(System.Numerics.BitOperations.Crc32C(Crc.Begin, previous), Encoding.UTF8.GetBytes(manifest));
        return ~Crc.Continue(crc, body);
    }
}
