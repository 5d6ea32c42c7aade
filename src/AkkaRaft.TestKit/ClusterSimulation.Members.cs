using System.Collections.Immutable;
using System.Globalization;
using AkkaRaft.Consensus;
using AkkaRaft.Hosting;
using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;
using AkkaRaft.TestKit.Engine;

namespace AkkaRaft.TestKit;

/// <summary>The verbs of an operator: members come and go while the cluster runs. Each asks whoever leads, once, and is answered over the network.</summary>
public sealed partial class ClusterSimulation
{
    private const int Operator = -1_000_000;

    private readonly List<object> _operatorReplies = [];
    private SimulatedProcess? _operator;

    /// <summary>What was answered to the operator: a <see cref="Membership"/>, or why not.</summary>
    public IReadOnlyList<object> OperatorReplies => _operatorReplies;

    /// <summary>Starts a member more, with an empty directory and the next id. It takes part once <see cref="SetVoters"/> or <see cref="AddLearner"/> names it.</summary>
    /// <returns>Its id.</returns>
    public int AddMember()
    {
        var member = Create();
        member.Joins = true;
        Fault(member.Id, "new member");
        Start(member.Id);
        return member.Id;
    }

    /// <summary>Asks for these members, and no others, to vote.</summary>
    public void SetVoters(params int[] members) => Ask(MembershipChange.Set, members);

    /// <summary>Asks for a member to receive the log without a vote.</summary>
    public void AddLearner(int member) => Ask(MembershipChange.AddLearner, member);

    /// <summary>Asks for a member to be one no more.</summary>
    public void RemoveMember(int member) => Ask(MembershipChange.Remove, member);

    /// <summary>Asks for the change under way to be given up.</summary>
    public void CancelChange() => Ask(MembershipChange.Cancel);

    /// <summary>Asks the leader to hand over.</summary>
    /// <param name="to">The voter to hand over to; null for the one that is furthest.</param>
    public void TransferLeadership(int? to = null)
    {
        Fault(null, string.Create(CultureInfo.InvariantCulture, $"transfer leadership to {to?.ToString(CultureInfo.InvariantCulture) ?? "anyone"}"));
        Tell(new TransferLeadership(ClusterId, _operatorReplies.Count, to is { } id ? new MemberId(id) : null));
    }

    /// <summary>Someone replaces the disk of a member that is down by an empty one. Restarted, it is to be refused.</summary>
    public void Wipe(int member)
    {
        if (_members[member].IsUp) throw new InvalidOperationException($"Member {member} is up; crash it first.");
        Fault(member, "disk replaced by an empty one");
        _members[member].Wipe();
    }

    private void Ask(MembershipChange kind, params int[] members)
    {
        ArgumentNullException.ThrowIfNull(members);
        Fault(null, string.Create(CultureInfo.InvariantCulture, $"members {kind} {string.Join(',', members)}"));
        Tell(new ChangeMembers(ClusterId, _operatorReplies.Count, kind, [.. members.Select(AddressOf)]));
    }

    private void Tell(object request)
    {
        if (_operator is null)
        {
            _operator = new SimulatedProcess("operator", null);
            _network.Attach(Operator, () => new RepliesRef(this, _system.DeadLetters.Path.Root));
        }
        Door(_operator, Operator, Leader ?? 0).Tell(request, Akka.Actor.ActorRefs.NoSender);
    }

    /// <summary>Whether it is a member by the leader's log, or follows one that is.</summary>
    internal bool LeadsToMembers(int id) =>
        Leader is { } leader && _members[id] is { IsUp: true, Raft: { IsUp: true } raft } && _members[leader].Raft!.RaftLog.Configuration is var now
        && (now.Find(raft.Me) is not null || (raft.KnownLeader is { } followed && now.Find(followed) is not null));

    /// <summary>
    /// An operator makes a cluster of one out of a member whose cluster has lost its majority for ever. What only the others had committed is lost, so that
    /// the history of all calls need not be linearizable any more: <see cref="Check"/> is not to be called.
    /// </summary>
    public void ForceSingle(int member)
    {
        if (_members.Exists(m => m.IsUp)) throw new InvalidOperationException("A member is up; crash all.");
        Fault(member, "made a cluster of one");
        foreach (var other in _members.Where(m => m.Id != member)) other.HasLeft = true;
        _invariants.GoOnFrom(_members[member].Disk.State);
        _states.Clear();
        _members[member].IsForcedSingle = true;
        Start(member);
        _members[member].IsForcedSingle = false;
    }

