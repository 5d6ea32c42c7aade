namespace AkkaRaft.Remoting;

/// <summary>What AkkaRaft's messages are told by on the wire, which never changes.</summary>
internal static class MessageKinds
{
    /// <summary>The number of AkkaRaft's serializer.</summary>
    public const int Serializer = 7447;

    /// <summary>Manifest of a message between members.</summary>
    public const string Raft = "r1";

    /// <summary>Manifest of a message between clients and members.</summary>
    public const string Client = "c1";

    public static ReadOnlySpan<byte> RaftBytes => "r1"u8;

    public static ReadOnlySpan<byte> ClientBytes => "c1"u8;
}
