using System.Collections.Immutable;
using AkkaRaft.Consensus;
using AkkaRaft.Protocol.Wire;
using AkkaRaft.StateMachine;
using AkkaRaft.Storage;
using Google.Protobuf;

namespace AkkaRaft.Protocol;

/// <summary>Each message beside its protobuf form.</summary>
internal static class RaftWire
{
    public static IMessage ToWire(object message) => message switch
    {
        IRaftMessage raft => ToWire(raft),
        SealedEvent e => new WireSealedEvent { Manifest = e.Manifest, Body = Bytes(e.Body), PreviousChecksum = e.PreviousChecksum, Checksum = e.Checksum },
        Submit m => new WireClientMessage { RequestId = m.RequestId, ClusterId = m.ClusterId, Submit = Bytes(m.Payload) },
        SubmitReply m => new WireClientMessage { RequestId = m.RequestId, SubmitReply = new WireSubmitReply { Index = m.Index, Result = Bytes(m.Result) } },
        Read m => new WireClientMessage { RequestId = m.RequestId, ClusterId = m.ClusterId, Read = new WireRead { Consistency = (int)m.Consistency, Payload = Bytes(m.Payload), NeedsLeader = m.NeedsLeader } },
        QueryReply m => new WireClientMessage { RequestId = m.RequestId, QueryReply = Bytes(m.Result) },
        Refused m => new WireClientMessage { RequestId = m.RequestId, Refused = new WireRefused { Reason = (int)m.Reason, Leader = m.Leader is { } l ? ToWire(l) : null, Message = m.Message } },
        GetMemberStatus m => new WireClientMessage { RequestId = m.RequestId, ClusterId = m.ClusterId, GetMemberStatus = new WireNothing() },
        MemberStatus m => new WireClientMessage { RequestId = m.RequestId, MemberStatus = ToWire(m) },
        TransferLeadership m => new WireClientMessage { RequestId = m.RequestId, ClusterId = m.ClusterId, TransferLeadership = ToWire(m) },
        LeadershipTransferred m => new WireClientMessage { RequestId = m.RequestId, LeadershipTransferred = m.Leader.Value },
        ChangeMembers m => new WireClientMessage { RequestId = m.RequestId, ClusterId = m.ClusterId, ChangeMembers = ToWire(m) },
        GetMembership m => new WireClientMessage { RequestId = m.RequestId, ClusterId = m.ClusterId, GetMembership = new WireNothing() },
        Membership m => new WireClientMessage { RequestId = m.RequestId, Membership = ToWire(m) },
        BeginBackup m => new WireClientMessage { RequestId = m.RequestId, ClusterId = m.ClusterId, BeginBackup = new WireNothing() },
        BackupBegun m => new WireClientMessage { RequestId = m.RequestId, Backup = ToWire(m.Snapshot) },
        FetchBackup m => new WireClientMessage { RequestId = m.RequestId, ClusterId = m.ClusterId, FetchBackup = m.Offset },
        BackupChunk m => new WireClientMessage { RequestId = m.RequestId, BackupChunk = new WireBackupChunk { Offset = m.Offset, Bytes = Bytes(m.Bytes), Checksum = m.Checksum } },
        Put m => new WireClientMessage { RequestId = m.RequestId, Put = new WirePut { Key = Bytes(m.Key), Value = Bytes(m.Value), Lease = m.Lease } },
        PutReply m => new WireClientMessage { RequestId = m.RequestId, PutReply = m.Version },
        Get m => new WireClientMessage { RequestId = m.RequestId, Get = new WireGet { Key = Bytes(m.Key), Consistency = (int)m.Consistency } },
        GetReply m => new WireClientMessage { RequestId = m.RequestId, GetReply = new WireGetReply { Found = m.Found, Value = Bytes(m.Value), Version = m.Version, Lease = m.Lease } },
        Delete m => new WireClientMessage { RequestId = m.RequestId, Delete = Bytes(m.Key) },
        DeleteReply m => new WireClientMessage { RequestId = m.RequestId, DeleteReply = new WireDeleteReply { Deleted = m.Deleted, Version = m.Version } },
        CompareAndSet m => new WireClientMessage
        {
            RequestId = m.RequestId, CompareAndSet = new WireCompareAndSet { Put = KeyValueCodec.PutToWire(m.Key, m.Value, m.Lease), ExpectedVersion = m.ExpectedVersion },
        },
        CompareAndSetReply m => new WireClientMessage
        {
            RequestId = m.RequestId, CompareAndSetReply = new WireCompareAndSetReply { Succeeded = m.Succeeded, Version = m.Version, Value = Bytes(m.Value) },
        },
        GetRange m => new WireClientMessage
        {
            RequestId = m.RequestId, GetRange = new WireGetRange { Range = KeyValueCodec.RangeToWire(m.From, m.To, m.Limit), Consistency = (int)m.Consistency },
        },
        RangeReply m => new WireClientMessage { RequestId = m.RequestId, RangeReply = new WireRangeReply { Page = KeyValueCodec.ToWire(m), Revision = m.Revision } },
        Transaction m => new WireClientMessage { RequestId = m.RequestId, Transaction = KeyValueCodec.ToWire(m) },
        TransactionReply m => new WireClientMessage { RequestId = m.RequestId, TransactionReply = new WireTransactionReply { Result = KeyValueCodec.ToWire(m), Version = m.Version } },
        Watch m => new WireClientMessage { RequestId = m.RequestId, Watch = KeyValueCodec.ToWire(m) },
        WatchReply m => new WireClientMessage { RequestId = m.RequestId, WatchReply = KeyValueCodec.ToWire(m) },
        GrantLease m => new WireClientMessage { RequestId = m.RequestId, GrantLease = new KvGrantLease { TimeToLiveMs = (long)m.TimeToLive.TotalMilliseconds } },
        KeepLeaseAlive m => new WireClientMessage { RequestId = m.RequestId, KeepLeaseAlive = m.Lease },
        RevokeLease m => new WireClientMessage { RequestId = m.RequestId, RevokeLease = m.Lease },
        LeaseReply m => new WireClientMessage { RequestId = m.RequestId, LeaseReply = KeyValueCodec.ToWire(m.Status) },
        GetLeases m => new WireClientMessage { RequestId = m.RequestId, GetLeases = (int)m.Consistency },
        LeasesReply m => new WireClientMessage
        {
            RequestId = m.RequestId, LeasesReply = new WireLeasesReply { Leases = { m.Leases.Select(KeyValueCodec.ToWire) }, Revision = m.Revision },
        },
        RequestFailed m => new WireClientMessage { RequestId = m.RequestId, RequestFailed = new WireFailed { Kind = (int)m.Kind, Message = m.Message } },
        _ => throw new ArgumentException($"{message.GetType()} is no message of AkkaRaft.", nameof(message)),
    };

