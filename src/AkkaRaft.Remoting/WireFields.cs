using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace AkkaRaft.Remoting;

/// <summary>The fields of a protobuf message, one after the other, without allocating. Groups count as malformed: no message of ours has one.</summary>
internal ref struct WireFields(ReadOnlySpan<byte> message)
{
    private ReadOnlySpan<byte> _rest = message;
    private ulong _seen;

    public int Number { get; private set; }

    /// <summary>Of a number, whatever its encoding.</summary>
    public ulong Value { get; private set; }

    /// <summary>Of a string, of bytes, or of a message within this one.</summary>
    public ReadOnlySpan<byte> Bytes { get; private set; }

    public bool HasBytes { get; private set; }

    /// <summary>Whether a field of this number, up to 63, was there before.</summary>
    public bool IsRepeated { get; private set; }

    /// <summary>Whether the fields ended at what is none.</summary>
    public readonly bool IsMalformed => !_rest.IsEmpty;

    public bool Next()
    {
        var before = _rest;
        if (!_rest.IsEmpty && TryRead()) return true;
        _rest = before;
        return false;
    }

    private bool TryRead()
    {
        if (!TryReadVarint(out var tag) || tag >> 3 is 0 or > int.MaxValue) return false;
        Number = (int)(tag >> 3);
        var bit = Number < 64 ? 1ul << Number : 0;
        IsRepeated = (_seen & bit) != 0;
        _seen |= bit;
        HasBytes = false;
        Bytes = [];
        switch (tag & 7)
        {
            case 0 when TryReadVarint(out var value):
                Value = value;
                return true;
            case 1 when _rest.Length >= sizeof(ulong):
                Value = BinaryPrimitives.ReadUInt64LittleEndian(_rest);
                _rest = _rest[sizeof(ulong)..];
                return true;
            case 2 when TryReadVarint(out var length) && length <= (ulong)_rest.Length:
                HasBytes = true;
                Bytes = _rest[..(int)length];
                _rest = _rest[(int)length..];
                return true;
            case 5 when _rest.Length >= sizeof(uint):
                Value = BinaryPrimitives.ReadUInt32LittleEndian(_rest);
                _rest = _rest[sizeof(uint)..];
                return true;
            default:
                return false;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryReadVarint(out ulong value)
    {
        if (_rest is not [< 0x80, ..]) return TryReadLongVarint(out value);
        value = _rest[0];
        _rest = _rest[1..];
        return true;
    }

    private bool TryReadLongVarint(out ulong value)
    {
        value = 0;
        for (var i = 0; i < _rest.Length && i < 10; i++)
        {
            value |= (ulong)(_rest[i] & 0x7F) << (7 * i);
            if (_rest[i] >= 0x80) continue;
            _rest = _rest[(i + 1)..];
            return true;
        }
        return false;
    }
}
