using System.Buffers.Binary;
using System.Numerics;

namespace AkkaRaft.Storage;

/// <summary>CRC-32C (Castagnoli).</summary>
internal static class Crc
{
    public const uint Begin = uint.MaxValue;

    public static uint Of(ReadOnlySpan<byte> bytes) => ~Continue(Begin, bytes);

    /// <summary>Goes on from <see cref="Begin"/> or an earlier result; the checksum is the complement of the last one.</summary>
    public static uint Continue(uint crc, ReadOnlySpan<byte> bytes)
    {
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        foreach (var b in bytes) crc = BitOperations.Crc32C(crc, b);
        return crc;
    }
}
