using System.Collections.Immutable;
using AkkaRaft.Protocol;
using AkkaRaft.Protocol.Wire;
using Google.Protobuf;
using static AkkaRaft.Protocol.WireValue;

namespace AkkaRaft.Log;

/// <summary>What the log consists of beside its protobuf form.</summary>
internal static class LogWire
{
    public static WireLogEntry ToWire(LogEntry entry) => new()
    {
        Index = entry.Index, Term = entry.Term, TimestampMs = entry.TimestampMs, Kind = (int)entry.Kind, Payload = Bytes(entry.Payload),
    };

    public static List<LogEntry> Entries(IEnumerable<WireLogEntry> wire) =>
        [.. wire.Select(e => new LogEntry(e.Index, e.Term, e.TimestampMs, Known<EntryKind>(e.Kind), e.Payload.Memory))];

    public static WireConfiguration ToWire(Configuration configuration)
    {
        var wire = new WireConfiguration();
        wire.Voters.AddRange(configuration.Voters.Values.Select(MemberWire.ToWire));
        wire.Outgoing.AddRange(configuration.Outgoing.Values.Select(MemberWire.ToWire));
        wire.Learners.AddRange(configuration.Learners.Values.Select(MemberWire.ToWire));
        wire.Removed.AddRange(configuration.Removed.Select(id => id.Value));
        wire.Incoming.AddRange(configuration.Incoming.Values.Select(MemberWire.ToWire));
        wire.Incarnations.AddRange(ToWire(configuration.Incarnations));
        wire.Former.AddRange(configuration.Former.Select(MemberWire.ToWire));
        return wire;
    }

    public static Configuration FromWire(WireConfiguration wire) => new(
        ById(wire.Voters), ById(wire.Outgoing), ById(wire.Learners), [.. wire.Removed.Select(id => new MemberId(id))])
    {
        Incoming = ById(wire.Incoming),
        Incarnations = FromWire(wire.Incarnations),
        Former = [.. wire.Former.Select(MemberWire.FromWire)],
    };

    private static ImmutableSortedDictionary<MemberId, RaftEndpoint> ById(IEnumerable<WireMember> members) =>
        members.Select(MemberWire.FromWire).ToImmutableSortedDictionary(m => m.Id, m => m);

    public static IEnumerable<WirePeer> ToWire(ImmutableSortedDictionary<MemberId, ulong> incarnations) =>
        incarnations.Select(p => new WirePeer { Id = p.Key.Value, Incarnation = p.Value });

    public static ImmutableSortedDictionary<MemberId, ulong> FromWire(IEnumerable<WirePeer> peers) =>
        peers.ToImmutableSortedDictionary(p => new MemberId(p.Id), p => p.Incarnation);

    public static WireSnapshot ToWire(Snapshot s) => new() { Base = ToWire(s.Base), Length = s.Length, Checksum = s.Checksum };

    public static Snapshot FromWire(WireSnapshot wire) => new(FromWire(Required(wire.Base)), wire.Length, wire.Checksum);

    public static WireLogBase ToWire(LogBase b) => new() { Index = b.Index, Term = b.Term, TimestampMs = b.TimestampMs, Configuration = ToWire(b.Configuration) };

    public static LogBase FromWire(WireLogBase wire) => new(wire.Index, wire.Term, wire.TimestampMs, FromWire(Required(wire.Configuration)));
}

/// <summary>A configuration as the payload of its log entry.</summary>
internal static class ConfigurationCodec
{
    public static ReadOnlyMemory<byte> Encode(Configuration configuration) => LogWire.ToWire(configuration).ToByteArray();

    public static Configuration Decode(ReadOnlyMemory<byte> payload) =>
        LogWire.FromWire(WireConfiguration.Parser.ParseFrom(payload.Span));
}
