using System.Collections.Immutable;
using System.Globalization;
using AkkaRaft.Protocol;

namespace AkkaRaft;

/// <summary>Where the members of a cluster are, as one text.</summary>
public static class RaftEndpoints
{
    /// <summary>Reads members written as <c>0=host:port,1=host:port</c>, as the command line and <c>AKKARAFT_MEMBERS</c> have them.</summary>
    /// <param name="text">At least one member, with commas between them; each id and each address once.</param>
    /// <exception cref="FormatException">Says which part is wrong, and what is expected.</exception>
    public static ImmutableSortedDictionary<MemberId, RaftEndpoint> Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var members = text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(One).ToList();
        if (members.Count == 0) throw new FormatException("no member is named.");
        CheckDistinct(members);
        return members.ToImmutableSortedDictionary(m => m.Id, m => m);
    }

    private static RaftEndpoint One(string part) => part.Split('=', 2) is [var id, var address] && TryParseId(id, out var member)
        ? At(member, address)
        : throw new FormatException($"'{part}' is not of the form id=host:port.");

    /// <summary>A member at an address.</summary>
    /// <exception cref="FormatException">The address is none.</exception>
    internal static RaftEndpoint At(MemberId id, string address) => SettingsCheck.IsAddress(address)
        ? new RaftEndpoint(id, address)
        : throw new FormatException($"{SettingsCheck.Quoted(address)} is not of the form host:port, with a port from 1 to 65535{(address.Contains(';', StringComparison.Ordinal) ? "; members have commas between them" : "")}.");

    internal static bool TryParseId(string text, out MemberId id)
    {
        var isNumber = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number);
        id = new MemberId(number);
        return isNumber;
    }

    /// <summary>Checks that each id, and each address that is given, is there once.</summary>
    /// <exception cref="FormatException">One is there twice.</exception>
    internal static void CheckDistinct(IReadOnlyList<RaftEndpoint> members)
    {
        if (members.GroupBy(m => m.Id).FirstOrDefault(g => g.Count() > 1) is { Key: var twice }) throw new FormatException($"member {twice} is there twice.");
        if (members.Where(m => m.Address.Length > 0).GroupBy(m => m.Address, StringComparer.OrdinalIgnoreCase).FirstOrDefault(g => g.Count() > 1) is { } same)
            throw new FormatException($"members {string.Join(" and ", same.Select(m => m.Id))} have the same address, {same.Key}.");
    }
}
