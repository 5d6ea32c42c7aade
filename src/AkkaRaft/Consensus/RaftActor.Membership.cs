using System.Collections.Immutable;
using Akka.Actor;
using Akka.Event;
using AkkaRaft.Log;
using AkkaRaft.Protocol;

namespace AkkaRaft.Consensus;

/// <summary>
/// Change of members (Raft dissertation §4): new ones catch up without a vote, then old and new voters decide together, then the new ones alone.
/// Each step is a log entry, so that whoever leads goes on with it.
/// </summary>
internal sealed partial class RaftActor
{
    // Each time the member fetches all of a snapshot in vain.
    private const int MaxOutruns = 3;

    // Each is told of each, and the leader sends to all of them.
    private const int LargestCluster = 100;

    // What voters said that they have: the highest committed index that each acknowledged, and the highest term in which each spoke.
    private readonly Dictionary<MemberId, long> _heardTerms = [];
    private ImmutableSortedDictionary<MemberId, long> _acknowledged = ImmutableSortedDictionary<MemberId, long>.Empty;

    private void Change(LeaderState leading, ChangeMembers change)
    {
        var now = _log.Configuration;
        if (ComplaintAbout(change, now) is { } complaint)
        {
            Refuse(change.RequestId, RefusalReason.BadRequest, complaint);
            return;
        }
        if (_commitIndex < leading.FirstIndexOfTerm || leading.Transfer is not null)
        {
            Refuse(change.RequestId, RefusalReason.NotReady, "This leader has committed nothing yet, or hands over.");
            return;
        }
        var underWay = now.Phase != MembershipPhase.Stable || _log.ConfigurationIndex > _commitIndex;
        var next = Next(change, now);
        if (change.Kind == MembershipChange.Cancel)
        {
            if (now.Phase == MembershipPhase.Joint) Refuse(change.RequestId, RefusalReason.Conflict, "The change takes effect already and cannot be cancelled.");
            else Begin(leading, change, next, now);
        }
        else if (!underWay)
        {
            Begin(leading, change, next, now);
        }
        else if (IsSameAs(change, now))
        {
            // Asked again, by a client that lost the answer.
            Sender.Tell(MembershipNow(change.RequestId));
        }
        else
        {
            Refuse(change.RequestId, RefusalReason.Conflict, "Another change of members is under way; wait for its end, or cancel it.");
        }
    }

    private void Begin(LeaderState leading, ChangeMembers change, Configuration next, Configuration now)
    {
        if (!ReferenceEquals(next, now))
        {
            leading.ChangeFailure = change.Kind == MembershipChange.Cancel ? "The change was cancelled; nothing was changed." : null;
            AppendConfiguration(leading, next);
        }
        Sender.Tell(MembershipNow(change.RequestId));
    }

    /// <summary>Whether the change under way is the one asked for.</summary>
    private static bool IsSameAs(ChangeMembers change, Configuration now)
    {
        var voters = now.Incoming.IsEmpty ? now.Voters : now.Incoming;
        var ids = change.Members.Select(m => m.Id);
        return change.Kind switch
        {
            MembershipChange.Set => voters.Keys.SequenceEqual(ids.Order()),
            MembershipChange.Add => ids.All(voters.ContainsKey),
            MembershipChange.AddLearner => ids.All(now.Learners.ContainsKey),
            MembershipChange.Update => change.Members.All(m => now.Find(m.Id) == m),
            MembershipChange.Remove => ids.All(id => !voters.ContainsKey(id) && !now.Learners.ContainsKey(id)),
            _ => false,
        };
    }

    private Configuration Next(ChangeMembers change, Configuration now)
    {
        var members = change.Members.Select(m => m.Address.Length > 0 ? m : now.Find(m.Id) ?? m).ToImmutableSortedDictionary(m => m.Id, m => m);
        switch (change.Kind)
        {
            case MembershipChange.Set:
                return Towards(now, members);
            case MembershipChange.Add:
                return Towards(now, now.Voters.SetItems(members));
            case MembershipChange.AddLearner:
                return members.Keys.All(now.Learners.ContainsKey) ? now : now with { Learners = now.Learners.SetItems(members) };
            case MembershipChange.Update:
                return members.Values.Aggregate(now, (configuration, moved) => configuration.WithAddress(moved));
            case MembershipChange.Remove:
                var learners = now.Learners.Keys.Intersect(members.Keys).ToList();
                var rest = learners.Count == 0 ? now : now with { Learners = now.Learners.RemoveRange(learners), Removed = now.Removed.Union(learners) };
                return Towards(rest, rest.Voters.RemoveRange(members.Keys));
            default:
                return now.Phase == MembershipPhase.CatchingUp ? now.Cancelled() : now;
        }
    }