    private static WireRaftMessage ToWire(IRaftMessage message)
    {
        var header = message.Header;
        var wire = new WireRaftMessage
        {
            ClusterId = header.ClusterId, From = header.From.Value, To = header.To.Value, Term = header.Term,
            FromAddress = header.FromAddress ?? "", Incarnation = header.Incarnation, ToIncarnation = header.ToIncarnation, AckedIndex = header.AckedIndex, AckedTerm = header.AckedTerm,
        };
        switch (message)
        {
            case PreVote m:
                wire.PreVote = new WireVoteRequest { LastLogIndex = m.LastLogIndex, LastLogTerm = m.LastLogTerm };
                break;
            case PreVoteReply m:
                wire.PreVoteReply = new WireVoteReply { Granted = m.Granted };
                break;
            case RequestVote m:
                wire.RequestVote = new WireVoteRequest { LastLogIndex = m.LastLogIndex, LastLogTerm = m.LastLogTerm, LeadershipTransfer = m.LeadershipTransfer };
                break;
            case RequestVoteReply m:
                wire.RequestVoteReply = new WireVoteReply { Granted = m.Granted };
                break;
            case AppendEntries m:
                wire.AppendEntries = new WireAppendEntries { PrevLogIndex = m.PrevLogIndex, PrevLogTerm = m.PrevLogTerm, LeaderCommit = m.LeaderCommit, Round = m.Round, ClockMs = m.ClockMs };
                if (m.PrevLogChecksum is { } checksum) wire.AppendEntries.PrevLogChecksum = checksum;
                foreach (var (id, index) in m.Acknowledged) wire.AppendEntries.Acknowledged.Add(new WireAcknowledged { Id = id.Value, Index = index });
                wire.AppendEntries.Entries.AddRange(m.Entries.Select(ToWire));
                break;
            case AppendEntriesReply m:
                wire.AppendEntriesReply = new WireAppendEntriesReply
                {
                    Success = m.Success, PrevLogIndex = m.PrevLogIndex, MatchIndex = m.MatchIndex,
                    HintIndex = m.HintIndex, HintTerm = m.HintTerm, Round = m.Round, LacksStateTo = m.LacksStateTo, CommittedHere = m.CommittedHere,
                };
                break;
            case TimeoutNow:
                wire.TimeoutNow = new WireEmpty();
                break;
            case Hello:
                wire.Hello = new WireEmpty();
                break;
            case HelloReply m:
                wire.HelloReply = new WireHelloReply
                {
                    Incarnations = { ToWire(m.Incarnations) }, BaseIndex = m.Beginning.Index, BaseTerm = m.Beginning.Term, Backup = m.Beginning.Backup,
                };
                break;
            case InstallSnapshot m:
                wire.InstallSnapshot = new WireInstallSnapshot { Snapshot = m.Snapshot is { } s ? ToWire(s) : null, Round = m.Round };
                break;
            case InstallSnapshotReply m:
                wire.InstallSnapshotReply = new WireInstallSnapshotReply { Installed = m.Installed, MatchIndex = m.MatchIndex, Received = m.Received, Round = m.Round };
                if (m.Damaged is { } damaged) wire.InstallSnapshotReply.Damaged = damaged;
                break;
            case FetchSnapshot m:
                wire.FetchSnapshot = new WireFetchSnapshot { Index = m.Index, Checksum = m.SnapshotChecksum, Offset = m.Offset };
                break;
            case SnapshotChunk m:
                wire.SnapshotChunk = new WireSnapshotChunk { Index = m.Index, SnapshotChecksum = m.SnapshotChecksum, Offset = m.Offset, Bytes = Bytes(m.Bytes), Checksum = m.Checksum };
                break;
            case Dismissed m:
                wire.Dismissed = (int)m.Reason;
                break;
        }
        return wire;
    }

