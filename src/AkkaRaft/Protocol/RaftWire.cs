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
        Read m => new WireClientMessage { RequestId = m.RequestId, ClusterId = m.ClusterId, Read = new WireRead { Consistency = (int)m.Consistency, Payload = Bytes(m.Payload) } },
        QueryReply m => new WireClientMessage { RequestId = m.RequestId, QueryReply = Bytes(m.Result) },
        Refused m => new WireClientMessage { RequestId = m.RequestId, Refused = new WireRefused { Reason = (int)m.Reason, Leader = m.Leader is { } l ? ToWire(l) : null, Message = m.Message } },
        GetMemberStatus m => new WireClientMessage { RequestId = m.RequestId, ClusterId = m.ClusterId, GetMemberStatus = new WireNothing() },
        MemberStatus m => new WireClientMessage { RequestId = m.RequestId, MemberStatus = ToWire(m) },
        TransferLeadership m => new WireClientMessage { RequestId = m.RequestId, ClusterId = m.ClusterId, TransferLeadership = ToWire(m) },
        LeadershipTransferred m => new WireClientMessage { RequestId = m.RequestId, LeadershipTransferred = m.Leader.Value },
        Put m => new WireClientMessage { RequestId = m.RequestId, Put = new WirePut { Key = Bytes(m.Key), Value = Bytes(m.Value) } },
        PutReply m => new WireClientMessage { RequestId = m.RequestId, PutReply = m.Version },
        Get m => new WireClientMessage { RequestId = m.RequestId, Get = new WireGet { Key = Bytes(m.Key), Consistency = (int)m.Consistency } },
        GetReply m => new WireClientMessage { RequestId = m.RequestId, GetReply = new WireGetReply { Found = m.Found, Value = Bytes(m.Value), Version = m.Version } },
        Delete m => new WireClientMessage { RequestId = m.RequestId, Delete = Bytes(m.Key) },
        DeleteReply m => new WireClientMessage { RequestId = m.RequestId, DeleteReply = new WireDeleteReply { Deleted = m.Deleted, Version = m.Version } },
        RequestFailed m => new WireClientMessage { RequestId = m.RequestId, RequestFailed = new WireFailed { Kind = (int)m.Kind, Message = m.Message } },
        _ => throw new ArgumentException($"{message.GetType()} is no message of AkkaRaft.", nameof(message)),
    };

    private static WireRaftMessage ToWire(IRaftMessage message)
    {
        var header = message.Header;
        var wire = new WireRaftMessage { ClusterId = header.ClusterId, From = header.From.Value, To = header.To.Value, Term = header.Term };
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
                wire.AppendEntries = new WireAppendEntries { PrevLogIndex = m.PrevLogIndex, PrevLogTerm = m.PrevLogTerm, LeaderCommit = m.LeaderCommit, Round = m.Round };
                wire.AppendEntries.Entries.AddRange(m.Entries.Select(ToWire));
                break;
            case AppendEntriesReply m:
                wire.AppendEntriesReply = new WireAppendEntriesReply
                {
                    Success = m.Success, PrevLogIndex = m.PrevLogIndex, MatchIndex = m.MatchIndex,
                    HintIndex = m.HintIndex, HintTerm = m.HintTerm, Round = m.Round,
                };
                break;
            case TimeoutNow:
                wire.TimeoutNow = new WireEmpty();
                break;
            case Hello:
                wire.Hello = new WireEmpty();
                break;
        }
        return wire;
    }

    public static object FromWire(WireRaftMessage wire)
    {
        var header = new RaftHeader(wire.ClusterId, new MemberId(wire.From), new MemberId(wire.To), wire.Term);
        return wire.BodyCase switch
        {
            WireRaftMessage.BodyOneofCase.PreVote => new PreVote(header, wire.PreVote.LastLogIndex, wire.PreVote.LastLogTerm),
            WireRaftMessage.BodyOneofCase.PreVoteReply => new PreVoteReply(header, wire.PreVoteReply.Granted),
            WireRaftMessage.BodyOneofCase.RequestVote => new RequestVote(header, wire.RequestVote.LastLogIndex, wire.RequestVote.LastLogTerm, wire.RequestVote.LeadershipTransfer),
            WireRaftMessage.BodyOneofCase.RequestVoteReply => new RequestVoteReply(header, wire.RequestVoteReply.Granted),
            WireRaftMessage.BodyOneofCase.AppendEntries => FromWire(header, wire.AppendEntries),
            WireRaftMessage.BodyOneofCase.AppendEntriesReply => new AppendEntriesReply(
                header, wire.AppendEntriesReply.Success, wire.AppendEntriesReply.PrevLogIndex, wire.AppendEntriesReply.MatchIndex,
                wire.AppendEntriesReply.HintIndex, wire.AppendEntriesReply.HintTerm, wire.AppendEntriesReply.Round),
            WireRaftMessage.BodyOneofCase.TimeoutNow => new TimeoutNow(header),
            WireRaftMessage.BodyOneofCase.Hello => new Hello(header),
            _ => throw new InvalidDataException("a message between members without a known body"),
        };
    }

    private static AppendEntries FromWire(RaftHeader header, WireAppendEntries wire)
    {
        var entries = Entries(wire.Entries);
        for (var i = 0; i < entries.Count; i++)
            if (entries[i].Index != wire.PrevLogIndex + 1 + i)
                throw new InvalidDataException($"an AppendEntries whose entry {entries[i].Index} does not follow {wire.PrevLogIndex + i}");
        return new AppendEntries(header, wire.PrevLogIndex, wire.PrevLogTerm, entries, wire.LeaderCommit, wire.Round);
    }

    public static object FromWire(WireClientMessage wire)
    {
        var id = wire.RequestId;
        return wire.BodyCase switch
        {
            WireClientMessage.BodyOneofCase.Submit => new Submit(wire.ClusterId, id, wire.Submit.Memory),
            WireClientMessage.BodyOneofCase.SubmitReply => new SubmitReply(id, wire.SubmitReply.Index, wire.SubmitReply.Result.Memory),
            WireClientMessage.BodyOneofCase.Read => new Read(wire.ClusterId, id, Known<ReadConsistency>(wire.Read.Consistency), wire.Read.Payload.Memory),
            WireClientMessage.BodyOneofCase.QueryReply => new QueryReply(id, wire.QueryReply.Memory),
            WireClientMessage.BodyOneofCase.Refused => new Refused(
                id, Known<RefusalReason>(wire.Refused.Reason), wire.Refused.Leader is { } l ? FromWire(l) : null, wire.Refused.Message),
            WireClientMessage.BodyOneofCase.GetMemberStatus => new GetMemberStatus(wire.ClusterId, id),
            WireClientMessage.BodyOneofCase.MemberStatus => FromWire(id, wire.MemberStatus),
            WireClientMessage.BodyOneofCase.TransferLeadership => new TransferLeadership(
                wire.ClusterId, id, wire.TransferLeadership.HasTarget ? new MemberId(wire.TransferLeadership.Target) : null),
            WireClientMessage.BodyOneofCase.LeadershipTransferred => new LeadershipTransferred(id, new MemberId(wire.LeadershipTransferred)),
            WireClientMessage.BodyOneofCase.Put => new Put(wire.Put.Key.Memory, wire.Put.Value.Memory, id),
            WireClientMessage.BodyOneofCase.PutReply => new PutReply(id, wire.PutReply),
            WireClientMessage.BodyOneofCase.Get => new Get(wire.Get.Key.Memory, Known<ReadConsistency>(wire.Get.Consistency), id),
            WireClientMessage.BodyOneofCase.GetReply => new GetReply(id, wire.GetReply.Found, wire.GetReply.Value.Memory, wire.GetReply.Version),
            WireClientMessage.BodyOneofCase.Delete => new Delete(wire.Delete.Memory, id),
            WireClientMessage.BodyOneofCase.DeleteReply => new DeleteReply(id, wire.DeleteReply.Deleted, wire.DeleteReply.Version),
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
        return wire;
    }

    public static Configuration FromWire(WireConfiguration wire) => new(
        ById(wire.Voters), ById(wire.Outgoing), ById(wire.Learners), [.. wire.Removed.Select(id => new MemberId(id))]);

    private static ImmutableSortedDictionary<MemberId, Member> ById(IEnumerable<WireMember> members) =>
        members.Select(FromWire).ToImmutableSortedDictionary(m => m.Id, m => m);

    private static WireMemberStatus ToWire(MemberStatus status)
    {
        var wire = new WireMemberStatus
        {
            Id = status.Id.Value, Address = status.Address, Role = (int)status.Role, Term = status.Term,
            LastIndex = status.LastIndex, CommitIndex = status.CommitIndex, AppliedIndex = status.AppliedIndex, ProcessId = status.ProcessId,
        };
        if (status.Leader is { } leader) wire.Leader = leader.Value;
        wire.Waiting.AddRange(status.Waiting.Select(id => id.Value));
        return wire;
    }

    private static MemberStatus FromWire(long requestId, WireMemberStatus wire) => new(
        requestId, new MemberId(wire.Id), wire.Address, Known<MemberRole>(wire.Role), wire.Term, wire.HasLeader ? new MemberId(wire.Leader) : null,
        wire.LastIndex, wire.CommitIndex, wire.AppliedIndex, wire.ProcessId, [.. wire.Waiting.Select(id => new MemberId(id))]);

    private static WireTransfer ToWire(TransferLeadership transfer)
    {
        var wire = new WireTransfer();
        if (transfer.Target is { } target) wire.Target = target.Value;
        return wire;
    }

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