    private static Configuration Towards(Configuration now, ImmutableSortedDictionary<MemberId, RaftEndpoint> voters) =>
        now.Voters.Keys.SequenceEqual(voters.Keys) ? now : now.Towards(voters);

    private static string? ComplaintAbout(ChangeMembers change, Configuration now)
    {
        if (change.Kind == MembershipChange.Cancel) return null;
        if (change.Members.IsEmpty) return "The change names no member.";
        if (change.Members.Length > LargestCluster || change.Kind is not (MembershipChange.Remove or MembershipChange.Update) && now.Members.Concat(change.Members).DistinctBy(m => m.Id).Count() > LargestCluster) return $"A cluster has {LargestCluster} members at most, with those of a change.";
        if (change.Members.Select(m => m.Id).Distinct().Count() < change.Members.Length) return "The change names a member twice.";
        foreach (var member in change.Members)
        {
            if (now.Removed.Contains(member.Id))
            {
                if (change.Kind == MembershipChange.Remove) continue;
                return $"Id {member.Id} was removed once, and an id is never used again; choose another.";
            }
            var known = now.Find(member.Id);
            if (known is null && change.Kind is (MembershipChange.Remove or MembershipChange.Update)) return $"There is no member {member.Id}; the members are {string.Join(", ", now.Members)}.";
            if (known is null && member.Address.Length == 0) return $"There is no member {member.Id}; say where it listens, as {member.Id}=host:port.";
            if (member.Address.Length > 0 && !SettingsCheck.IsAddress(member.Address)) return $"'{member.Address}' is no address such as host:port.";
            if (change.Kind == MembershipChange.Update)
            {
                if (member.Address.Length == 0) return $"Say where member {member.Id} listens now, as {member.Id}=host:port.";
                var afterwards = now.Members.Select(m => change.Members.FirstOrDefault(c => c.Id == m.Id) ?? m);
                if (afterwards.FirstOrDefault(m => m.Id != member.Id && m.Address == member.Address) is { } owner)
                    return $"Member {owner.Id} has the address {member.Address} already.";
                continue;
            }
            if (known is not null && member.Address.Length > 0 && member.Address != known.Address)
                return $"Member {member.Id} has the address {known.Address}; name it by its id alone, and give it another with 'members update {member.Id}={member.Address}'.";
            if (known is null && now.Members.Concat(change.Members.Where(m => m != member)).FirstOrDefault(m => m.Address == member.Address) is { } other)
                return $"Member {other.Id} has the address {member.Address} already.";
            if (change.Kind == MembershipChange.AddLearner && now.IsVoter(member.Id)) return $"Member {member.Id} votes already.";
        }
        if (change.Kind == MembershipChange.Remove && now.Voters.Keys.All(change.Members.Select(m => m.Id).Contains))
            return "The last voters cannot be removed: a cluster without voters serves nothing.";
        return null;
    }

    private void AppendConfiguration(LeaderState leading, Configuration next)
    {
        _logger.Info("Member {0} changes the members: {1}.", Me, Words(next));
        AppendOwn(EntryKind.Configuration, ConfigurationCodec.Encode(next));
        foreach (var peer in Peers)
        {
            if (!leading.Progress.ContainsKey(peer.Id)) leading.Progress.Add(peer.Id, new Progress(_log.LastIndex, Now));
        }
        foreach (var gone in leading.Progress.Keys.Where(id => _log.Configuration.Find(id) is null).ToList()) leading.Progress.Remove(gone);
        SchedulePump();
    }

    private static string Words(Configuration configuration) => configuration.Phase switch
    {
        MembershipPhase.Joint => $"voters {string.Join(", ", configuration.Outgoing.Keys)} together with {string.Join(", ", configuration.Voters.Keys)}",
        MembershipPhase.CatchingUp => $"{string.Join(", ", configuration.Joining)} catch up",
        _ => $"voters {string.Join(", ", configuration.Voters.Keys)}" + (configuration.Learners.IsEmpty ? "" : $", learners {string.Join(", ", configuration.Learners.Keys)}"),
    };

