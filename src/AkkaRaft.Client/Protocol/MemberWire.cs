using AkkaRaft.Protocol.Wire;

namespace AkkaRaft.Protocol;

/// <summary>A member beside its protobuf form.</summary>
internal static class MemberWire
{
    public static WireMember ToWire(RaftEndpoint member) => new() { Id = member.Id.Value, Address = member.Address };

    public static RaftEndpoint FromWire(WireMember wire) => new(new MemberId(wire.Id), wire.Address);
}
