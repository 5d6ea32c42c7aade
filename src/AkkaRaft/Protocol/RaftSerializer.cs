using System.Buffers;
using System.Runtime.Serialization;
using Akka.Actor;
using Akka.Configuration;
using Akka.Remote.Serialization;
using Akka.Serialization;
using AkkaRaft.Protocol.Wire;
using AkkaRaft.StateMachine;
using AkkaRaft.Storage;
using Google.Protobuf;
using Snappier;

namespace AkkaRaft.Protocol;

/// <summary>Protobuf for all that crosses a process or reaches a disk; larger messages are compressed with Snappy, as a leading byte tells.</summary>
internal sealed class RaftSerializer(ExtendedActorSystem system) : SerializerWithStringManifest(system)
{
    private const byte Plain = 0;
    private const byte Compressed = 1;
    private const int CompressionThresholdBytes = 1_000;
    private const int MaxMessageBytes = 64 * 1024 * 1024;
    // What is at a message's beginning is mostly what follows.
    private const int SampleBytes = 8 * 1024;

    private const string RaftManifest = "r1";
    private const string ClientManifest = "c1";
    private const string EventManifest = "e1";

    /// <summary>Part of the wire format: never changes.</summary>
    public override int Identifier => 7447;

    /// <summary>
    /// Names this serializer and what it is for. Given in HOCON and not by <c>AddSerializer</c>, since Akka builds its serialization anew,
    /// from HOCON, whenever an extension brings settings of its own.
    /// </summary>
    public static Config Configuration { get; } = ConfigurationFactory.ParseString(
        $$"""
        akka.actor {
          serializers.akkaraft = "{{NameOf(typeof(RaftSerializer))}}"
          serialization-bindings {
            {{string.Join('\n', new[]
            {
                typeof(IRaftMessage), typeof(Submit), typeof(SubmitReply), typeof(Read), typeof(QueryReply), typeof(Refused),
                typeof(GetMemberStatus), typeof(MemberStatus), typeof(TransferLeadership), typeof(LeadershipTransferred),
                typeof(ChangeMembers), typeof(GetMembership), typeof(Membership), typeof(BeginBackup), typeof(BackupBegun), typeof(FetchBackup), typeof(BackupChunk),
                typeof(IKeyValueRequest), typeof(IKeyValueReply), typeof(SealedEvent),
            }.Select(type => $"\"{NameOf(type)}\" = akkaraft"))}}
          }
        }
        """);

    /// <summary>Makes a running ActorSystem speak the protocol.</summary>
    public static void Register(ActorSystem system)
    {
        if (!system.Settings.Config.HasPath("akka.actor.serializers.akkaraft")) system.Settings.InjectTopLevelFallback(Configuration);
    }

    private static string NameOf(Type type) => $"{type.FullName}, {type.Assembly.GetName().Name}";

    public override string Manifest(object o) => o switch
    {
        IRaftMessage => RaftManifest,
        SealedEvent => EventManifest,
        _ => ClientManifest,
    };

    public override byte[] ToBinary(object obj)
    {
        var message = RaftWire.ToWire(obj);
        var plain = GC.AllocateUninitializedArray<byte>(1 + message.CalculateSize());
        plain[0] = Plain;
        message.WriteTo(plain.AsSpan(1));
        return plain.Length > CompressionThresholdBytes && obj is not SealedEvent ? Smaller(plain) : plain;
    }

    /// <returns>The message compressed, or as it is when that would hardly make it smaller.</returns>
    private static byte[] Smaller(byte[] plain)
    {
        var body = plain.AsSpan(1);
        var buffer = ArrayPool<byte>.Shared.Rent(Snappy.GetMaxCompressedLength(body.Length));
        try
        {
            if (body.Length > SampleBytes && !IsWorthIt(Snappy.Compress(body[..SampleBytes], buffer), SampleBytes)) return plain;
            var length = Snappy.Compress(body, buffer);
            if (!IsWorthIt(length, body.Length)) return plain;
            var compressed = GC.AllocateUninitializedArray<byte>(1 + length);
            compressed[0] = Compressed;
            buffer.AsSpan(0, length).CopyTo(compressed.AsSpan(1));
            return compressed;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Both sides pay for it with their time: an eighth less is the least, as in LevelDB's tables.</summary>
    private static bool IsWorthIt(int compressed, int plain) => compressed <= plain - plain / 8;

    public override object FromBinary(byte[] bytes, string manifest)
    {
        try
        {
            var body = Body(bytes);
            return manifest switch
            {
                RaftManifest => RaftWire.FromWire(WireRaftMessage.Parser.ParseFrom(body.Span)),
                ClientManifest => RaftWire.FromWire(WireClientMessage.Parser.ParseFrom(body.Span)),
                EventManifest => RaftWire.FromWire(WireSealedEvent.Parser.ParseFrom(body.Span)),
                _ => throw new InvalidDataException($"manifest '{manifest}', which this version does not know"),
            };
        }
        catch (Exception e) when (e is InvalidDataException or InvalidProtocolBufferException or ArgumentException)
        {
            throw new SerializationException($"A message of {bytes.Length} bytes cannot be read as AkkaRaft's: it holds {e.Message}.", e);
        }
    }

    private static ReadOnlyMemory<byte> Body(byte[] bytes)
    {
        if (bytes.Length == 0) throw new InvalidDataException("nothing");
        switch (bytes[0])
        {
            case Plain:
                return bytes.AsMemory(1);
            case Compressed:
                var length = Snappy.GetUncompressedLength(bytes.AsSpan(1));
                if (length is < 0 or > MaxMessageBytes) throw new InvalidDataException($"{length} bytes once uncompressed, above the limit of {MaxMessageBytes}");
                return Snappy.DecompressToArray(bytes.AsSpan(1));
            default:
                throw new InvalidDataException($"flag {bytes[0]}, which this version does not know");
        }
    }
}

/// <summary>Stands where Akka's default JSON serializer stood, which instantiates whatever CLR type a peer names: it reads and writes nothing.</summary>
internal sealed class RefusingSerializer : Serializer
{
    // Akka passes the settings of the serializer whose place this one takes.
    public RefusingSerializer(ExtendedActorSystem system, Config settings)
        : base(system)
    {
        _ = settings;
    }

    public override int Identifier => 1;

    public override bool IncludeManifest => true;

    public override byte[] ToBinary(object obj) =>
        throw new SerializationException($"{obj.GetType()} has no serializer: only AkkaRaft's own messages cross the wire.");

    public override object FromBinary(byte[] bytes, Type type) =>
        throw new SerializationException($"A message of type {type} is refused: only AkkaRaft's own messages cross the wire.");
}

/// <summary>Akka's serializer of its own small messages, which refuses to read <see cref="Kill"/>: any peer could stop a member with it.</summary>
internal sealed class KillRefusingSerializer(ExtendedActorSystem system) : SerializerWithStringManifest(system)
{
    private readonly MiscMessageSerializer _akkas = new(system);

    public override int Identifier => _akkas.Identifier;

    public override string Manifest(object o) => _akkas.Manifest(o);

    public override byte[] ToBinary(object obj) => _akkas.ToBinary(obj);

    public override object FromBinary(byte[] bytes, string manifest) => _akkas.FromBinary(bytes, manifest) is var message and not Kill
        ? message
        : throw new SerializationException("Kill is refused: no peer stops an actor here.");
}
