using Akka.Actor;
using Akka.Configuration;
using Akka.Serialization;
using AkkaRaft.Consensus;
using AkkaRaft.Protocol.Wire;
using AkkaRaft.Remoting;
using AkkaRaft.Serialization;
using AkkaRaft.Storage;

namespace AkkaRaft.Hosting;

/// <summary>Protobuf for all that crosses a process or reaches a disk, in a member's ActorSystem.</summary>
internal sealed class RaftSerializer : SerializerWithStringManifest
{
    private const string Event = "e1";

    private static readonly WireShape RaftShape = WireShape.Of(WireRaftMessage.Descriptor);

    private readonly MessageBytes _bytes;
    private readonly Func<ReadOnlyMemory<byte>, object> _readRaft;
    private readonly Func<ReadOnlyMemory<byte>, object> _readClient;
    private readonly Func<ReadOnlyMemory<byte>, object> _readEvent = body => StorageWire.FromWire(WireSealedEvent.Parser.ParseFrom(body.Span));

    public RaftSerializer(ExtendedActorSystem system)
        : base(system)
    {
        _bytes = new MessageBytes(system);
        _readRaft = body => RaftWire.FromWire(_bytes.Parse(WireRaftMessage.Parser, RaftShape, body));
        _readClient = ClientSerializer.ReaderOf(_bytes);
    }

    /// <summary>Part of the wire format: never changes.</summary>
    public override int Identifier => MessageKinds.Serializer;

    /// <summary>Names this serializer and what it is for; in HOCON, as that of clients.</summary>
    public static Config Configuration { get; } =
        ClientSerializer.ConfigurationOf(typeof(RaftSerializer), typeof(IRaftMessage), typeof(SealedEvent))
            .WithFallback($"{ClientSerializer.OfMember} = \"{RemotingConfiguration.NameOf(typeof(RaftSerializer))}\"")
            .WithFallback(ClientSerializer.Configuration);

    public override string Manifest(object o) => o switch
    {
        IRaftMessage => MessageKinds.Raft,
        SealedEvent => Event,
        _ => MessageKinds.Client,
    };

    public override byte[] ToBinary(object obj) => obj switch
    {
        IRaftMessage raft => MessageBytes.Write(RaftWire.ToWire(raft), mayCompress: true),
        SealedEvent e => MessageBytes.Write(StorageWire.ToWire(e), mayCompress: false),
        _ => ClientSerializer.Write(obj),
    };

    public override object FromBinary(byte[] bytes, string manifest) => _bytes.Read(bytes, manifest, manifest switch
    {
        MessageKinds.Raft => _readRaft,
        MessageKinds.Client => _readClient,
        Event => _readEvent,
        _ => null,
    });
}
