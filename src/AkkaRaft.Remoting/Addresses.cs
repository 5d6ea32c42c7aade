using System.Globalization;
using Akka.Actor;

namespace AkkaRaft.Remoting;

/// <summary>Addresses as settings name them: <c>host:port</c>.</summary>
internal static class Addresses
{
    public static (string Host, int Port) Split(string address)
    {
        var colon = address.LastIndexOf(':');
        return (address[..colon], int.Parse(address[(colon + 1)..], CultureInfo.InvariantCulture));
    }

    /// <summary>An address of Akka's as settings name it; empty for this process.</summary>
    public static string Join(Address address) => address.Host is { } host ? $"{host}:{address.Port}" : "";
}
