using Akka.Actor;
using Google.Protobuf;

namespace AkkaRaft.Tests.Hosting;

internal static class AkkaFrame
{
    /// <summary>A frame that is a command alone: 2 for an end, 3 for a heartbeat, 4 where a system shuts down, 5 where it has quarantined the other.</summary>
    public static byte[] Control(byte command) => [4, 0, 0, 0, 2 << 3 | 2, 2, 1 << 3, command];

    /// <summary>The frame that begins a connection of Akka.Remote's (WireFormats.proto).</summary>
    public static byte[] Associate(Address origin, ulong uid)
    {
        static byte[] Message(Action<CodedOutputStream> write)
        {
            using var bytes = new MemoryStream();
            using (var output = new CodedOutputStream(bytes, leaveOpen: true)) write(output);
            return bytes.ToArray();
        }

        static void Bytes(CodedOutputStream output, int field, byte[] bytes)
        {
            output.WriteTag(field, WireFormat.WireType.LengthDelimited);
            output.WriteBytes(ByteString.CopyFrom(bytes));
        }

        static void Text(CodedOutputStream output, int field, string text)
        {
            output.WriteTag(field, WireFormat.WireType.LengthDelimited);
            output.WriteString(text);
        }

        var address = Message(m =>
        {
            Text(m, 1, origin.System);
            Text(m, 2, origin.Host!);
            m.WriteTag(3, WireFormat.WireType.Varint);
            m.WriteUInt32((uint)origin.Port!.Value);
            Text(m, 4, "tcp");
        });
        var info = Message(m =>
        {
            Bytes(m, 1, address);
            m.WriteTag(2, WireFormat.WireType.Fixed64);
            m.WriteFixed64(uid);
        });
        var control = Message(m =>
        {
            m.WriteTag(1, WireFormat.WireType.Varint);
            m.WriteEnum(1);
            Bytes(m, 2, info);
        });
        var frame = Message(m => Bytes(m, 2, control));
        return [.. BitConverter.GetBytes(frame.Length), .. frame];
    }
}