    public static object FromWire(WireRaftMessage wire)
    {
        var header = new RaftHeader(wire.ClusterId, new MemberId(wire.From), new MemberId(wire.To), wire.Term)
        {
            FromAddress = wire.FromAddress.Length > 0 ? wire.FromAddress : null, Incarnation = wire.Incarnation,
            ToIncarnation = wire.ToIncarnation, AckedIndex = wire.AckedIndex, AckedTerm = wire.AckedTerm,
        };
        return wire.BodyCase switch
        {
            WireRaftMessage.BodyOneofCase.PreVote => new PreVote(header, wire.PreVote.LastLogIndex, wire.PreVote.LastLogTerm),
            WireRaftMessage.BodyOneofCase.PreVoteReply => new PreVoteReply(header, wire.PreVoteReply.Granted),
            WireRaftMessage.BodyOneofCase.RequestVote => new RequestVote(header, wire.RequestVote.LastLogIndex, wire.RequestVote.LastLogTerm, wire.RequestVote.LeadershipTransfer),
            WireRaftMessage.BodyOneofCase.RequestVoteReply => new RequestVoteReply(header, wire.RequestVoteReply.Granted),
            WireRaftMessage.BodyOneofCase.AppendEntries => FromWire(header, wire.AppendEntries),
            WireRaftMessage.BodyOneofCase.AppendEntriesReply => new AppendEntriesReply(
                header, wire.AppendEntriesReply.Success, wire.AppendEntriesReply.PrevLogIndex, wire.AppendEntriesReply.MatchIndex,
                wire.AppendEntriesReply.HintIndex, wire.AppendEntriesReply.HintTerm, wire.AppendEntriesReply.Round) 
            {
                LacksStateTo = wire.AppendEntriesReply.LacksStateTo, CommittedHere = wire.AppendEntriesReply.CommittedHere,
            },
            WireRaftMessage.BodyOneofCase.TimeoutNow => new TimeoutNow(header),
            WireRaftMessage.BodyOneofCase.Hello => new Hello(header),
            WireRaftMessage.BodyOneofCase.HelloReply => new HelloReply(
                header, FromWire(wire.HelloReply.Incarnations), new LogBeginning(wire.HelloReply.BaseIndex, wire.HelloReply.BaseTerm, wire.HelloReply.Backup)),
            WireRaftMessage.BodyOneofCase.InstallSnapshot => new InstallSnapshot(
                header, wire.InstallSnapshot.Snapshot is { } s ? FromWire(s) : null, wire.InstallSnapshot.Round),
            WireRaftMessage.BodyOneofCase.InstallSnapshotReply => new InstallSnapshotReply(
                header, wire.InstallSnapshotReply.Installed, wire.InstallSnapshotReply.MatchIndex, wire.InstallSnapshotReply.Received, wire.InstallSnapshotReply.Round)
            {
                Damaged = wire.InstallSnapshotReply.HasDamaged ? wire.InstallSnapshotReply.Damaged : null,
            },
            WireRaftMessage.BodyOneofCase.FetchSnapshot => new FetchSnapshot(
                header, wire.FetchSnapshot.Index, wire.FetchSnapshot.Checksum, wire.FetchSnapshot.Offset),
            WireRaftMessage.BodyOneofCase.SnapshotChunk => new SnapshotChunk(
                header, wire.SnapshotChunk.Index, wire.SnapshotChunk.SnapshotChecksum, wire.SnapshotChunk.Offset, wire.SnapshotChunk.Bytes.Memory, wire.SnapshotChunk.Checksum),
            WireRaftMessage.BodyOneofCase.Dismissed => new Dismissed(header, Known<DismissalReason>(wire.Dismissed)),
            _ => throw new InvalidDataException("a message between members without a known body"),
        };
    }

