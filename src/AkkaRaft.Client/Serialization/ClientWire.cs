using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;
using AkkaRaft.Protocol.Wire;
using AkkaRaft.Remoting;
using static AkkaRaft.Protocol.WireValue;

namespace AkkaRaft.Serialization;

/// <summary>Each message between clients and members beside its protobuf form.</summary>
internal static class ClientWire
{
    public static WireClientMessage ToWire(object message) => message switch
    {
        Submit m => new WireClientMessage { RequestId = m.RequestId, ClusterId = m.ClusterId, Submit = Bytes(m.Payload) },
        SubmitReply m => new WireClientMessage { RequestId = m.RequestId, SubmitReply = new WireSubmitReply { Index = m.Index, Result = Bytes(m.Result) } },
        Read m => new WireClientMessage { RequestId = m.RequestId, ClusterId = m.ClusterId, Read = new WireRead { Consistency = (int)m.Consistency, Payload = Bytes(m.Payload), NeedsLeader = m.NeedsLeader } },
        QueryReply m => new WireClientMessage { RequestId = m.RequestId, QueryReply = Bytes(m.Result) },
        Refused m => new WireClientMessage { RequestId = m.RequestId, Refused = new WireRefused { Reason = (int)m.Reason, Leader = m.Leader is { } l ? MemberWire.ToWire(l) : null, Message = m.Message } },
        GetMemberStatus m => new WireClientMessage { RequestId = m.RequestId, ClusterId = m.ClusterId, GetMemberStatus = new WireNothing() },
        RaftStatus m => new WireClientMessage { RequestId = m.RequestId, MemberStatus = ToWire(m) },
        TransferLeadership m => new WireClientMessage { RequestId = m.RequestId, ClusterId = m.ClusterId, TransferLeadership = ToWire(m) },
        LeadershipTransferred m => new WireClientMessage { RequestId = m.RequestId, LeadershipTransferred = m.Leader.Value },
        ChangeMembers m => new WireClientMessage { RequestId = m.RequestId, ClusterId = m.ClusterId, ChangeMembers = ToWire(m) },
        GetMembership m => new WireClientMessage { RequestId = m.RequestId, ClusterId = m.ClusterId, GetMembership = new WireNothing() },
        Membership m => new WireClientMessage { RequestId = m.RequestId, Membership = ToWire(m) },
        BeginBackup m => new WireClientMessage { RequestId = m.RequestId, ClusterId = m.ClusterId, BeginBackup = new WireNothing() },
        BackupBegun m => new WireClientMessage { RequestId = m.RequestId, Backup = new WireBackup { Base = new WireBackupBase { Index = m.Index }, Length = m.Length, Checksum = m.Checksum } },
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
        KeyValueTransaction m => new WireClientMessage { RequestId = m.RequestId, Transaction = KeyValueCodec.ToWire(m) },
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
                id, Known<RefusalReason>(wire.Refused.Reason), wire.Refused.Leader is { } l ? MemberWire.FromWire(l) : null, PeerWarnings.OneLine(wire.Refused.Message)),
            WireClientMessage.BodyOneofCase.GetMemberStatus => new GetMemberStatus(wire.ClusterId, id),
            WireClientMessage.BodyOneofCase.MemberStatus => FromWire(id, wire.MemberStatus),
            WireClientMessage.BodyOneofCase.TransferLeadership => new TransferLeadership(
                wire.ClusterId, id, wire.TransferLeadership.HasTarget ? new MemberId(wire.TransferLeadership.Target) : null),
            WireClientMessage.BodyOneofCase.LeadershipTransferred => new LeadershipTransferred(id, new MemberId(wire.LeadershipTransferred)),
            WireClientMessage.BodyOneofCase.ChangeMembers => new ChangeMembers(
                wire.ClusterId, id, Known<MembershipChange>(wire.ChangeMembers.Kind), [.. wire.ChangeMembers.Members.Select(MemberWire.FromWire)]),
            WireClientMessage.BodyOneofCase.GetMembership => new GetMembership(wire.ClusterId, id),
            WireClientMessage.BodyOneofCase.Membership => FromWire(id, wire.Membership),
            WireClientMessage.BodyOneofCase.BeginBackup => new BeginBackup(wire.ClusterId, id),
            WireClientMessage.BodyOneofCase.Backup => new BackupBegun(id, Required(wire.Backup.Base).Index, wire.Backup.Length, wire.Backup.Checksum),
            WireClientMessage.BodyOneofCase.FetchBackup => new FetchBackup(wire.ClusterId, id, wire.FetchBackup),
            WireClientMessage.BodyOneofCase.BackupChunk => new BackupChunk(id, wire.BackupChunk.Offset, wire.BackupChunk.Bytes.Memory, wire.BackupChunk.Checksum),
            WireClientMessage.BodyOneofCase.Put => new Put(wire.Put.Key.Memory, wire.Put.Value.Memory, id) { Lease = wire.Put.Lease },
            WireClientMessage.BodyOneofCase.PutReply => new PutReply(wire.PutReply) { RequestId = id },
            WireClientMessage.BodyOneofCase.Get => new Get(wire.Get.Key.Memory, Known<ReadConsistency>(wire.Get.Consistency), id),
            WireClientMessage.BodyOneofCase.GetReply => new GetReply(wire.GetReply.Found, wire.GetReply.Value.Memory, wire.GetReply.Version) { RequestId = id, Lease = wire.GetReply.Lease },
            WireClientMessage.BodyOneofCase.Delete => new Delete(wire.Delete.Memory, id),
            WireClientMessage.BodyOneofCase.DeleteReply => new DeleteReply(wire.DeleteReply.Deleted, wire.DeleteReply.Version) { RequestId = id },
            WireClientMessage.BodyOneofCase.CompareAndSet when Required(wire.CompareAndSet.Put) is var put =>
                new CompareAndSet(put.Key.Memory, put.Value.Memory, wire.CompareAndSet.ExpectedVersion, id) { Lease = put.Lease },
            WireClientMessage.BodyOneofCase.CompareAndSetReply => new CompareAndSetReply(
                wire.CompareAndSetReply.Succeeded, wire.CompareAndSetReply.Version, wire.CompareAndSetReply.Value.Memory) { RequestId = id },
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
            WireClientMessage.BodyOneofCase.LeaseReply => new LeaseReply(KeyValueCodec.FromWire(wire.LeaseReply)) { RequestId = id },
            WireClientMessage.BodyOneofCase.GetLeases => new GetLeases(Known<ReadConsistency>(wire.GetLeases), id),
            WireClientMessage.BodyOneofCase.LeasesReply => new LeasesReply([.. wire.LeasesReply.Leases.Select(KeyValueCodec.FromWire)], wire.LeasesReply.Revision) { RequestId = id },
            WireClientMessage.BodyOneofCase.RequestFailed => new RequestFailed(id, Known<FailureKind>(wire.RequestFailed.Kind), PeerWarnings.OneLine(wire.RequestFailed.Message)),
            _ => throw new InvalidDataException("a client message without a known body"),
        };
    }

    private static WireMemberStatus ToWire(RaftStatus status)
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

    private static RaftStatus FromWire(long requestId, WireMemberStatus wire) => new(
        new MemberId(wire.Id), wire.Address, Known<RaftRole>(wire.Role), wire.Term, wire.HasLeader ? new MemberId(wire.Leader) : null,
        wire.LastIndex, wire.CommitIndex, wire.AppliedIndex, wire.ProcessId, [.. wire.Waiting.Select(id => new MemberId(id))])
    {
        RequestId = requestId,
        SnapshotReceived = wire.SnapshotReceived,
        SnapshotLength = wire.SnapshotLength,
        Problem = wire.Problem.Length > 0 ? PeerWarnings.OneLine(wire.Problem) : null,
    };

    private static WireChangeMembers ToWire(ChangeMembers change)
    {
        var wire = new WireChangeMembers { Kind = (int)change.Kind };
        wire.Members.AddRange(change.Members.Select(MemberWire.ToWire));
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
            Member = MemberWire.ToWire(m.Endpoint), Role = (int)m.Role, MatchIndex = m.MatchIndex, SnapshotReceived = m.SnapshotReceived, SnapshotLength = m.SnapshotLength,
            ReachedAt = m.ReachedAt ?? "",
        }));
        return wire;
    }

    private static Membership FromWire(long requestId, WireMembership wire) => new(
        wire.Index, wire.IsCommitted, wire.FromLeader, Known<MembershipPhase>(wire.Phase), wire.Failure.Length > 0 ? PeerWarnings.OneLine(wire.Failure) : null,
        [.. wire.Members.Select(m => new ConfiguredMember(MemberWire.FromWire(Required(m.Member)), Known<MembershipRole>(m.Role), m.MatchIndex, m.SnapshotReceived, m.SnapshotLength)
        {
            ReachedAt = m.ReachedAt.Length > 0 ? m.ReachedAt : null,
        })]) { RequestId = requestId };

    private static WireTransfer ToWire(TransferLeadership transfer)
    {
        var wire = new WireTransfer();
        if (transfer.Target is { } target) wire.Target = target.Value;
        return wire;
    }
}
