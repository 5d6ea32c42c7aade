using System.Collections.Immutable;
using AkkaRaft.Protocol;

namespace AkkaRaft.Consensus;

/// <summary>
/// Who votes and who only learns. While <see cref="Outgoing"/> is not empty the configuration is joint: every decision needs a majority
/// of <see cref="Voters"/> and a majority of <see cref="Outgoing"/> (Raft dissertation §4.3).
/// </summary>
internal sealed record Configuration(
    ImmutableSortedDictionary<MemberId, Member> Voters,
    ImmutableSortedDictionary<MemberId, Member> Outgoing,
    ImmutableSortedDictionary<MemberId, Member> Learners,
    ImmutableSortedSet<MemberId> Removed)
{
    public static Configuration Of(IEnumerable<Member> voters) => new(
        voters.ToImmutableSortedDictionary(m => m.Id, m => m),
        ImmutableSortedDictionary<MemberId, Member>.Empty,
        ImmutableSortedDictionary<MemberId, Member>.Empty,
        ImmutableSortedSet<MemberId>.Empty);

    public bool IsJoint => !Outgoing.IsEmpty;

    public bool IsVoter(MemberId id) => Voters.ContainsKey(id) || Outgoing.ContainsKey(id);

    public bool IsLearner(MemberId id) => Learners.ContainsKey(id) && !IsVoter(id);

    /// <summary>Every member once, in order of id.</summary>
    public IEnumerable<Member> Members => Voters.Values
        .Concat(Outgoing.Values.Where(m => !Voters.ContainsKey(m.Id)))
        .Concat(Learners.Values.Where(m => !IsVoter(m.Id)))
        .OrderBy(m => m.Id);

    public Member? Find(MemberId id) =>
        Voters.GetValueOrDefault(id) ?? Outgoing.GetValueOrDefault(id) ?? Learners.GetValueOrDefault(id);

    /// <summary>Whether the members that satisfy <paramref name="agrees"/> decide for all.</summary>
    public bool HasQuorum(Func<MemberId, bool> agrees) =>
        Majority(Voters.Keys, agrees) && (Outgoing.IsEmpty || Majority(Outgoing.Keys, agrees));

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

    private static long MajorityIndex(ImmutableSortedDictionary<MemberId, Member> voters, Func<MemberId, long> indexOf)
    {
        if (voters.IsEmpty) return 0;
        Span<long> indexes = stackalloc long[voters.Count];
        var at = 0;
        foreach (var (voter, _) in voters) indexes[at++] = indexOf(voter);
        indexes.Sort();
        return indexes[(voters.Count - 1) / 2];
    }
}
