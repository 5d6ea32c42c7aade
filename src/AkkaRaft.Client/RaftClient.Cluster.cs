using System.Collections.Immutable;
using Akka.Actor;
using AkkaRaft.Protocol;

namespace AkkaRaft.Client;

/// <summary>What concerns the cluster and not its keys: members, leadership, backups.</summary>
public sealed partial class RaftClient
{
    private const int MostAskedAgain = 10;

    private ImmutableArray<RaftEndpoint> _told = [];
    private ImmutableArray<RaftEndpoint> _reached = [];
    private RaftEndpoint? _lastLeader;

    /// <summary>Asks each member how it stands, those that came since the settings were written included.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>One status per member, in order of id; one that is silent for an attempt's time is <see cref="RaftRole.Unreachable"/>.</returns>
    public async Task<IReadOnlyList<RaftStatus>> StatusAsync(CancellationToken cancellationToken = default)
    {
        var deadline = Deadline.In(_settings.RequestTimeout, _clock);
        while (true)
        {
            var all = await StatusOnceAsync(deadline.AtMost(_settings.AttemptTimeout), cancellationToken).ConfigureAwait(false);
            // One that is down must not keep the others waiting; that none answers may be this process's first connections, or a machine with too much to do.
            if (deadline.IsOver || all.Any(s => s.Role != RaftRole.Unreachable)) return all;
            await PauseAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private async Task<IReadOnlyList<RaftStatus>> StatusOnceAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        var asked = Known;
        var memberships = Task.WhenAll(asked.Select(m => AskOnce(m, new GetMembership(_settings.ClusterId, 0), timeout, cancellationToken)));
        var statuses = (await Task.WhenAll(asked.Select(m => StatusOf(m, timeout, cancellationToken))).ConfigureAwait(false)).ToList();
        var heard = (await memberships.ConfigureAwait(false)).OfType<Membership>().Where(m => m.IsCommitted && !m.Members.IsEmpty).ToList();
        if (heard.MaxBy(m => m.Index) is { } now)
        {
            Learn(now);
            // One that is not reached by the newest may be reached by others.
            _reached = [.. _reached.Union(heard.SelectMany(ReachedBy))];
            var added = Known.Except(asked);
            statuses.AddRange(await Task.WhenAll(added.Select(m => StatusOf(m, timeout, cancellationToken))).ConfigureAwait(false));
            // Whoever was removed, and is gone, is no member that fails to answer.
            statuses.RemoveAll(s => s.Status.Role == RaftRole.Unreachable && now.Members.All(m => m.Endpoint.Id != s.Status.Id));
        }
        // One of another cluster, where others are of this, has a wrong setting; where none is, the caller has.
        if (statuses.TrueForAll(s => s.Status.Role == RaftRole.Unreachable) && statuses.Find(s => s.IsForeign) is { Status.Problem: { } refusal }) throw new BadInputException(refusal);
        // A member says itself who it is, whatever id or old address it was asked under.
        return [.. statuses.GroupBy(s => s.Status.Id).Select(same => same.FirstOrDefault(s => s.Status.Role != RaftRole.Unreachable) ?? AsForeign(same.First())).Select(s => s.Status).OrderBy(s => s.Id)];

        static Stand AsForeign(Stand at) =>
            at.IsForeign ? at with { Status = at.Status with { Problem = $"Where member {at.Status.Id}@{at.Status.Address} should be: {at.Status.Problem}" } } : at;
    }

    private async Task<Stand> StatusOf(RaftEndpoint member, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var answer = await AskOnce(member, new GetMemberStatus(_settings.ClusterId, 0), timeout, cancellationToken).ConfigureAwait(false);
        if (answer is RaftStatus status) return new Stand(status, IsForeign: false);
        var silent = new RaftStatus(member.Id, member.Address, RaftRole.Unreachable, 0, null, 0, 0, 0, 0, ImmutableArray<MemberId>.Empty);
        return new Stand(silent with { Problem = (answer as Refused)?.Message }, answer is Refused { Reason: RefusalReason.OtherCluster });
    }

    /// <param name="Status">What a member, or whoever is at its address, says.</param>
    /// <param name="IsForeign">Whether a member of another cluster says it.</param>
    private sealed record Stand(RaftStatus Status, bool IsForeign);

    /// <summary>Asks the leader who the members are.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="RaftException">No leader answered in time.</exception>
    public Task<Membership> MembersAsync(CancellationToken cancellationToken = default) =>
        AskLeader<Membership>(new GetMembership(_settings.ClusterId, 0), cancellationToken);

    /// <summary>
    /// Changes the members while the cluster runs, from any set to any set, by joint consensus (Raft dissertation §4.3): new members first receive the log
    /// and the state without a vote. Ends once the new configuration is committed.
    /// </summary>
    /// <param name="kind">What is to change.</param>
    /// <param name="members">Whom it concerns; the address of one that is a member already may be empty.</param>
    /// <param name="progress">Is told how far the change is.</param>
    /// <param name="cancellationToken">Gives the change up, if it does not yet take effect.</param>
    /// <returns>The members afterwards.</returns>
    /// <exception cref="ConflictException">Another change is under way; nothing was changed.</exception>
    /// <exception cref="BadInputException">The change names an id that was removed once, or is otherwise none; nothing was changed.</exception>
    /// <exception cref="ChangeGivenUpException">A new member did not answer, or the change was cancelled; nothing was changed.</exception>
    /// <exception cref="RaftException">No leader answered in time.</exception>
    public async Task<Membership> ChangeMembersAsync(
        MembershipChange kind, IEnumerable<RaftEndpoint> members, IProgress<Membership>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(members);
        if (!Enum.IsDefined(kind)) throw new BadInputException($"{kind} is no change of members. Nothing was sent.");
        ImmutableArray<RaftEndpoint> named = [.. members];
        var change = new ChangeMembers(_settings.ClusterId, 0, kind, named);
        var isTaken = false;
        try
        {
            var deadline = Deadline.In(_settings.RequestTimeout, _clock);
            await FindLeader(deadline, cancellationToken).ConfigureAwait(false);
            var now = await AskLeader<Membership>(change, cancellationToken, deadline).ConfigureAwait(false);
            isTaken = true;
            var askedAgain = 0;
            while (true)
            {
                progress?.Report(now);
                if (now is { IsCommitted: true, Phase: MembershipPhase.Stable })
                {
                    if (IsReached(kind, named, now)) return now;
                    if (now.Failure is { } failure) throw new ChangeGivenUpException(failure);
                    // It went with a leader that lost its office before the change was committed; not that often.
                    if (++askedAgain > MostAskedAgain)
                        throw new OutcomeUnknownException($"Member {_lastLeader} took the change {askedAgain} times, says each time that it is done, and has other members than were asked for: what was asked is no member, or another one changes the members at the same time. 'members' tells how it stands.");
                    await PauseAsync(cancellationToken).ConfigureAwait(false);
                    now = await AskLeader<Membership>(change, cancellationToken).ConfigureAwait(false);
                    continue;
                }
                await PauseAsync(cancellationToken).ConfigureAwait(false);
                now = await MembersAsync(cancellationToken).ConfigureAwait(false);
            }
        }
        catch (RaftException e) when (isTaken && e is NoLeaderException or ClusterUnreachableException)
        {
            throw new OutcomeUnknownException($"A leader has taken the change, and whether it is in force is not known; 'members' tells. {e.Message}");
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            await AskLeader<Membership>(change with { Kind = MembershipChange.Cancel }, CancellationToken.None).ConfigureAwait(false);
            throw;
        }
    }

    private static bool IsReached(MembershipChange kind, ImmutableArray<RaftEndpoint> named, Membership now)
    {
        var voters = now.Members.Where(m => m.Role == MembershipRole.Voter).Select(m => m.Endpoint.Id);
        var all = now.Members.Select(m => m.Endpoint.Id);
        var ids = named.Select(m => m.Id);
        return kind switch
        {
            MembershipChange.Set => voters.Order().SequenceEqual(ids.Order()),
            MembershipChange.Add => ids.All(voters.Contains),
            MembershipChange.AddLearner => ids.All(all.Contains),
            MembershipChange.Update => named.All(m => now.Members.Any(n => n.Endpoint == m)),
            MembershipChange.Remove => !ids.Any(all.Contains),
            _ => true,
        };
    }

    /// <summary>Hands leadership over; requests that come meanwhile wait for the next leader.</summary>
    /// <param name="target">The voter to hand over to; null for the one whose log is furthest.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The new leader.</returns>
    /// <exception cref="BadInputException">There is no such voter.</exception>
    /// <exception cref="RaftException">No leader answered in time.</exception>
    public async Task<MemberId> TransferLeadershipAsync(MemberId? target = null, CancellationToken cancellationToken = default)
    {
        var deadline = Deadline.In(_settings.RequestTimeout, _clock);
        await FindLeader(deadline, cancellationToken).ConfigureAwait(false);
        if (target is { } wanted && _lastLeader?.Id == wanted) return wanted;
        return (await AskLeader<LeadershipTransferred>(new TransferLeadership(_settings.ClusterId, 0, target), cancellationToken, deadline).ConfigureAwait(false)).Leader;
    }

    /// <summary>Writes a consistent image of the state, of one moment, to a file, while the cluster runs. It is an SQLite database with the table <c>kv</c>.</summary>
    /// <param name="file">The file, which must not exist.</param>
    /// <param name="member">The member that gives it; null for the leader, whose state is the newest.</param>
    /// <param name="progress">Is told how many bytes came, of how many.</param>
    /// <param name="cancellationToken">Ends it; the file is removed.</param>
    /// <exception cref="IOException">The file exists, or cannot be written.</exception>
    /// <exception cref="RaftException">The member did not answer in time.</exception>
    public async Task<Backup> BackupAsync(
        string file, MemberId? member = null, IProgress<BackupProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(file);
        // Whoever answers this as the leader is remembered.
        if (member is null) await MembersAsync(cancellationToken).ConfigureAwait(false);
        var from = member is { } id ? Find(id) : _lastLeader!;
        if (File.Exists(file)) throw new IOException($"The file '{file}' already exists.");
        // Under its name there is all of it or nothing, though this process be killed.
        var part = $"{file}.{Guid.NewGuid():N}.part";
        var stream = new FileStream(part, FileMode.CreateNew, FileAccess.Write, FileShare.None);
        BackupBegun begun;
        try
        {
            await using (stream.ConfigureAwait(false))
            {
                begun = await AskMember<BackupBegun>(from, new BeginBackup(_settings.ClusterId, 0), cancellationToken).ConfigureAwait(false);
                if (begun.Length <= 0) throw new BadAnswerException($"Member {from} offers an image of {begun.Length} bytes: it is no member, or its answer is damaged.");
                var deadline = Deadline.In(_settings.RequestTimeout, _clock);
                var crc = Crc.Begin;
                while (stream.Length < begun.Length)
                {
                    var chunk = await AskMember<BackupChunk>(from, new FetchBackup(_settings.ClusterId, 0, stream.Length), cancellationToken).ConfigureAwait(false);
                    if (chunk.Bytes.Length > begun.Length - stream.Length) throw new BadAnswerException($"Member {from} sends more than the {begun.Length} bytes of its image.");
                    if (chunk.Bytes.IsEmpty || chunk.Offset != stream.Length) throw new NoLeaderException($"Member {from} has made a newer image meanwhile; begin the backup anew.");
                    if (Crc.Of(chunk.Bytes.Span) != chunk.Checksum)
                    {
                        if (deadline.IsOver) throw new BadAnswerException($"Member {from} has sent nothing but damaged pieces of its image for {_settings.RequestTimeout.TotalSeconds:0.0} s, from byte {stream.Length} on.");
                        await PauseAsync(cancellationToken).ConfigureAwait(false);
                        continue;
                    }
                    deadline = Deadline.In(_settings.RequestTimeout, _clock);
                    crc = Crc.Continue(crc, chunk.Bytes.Span);
                    await stream.WriteAsync(chunk.Bytes, cancellationToken).ConfigureAwait(false);
                    progress?.Report(new BackupProgress(stream.Length, begun.Length));
                }
                if (~crc != begun.Checksum) throw new NoLeaderException($"Member {from} has made a newer image meanwhile; begin the backup anew.");
                stream.Flush(flushToDisk: true);
            }
            File.Move(part, file);
            return new Backup(begun.Index, begun.Length);
        }
        finally
        {
            File.Delete(part);
        }
    }

    // ---- asking ---------------------------------------------------------------------------------------------------

    /// <summary>What members say of their addresses goes before what the settings say, which may be old; a member may be reached at the latter alone, as behind NAT.</summary>
    private ImmutableArray<RaftEndpoint> Known => [.. _told.Union(_reached).Union(_settings.Members.Values)];

    private RaftEndpoint Find(MemberId id) => Known.FirstOrDefault(m => m.Id == id) ?? throw new BadInputException($"There is no member {id}; known are {string.Join(", ", Known)}.");

    private static IEnumerable<RaftEndpoint> ReachedBy(Membership membership) => membership.Members.Where(m => m.ReachedAt is not null).Select(m => new RaftEndpoint(m.Endpoint.Id, m.ReachedAt!));

    private void Learn(Membership membership)
    {
        if (membership is not { IsCommitted: true, Members.IsEmpty: false }) return;
        _told = [.. membership.Members.Select(m => m.Endpoint)];
        _reached = [.. ReachedBy(membership)];
    }

    /// <returns>The answer; null when none came in time.</returns>
    private async Task<object?> TryAsk(RaftEndpoint member, object request, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var reply = await AskOnce(member, request, timeout, cancellationToken).ConfigureAwait(false);
        return reply is Refused { Reason: RefusalReason.BadRequest } refused ? throw new BadInputException(refused.Message) : reply;
    }

    /// <returns>Whatever the member says, a refusal too; null when it says nothing in time.</returns>
    private async Task<object?> AskOnce(RaftEndpoint member, object request, TimeSpan timeout, CancellationToken cancellationToken)
    {
        _calls.ThrowIfDisposed();
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, Stopped);
        try
        {
            // Akka awaits in the caller's context, which may be blocked until this ends.
            return await Task.Run(() => _resolve(member).Ask<object>(request, timeout, end.Token), CancellationToken.None).ConfigureAwait(false);
        }
        catch (AskTimeoutException)
        {
            return null;
        }
        catch (OperationCanceledException) when (Stopped.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw Calls.Disposed("The client was stopped before an answer came; a change that was asked for may have been made.");
        }
    }