    /// <summary>The next step of a change, once the last is committed.</summary>
    private void ContinueChange(LeaderState leading)
    {
        if (_log.ConfigurationIndex > _commitIndex || _commitIndex < leading.FirstIndexOfTerm) return;
        var now = _log.Configuration;
        switch (now.Phase)
        {
            case MembershipPhase.Joint:
                leading.Leaving = [.. now.Outgoing.Values.Where(m => !now.Voters.ContainsKey(m.Id))];
                AppendConfiguration(leading, now.Final());
                break;
            case MembershipPhase.CatchingUp:
                if (now.Joining.All(m => HasCaughtUp(leading.Progress[m.Id]))) AppendConfiguration(leading, Joint(leading, now));
                else if (now.Joining.Select(m => WhyItCannotJoin(m, leading.Progress[m.Id])).FirstOrDefault(why => why is not null) is { } failure)
                {
                    leading.ChangeFailure = $"{failure} Nothing was changed.";
                    _logger.Warning(leading.ChangeFailure);
                    AppendConfiguration(leading, now.Cancelled());
                }
                break;
            default:
                foreach (var member in leading.Leaving.Where(m => m.Id != Me)) Send(member, h => new Dismissed(h, DismissalReason.Removed));
                leading.Leaving = [];
                if (!now.IsVoter(Me)) LeaveOffice(leading);
                break;
        }
    }

    /// <returns>Null while it may yet catch up.</returns>
    private string? WhyItCannotJoin(RaftEndpoint member, Progress progress) =>
        Now - progress.LastContact > _settings.JoinTimeout
            ? $"Member {member} has not answered for {_settings.JoinTimeout.TotalSeconds:0.#} s. Is it running, with --join, and is this its address?"
        : progress.Outruns >= MaxOutruns
            ? $"Member {member} cannot catch up: {progress.Outruns} times more was written than akkaraft.max-log-bytes ({_settings.MaxLogBytes} bytes) before it had fetched a snapshot. "
                + "Set it higher on all members, raise akkaraft.snapshot-bytes-per-second on the new one, or add it while less is written."
        : null;

    /// <summary>Whoever votes is known by its incarnation from then on.</summary>
    private static Configuration Joint(LeaderState leading, Configuration now) => now.Joint() with
    {
        Incarnations = now.Incarnations.SetItems(now.Joining
            .Select(m => KeyValuePair.Create(m.Id, leading.Progress[m.Id].Incarnation)).Where(known => known.Value != 0)),
    };

    /// <summary>All is sent, and what was sent is being acknowledged.</summary>
    private bool HasCaughtUp(Progress progress) =>
        progress.State == ProgressState.Replicate && progress.NextIndex > _log.LastIndex && progress.MatchIndex >= _log.ConfigurationIndex;

    /// <summary>A leader that is no voter any more goes once that is committed, and lets the best of the others campaign at once (§4.2.2, §3.10).</summary>
    private void LeaveOffice(LeaderState leading)
    {
        Heartbeat(leading);
        var heir = BestOf(leading.Progress.Where(p => _log.Configuration.IsVoter(p.Key)));
        Send(heir, h => new TimeoutNow(h));
        BecomeFollower(_term, leader: null);
        Removed(heir);
    }

    private void LeaveIfRemoved()
    {
        if (_log.ConfigurationIndex <= _commitIndex && _log.Configuration.Removed.Contains(Me)) Removed(_leader);
    }

    private void Removed(MemberId? successor)
    {
        _logger.Info("Member {0} was removed from the cluster and stops.", Me);
        Context.Parent.Tell(new MemberRemoved(Me, successor is { } next ? Locate(next) : null));
        Context.Stop(Self);
    }

    /// <summary>What only an operator may order, for a cluster whose majority is lost: no quorum is asked, and what only the lost ones had is gone.</summary>
    private void GoOnAlone()
    {
        var now = _log.Configuration;
        if (now.Members.All(m => m.Id == Me)) return;
        var alone = Configuration.Of([Locate(Me) ?? throw new InvariantViolationException($"Member {Me} has no address.")]) with
        {
            Removed = now.Removed.Union(now.Members.Select(m => m.Id).Where(id => id != Me)),
            Incarnations = ImmutableSortedDictionary<MemberId, ulong>.Empty.Add(Me, Origin.Incarnation),
        };
        SetTermAndVote(_term + 1, Me);
        AppendOwn(EntryKind.Configuration, ConfigurationCodec.Encode(alone));
        _logger.Warning("Member {0} goes on alone, with its log to {1}; {2} are members no more.", Me, _log.LastIndex, string.Join(", ", alone.Removed));
    }

