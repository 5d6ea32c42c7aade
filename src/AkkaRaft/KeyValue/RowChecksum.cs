using System.Numerics;
using AkkaRaft.Protocol;

namespace AkkaRaft.KeyValue;

/// <summary>CRC-32C over a row's columns, each column of bytes with its length.</summary>
internal readonly struct RowChecksum
{
    private readonly uint _crc;

    private RowChecksum(uint crc) => _crc = crc;

    public static RowChecksum Begin => new(Crc.Begin);

    public long Value => ~_crc;

    public RowChecksum With(long column) => new(BitOperations.Crc32C(_crc, (ulong)column));

    public RowChecksum With(ReadOnlySpan<byte> column) => new(Crc.Continue(With(column.Length)._crc, column));
}
