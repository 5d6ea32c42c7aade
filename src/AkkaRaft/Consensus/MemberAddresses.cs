using AkkaRaft.Protocol;

namespace AkkaRaft.Consensus;

/// <summary>
/// Where members say that they are. A member that moves is heard from its old place no longer, but for what was under way; one that is heard from two places
/// in turn, for long, is two processes with copies of one directory.
/// </summary>
internal sealed class MemberAddresses
{
    // Longer than a connection is believed in over which nothing is acknowledged: what was sent from the old place has come by then, or never will.
    internal static readonly TimeSpan UnderWay = TimeSpan.FromSeconds(5);

    // An operator may move a member there and back, and not as often within a minute.
    internal const int ReturnsOfCopies = 3;
    internal static readonly TimeSpan Within = TimeSpan.FromMinutes(1);

    private readonly Dictionary<MemberId, Place> _places = [];

    /// <summary>Where the member was when it was last heard from; null when it has not said.</summary>
    public string? Of(MemberId id) => _places.GetValueOrDefault(id)?.Address;

    /// <summary>Notes where a member is that is heard from.</summary>
    /// <returns>Null for one process. For two, the place of the newer one, which was heard from later for the first time, and that of the other.</returns>
    public (string Newer, string Older)? Heard(MemberId id, string address, TimeSpan now)
    {
        if (!_places.TryGetValue(id, out var place))
        {
            _places.Add(id, new Place { Address = address, Newest = address, Since = now });
            return null;
        }
        if (place.Address == address) return null;
        var returns = place.Former == address;
        (place.Former, place.Address) = (place.Address, address);
        if (!returns)
        {
            (place.Newest, place.Since, place.Returns) = (address, now, 0);
            return null;
        }
        if (now - place.Since < UnderWay) return null;
        place.Returns = now - place.Since < Within ? place.Returns + 1 : 1;
        place.Since = now;
        if (place.Returns < ReturnsOfCopies) return null;
        return place.Newest == place.Address ? (place.Newest, place.Former) : (place.Newest, place.Address);
    }

    private sealed class Place
    {
        public required string Address { get; set; }

        public string? Former { get; set; }

        /// <summary>Of the two, the one that was heard from later for the first time.</summary>
        public required string Newest { get; set; }

        /// <summary>The first move, or the last return that counts.</summary>
        public required TimeSpan Since { get; set; }

        public int Returns { get; set; }
    }
}