    /// <summary>
    /// An operator takes a backup of a cluster at rest, which is then lost as a whole, and lets its voters begin with it anew, on empty disks. Nothing was written after the
    /// backup, so that the history goes on.
    /// </summary>
    public void RestoreFromBackup()
    {
        if (!HasConverged || !_settings.StateSurvivesCrash) throw new InvalidOperationException("The cluster is not at rest, or its state is gone with its processes.");
        Directory.CreateDirectory(_directory);
        var file = Path.Combine(_directory, string.Create(CultureInfo.InvariantCulture, $"backup-{Faults}"));
        _members[Leader!.Value].BackUp(file);
        var image = KeyValueStore.Inspect(file);
        var founders = Voters.ToImmutableSortedDictionary(v => new MemberId(v), AddressOf);
        Fault(null, string.Create(CultureInfo.InvariantCulture, $"all is lost, and members {string.Join(',', founders.Keys)} begin anew with a backup to {image.Index}"));
        foreach (var id in Members) Crash(id);
        _invariants.GoOnFrom(image.Index);
        foreach (var member in _members.Where(m => !founders.ContainsKey(new MemberId(m.Id)))) member.HasLeft = true;
        var restored = founders.Keys.Select(id => _members[id.Value]).ToList();
        foreach (var member in restored)
        {
            member.BeginAnew(founders);
            member.RestoresFrom = (Disaster.BeginningWith(image, new FileInfo(file).Length, Crc.Of(File.ReadAllBytes(file)), founders.Values), file);
            Start(member.Id);
            RunUntil(() => AppliedIndexOf(member.Id) >= image.Index, what: string.Create(CultureInfo.InvariantCulture, $"that member {member.Id} has taken over the backup"));
            Crash(member.Id);
            member.RestoresFrom = null;
        }
        foreach (var member in restored) Start(member.Id);
    }

    /// <summary>Of those that vote and have kept their disks, the one whose log is furthest: it has all that was committed.</summary>
    internal int FurthestOf(IEnumerable<int> voters) =>
        voters.Where(v => !_members[v].IsLost).MaxBy(v => (_members[v].Disk.State.LastTerm, _members[v].Disk.State.LastIndex));

    /// <summary>Whether the member has stopped for good, as one must that was wiped, or whose journal is damaged.</summary>
    public bool HasFailed(int member) => _members[member].HasFailed;

    /// <summary>Whether the cluster gets over the loss of the member's disk: it is one of three voters or more, and the only one that is lost.</summary>
    public bool CanLose(int member) =>
        Leader is { } leader && _members[leader].Raft!.RaftLog is { Configuration: { Phase: MembershipPhase.Stable, Voters: { Count: > 2 } voters } now } log
        // Until then the others may still go by voters that are lost.
        && log.ConfigurationIndex <= Committed
        && voters.ContainsKey(new MemberId(member)) && now.Members.All(m => _members[m.Id.Value] is { IsLost: false, LacksState: false });

    /// <summary>Lets new members take the place of those whose disk is lost, as an operator does.</summary>
    /// <returns>False when there is nobody to replace.</returns>
    public bool ReplaceLost()
    {
        if (!Voters.Any(v => _members[v].IsLost)) return false;
        int[] whole = [.. Voters.Where(v => !_members[v].IsLost)];
        var now = _members[Leader!.Value].Raft!.RaftLog.Configuration;
        // One that an attempt before has left over.
        var spare = _members.Find(m => m is { Joins: true, IsUp: true, IsLost: false } && now.Find(new MemberId(m.Id)) is null && !now.Removed.Contains(new MemberId(m.Id)));
        if (spare is not null)
        {
            // Those that it was told of when it began may be members no more.
            Crash(spare.Id);
            Restart(spare.Id);
        }
        SetVoters([.. whole, spare?.Id ?? AddMember()]);
        return true;
    }

    private bool IsExpected(MemberFailed failed)
    {
        var member = _members[failed.Id.Value];
        return member.HasFailed = member.IsLost;
    }

    private sealed class RepliesRef(ClusterSimulation simulation, Akka.Actor.ActorPath root) : Akka.Actor.MinimalActorRef
    {
        public override Akka.Actor.ActorPath Path { get; } = root / "operator";

        public override Akka.Actor.IActorRefProvider Provider => simulation.Provider;

        protected override void TellInternal(object message, Akka.Actor.IActorRef sender) => simulation._operatorReplies.Add(message);
    }
}