    private static AppendEntries FromWire(RaftHeader header, WireAppendEntries wire)
    {
        var entries = Entries(wire.Entries);
        for (var i = 0; i < entries.Count; i++)
            if (entries[i].Index != wire.PrevLogIndex + 1 + i)
                throw new InvalidDataException($"an AppendEntries whose entry {entries[i].Index} does not follow {wire.PrevLogIndex + i}");
        return new AppendEntries(header, wire.PrevLogIndex, wire.PrevLogTerm, entries, wire.LeaderCommit, wire.Round)
        {
            ClockMs = wire.ClockMs,
            PrevLogChecksum = wire.HasPrevLogChecksum ? wire.PrevLogChecksum : null,
            Acknowledged = wire.Acknowledged.Count == 0
                ? ImmutableSortedDictionary<MemberId, long>.Empty
                : wire.Acknowledged.ToImmutableSortedDictionary(a => new MemberId(a.Id), a => a.Index),
        };
    }

    public static object FromWire(WireClientMessage wire)
    {
        var id = wire.RequestId;
        return wire.BodyCase switch
        {
            WireClientMessage.BodyOneofCase.Submit => new Submit(wire.ClusterId, id, wire.Submit.Memory),
            WireClientMessage.BodyOneofCase.SubmitReply => new SubmitReply(id, wire.SubmitReply.Index, wire.SubmitReply.Result.Memory),
            WireClientMessage.BodyOneofCase.Read => new Read(wire.ClusterId, id, Known<ReadConsistency>(wire.Read.Consistency), wire.Read.Payload.Memory) { NeedsLeader = wire.Read.NeedsLeader },
            WireClientMessage.BodyOneofCase.QueryReply => new QueryReply(id, wire.QueryReply.Memory),
            WireClientMessage.BodyOneofCase.Refused => new Refused(
                id, Known<RefusalReason>(wire.Refused.Reason), wire.Refused.Leader is { } l ? FromWire(l) : null, wire.Refused.Message),
            WireClientMessage.BodyOneofCase.GetMemberStatus => new GetMemberStatus(wire.ClusterId, id),
            WireClientMessage.BodyOneofCase.MemberStatus => FromWire(id, wire.MemberStatus),
            WireClientMessage.BodyOneofCase.TransferLeadership => new TransferLeadership(
                wire.ClusterId, id, wire.TransferLeadership.HasTarget ? new MemberId(wire.TransferLeadership.Target) : null),
            WireClientMessage.BodyOneofCase.LeadershipTransferred => new LeadershipTransferred(id, new MemberId(wire.LeadershipTransferred)),
            WireClientMessage.BodyOneofCase.ChangeMembers => new ChangeMembers(
                wire.ClusterId, id, Known<MembershipChangeKind>(wire.ChangeMembers.Kind), [.. wire.ChangeMembers.Members.Select(FromWire)]),
            WireClientMessage.BodyOneofCase.GetMembership => new GetMembership(wire.ClusterId, id),
            WireClientMessage.BodyOneofCase.Membership => FromWire(id, wire.Membership),
            WireClientMessage.BodyOneofCase.BeginBackup => new BeginBackup(wire.ClusterId, id),
            WireClientMessage.BodyOneofCase.Backup => new BackupBegun(id, FromWire(wire.Backup)),
            WireClientMessage.BodyOneofCase.FetchBackup => new FetchBackup(wire.ClusterId, id, wire.FetchBackup),
            WireClientMessage.BodyOneofCase.BackupChunk => new BackupChunk(id, wire.BackupChunk.Offset, wire.BackupChunk.Bytes.Memory, wire.BackupChunk.Checksum),
            WireClientMessage.BodyOneofCase.Put => new Put(wire.Put.Key.Memory, wire.Put.Value.Memory, id) { Lease = wire.Put.Lease },
            WireClientMessage.BodyOneofCase.PutReply => new PutReply(id, wire.PutReply),
            WireClientMessage.BodyOneofCase.Get => new Get(wire.Get.Key.Memory, Known<ReadConsistency>(wire.Get.Consistency), id),
            WireClientMessage.BodyOneofCase.GetReply => new GetReply(id, wire.GetReply.Found, wire.GetReply.Value.Memory, wire.GetReply.Version) { Lease = wire.GetReply.Lease },
            WireClientMessage.BodyOneofCase.Delete => new Delete(wire.Delete.Memory, id),
            WireClientMessage.BodyOneofCase.DeleteReply => new DeleteReply(id, wire.DeleteReply.Deleted, wire.DeleteReply.Version),
            WireClientMessage.BodyOneofCase.CompareAndSet when Required(wire.CompareAndSet.Put) is var put =>
                new CompareAndSet(put.Key.Memory, put.Value.Memory, wire.CompareAndSet.ExpectedVersion, id) { Lease = put.Lease },
            WireClientMessage.BodyOneofCase.CompareAndSetReply => new CompareAndSetReply(
                id, wire.CompareAndSetReply.Succeeded, wire.CompareAndSetReply.Version, wire.CompareAndSetReply.Value.Memory),
            WireClientMessage.BodyOneofCase.GetRange when Required(wire.GetRange.Range) is var range => new GetRange(
                range.From.Memory, range.To.Memory, range.Limit, Known<ReadConsistency>(wire.GetRange.Consistency), id),
            WireClientMessage.BodyOneofCase.RangeReply => KeyValueCodec.FromWire(id, Required(wire.RangeReply.Page), wire.RangeReply.Revision),
            WireClientMessage.BodyOneofCase.Transaction => KeyValueCodec.FromWire(id, wire.Transaction),
            WireClientMessage.BodyOneofCase.TransactionReply => KeyValueCodec.FromWire(id, Required(wire.TransactionReply.Result), wire.TransactionReply.Version),
            WireClientMessage.BodyOneofCase.Watch => KeyValueCodec.FromWire(id, wire.Watch),
            WireClientMessage.BodyOneofCase.WatchReply => KeyValueCodec.FromWire(id, wire.WatchReply),
            WireClientMessage.BodyOneofCase.GrantLease => new GrantLease(TimeSpan.FromMilliseconds(wire.GrantLease.TimeToLiveMs), id),
            WireClientMessage.BodyOneofCase.KeepLeaseAlive => new KeepLeaseAlive(wire.KeepLeaseAlive, id),
            WireClientMessage.BodyOneofCase.RevokeLease => new RevokeLease(wire.RevokeLease, id),
            WireClientMessage.BodyOneofCase.LeaseReply => new LeaseReply(id, KeyValueCodec.FromWire(wire.LeaseReply)),
            WireClientMessage.BodyOneofCase.GetLeases => new GetLeases(Known<ReadConsistency>(wire.GetLeases), id),
            WireClientMessage.BodyOneofCase.LeasesReply => new LeasesReply(id, [.. wire.LeasesReply.Leases.Select(KeyValueCodec.FromWire)], wire.LeasesReply.Revision),
            WireClientMessage.BodyOneofCase.RequestFailed => new RequestFailed(id, Known<FailureKind>(wire.RequestFailed.Kind), wire.RequestFailed.Message),
            _ => throw new InvalidDataException("a client message without a known body"),
        };
    }

