using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace AkkaRaft.Process.Tests;

/// <summary>One connection of a program that speaks Akka.Remote's frames byte by byte, and means no good.</summary>
internal sealed class HostilePeer : IDisposable
{
    public const ulong NoSequenceNumber = ulong.MaxValue;
    public const int RaftSerializer = 7447;

    private static int s_incarnation = 4711;

    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly string _member;

    private HostilePeer(string member, string? at)
    {
        _member = member;
        Name = at is null ? $"akka.tcp://evil@{Guid.NewGuid():N}.client.invalid:1" : $"akka.tcp://akkaraft@{at}";
    }

    /// <summary>The ActorSystem that it says it is.</summary>
    public string Name { get; }

    /// <param name="member">As <c>host:port</c>.</param>
    /// <param name="from">An address of the loopback network, by which the member's log tells it apart.</param>
    /// <param name="at">Where it says that it listens, as <c>host:port</c>; a client's name when nothing is said.</param>
    public static async Task<HostilePeer> ConnectAsync(string member, string from, string? at = null)
    {
        var peer = new HostilePeer(member, at);
        try
        {
            peer._socket.Bind(new IPEndPoint(IPAddress.Parse(from), 0));
            await peer._socket.ConnectAsync(IPEndPoint.Parse(member));
            return peer;
        }
        catch
        {
            peer.Dispose();
            throw;
        }
    }

    /// <summary>Connects and says who it is, as Akka.Remote does.</summary>
    public static async Task<HostilePeer> IntroduceAsync(string member, string from, string? at = null)
    {
        var peer = await ConnectAsync(member, from, at);
        await peer.SendAsync(Frame(peer.Handshake()));
        await peer._socket.ReceiveAsync(new byte[1]);
        return peer;
    }

    public Task SendAsync(ReadOnlyMemory<byte> bytes) => _socket.SendAsync(bytes).AsTask();

    /// <summary>Sends a message to an actor of the member's.</summary>
    public Task TellAsync(string path, int serializer, string manifest, byte[] message, ulong sequenceNumber = NoSequenceNumber, string? sender = null) =>
        SendAsync(Frame(Message(path, serializer, manifest, message, sequenceNumber, sender)));

    /// <summary>What the member has sent until it closes the connection, or until then.</summary>
    public async Task<byte[]> HearAsync(CancellationToken until)
    {
        var heard = new MemoryStream();
        byte[] bytes = new byte[64 * 1024];
        try
        {
            for (int count; (count = await _socket.ReceiveAsync(bytes, until)) > 0;)
            {
                heard.Write(bytes, 0, count);
            }
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            // Reset, or long enough.
        }

        return heard.ToArray();
    }

    /// <summary>Waits until the member has closed the connection.</summary>
    public async Task EndsAsync()
    {
        using var late = new CancellationTokenSource(Patience.Wait);
        var bytes = new byte[4096];
        try
        {
            while (await _socket.ReceiveAsync(bytes, late.Token) > 0)
            {
            }
        }
        catch (SocketException)
        {
            // Reset: it had not read all.
        }
    }

    public byte[] Handshake()
    {
        string[] at = Name["akka.tcp://".Length..].Split('@', ':');
        byte[] origin = [.. Bytes(1, at[0]), .. Bytes(2, at[1]), .. Number(3, ulong.Parse(at[2], CultureInfo.InvariantCulture)), .. Bytes(4, "tcp")];
        // Each time another: Akka.Remote then takes it for one that was started anew.
        return Bytes(2, [.. Number(1, 1), .. Bytes(2, [.. Bytes(1, origin), .. Fixed(2, (ulong)Interlocked.Increment(ref s_incarnation))])]);
    }

    public byte[] Message(string path, int serializer, string manifest, byte[] message, ulong sequenceNumber = NoSequenceNumber, string? sender = null) => Bytes(1, Bytes(2,
    [
        .. Bytes(1, Bytes(1, $"akka.tcp://akkaraft@{_member}{path}")),
        .. Bytes(2, Payload(serializer, manifest, message)),
        .. Bytes(4, Bytes(1, sender ?? $"{Name}/user/$a")),
        .. Fixed(5, sequenceNumber),
    ]));

    public static byte[] Payload(int serializer, string manifest, byte[] message) => [.. Bytes(1, message), .. Number(2, (ulong)serializer), .. Bytes(3, manifest)];

    public static byte[] Frame(byte[] bytes)
    {
        byte[] frame = new byte[4 + bytes.Length];
        BinaryPrimitives.WriteInt32LittleEndian(frame, bytes.Length);
        bytes.CopyTo(frame, 4);
        return frame;
    }

    public static byte[] Bytes(int field, string text) => Bytes(field, Encoding.UTF8.GetBytes(text));

    public static byte[] Bytes(int field, byte[] bytes) => [.. Varint(((ulong)field << 3) | 2), .. Varint((ulong)bytes.Length), .. bytes];

    public static byte[] Number(int field, ulong value) => [.. Varint((ulong)field << 3), .. Varint(value)];

    public static byte[] Fixed(int field, ulong value) => [.. Varint(((ulong)field << 3) | 1), .. BitConverter.GetBytes(value)];

    public void Dispose() => _socket.Dispose();

    private static List<byte> Varint(ulong value)
    {
        List<byte> bytes = [];
        for (; value >= 0x80; value >>= 7)
        {
            bytes.Add((byte)(value | 0x80));
        }

        bytes.Add((byte)value);
        return bytes;
    }
}
