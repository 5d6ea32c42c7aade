using System.Buffers;
using System.Runtime.Serialization;
using Akka.Actor;
using Akka.Configuration;
using Akka.Remote.Serialization;
using Akka.Serialization;
using AkkaRaft.Hosting;
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
    // Where there is no transport that has a limit.
    private const int MaxMessageBytes = 64 * 1024 * 1024;
    // Snappy's best is 64 bytes for three.
    private const int MaxSnappyRatio = 24;
    // What is at a message's beginning is mostly what follows.
    private const int SampleBytes = 8 * 1024;

    private const string Raft = "r1";
    private const string Client = "c1";
    private const string Event = "e1";

    /// <summary>Of a message between members.</summary>
    public static ReadOnlySpan<byte> RaftManifest => "r1"u8;

    /// <summary>Of a message between clients and members.</summary>
    public static ReadOnlySpan<byte> ClientManifest => "c1"u8;

    public const int Id = 7447;

    /// <summary>Part of the wire format: never changes.</summary>
    public override int Identifier => Id;

    private readonly int _maxBytes = (int)Math.Min(system.Settings.Config.GetByteSize("akka.remote.dot-netty.tcp.maximum-frame-size", null) ?? MaxMessageBytes, int.MaxValue);

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
        IRaftMessage => Raft,
        SealedEvent => Event,
        _ => Client,
    };

    public override byte[] ToBinary(object obj)
    {
        var message = RaftWire.ToWire(obj);
        var plain = GC.AllocateUninitializedArray<byte>(1 + message.CalculateSize());
        plain[0] = Plain;
        message.WriteTo(plain.AsSpan(1));
        if (obj is ILargeAnswer large) large.Counted.Wrote();
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

    /// <exception cref="SerializationException">The bytes are no message. What comes over a connection is not thrown for, but gives <see cref="UnreadableMessage"/>.</exception>
    public override object FromBinary(byte[] bytes, string manifest)
    {
        try
        {
            return manifest switch
            {
                Raft => RaftWire.FromWire(Parsed(WireRaftMessage.Parser, WireShape.Raft, Body(bytes))),
                Client => RaftWire.FromWire(Parsed(WireClientMessage.Parser, WireShape.Client, Body(bytes))),
                Event => RaftWire.FromWire(WireSealedEvent.Parser.ParseFrom(Body(bytes).Span)),
                _ => throw new InvalidDataException($"manifest {PeerWarnings.Quote(manifest)}, which this version does not know"),
            };
        }
        catch (Exception e) when (e is InvalidDataException or InvalidProtocolBufferException or ArgumentException or OverflowException)
        {
            var what = $"A message of {bytes.Length} bytes cannot be read as AkkaRaft's: it holds {e.Message}{(e.Message.EndsWith('.') ? "" : ".")}";
            // Akka.Remote would log it with a trace, each time, and read on.
            return SocketTransport.EndsTheOneThatIsRead(system, what) ? UnreadableMessage.Instance : throw new SerializationException(what, e);
        }
    }

    private T Parsed<T>(MessageParser<T> parser, WireShape shape, ReadOnlyMemory<byte> body) where T : IMessage<T>
    {
        var maxParts = WireShape.MaxParts(_maxBytes);
        if (!WireShape.IsBounded(body.Length, maxParts) && shape.Fault(body.Span, maxParts) is { } fault) throw new InvalidDataException(fault);
        return parser.ParseFrom(body.Span);
    }

    private ReadOnlyMemory<byte> Body(byte[] bytes)
    {
        if (bytes.Length == 0) throw new InvalidDataException("nothing");
        switch (bytes[0])
        {
            case Plain:
                return bytes.AsMemory(1);
            case Compressed:
                var length = Snappy.GetUncompressedLength(bytes.AsSpan(1));
                if (length < 0 || length > _maxBytes) throw new InvalidDataException($"{length} bytes once uncompressed, above the limit of {_maxBytes}");
                if (length > (long)MaxSnappyRatio * bytes.Length) throw new InvalidDataException($"{length} bytes once uncompressed, which is more than Snappy's limit");
                return Snappy.DecompressToArray(bytes.AsSpan(1));
            default:
                throw new InvalidDataException($"flag {bytes[0]}, which this version does not know");
        }
    }
}

/// <summary>Stands for what a peer sent that could not be read, which was said. Nobody does anything with it.</summary>
internal sealed class UnreadableMessage
{
    public static readonly UnreadableMessage Instance = new();
}

/// <summary>Stands where Akka's default JSON serializer stood, which instantiates whatever CLR type a peer names, and where others did: it reads and writes nothing.</summary>
internal sealed class RefusingSerializer : Serializer
{
    public RefusingSerializer(ExtendedActorSystem system)
        : base(system)
    {
    }

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