    public static SealedEvent FromWire(WireSealedEvent wire) => new(wire.Manifest, wire.Body.Memory, wire.PreviousChecksum, wire.Checksum);

    public static WireLogEntry ToWire(LogEntry entry) => new()
    {
        Index = entry.Index, Term = entry.Term, TimestampMs = entry.TimestampMs, Kind = (int)entry.Kind, Payload = Bytes(entry.Payload),
    };

    public static List<LogEntry> Entries(IEnumerable<WireLogEntry> wire) =>
        [.. wire.Select(e => new LogEntry(e.Index, e.Term, e.TimestampMs, Known<EntryKind>(e.Kind), e.Payload.Memory))];

    public static WireMember ToWire(Member member) => new() { Id = member.Id.Value, Address = member.Address };

    public static Member FromWire(WireMember wire) => new(new MemberId(wire.Id), wire.Address);

    public static WireConfiguration ToWire(Configuration configuration)
    {
        var wire = new WireConfiguration();
        wire.Voters.AddRange(configuration.Voters.Values.Select(ToWire));
        wire.Outgoing.AddRange(configuration.Outgoing.Values.Select(ToWire));
        wire.Learners.AddRange(configuration.Learners.Values.Select(ToWire));
        wire.Removed.AddRange(configuration.Removed.Select(id => id.Value));
        wire.Incoming.AddRange(configuration.Incoming.Values.Select(ToWire));
        wire.Incarnations.AddRange(ToWire(configuration.Incarnations));
        wire.Former.AddRange(configuration.Former.Select(ToWire));
        return wire;
    }

