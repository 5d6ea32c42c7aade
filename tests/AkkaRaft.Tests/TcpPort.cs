using System.Net;
using System.Net.Sockets;

namespace AkkaRaft.Tests;

internal static class TcpPort
{
    /// <summary>A port on which nobody listens yet.</summary>
    public static int Free()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
