using System.Globalization;

namespace AkkaRaft.Protocol;

/// <summary>
/// The number that names one member of a cluster for ever: it is never given to another member, not even after this one is removed.
/// </summary>
/// <param name="Value">Zero or more.</param>
public readonly record struct MemberId(int Value) : IComparable<MemberId>
{
    /// <inheritdoc />
    public int CompareTo(MemberId other) => Value.CompareTo(other.Value);

    /// <summary>The number in decimal digits.</summary>
    public override string ToString() => Value.ToString(CultureInfo.InvariantCulture);

    /// <summary>Orders members by number.</summary>
    public static bool operator <(MemberId left, MemberId right) => left.Value < right.Value;

    /// <summary>Orders members by number.</summary>
    public static bool operator >(MemberId left, MemberId right) => left.Value > right.Value;

    /// <summary>Orders members by number.</summary>
    public static bool operator <=(MemberId left, MemberId right) => left.Value <= right.Value;

    /// <summary>Orders members by number.</summary>
    public static bool operator >=(MemberId left, MemberId right) => left.Value >= right.Value;
}

/// <summary>A member and where its ActorSystem listens.</summary>
/// <param name="Id">The member's number.</param>
/// <param name="Address"><c>host:port</c> of its Akka.Remote transport.</param>
public sealed record RaftEndpoint(MemberId Id, string Address)
{
    /// <summary><c>id@host:port</c>, as log lines and error messages name a member.</summary>
    public override string ToString() => $"{Id}@{Address}";
}
