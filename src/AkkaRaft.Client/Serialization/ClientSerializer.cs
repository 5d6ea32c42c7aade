using Akka.Actor;
using Akka.Configuration;
using Akka.Serialization;
using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;
using AkkaRaft.Protocol.Wire;
using AkkaRaft.Remoting;

namespace AkkaRaft.Serialization;

/// <summary>
/// Writes and reads what clients and members say to each other. In an ActorSystem in which there is a member too, that has a serializer for all that it says,
/// and whichever of the two the HOCON names, it is the member's that works.
/// </summary>
internal sealed class ClientSerializer : SerializerWithStringManifest
{
    /// <summary>HOCON's path of a member's serializer.</summary>
    public const string OfMember = "akkaraft.member-serializer";

    private readonly SerializerWithStringManifest? _member;
    private readonly MessageBytes _bytes;
    private readonly Func<ReadOnlyMemory<byte>, object> _read;

    public ClientSerializer(ExtendedActorSystem system)
        : base(system)
    {
        _bytes = new MessageBytes(system);
        _read = ReaderOf(_bytes);
        if (system.Settings.Config.GetString(OfMember, null) is { } member) _member = (SerializerWithStringManifest)Activator.CreateInstance(Type.GetType(member, throwOnError: true)!, system)!;
    }

    /// <summary>Part of the wire format: never changes.</summary>
    public override int Identifier => MessageKinds.Serializer;

    /// <summary>
    /// Names this serializer and what it is for. Given in HOCON and not by <c>AddSerializer</c>, since Akka builds its serialization anew,
    /// from HOCON, whenever an extension brings settings of its own.
    /// </summary>
    public static Config Configuration { get; } = ConfigurationOf(
        typeof(ClientSerializer),
        typeof(Submit), typeof(SubmitReply), typeof(Read), typeof(QueryReply), typeof(Refused),
        typeof(GetMemberStatus), typeof(RaftStatus), typeof(TransferLeadership), typeof(LeadershipTransferred),
        typeof(ChangeMembers), typeof(GetMembership), typeof(Membership), typeof(BeginBackup), typeof(BackupBegun), typeof(FetchBackup), typeof(BackupChunk),
        typeof(IKeyValueRequest), typeof(IKeyValueReply));

    /// <summary>Makes a running ActorSystem speak the protocol.</summary>
    public static void Register(ActorSystem system)
    {
        if (!system.Settings.Config.HasPath("akka.actor.serializers.akkaraft")) system.Settings.InjectTopLevelFallback(Configuration);
    }

    /// <summary>HOCON by which messages are a serializer's.</summary>
    public static Config ConfigurationOf(Type serializer, params Type[] messages) => ConfigurationFactory.ParseString(
        $$"""
        akka.actor {
          serializers.akkaraft = "{{RemotingConfiguration.NameOf(serializer)}}"
          serialization-bindings {
            {{string.Join('\n', messages.Select(type => $"\"{RemotingConfiguration.NameOf(type)}\" = akkaraft"))}}
          }
        }
        """);

    public override string Manifest(object o) => _member?.Manifest(o) ?? MessageKinds.Client;

    public override byte[] ToBinary(object obj) => _member?.ToBinary(obj) ?? Write(obj);

    public override object FromBinary(byte[] bytes, string manifest) => _member?.FromBinary(bytes, manifest) ?? _bytes.Read(bytes, manifest, manifest == MessageKinds.Client ? _read : null);

    /// <summary>Writes a message between clients and members.</summary>
    public static byte[] Write(object message)
    {
        var written = MessageBytes.Write(ClientWire.ToWire(message), mayCompress: true);
        if (message is ILargeAnswer large) large.Counted.Wrote();
        return written;
    }

    /// <summary>What reads such a message.</summary>
    public static Func<ReadOnlyMemory<byte>, object> ReaderOf(MessageBytes bytes) => body => ClientWire.FromWire(bytes.Parse(WireClientMessage.Parser, WireShape.Client, body));
}