    public static Configuration FromWire(WireConfiguration wire) => new(
        ById(wire.Voters), ById(wire.Outgoing), ById(wire.Learners), [.. wire.Removed.Select(id => new MemberId(id))])
    {
        Incoming = ById(wire.Incoming),
        Incarnations = FromWire(wire.Incarnations),
        Former = [.. wire.Former.Select(FromWire)],
    };

    private static ImmutableSortedDictionary<MemberId, Member> ById(IEnumerable<WireMember> members) =>
        members.Select(FromWire).ToImmutableSortedDictionary(m => m.Id, m => m);

    private static WireMemberStatus ToWire(MemberStatus status)
    {
        var wire = new WireMemberStatus
        {
            Id = status.Id.Value, Address = status.Address, Role = (int)status.Role, Term = status.Term,
            LastIndex = status.LastIndex, CommitIndex = status.CommitIndex, AppliedIndex = status.AppliedIndex, ProcessId = status.ProcessId,
            SnapshotReceived = status.SnapshotReceived, SnapshotLength = status.SnapshotLength, Problem = status.Problem ?? "",
        };
        if (status.Leader is { } leader) wire.Leader = leader.Value;
        wire.Waiting.AddRange(status.Waiting.Select(id => id.Value));
        return wire;
    }

    private static MemberStatus FromWire(long requestId, WireMemberStatus wire) => new(
        requestId, new MemberId(wire.Id), wire.Address, Known<MemberRole>(wire.Role), wire.Term, wire.HasLeader ? new MemberId(wire.Leader) : null,
        wire.LastIndex, wire.CommitIndex, wire.AppliedIndex, wire.ProcessId, [.. wire.Waiting.Select(id => new MemberId(id))])
    {
        SnapshotReceived = wire.SnapshotReceived, SnapshotLength = wire.SnapshotLength, Problem = wire.Problem.Length > 0 ? wire.Problem : null,
    };

    private static WireChangeMembers ToWire(ChangeMembers change)
    {
        var wire = new WireChangeMembers { Kind = (int)change.Kind };
        wire.Members.AddRange(change.Members.Select(ToWire));
        return wire;
    }

    private static WireMembership ToWire(Membership membership)
    {
        var wire = new WireMembership
        {
            Index = membership.Index, IsCommitted = membership.IsCommitted, FromLeader = membership.FromLeader,
            Failure = membership.Failure ?? "", Phase = (int)membership.Phase,
        };
        wire.Members.AddRange(membership.Members.Select(m => new WireMembershipMember
        {
            Member = ToWire(m.Member), Role = (int)m.Role, MatchIndex = m.MatchIndex, SnapshotReceived = m.SnapshotReceived, SnapshotLength = m.SnapshotLength,
            ReachedAt = m.ReachedAt ?? "",
        }));
        return wire;
    }

    private static Membership FromWire(long requestId, WireMembership wire) => new(
        requestId, wire.Index, wire.IsCommitted, wire.FromLeader, Known<MembershipPhase>(wire.Phase), wire.Failure.Length > 0 ? wire.Failure : null,
        [.. wire.Members.Select(m => new MembershipMember(FromWire(Required(m.Member)), Known<MembershipRole>(m.Role), m.MatchIndex, m.SnapshotReceived, m.SnapshotLength)
        {
            ReachedAt = m.ReachedAt.Length > 0 ? m.ReachedAt : null,
        })]);

