using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using AkkaRaft.Protocol;

namespace AkkaRaft;

internal static class Ports
{
    public static int[] Free(int count)
    {
        var listeners = Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0)).ToList();
        listeners.ForEach(l => l.Start());
        int[] ports = listeners.Select(l => ((IPEndPoint)l.LocalEndpoint).Port).ToArray();
        listeners.ForEach(l => l.Stop());
        return ports;
    }

    /// <summary>So many members, at free ports in a row.</summary>
    public static ImmutableSortedDictionary<MemberId, RaftEndpoint> FreeMembers(int count)
    {
        int first = FreeRow(count);
        return Enumerable.Range(0, count).ToImmutableSortedDictionary(i => new MemberId(i), i => new RaftEndpoint(new(i), $"127.0.0.1:{first + i}"));
    }

    /// <summary>The first of <paramref name="count"/> free ports in a row, below those that the system gives out.</summary>
    public static int FreeRow(int count)
    {
        while (true)
        {
            int first = Random.Shared.Next(10_000, 30_000);
            try
            {
                foreach (int port in Enumerable.Range(first, count))
                {
                    using var listener = new TcpListener(IPAddress.Loopback, port);
                    listener.Start();
                }

                return first;
            }
            catch (SocketException)
            {
                // Another place, then.
            }
        }
    }
}