    // ---- who is no member any more --------------------------------------------------------------------------------

    /// <summary>Whether the sender is one that was removed; it is told so.</summary>
    private bool IsDismissed(IRaftMessage message)
    {
        var header = message.Header;
        // A removal is in force when it is appended. A leader that it removes leads until it is committed, and hands over then (§4.2.2).
        var leads = header.Term >= _term && message is AppendEntries or InstallSnapshot or TimeoutNow;
        if (!leads && _log.ConfigurationIndex <= _commitIndex && _log.Configuration.Removed.Contains(header.From))
        {
            Send(header.From, h => new Dismissed(h, DismissalReason.Removed));
            return true;
        }
        return false;
    }

    /// <summary>
    /// Two processes that vote and acknowledge with one member's promises keep neither's. The one that is not where the configuration has the member has to go,
    /// or else the newer one, which a copy was made for.
    /// </summary>
    private void RefuseCopy(MemberId id, string newer, string older)
    {
        var copy = new RaftEndpoint(id, newer.Equals(_log.Configuration.Find(id)?.Address, StringComparison.OrdinalIgnoreCase) ? older : newer);
        _logger.Error("Member {0} hears {1} from two places in turn, {2} and {3}: two processes run on copies of one directory. It tells that at {4} to stop.", Me, id, older, newer, copy.Address);
        SendTo(copy, h => new Dismissed(h, DismissalReason.RunsTwice));
    }

    // What voters say of this member, by reason.
    private readonly Dictionary<DismissalReason, HashSet<MemberId>> _dismissals = [];

    /// <summary>Who says that this member is none any more, while others have yet to say so; null when nobody does.</summary>
    private string? WhoDismisses => _dismissals.Count == 0 ? null : string.Join(' ', _dismissals.Select(d =>
        $"{(d.Value.Count == 1 ? "Member" : "Members")} {string.Join(", ", d.Value.Order())} {(d.Value.Count == 1 ? "says" : "say")} of member {Me}: {Words(d.Key)} It ends when as many others say so as decide; when they cannot, and it is true, stop it."));

    private static string Words(DismissalReason reason) => reason switch
    {
        DismissalReason.Removed => "it was removed.",
        DismissalReason.RunsTwice => "it runs twice, on a copy of its directory.",
        _ => "it has lost what it acknowledged.",
    };

    /// <summary>
    /// Nobody is believed alone: a majority of the voters that this member knows must say the same, or all of the others. One that begins has promised nothing
    /// yet, and its settings may name members that are none any more: one is enough. Only a leader sees what a follower has lost.
    /// </summary>
    private void Heed(Dismissed dismissed)
    {
        var from = dismissed.Header.From;
        if (dismissed.Reason == DismissalReason.LostEntries)
        {
            FailForLostEntries($"member {from}, which leads at term {dismissed.Header.Term}, says so");
            return;
        }
        if (dismissed.Reason == DismissalReason.BeganAnew)
        {
            if (!HasBegun || _log.Configuration.Voters.IsEmpty) Leave(dismissed);
            return;
        }
        var known = _log.Configuration;
        HashSet<MemberId> others = [.. known.Voters.Keys, .. known.Outgoing.Keys];
        others.Remove(Me);
        if (!others.Contains(from)) return;
        if (!_dismissals.TryGetValue(dismissed.Reason, out var sayers)) _dismissals[dismissed.Reason] = sayers = [];
        var isNew = sayers.Add(from);
        // Of a joint configuration the other half may have left by now.
        if (known.HasMajorityOfEither(sayers.Contains) || sayers.SetEquals(others)) Leave(dismissed);
        else if (isNew)
        {
            _logger.Warning(WhoDismisses!);
            Greet();
        }
    }

    private void Leave(Dismissed dismissed)
    {
        if (dismissed.Reason == DismissalReason.Removed) Removed(dismissed.Header.From);
        else if (dismissed.Reason == DismissalReason.RunsTwice)
            Fail($"Member {Me} runs twice: member {dismissed.Header.From} hears it from here and from another place in turn. This process is the newer one, or not where the cluster has the member, and its directory is a copy of the other's. It does not vote or serve. Remove the copy; to have one member more, start it with --join on an empty directory, and a new id.");
        else EndForHavingBegunAnew(dismissed.Header.From);
    }

