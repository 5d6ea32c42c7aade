using System.Security.Cryptography;
using Akka.Actor;

namespace AkkaRaft.Remoting;

/// <summary>
/// The name of a client that nobody connects to: answers go over the connection that it opened, also through NAT. The name is its own wherever it runs,
/// and can never be that of a host (RFC 2606 reserves <c>.invalid</c>).
/// </summary>
internal static class ClientAddress
{
    /// <summary>An address of Akka's has a port, and nobody listens at it.</summary>
    public const int Port = 1;

    private const string Suffix = ".client.invalid";

    /// <summary>A host name that no other client has.</summary>
    public static string NewHost() => RandomNumberGenerator.GetHexString(16, lowercase: true) + Suffix;

    public static bool IsHost(string? host) => host is not null && host.EndsWith(Suffix, StringComparison.Ordinal);

    public static bool Is(Address? address) => IsHost(address?.Host);
}
