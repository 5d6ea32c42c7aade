using AkkaRaft.Log;
using AkkaRaft.Protocol;

namespace AkkaRaft.StateMachines;

/// <summary>
/// What members have told of their states, each by a hash at the entries by which the log asks for one (<see cref="EntryKind.StateCheck"/>). Members that
/// applied the same entries have the same state, unless their state machine is not deterministic, or memory or a disk changed what one of them has. Nobody's
/// word is enough to tell who is wrong: a quorum has to agree otherwise.
/// </summary>
internal sealed class StateHashes
{
    // Of each member so many are kept: one that applies later than others finds theirs, and one that tells of many crowds out its own.
    private const int MostOfOne = 4;

    private readonly Dictionary<MemberId, Queue<(long Index, ulong Hash)>> _told = [];

    /// <summary>Notes what a member tells, or what is found here.</summary>
    public void Add(MemberId member, long index, ulong hash)
    {
        if (!_told.TryGetValue(member, out var told)) _told[member] = told = new Queue<(long, ulong)>();
        if (Of(member, index) is not null) return;
        told.Enqueue((index, hash));
        if (told.Count > MostOfOne) told.Dequeue();
    }

    /// <summary>Of members that are none any more nothing is kept.</summary>
    public void Keep(Configuration configuration)
    {
        foreach (var member in _told.Keys.Where(id => configuration.Find(id) is null).ToList()) _told.Remove(member);
    }

    /// <summary>How a member's state compares with the others' at an entry; null while too few have told.</summary>
    public StateComparison? Compare(long index, MemberId me, Configuration configuration)
    {
        if (Of(me, index) is not { } own) return null;
        var told = configuration.Members.Select(m => (m.Id, Hash: Of(m.Id, index))).Where(m => m.Hash is not null).ToList();
        var agreed = told.Select(m => m.Hash).Distinct().FirstOrDefault(hash => configuration.HasQuorum(id => Of(id, index) == hash));
        var others = told.Where(m => m.Hash != (agreed ?? own)).Select(m => m.Id).ToArray();
        if (agreed is not null) return new StateComparison(index, agreed == own ? StateVerdict.Same : StateVerdict.Differs, others);
        return others.Length > 0 && configuration.Voters.Keys.All(id => Of(id, index) is not null) ? new StateComparison(index, StateVerdict.NoQuorum, others) : null;
    }

    private ulong? Of(MemberId member, long index)
    {
        if (!_told.TryGetValue(member, out var told)) return null;
        foreach (var (at, hash) in told)
            if (at == index) return hash;
        return null;
    }
}

/// <summary>How a member's state compares with the others' at an entry.</summary>
/// <param name="Index">Of the entry.</param>
/// <param name="Verdict">What a quorum says.</param>
/// <param name="Otherwise">Those whose state is another than the quorum's, or, without a quorum, than this member's.</param>
internal sealed record StateComparison(long Index, StateVerdict Verdict, IReadOnlyList<MemberId> Otherwise);

/// <summary>Whether a state is the one that a quorum has.</summary>
internal enum StateVerdict
{
    /// <summary>A quorum has this member's.</summary>
    Same,

    /// <summary>A quorum has another one.</summary>
    Differs,

    /// <summary>All voters have told, and no quorum agrees.</summary>
    NoQuorum,
}
