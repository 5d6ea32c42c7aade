using System.Buffers.Binary;
using System.Text;
using Akka.Actor;

namespace AkkaRaft.Hosting;

/// <summary>What <see cref="SocketTransport"/> reads of Akka.Remote's own frames (WireFormats.proto), which are Protocol Buffers.</summary>
internal static class AkkaPdu
{
    private const int Associate = 1;

    /// <summary>Who speaks, of the frame that begins a connection.</summary>
    /// <returns>Null when the frame begins none.</returns>
    public static Address? Origin(ReadOnlySpan<byte> frame)
    {
        var command = 0ul;
        Address? origin = null;
        for (var fields = new Fields(Find(frame, 2)); fields.Next();)
        {
            if (fields.Number == 1) command = fields.Value;
            else if (fields.Number == 2) origin = AddressOf(Find(fields.Bytes, 1));
        }
        return command == Associate ? origin : null;
    }

    private static Address AddressOf(ReadOnlySpan<byte> bytes)
    {
        string system = "", host = "", protocol = "";
        var port = 0;
        for (var fields = new Fields(bytes); fields.Next();)
        {
            switch (fields.Number)
            {
                case 1:
                    system = Encoding.UTF8.GetString(fields.Bytes);
                    break;
                case 2:
                    host = Encoding.UTF8.GetString(fields.Bytes);
                    break;
                case 3:
                    port = (int)fields.Value;
                    break;
                case 4:
                    protocol = Encoding.UTF8.GetString(fields.Bytes);
                    break;
            }
        }
        return new Address(protocol, system, host, port);
    }

    /// <summary>Whether the frame carries a message from one member to another: it is for the gateway, and has no sender.</summary>
    public static bool IsRaftMessage(ReadOnlySpan<byte> frame)
    {
        var envelope = Find(Find(frame, 1), 2);
        return Find(Find(envelope, 1), 1).EndsWith("/user/raft"u8) && Find(envelope, 4).IsEmpty;
    }

    /// <summary>A field's bytes; none when the message has no such field.</summary>
    private static ReadOnlySpan<byte> Find(ReadOnlySpan<byte> message, int number)
    {
        for (var fields = new Fields(message); fields.Next();)
        {
            if (fields.Number == number) return fields.Bytes;
        }
        return [];
    }

    /// <summary>The fields of a message, one after the other; what is malformed ends them.</summary>
    private ref struct Fields(ReadOnlySpan<byte> message)
    {
        private ReadOnlySpan<byte> _rest = message;

        public int Number { get; private set; }

        public ulong Value { get; private set; }

        public ReadOnlySpan<byte> Bytes { get; private set; }

        public bool Next()
        {
            Bytes = [];
            if (!TryReadVarint(out var tag)) return false;
            Number = (int)(tag >> 3);
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
                    Bytes = _rest[..(int)length];
                    _rest = _rest[(int)length..];
                    return true;
                default:
                    return false;
            }
        }

        private bool TryReadVarint(out ulong value)
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
}
