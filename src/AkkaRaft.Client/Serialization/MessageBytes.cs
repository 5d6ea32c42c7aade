using System.Buffers;
using System.Runtime.Serialization;
using Akka.Actor;
using AkkaRaft.Remoting;
using Google.Protobuf;
using Snappier;

namespace AkkaRaft.Serialization;

/// <summary>A message's bytes: protobuf, of a larger one compressed with Snappy, as a leading byte tells.</summary>
internal sealed class MessageBytes(ExtendedActorSystem system)
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

    private readonly int _maxBytes = (int)Math.Min(system.Settings.Config.GetByteSize("akka.remote.dot-netty.tcp.maximum-frame-size", null) ?? MaxMessageBytes, int.MaxValue);

    /// <param name="message">The message.</param>
    /// <param name="mayCompress">Whether it is for a connection, and not for a disk.</param>
    public static byte[] Write(IMessage message, bool mayCompress)
    {
        var plain = GC.AllocateUninitializedArray<byte>(1 + message.CalculateSize());
        plain[0] = Plain;
        message.WriteTo(plain.AsSpan(1));
        return mayCompress && plain.Length > CompressionThresholdBytes ? Smaller(plain) : plain;
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

    /// <param name="bytes">What was written.</param>
    /// <param name="manifest">What it says that they are.</param>
    /// <param name="read">Makes a message of them, once they are as long as they were; null for a manifest that is not known.</param>
    /// <exception cref="SerializationException">The bytes are no message. What comes over a connection is not thrown for, but gives <see cref="UnreadableMessage"/>.</exception>
    public object Read(byte[] bytes, string manifest, Func<ReadOnlyMemory<byte>, object>? read)
    {
        SocketTransport.IsRead(system);
        try
        {
            return read is null ? throw new InvalidDataException($"manifest {PeerWarnings.Quote(manifest)}, which this version does not know") : read(Body(bytes));
        }
        catch (Exception e) when (e is InvalidDataException or InvalidProtocolBufferException or ArgumentException or OverflowException)
        {
            var what = $"A message of {bytes.Length} bytes cannot be read as AkkaRaft's: it holds {e.Message}{(e.Message.EndsWith('.') ? "" : ".")}";
            // Akka.Remote would log it with a trace, each time, and read on.
            return SocketTransport.EndsTheOneThatIsRead(system, what) ? UnreadableMessage.Instance : throw new SerializationException(what, e);
        }
    }

    /// <summary>Parses a message once its parts are known to be no more than a frame may have.</summary>
    /// <exception cref="InvalidDataException">It is malformed, or has more.</exception>
    public T Parse<T>(MessageParser<T> parser, WireShape shape, ReadOnlyMemory<byte> body) where T : IMessage<T>
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
