using System.Collections.Immutable;
using AkkaRaft.Protocol;

namespace AkkaRaft.Log;

/// <summary>
/// Who votes and who only learns. While <see cref="Outgoing"/> is not empty the configuration is joint: every decision needs a majority
/// of <see cref="Voters"/> and a majority of <see cref="Outgoing"/> (Raft dissertation §4.3).
/// </summary>
/// <param name="Voters">Who votes, or shall.</param>
/// <param name="Outgoing">While joint: who voted before.</param>
/// <param name="Learners">Who receives the log and does not vote.</param>
/// <param name="Removed">Ids that are never used again.</param>
internal sealed record Configuration(
    ImmutableSortedDictionary<MemberId, RaftEndpoint> Voters,
    ImmutableSortedDictionary<MemberId, RaftEndpoint> Outgoing,
    ImmutableSortedDictionary<MemberId, RaftEndpoint> Learners,
    ImmutableSortedSet<MemberId> Removed)
{
    /// <summary>While new members catch up: who shall vote. Those of them that do not yet are learners until then (§4.2.1).</summary>
    public ImmutableSortedDictionary<MemberId, RaftEndpoint> Incoming { get; init; } = ImmutableSortedDictionary<MemberId, RaftEndpoint>.Empty;

    /// <summary>
    /// Each voter's, so that one that lost its directory is not taken for the one that voted and acknowledged under its id.
    /// Empty before all first members have met.
    /// </summary>
    public ImmutableSortedDictionary<MemberId, ulong> Incarnations { get; init; } = ImmutableSortedDictionary<MemberId, ulong>.Empty;

    private const int MostFormer = 64;

    /// <summary>Members at addresses that they had before an update, the oldest first. Settings that still name one of these are older than the log.</summary>
    public ImmutableArray<RaftEndpoint> Former { get; init; } = [];

    public static Configuration Of(IEnumerable<RaftEndpoint> voters) => new(
        voters.ToImmutableSortedDictionary(m => m.Id, m => m),
        ImmutableSortedDictionary<MemberId, RaftEndpoint>.Empty,
        ImmutableSortedDictionary<MemberId, RaftEndpoint>.Empty,
        ImmutableSortedSet<MemberId>.Empty);

    public bool IsJoint => !Outgoing.IsEmpty;

    public MembershipPhase Phase =>
        IsJoint ? MembershipPhase.Joint : Incoming.IsEmpty ? MembershipPhase.Stable : MembershipPhase.CatchingUp;

    /// <summary>Members that shall vote and do not yet.</summary>
    public IEnumerable<RaftEndpoint> Joining => Incoming.Values.Where(m => !IsVoter(m.Id));

    public bool IsVoter(MemberId id) => Voters.ContainsKey(id) || Outgoing.ContainsKey(id);

    public bool IsLearner(MemberId id) => (Learners.ContainsKey(id) || Incoming.ContainsKey(id)) && !IsVoter(id);

    /// <summary>Every member once, in order of id.</summary>
    public IEnumerable<RaftEndpoint> Members => Voters.Values
        .Concat(Outgoing.Values.Where(m => !Voters.ContainsKey(m.Id)))
        .Concat(Joining)
        .Concat(Learners.Values.Where(m => !IsVoter(m.Id) && !Incoming.ContainsKey(m.Id)))
        .OrderBy(m => m.Id);

    public RaftEndpoint? Find(MemberId id) =>
        Voters.GetValueOrDefault(id) ?? Outgoing.GetValueOrDefault(id) ?? Incoming.GetValueOrDefault(id) ?? Learners.GetValueOrDefault(id);

    /// <summary>The next step: new members are to catch up, or, when there are none, old and new voters decide together.</summary>
    /// <param name="voters">Who shall vote.</param>
    public Configuration Towards(ImmutableSortedDictionary<MemberId, RaftEndpoint> voters)
    {
        var catchingUp = this with { Incoming = voters };
        return catchingUp.Joining.Any() ? catchingUp : catchingUp.Joint();
    }

    /// <summary>Old and new voters decide together.</summary>
    public Configuration Joint() => this with
    {
        Voters = Incoming,
        Outgoing = Voters,
        Learners = Learners.RemoveRange(Incoming.Keys),
        Incoming = ImmutableSortedDictionary<MemberId, RaftEndpoint>.Empty,
    };

    /// <summary>The new voters decide alone; the ids of those that voted before and do not now are never used again.</summary>
    public Configuration Final() => this with
    {
        Outgoing = ImmutableSortedDictionary<MemberId, RaftEndpoint>.Empty,
        Removed = Removed.Union(Outgoing.Keys.Except(Voters.Keys)),
        Incarnations = Incarnations.RemoveRange(Outgoing.Keys.Except(Voters.Keys)),
    };

    /// <summary>The same members, each with the same vote, one of them at another address.</summary>
    /// <param name="moved">A member of this configuration, at its new address.</param>
    public Configuration WithAddress(RaftEndpoint moved)
    {
        var before = Find(moved.Id)!;
        if (before == moved) return this;
        return this with
        {
            Voters = Moved(Voters),
            Outgoing = Moved(Outgoing),
            Incoming = Moved(Incoming),
            Learners = Moved(Learners),
            Former = [.. Former.Where(m => m != moved && m != before && Find(m.Id) is not null).Append(before).TakeLast(MostFormer)],
        };

        ImmutableSortedDictionary<MemberId, RaftEndpoint> Moved(ImmutableSortedDictionary<MemberId, RaftEndpoint> members) =>
            members.ContainsKey(moved.Id) ? members.SetItem(moved.Id, moved) : members;
    }

    /// <summary>As before new members began to catch up.</summary>
    public Configuration Cancelled() => this with { Incoming = ImmutableSortedDictionary<MemberId, RaftEndpoint>.Empty };

    /// <summary>Whether the members that satisfy <paramref name="agrees"/> decide for all.</summary>
    public bool HasQuorum(Func<MemberId, bool> agrees) =>
        Majority(Voters.Keys, agrees) && (Outgoing.IsEmpty || Majority(Outgoing.Keys, agrees));

    /// <summary>Whether most of either half of a joint configuration agree, of which each alone decides where the other is none any more.</summary>
    public bool HasMajorityOfEither(Func<MemberId, bool> agrees) => Majority(Voters.Keys, agrees) || Majority(Outgoing.Keys, agrees);

    /// <summary>The highest index that a quorum has, given what each voter has.</summary>
    public long QuorumIndex(Func<MemberId, long> indexOf)
    {
        var index = MajorityIndex(Voters, indexOf);
        return Outgoing.IsEmpty ? index : Math.Min(index, MajorityIndex(Outgoing, indexOf));
    }

    private static bool Majority(IEnumerable<MemberId> voters, Func<MemberId, bool> agrees)
    {
        int all = 0, agreeing = 0;
        foreach (var voter in voters)
        {
            all++;
            if (agrees(voter)) agreeing++;
        }
        return all > 0 && agreeing > all / 2;
    }

    private static long MajorityIndex(ImmutableSortedDictionary<MemberId, RaftEndpoint> voters, Func<MemberId, long> indexOf)
    {
        if (voters.IsEmpty) return 0;
        Span<long> indexes = stackalloc long[voters.Count];
        var at = 0;
        foreach (var (voter, _) in voters) indexes[at++] = indexOf(voter);
        indexes.Sort();
        return indexes[(voters.Count - 1) / 2];
    }
}
