using Akka.Actor;
using Google.Protobuf;

namespace AkkaRaft.Tests.Hosting;

internal static class AkkaFrame
{
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
