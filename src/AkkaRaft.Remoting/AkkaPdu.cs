using System.Text;
using Akka.Actor;
using Google.Protobuf;

namespace AkkaRaft.Remoting;

/// <summary>What <see cref="SocketTransport"/> reads of Akka.Remote's own frames (WireFormats.proto), which are Protocol Buffers.</summary>
internal static class AkkaPdu
{
    public const int Associate = 1;
    public const int Disassociate = 2;
    public const int Heartbeat = 3;
    public const int DisassociateShuttingDown = 4;
    public const int DisassociateQuarantined = 5;

    private const int MaxNameBytes = 255;

    /// <summary>Who speaks, of the frame that begins a connection.</summary>
    /// <returns>Null when the frame begins none, or has anything in it that Akka.Remote does not write there.</returns>
    public static Address? Origin(ReadOnlySpan<byte> frame) =>
        TryFind(frame, 2, out var control) && TryHandshake(control, out var command, out var handshake) && command == Associate && TryOrigin(handshake, out var origin)
            ? AddressOf(origin)
            : null;

    /// <summary>The frame that begins a connection, as if another had sent it.</summary>
    /// <param name="frame">One that has an <see cref="Origin"/>.</param>
    /// <param name="name">Whom it names instead; how its ActorSystem is to be told from one that was started anew stays as it is.</param>
    public static ByteString InTheNameOf(ReadOnlySpan<byte> frame, Address name)
    {
        TryHandshake(Find(frame, 2), out _, out var handshake);
        ulong incarnation = 0;
        for (var fields = new WireFields(handshake); fields.Next();)
        {
            if (fields.Number == 2) incarnation = fields.Value;
        }
        return Introduction(name, incarnation);
    }

    /// <summary>The frame that begins a connection, without its header.</summary>
    /// <param name="origin">Who speaks.</param>
    /// <param name="incarnation">What tells its ActorSystem from one that was started anew at its address.</param>
    public static ByteString Introduction(Address origin, ulong incarnation)
    {
        var address = Message(m =>
        {
            Text(m, 1, origin.System);
            Text(m, 2, origin.Host!);
            m.WriteTag(3, WireFormat.WireType.Varint);
            m.WriteUInt32((uint)origin.Port!.Value);
            Text(m, 4, "tcp");
        });
        var handshake = Message(m =>
        {
            Bytes(m, 1, address);
            m.WriteTag(2, WireFormat.WireType.Fixed64);
            m.WriteFixed64(incarnation);
        });
        var control = Message(m =>
        {
            m.WriteTag(1, WireFormat.WireType.Varint);
            m.WriteEnum(Associate);
            Bytes(m, 2, handshake);
        });
        return Message(m => Bytes(m, 2, control));
    }

    private static void Text(CodedOutputStream output, int field, string text)
    {
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteString(text);
    }

    private static void Bytes(CodedOutputStream output, int field, ByteString bytes)
    {
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(bytes);
    }

    private static ByteString Message(Action<CodedOutputStream> write)
    {
        using var bytes = new MemoryStream();
        using (var output = new CodedOutputStream(bytes, leaveOpen: true)) write(output);
        return ByteString.CopyFrom(bytes.ToArray());
    }

    /// <summary>Whether the frame carries a message from one member to another: it is for the gateway, and has no sender.</summary>
    public static bool IsRaftMessage(ReadOnlySpan<byte> frame)
    {
        var envelope = Find(Find(frame, 1), 2);
        return Find(Find(envelope, 1), 1).EndsWith("/user/raft"u8) && Find(envelope, 4).IsEmpty;
    }

    /// <summary>The command of a control message, and its handshake if it has one.</summary>
    /// <returns>False for what Akka.Remote does not write.</returns>
    public static bool TryHandshake(ReadOnlySpan<byte> control, out ulong command, out ReadOnlySpan<byte> handshake)
    {
        command = 0;
        handshake = [];
        var fields = new WireFields(control);
        while (fields.Next())
        {
            if (fields.Number is < 1 or > 2 || fields.HasBytes != (fields.Number == 2) || fields.IsRepeated) return false;
            if (fields.Number == 1) command = fields.Value;
            else handshake = fields.Bytes;
        }
        return !fields.IsMalformed && handshake.IsEmpty == (command != Associate);
    }

    private static bool TryOrigin(ReadOnlySpan<byte> handshake, out ReadOnlySpan<byte> origin)
    {
        origin = [];
        var fields = new WireFields(handshake);
        while (fields.Next())
        {
            if (fields.Number is < 1 or > 2 || fields.HasBytes != (fields.Number == 1) || fields.IsRepeated) return false;
            if (fields.Number == 1) origin = fields.Bytes;
        }
        return !fields.IsMalformed && !origin.IsEmpty;
    }

    private static Address? AddressOf(ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<byte> system = [], host = [], protocol = [];
        var port = 0ul;
        var fields = new WireFields(bytes);
        while (fields.Next())
        {
            switch (fields.Number)
            {
                case 1:
                    system = fields.Bytes;
                    break;
                case 2:
                    host = fields.Bytes;
                    break;
                case 3:
                    port = fields.Value;
                    break;
                case 4:
                    protocol = fields.Bytes;
                    break;
                default:
                    return null;
            }
        }
        return !fields.IsMalformed && IsName(system) && IsName(host) && port is > 0 and <= ushort.MaxValue && (protocol.SequenceEqual("tcp"u8) || protocol.SequenceEqual("akka.tcp"u8))
            ? new Address(Encoding.ASCII.GetString(protocol), Encoding.ASCII.GetString(system), Encoding.ASCII.GetString(host), (int)port)
            : null;
    }

    /// <summary>Of an ActorSystem or a host, an IPv6 address included.</summary>
    private static bool IsName(ReadOnlySpan<byte> name)
    {
        if (name.IsEmpty || name.Length > MaxNameBytes) return false;
        foreach (var c in name)
        {
            if (!char.IsAsciiLetterOrDigit((char)c) && !"-_.:[]%"u8.Contains(c)) return false;
        }
        return true;
    }

    private static bool TryFind(ReadOnlySpan<byte> message, int number, out ReadOnlySpan<byte> bytes)
    {
        bytes = [];
        var fields = new WireFields(message);
        if (!fields.Next() || fields.Number != number || !fields.HasBytes) return false;
        bytes = fields.Bytes;
        return !fields.Next() && !fields.IsMalformed;
    }

    /// <summary>A field's bytes; none when the message has no such field.</summary>
    private static ReadOnlySpan<byte> Find(ReadOnlySpan<byte> message, int number)
    {
        for (var fields = new WireFields(message); fields.Next();)
        {
            if (fields.Number == number) return fields.Bytes;
        }
        return [];
    }
}
