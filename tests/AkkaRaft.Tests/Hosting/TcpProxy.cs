using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace AkkaRaft.Tests.Hosting;

/// <summary>What a <see cref="TcpProxy"/> does to one connection and its handshake.</summary>
/// <param name="Hold">How long the first frame of whoever connected is held; it is passed on even if he has given up meanwhile.</param>
/// <param name="HoldAnswer">How long the answer to it is held.</param>
/// <param name="Cut">Whether the connection is cut when the first frame has been passed on.</param>
/// <param name="Repeat">Whether whoever connected is sent the other's first frame again, over a connection that then closes.</param>
/// <param name="CutAfter">How long after the handshake the connection is cut; null when it is not.</param>
internal sealed record Handshake(TimeSpan Hold = default, TimeSpan HoldAnswer = default, bool Cut = false, bool Repeat = false, TimeSpan? CutAfter = null)
{
    public static readonly Handshake Undisturbed = new();
}

/// <summary>Stands before a port, passes on what comes and goes, and disturbs handshakes.</summary>
internal sealed class TcpProxy : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly HashSet<Socket> _sockets = [];
    private byte[] _answer = [];
    private Func<Handshake> _handshakes = () => Handshake.Undisturbed;

    public TcpProxy() => _listener.Start();

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <param name="target">Where to pass on to.</param>
    /// <param name="dialer">Where whoever connects listens itself.</param>
    public void Start(int target, int dialer) => _ = AcceptAsync(target, dialer);

    /// <summary>What is done to the connections from now on.</summary>
    public void Disturb(Func<Handshake> handshakes)
    {
        lock (_sockets) _handshakes = handshakes;
    }

    /// <summary>Closes all connections.</summary>
    public void Cut()
    {
        lock (_sockets)
        {
            foreach (var socket in _sockets) socket.Dispose();
            _sockets.Clear();
        }
    }

    private async Task AcceptAsync(int target, int dialer)
    {
        try
        {
            while (true)
            {
                var near = await _listener.AcceptSocketAsync();
                lock (_sockets)
                {
                    _sockets.Add(near);
                    _ = PassAsync(near, target, dialer, _handshakes());
                }
            }
        }
        catch (Exception e) when (e is ObjectDisposedException or SocketException)
        {
            // The test has ended.
        }
    }

    private async Task PassAsync(Socket near, int target, int dialer, Handshake handshake)
    {
        var far = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        near.NoDelay = true;
        try
        {
            lock (_sockets) _sockets.Add(far);
            await far.ConnectAsync(IPAddress.Loopback, target);
            var first = await FirstFrameAsync(near);
            await Task.Delay(handshake.Hold);
            await far.SendAsync(first);
            if (handshake.Cut) return;
            var answer = await FirstFrameAsync(far);
            await Task.Delay(handshake.HoldAnswer);
            await near.SendAsync(answer);
            _answer = answer;
            if (handshake.Repeat) await RepeatAsync(dialer);
            await Task.WhenAny(CopyAsync(near, far), CopyAsync(far, near), Task.Delay(handshake.CutAfter ?? Timeout.InfiniteTimeSpan));
        }
        catch (Exception e) when (e is ObjectDisposedException or SocketException or EndOfStreamException)
        {
            // One of them has closed, and so does the other.
        }
        finally
        {
            near.Dispose();
            far.Dispose();
            lock (_sockets)
            {
                _sockets.Remove(near);
                _sockets.Remove(far);
            }
        }
    }

    /// <summary>Begins a connection as whoever is behind the proxy would, and closes it when it has been answered.</summary>
    /// <param name="port">Where whoever connected to the proxy listens.</param>
    public async Task RepeatAsync(int port)
    {
        using var again = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        await again.ConnectAsync(IPAddress.Loopback, port);
        await again.SendAsync(_answer);
        await FirstFrameAsync(again);
    }

    private static async Task<byte[]> FirstFrameAsync(Socket socket)
    {
        var frame = await ReceiveAsync(socket, new byte[4], 0);
        var length = BinaryPrimitives.ReadInt32LittleEndian(frame);
        Array.Resize(ref frame, 4 + length);
        return await ReceiveAsync(socket, frame, 4);
    }

    private static async Task<byte[]> ReceiveAsync(Socket socket, byte[] bytes, int from)
    {
        while (from < bytes.Length)
        {
            var received = await socket.ReceiveAsync(bytes.AsMemory(from));
            from += received > 0 ? received : throw new EndOfStreamException();
        }
        return bytes;
    }

    private static async Task CopyAsync(Socket from, Socket to)
    {
        var bytes = new byte[16 * 1024];
        try
        {
            while (await from.ReceiveAsync(bytes) is > 0 and var received) await to.SendAsync(bytes.AsMemory(0, received));
        }
        catch (Exception e) when (e is ObjectDisposedException or SocketException)
        {
            // As when it had ended.
        }
    }

    public void Dispose()
    {
        _listener.Dispose();
        Cut();
    }
}
