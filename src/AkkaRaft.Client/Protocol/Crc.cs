using System.Buffers.Binary;
using System.Numerics;

namespace AkkaRaft.Protocol;

/// <summary>CRC-32C (Castagnoli).</summary>
internal static class Crc
{
    public const uint Begin = uint.MaxValue;

    private const int BufferBytes = 1024 * 1024;

    public static uint Of(ReadOnlySpan<byte> bytes) => ~Continue(Begin, bytes);

    /// <summary>Of all that is left in a stream.</summary>
    public static uint Of(Stream stream)
    {
        var buffer = new byte[(int)Math.Clamp(stream.Length - stream.Position, 1, BufferBytes)];
        var crc = Begin;
        for (int read; (read = stream.Read(buffer)) > 0;) crc = Continue(crc, buffer.AsSpan(0, read));
        return ~crc;
    }

    /// <summary>Goes on from <see cref="Begin"/> or an earlier result; the checksum is the complement of the last one.</summary>
    public static uint Continue(uint crc, ReadOnlySpan<byte> bytes)
    {
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        foreach (var b in bytes) crc = BitOperations.Crc32C(crc, b);
        return crc;
    }
}