    private async Task PauseAsync(CancellationToken cancellationToken)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, Stopped);
        await Task.Delay(_settings.RetryDelay, end.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
        _calls.ThrowIfDisposed();
    }

    private async Task<T> AskMember<T>(RaftEndpoint member, object request, CancellationToken cancellationToken) where T : class
    {
        var deadline = Deadline.In(_settings.RequestTimeout, _clock);
        object? reply = null;
        while (true)
        {
            reply = await TryAsk(member, request, deadline.AtMost(_settings.RequestTimeout), cancellationToken).ConfigureAwait(false) ?? reply;
            if (reply is T result) return result;
            if (reply is Refused { Reason: RefusalReason.OtherCluster } other) throw new BadInputException(other.Message);
            if (deadline.IsOver && reply is null) throw new ClusterUnreachableException($"Member {member} did not answer within {_settings.RequestTimeout.TotalSeconds:0.0} s.");
            if (deadline.IsOver) throw new NoLeaderException($"Member {member}: {(reply as Refused)?.Message ?? reply?.ToString()}");
            await PauseAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Of a change that is sent to nobody before one answers as the leader it is known that nothing was done when none answers.</summary>
    private Task FindLeader(Deadline deadline, CancellationToken cancellationToken) => AskLeader<Membership>(new GetMembership(_settings.ClusterId, 0), cancellationToken, deadline);

    /// <summary>Asks whoever leads; the request must do no harm when it comes twice.</summary>
    private async Task<T> AskLeader<T>(object request, CancellationToken cancellationToken, Deadline? until = null) where T : class
    {
        var deadline = until ?? Deadline.In(_settings.RequestTimeout, _clock);
        var outcomes = new Dictionary<RaftEndpoint, string>();
        var answered = false;
        var foreign = new HashSet<RaftEndpoint>();
        // Whoever was told of a change and did not answer may have made it.
        var mayHaveRun = false;
        while (true)
        {
            // The last leader first; each round asks everyone once.
            foreach (var member in Known.OrderBy(m => m != _lastLeader))
            {
                var next = member;
                for (var hops = 0; hops < 3 && next is not null; hops++)
                {
                    var asked = next;
                    next = null;
                    var reply = await TryAsk(asked, request, deadline.AtMost(_settings.AttemptTimeout), cancellationToken).ConfigureAwait(false);
                    answered |= reply is not null;
                    mayHaveRun |= reply is null && request is ChangeMembers or TransferLeadership;
                    outcomes[asked] = (reply as Refused)?.Message.TrimEnd('.') ?? (reply is null ? "no answer" : "follows");
                    switch (reply)
                    {
                        case Membership { FromLeader: false } follower:
                            Learn(follower);
                            break;
                        case LeadershipTransferred transferred when transferred is T result:
                            _lastLeader = Known.FirstOrDefault(m => m.Id == transferred.Leader);
                            return result;
                        case T result:
                            _lastLeader = asked;
                            if (result is Membership membership) Learn(membership);
                            return result;
                        // One member's settings, or what took its address, say nothing of the caller's; most members' do.
                        case Refused { Reason: RefusalReason.OtherCluster } other when foreign.Add(asked) && Known.Count(foreign.Contains) * 2 > Known.Length:
                            throw new BadInputException(other.Message);
                        case Refused { Reason: RefusalReason.Conflict } refused:
                            throw new ConflictException(refused.Message);
                        case Refused { Leader: { } leader } when leader.Id != asked.Id:
                            next = leader;
                            break;
                    }
                    if (deadline.IsOver) break;
                }
                if (!deadline.IsOver) continue;
                var tried = $"Tried {string.Join("; ", outcomes.OrderBy(o => o.Key.Id).Select(o => $"{o.Key}: {o.Value}"))}.";
                if (mayHaveRun)
                    throw new OutcomeUnknownException($"No leader answered within {_settings.RequestTimeout.TotalSeconds:0.0} s, and one that was asked may have done it. {tried}");
                if (answered) throw new NoLeaderException($"No leader after {_settings.RequestTimeout.TotalSeconds:0.0} s. {tried}");
                throw new ClusterUnreachableException($"No member answered within {_settings.RequestTimeout.TotalSeconds:0.0} s. {tried}");
            }
            await PauseAsync(cancellationToken).ConfigureAwait(false);
        }
    }
}
