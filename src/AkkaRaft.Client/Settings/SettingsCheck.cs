using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using AkkaRaft.Protocol;
using AkkaRaft.Remoting;

namespace AkkaRaft;

/// <summary>
/// Checks settings, whether a file gives them or code does. What is wrong is said under the name that its writer gave it:
/// that of the property, or in a file the same in small letters with hyphens.
/// </summary>
internal sealed partial class SettingsCheck
{
    private const int KiB = 1024;
    private const int MiB = 1024 * KiB;

    private readonly Func<string, string> _nameOf;
    private readonly Func<string, string?> _writtenAs;

    /// <summary>For settings of a file.</summary>
    /// <param name="nameOf">What a property is called there.</param>
    /// <param name="writtenAs">The value as it is written there; null when it is not.</param>
    public SettingsCheck(Func<string, string> nameOf, Func<string, string?> writtenAs)
    {
        _nameOf = nameOf;
        _writtenAs = writtenAs;
    }

    /// <summary>For a settings record made in code.</summary>
    public SettingsCheck(string record)
        : this(property => $"{record}.{property}", _ => null)
    {
    }

    /// <summary>A property as a file calls it: <c>MaxLogEntries</c> is <c>max-log-entries</c>.</summary>
    public static string InFile(string property) => WordStart().Replace(property, m => (m.Index > 0 ? "-" : "") + m.Value.ToLowerInvariant());

    public static bool IsAddress(string? address)
    {
        if (address is null) return false;
        var colon = address.LastIndexOf(':');
        return colon > 0
            && Uri.CheckHostName(address[..colon]) != UriHostNameType.Unknown
            && int.TryParse(address[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            && port is > 0 and <= IPEndPoint.MaxPort;
    }

    public void Number(long value, long min, long max, [CallerArgumentExpression(nameof(value))] string property = "")
    {
        if (value < min || value > max) throw Wrong(property, value, $"a number from {min} to {max}");
    }

    public void Bytes(long value, long min, long max, [CallerArgumentExpression(nameof(value))] string property = "")
    {
        if (value < min || value > max) throw Wrong(property, value, $"a size from {min} to {max} bytes");
    }

    public void Time(TimeSpan value, TimeSpan min, TimeSpan max, [CallerArgumentExpression(nameof(value))] string property = "")
    {
        if (value < min || value > max) throw Wrong(property, Text(value), $"a time from {Text(min)} to {Text(max)}");
    }

    /// <summary>A time whose least follows from another setting.</summary>
    public void Time(TimeSpan value, TimeSpan other, double times, TimeSpan max, [CallerArgumentExpression(nameof(value))] string property = "", [CallerArgumentExpression(nameof(other))] string otherProperty = "")
    {
        if (value < other * times || value > max)
            throw Wrong(property, Text(value), string.Create(CultureInfo.InvariantCulture, $"a time from {Text(other * times)}, which is {times} times {InFile(otherProperty)}, to {Text(max)}"));
    }

    public void Text(string? value, [CallerArgumentExpression(nameof(value))] string property = "")
    {
        if (string.IsNullOrWhiteSpace(value)) throw Wrong(property, value, "a text that is not empty");
    }

    /// <summary>It stands in files, messages and lines of logs.</summary>
    public void ClusterId(string? value, [CallerArgumentExpression(nameof(value))] string property = "")
    {
        if (value is null || !ClusterName().IsMatch(value)) throw Wrong(property, value, "1 to 128 letters, digits, ., - and _, with a letter or digit first");
    }

    public void SystemName(string? value, [CallerArgumentExpression(nameof(value))] string property = "")
    {
        if (value is null || !ActorSystemName().IsMatch(value)) throw Wrong(property, value, "letters, digits, - and _, with a letter or digit first");
    }

    /// <summary>Who the members are: some, each under its own id, and each where no other is.</summary>
    public void Members(ImmutableSortedDictionary<MemberId, RaftEndpoint>? members, [CallerArgumentExpression(nameof(members))] string property = "")
    {
        if (members is null || members.IsEmpty) throw Wrong(property, "", "at least one member, such as 0 at 127.0.0.1:4100");
        var owners = new Dictionary<string, MemberId>(StringComparer.OrdinalIgnoreCase);
        foreach (var (id, member) in members)
        {
            var one = $"{property}.{id}";
            if (id.Value < 0) throw Wrong(one, member?.Address, "a member id: a number from 0 on");
            if (member is null || member.Id != id) throw Wrong(one, member, $"the member with the id {id}");
            if (!IsAddress(member.Address)) throw Wrong(one, member.Address, "host:port");
            if (Form(member.Address) is var form && !member.Address.Equals(form, StringComparison.OrdinalIgnoreCase)) throw Wrong(one, member.Address, $"the form in which addresses are compared: \"{form}\", for all members and clients");
            var place = form.StartsWith("localhost:", StringComparison.OrdinalIgnoreCase) ? $"{IPAddress.Loopback}{form["localhost".Length..]}" : form;
            if (!owners.TryAdd(place, id)) throw Wrong(one, member.Address, $"an address of its own; member {owners[place]} has this one");
        }
    }

    /// <summary>An IP address has several forms, and Akka.Remote takes two of them for two addresses.</summary>
    private static string Form(string address)
    {
        var (host, port) = Addresses.Split(address);
        if (!IPAddress.TryParse(host, out var ip)) return address;
        if (ip.IsIPv4MappedToIPv6) ip = ip.MapToIPv4();
        return ip.AddressFamily == AddressFamily.InterNetworkV6 ? $"[{ip}]:{port}" : $"{ip}:{port}";
    }

    /// <summary>The largest key that a member may be told to take, and that a client may be told to send.</summary>
    public void KeyBytes(int value, [CallerArgumentExpression(nameof(value))] string property = "") => Bytes(value, 1, 64 * KiB, property);

    public void ValueBytes(int value, [CallerArgumentExpression(nameof(value))] string property = "") => Bytes(value, 1, 8 * MiB, property);

    public void TransactionSteps(int value, [CallerArgumentExpression(nameof(value))] string property = "") => Number(value, 1, 5_000, property);

    public RaftConfigurationException Wrong(string property, object? value, string expected) =>
        new($"{_nameOf(property)} = {Quoted(_writtenAs(property) ?? Convert.ToString(value, CultureInfo.InvariantCulture))}; expected {expected}.");

    /// <summary>A value as a part of one line, however long it is and whatever it holds.</summary>
    internal static string Quoted(string? value)
    {
        const int Longest = 200;
        var shown = string.Concat((value ?? "").Take(Longest).Select(Shown));
        return $"\"{shown}{(value?.Length > Longest ? "…" : "")}\"";
    }

    /// <summary>A character as people are to see it: a control character would do something to their terminal.</summary>
    internal static string Shown(char c) => char.IsControl(c) ? $"\\u{(int)c:x4}" : $"{c}";

    public static string Text(TimeSpan time) => time >= TimeSpan.FromSeconds(1)
        ? string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds}s")
        : string.Create(CultureInfo.InvariantCulture, $"{time.TotalMilliseconds}ms");

    [GeneratedRegex("[A-Z]")]
    private static partial Regex WordStart();

    [GeneratedRegex(@"^[a-zA-Z0-9][a-zA-Z0-9._-]{0,127}\z")]
    private static partial Regex ClusterName();

    [GeneratedRegex(@"^[a-zA-Z0-9][a-zA-Z0-9_-]*\z")]
    private static partial Regex ActorSystemName();
}