    // ---- who has lost what it acknowledged -------------------------------------------------------------------------

    private long AckedBy(MemberId id)
    {
        var known = _acknowledged.GetValueOrDefault(id);
        return _leading?.Progress.GetValueOrDefault(id) is { } progress && _log.Configuration.IsVoter(id)
            ? Math.Max(known, Math.Min(progress.CountsTo, _commitIndex))
            : known;
    }

    private void Acknowledged(MemberId voter, long index)
    {
        if (_acknowledged.Count >= MessageCheck.MostMembers && !_acknowledged.ContainsKey(voter)) return;
        if (index > _acknowledged.GetValueOrDefault(voter)) _acknowledged = _acknowledged.SetItem(voter, index);
    }

    /// <summary>So that whoever leads next, or is asked for a vote, knows it too.</summary>
    private void NoteAcknowledged(LeaderState leading)
    {
        Acknowledged(Me, Math.Min(_log.DurableIndex, _commitIndex));
        foreach (var id in leading.Progress.Keys) Acknowledged(id, AckedBy(id));
        _acknowledged = _acknowledged.RemoveRange(_acknowledged.Keys.Where(id => !_log.Configuration.IsVoter(id)));
    }

    /// <summary>The highest term in which each peer said something that it had made durable before.</summary>
    private void HearTerm(IRaftMessage message)
    {
        var header = message.Header;
        if (message is (RequestVote or RequestVoteReply or AppendEntries or AppendEntriesReply) && _log.Configuration.IsVoter(header.From))
            _heardTerms[header.From] = Math.Max(_heardTerms.GetValueOrDefault(header.From), header.Term);
    }

    /// <summary>No log is up to date that lacks what its member is known to have acknowledged.</summary>
    private bool IsUpToDate(MemberId candidate, long lastLogIndex, long lastLogTerm) =>
        _log.IsUpToDate(lastLogIndex, lastLogTerm) && lastLogIndex >= AckedBy(candidate);

    /// <summary>Whether this member is told that it acknowledged more than it has: it must not vote or acknowledge with that.</summary>
    private bool HasLost(RaftHeader header)
    {
        if (!HasBegun || _log.Configuration.Voters.IsEmpty || (header.AckedIndex <= _log.LastIndex && header.AckedTerm <= _term)) return false;
        FailForLostEntries($"member {header.From} saw it acknowledge entry {header.AckedIndex}, and heard it at term {header.AckedTerm}");
        return true;
    }

    private void FailForLostEntries(string who) => Fail(
        $"Member {Me}'s journal lacks what the member acknowledged: {who}; its log ends at entry {_log.LastIndex}, at term {_term}. Its directory is an older copy, or its disk lost what was synced. "
        + $"It does not vote or serve. Remove it ('members remove {Me}') and add a member with a new id; where no majority is left, see 'akkaraft recover'.");

    private void Dismiss(Progress progress, MemberId id)
    {
        if (!progress.IsDismissed)
            _logger.Error("Member {0} dismisses {1}: it acknowledged entry {2} in this term and no longer has it. Its directory is an older copy, or its disk lost what was synced.", Me, id, progress.MatchIndex);
        progress.Dismiss();
        Send(id, h => new Dismissed(h, DismissalReason.LostEntries));
    }

    private Membership MembershipNow(long requestId)
    {
        var now = _log.Configuration;
        return new Membership(
            _log.ConfigurationIndex, _log.ConfigurationIndex <= _commitIndex, _leading is not null, now.Phase, _leading?.ChangeFailure,
            [.. now.Members.Select(member =>
            {
                var role = now.Voters.ContainsKey(member.Id) ? MembershipRole.Voter
                    : now.Outgoing.ContainsKey(member.Id) ? MembershipRole.Leaving
                    : now.Incoming.ContainsKey(member.Id) ? MembershipRole.Joining
                    : MembershipRole.Learner;
                var progress = _leading?.Progress.GetValueOrDefault(member.Id);
                return new ConfiguredMember(
                    member, role, member.Id == Me ? _log.DurableIndex : progress?.MatchIndex ?? 0, progress?.SnapshotReceived ?? 0, progress?.Snapshot?.Length ?? 0)
                {
                    ReachedAt = Locate(member.Id) is { } at && at != member ? at.Address : null,
                };
            })]) { RequestId = requestId };
    }
}
