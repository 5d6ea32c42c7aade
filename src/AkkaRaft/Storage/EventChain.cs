using System.Buffers.Binary;
using System.Numerics;
using System.Text;
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

    private uint _lastChecksum;
    private long _count;

    public SealedEvent Seal(IRaftEvent raftEvent)
    {
        var (manifest, message) = Encode(raftEvent);
        var body = message.ToByteArray();
        var previous = _lastChecksum;
        _lastChecksum = Checksum(manifest, body, previous);
        _count++;
        return new SealedEvent(manifest, body, previous, _lastChecksum);
    }

    /// <exception cref="JournalCorruptException">The event is not what was written, or does not follow the one before.</exception>
    public IRaftEvent Open(SealedEvent sealedEvent)
    {
        _count++;
        if (sealedEvent.PreviousChecksum != _lastChecksum)
            throw new JournalCorruptException($"Event {_count} of the journal does not follow the one before it: an event is missing, or foreign.");
        if (Checksum(sealedEvent.Manifest, sealedEvent.Body.Span, sealedEvent.PreviousChecksum) != sealedEvent.Checksum)
            throw new JournalCorruptException($"Event {_count} of the journal is damaged: its checksum does not match its bytes.");
        _lastChecksum = sealedEvent.Checksum;
        return Decode(sealedEvent);
    }

    private static (string Manifest, IMessage Message) Encode(IRaftEvent raftEvent)
    {
        switch (raftEvent)
        {
            case Bootstrapped e:
                return (BootstrappedManifest, new WireBootstrapped { ClusterId = e.ClusterId, MemberId = e.MemberId.Value, Configuration = RaftWire.ToWire(e.Configuration) });
            case TermAndVote e:
                var vote = new WireTermAndVote { Term = e.Term };
                if (e.VotedFor is { } candidate) vote.VotedFor = candidate.Value;
                return (TermAndVoteManifest, vote);
            case EntriesAppended e:
                var appended = new WireEntriesAppended { PrevLogIndex = e.PrevLogIndex, PrevLogTerm = e.PrevLogTerm };
                appended.Entries.AddRange(e.Entries.Select(RaftWire.ToWire));
                return (EntriesAppendedManifest, appended);
            default:
                throw new ArgumentException($"{raftEvent.GetType()} is no persistent event.", nameof(raftEvent));
        }
    }

    /// <exception cref="JournalCorruptException">The event is of a kind that this version does not know.</exception>
    internal static IRaftEvent Decode(SealedEvent sealedEvent)
    {
        var body = sealedEvent.Body.Span;
        switch (sealedEvent.Manifest)
        {
            case BootstrappedManifest:
                var bootstrapped = WireBootstrapped.Parser.ParseFrom(body);
                return new Bootstrapped(bootstrapped.ClusterId, new MemberId(bootstrapped.MemberId), RaftWire.FromWire(bootstrapped.Configuration));
            case TermAndVoteManifest:
                var vote = WireTermAndVote.Parser.ParseFrom(body);
                return new TermAndVote(vote.Term, vote.HasVotedFor ? new MemberId(vote.VotedFor) : null);
            case EntriesAppendedManifest:
                var appended = WireEntriesAppended.Parser.ParseFrom(body);
                return new EntriesAppended(appended.PrevLogIndex, appended.PrevLogTerm, RaftWire.Entries(appended.Entries));
            default:
                throw new JournalCorruptException($"An event of the journal is '{sealedEvent.Manifest}', which this version does not know: was it written by a newer one?");
        }
    }

    /// <summary>CRC-32C (Castagnoli) over the previous checksum, the manifest and the body.</summary>
    private static uint Checksum(string manifest, ReadOnlySpan<byte> body, uint previous)
    {
        var crc = Crc(BitOperations.Crc32C(uint.MaxValue, previous), Encoding.UTF8.GetBytes(manifest));
        return ~Crc(crc, body);
    }

    private static uint Crc(uint crc, ReadOnlySpan<byte> bytes)
    {
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        foreach (var b in bytes) crc = BitOperations.Crc32C(crc, b);
        return crc;
    }
}
