using Akka.Actor;
using AkkaRaft.Remoting;

namespace AkkaRaft.Tests.Hosting;

internal static class AkkaFrame
{
    /// <summary>A frame that is a command alone: 2 for an end, 3 for a heartbeat, 4 where a system shuts down, 5 where it has quarantined the other.</summary>
    public static byte[] Control(byte command) => [4, 0, 0, 0, 2 << 3 | 2, 2, 1 << 3, command];

    /// <summary>The frame that begins a connection of Akka.Remote's (WireFormats.proto).</summary>
    public static byte[] Associate(Address origin, ulong uid)
    {
        var frame = AkkaPdu.Introduction(origin, uid);
        return [.. BitConverter.GetBytes(frame.Length), .. frame];
    }
}
