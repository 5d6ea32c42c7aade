using System.Collections.Immutable;
using Akka.Event;
using AkkaRaft.Protocol;
using AkkaRaft.Storage;

namespace AkkaRaft.Consensus;

/// <summary>
/// How a cluster begins: once, when all its first members have met. An empty member that its peers have not met cannot tell a new cluster from one that it was
/// a voter of before its directory was lost, and neither can they. So nobody votes before each of the others has said, to this very incarnation, that it
/// is as empty; from then on the configuration tells each voter by its incarnation, and a majority suffices.
/// </summary>
internal sealed partial class RaftActor
{
    /// <summary>First members that have not begun either, by what they answered to this incarnation.</summary>
    private readonly Dictionary<MemberId, (ulong Incarnation, LogBeginning Beginning)> _met = [];
    private ClusterBegun? _begun;
    private BeganAnew? _beganAnew;
    private bool _beganAnewWritten;
    private TimeSpan? _saidBackups;

    /// <summary>A member that joins knows no voters yet: it takes part in what has begun.</summary>
    private bool HasBegun => _log.Configuration.Voters.IsEmpty || !_log.Configuration.Incarnations.IsEmpty;

    /// <summary>Says to all that it is there.</summary>
    private void Greet()
    {
        BeginIfAllHaveMet();
        foreach (var member in WhoMayAnswer) Send(member, header => new Hello(header));
    }

    /// <summary>One that joins knows others from its settings alone, and one whose log is old may know from it only such as have left.</summary>
    private IEnumerable<RaftEndpoint> WhoMayAnswer
    {
        get
        {
            var known = _log.Configuration;
            return Peers.UnionBy(_settings.Members.Values.Where(m => m.Id != Me && !known.Former.Contains(m) && !known.Removed.Contains(m.Id)), m => m.Id);
        }
    }

    private void Answer(Hello hello)
    {
        var (from, incarnation) = (hello.Header.From, hello.Header.Incarnation);
        // One that does not yet have its incarnation on its disk may have another when it has.
        if (incarnation == 0) return;
        AfterDurable(0, () =>
        {
            Send(from, h => new HelloReply(h with { ToIncarnation = incarnation }, _log.Configuration.Incarnations, Beginning));
            if (!HasBegun && _met.GetValueOrDefault(from).Incarnation != incarnation) Send(from, h => new Hello(h));
        });
    }

    private void Learn(HelloReply reply)
    {
        if (!IsToMe(reply.Header)) return;
        if (HasBegun)
        {
            // This member's log may be older than whoever leads.
            if (_incarnations.Count > MessageCheck.MostMembers) _incarnations.Clear();
            foreach (var (id, incarnation) in reply.Incarnations) _incarnations[id] = incarnation;
            return;
        }
        if (reply.Incarnations.IsEmpty)
        {
            _met[reply.Header.From] = (reply.Header.Incarnation, reply.Beginning);
            BeginIfAllHaveMet();
        }
        else if (reply.Incarnations.GetValueOrDefault(Me) == Origin.Incarnation && _beganAnew is null)
        {
            Begin(reply.Incarnations);
        }
    }

    private void BeginIfAllHaveMet()
    {
        if (HasBegun || !_originDurable || _beganAnew is not null) return;
        var voters = _log.Configuration.Voters.Keys.ToList();
        if (!voters.TrueForAll(id => id == Me || _met.ContainsKey(id))) return;
        if (WhoBeginsOtherwise is { } otherwise)
        {
            if (MaySay(ref _saidBackups)) _logger.Error(otherwise);
            return;
        }
        Begin(voters.ToImmutableSortedDictionary(id => id, id => id == Me ? Origin.Incarnation : _met[id].Incarnation));
        // Those that still wait need not wait for the next greeting.
        Greet();
    }

    /// <summary>It is noted before the member ends: started again it would else meet others that were told the same, and begin with them what has begun long ago.</summary>
    private void EndForHavingBegunAnew(MemberId knownBy)
    {
        _beganAnew ??= new BeganAnew(knownBy);
        Flush();
    }

    private string WhatBeganAnew(BeganAnew known) =>
        $"Member {Me} began anew on an empty directory, and member {known.KnownBy} knows it with another: what it voted and acknowledged there is lost, so that it must not vote again. Remove it ('akkaraft members remove {Me}') and add a member under a new id, with an empty directory.";

    private LogBeginning Beginning => new(_log.BaseIndex, _log.BaseTerm, Origin.Backup);

    /// <summary>Members that were restored from different backups would each take its own state for what all have; null when there are none. One that is empty is sent what the others have.</summary>
    private string? WhoBeginsOtherwise
    {
        get
        {
            if (HasBegun) return null;
            var restored = _met.Select(met => (Id: met.Key, met.Value.Beginning)).Append((Id: Me, Beginning)).Where(member => member.Beginning != default).OrderBy(member => member.Id).ToList();
            if (restored.DistinctBy(member => member.Beginning).Count() < 2) return null;
            return "The cluster does not begin, since its members were restored from different backups: "
                + string.Join(", ", restored.Select(member => $"{member.Id} from one to entry {member.Beginning.Index} of term {member.Beginning.Term} with checksum {member.Beginning.Backup:x8}"))
                + ". Stop those that have the wrong one, delete their directories, and restore them again.";
        }
    }

    private void Begin(ImmutableSortedDictionary<MemberId, ulong> incarnations)
    {
        _logger.Info("Member {0} has met all first members of the cluster, and takes part.", Me);
        _begun = new ClusterBegun(incarnations);
        _log.BeginWith(incarnations);
        // Nothing is voted or acknowledged before it is durable.
        _hardStateVersion++;
        Flush();
    }
}