    private static WireTransfer ToWire(TransferLeadership transfer)
    {
        var wire = new WireTransfer();
        if (transfer.Target is { } target) wire.Target = target.Value;
        return wire;
    }

    // ---- what is stored ----

    public static WireBootstrapped ToWire(Bootstrapped e) =>
        new() { ClusterId = e.ClusterId, MemberId = e.MemberId.Value, Configuration = ToWire(e.Configuration), Incarnation = e.Incarnation, Backup = e.Backup };

    public static Bootstrapped FromWire(WireBootstrapped wire) =>
        new(wire.ClusterId, new MemberId(wire.MemberId), FromWire(wire.Configuration), wire.Incarnation, wire.Backup);

    public static WireTermAndVote ToWire(TermAndVote e)
    {
        var wire = new WireTermAndVote { Term = e.Term };
        if (e.VotedFor is { } candidate) wire.VotedFor = candidate.Value;
        return wire;
    }

    public static TermAndVote FromWire(WireTermAndVote wire) => new(wire.Term, wire.HasVotedFor ? new MemberId(wire.VotedFor) : null);

    public static WireEntriesAppended ToWire(EntriesAppended e)
    {
        var wire = new WireEntriesAppended { PrevLogIndex = e.PrevLogIndex, PrevLogTerm = e.PrevLogTerm };
        wire.Entries.AddRange(e.Entries.Select(ToWire));
        return wire;
    }

    public static EntriesAppended FromWire(WireEntriesAppended wire) => new(wire.PrevLogIndex, wire.PrevLogTerm, Entries(wire.Entries));

    public static IEnumerable<WirePeer> ToWire(ImmutableSortedDictionary<MemberId, ulong> incarnations) =>
        incarnations.Select(p => new WirePeer { Id = p.Key.Value, Incarnation = p.Value });

    public static ImmutableSortedDictionary<MemberId, ulong> FromWire(IEnumerable<WirePeer> peers) =>
        peers.ToImmutableSortedDictionary(p => new MemberId(p.Id), p => p.Incarnation);

    public static WireCheckpoint ToWire(Checkpoint c) => new()
    {
        Base = ToWire(c.Base), Bootstrapped = ToWire(c.Origin), TermAndVote = ToWire(c.TermAndVote),
        FirstRetainedEvent = c.FirstRetained, FirstRetainedPreviousChecksum = c.PreviousChecksum,
    };

    public static Checkpoint FromWire(WireCheckpoint wire) => new(
        FromWire(wire.Base), FromWire(wire.Bootstrapped), FromWire(wire.TermAndVote), wire.FirstRetainedEvent, wire.FirstRetainedPreviousChecksum);

    public static WireSnapshot ToWire(Snapshot s) => new() { Base = ToWire(s.Base), Length = s.Length, Checksum = s.Checksum };

    public static Snapshot FromWire(WireSnapshot wire) => new(FromWire(Required(wire.Base)), wire.Length, wire.Checksum);

    private static WireLogBase ToWire(LogBase b) => new() { Index = b.Index, Term = b.Term, TimestampMs = b.TimestampMs, Configuration = ToWire(b.Configuration) };

    private static LogBase FromWire(WireLogBase wire) => new(wire.Index, wire.Term, wire.TimestampMs, FromWire(Required(wire.Configuration)));

    private static T Required<T>(T? part) where T : class => part ?? throw new InvalidDataException($"no {typeof(T).Name}");

    private static T Known<T>(int value) where T : struct, Enum =>
        Enum.IsDefined(typeof(T), value) ? (T)(object)value : throw new InvalidDataException($"{value}, which is no {typeof(T).Name}");

    private static ByteString Bytes(ReadOnlyMemory<byte> bytes) => UnsafeByteOperations.UnsafeWrap(bytes);
}

/// <summary>A configuration as the payload of its log entry.</summary>
internal static class ConfigurationCodec
{
    public static ReadOnlyMemory<byte> Encode(Configuration configuration) => RaftWire.ToWire(configuration).ToByteArray();

    public static Configuration Decode(ReadOnlyMemory<byte> payload) =>
        RaftWire.FromWire(WireConfiguration.Parser.ParseFrom(payload.Span));
}
