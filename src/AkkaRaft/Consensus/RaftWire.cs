using System.Collections.Immutable;
using AkkaRaft.Log;
using AkkaRaft.Protocol;
using AkkaRaft.Protocol.Wire;
using static AkkaRaft.Protocol.WireValue;

namespace AkkaRaft.Consensus;

/// <summary>Each message between members beside its protobuf form.</summary>
internal static class RaftWire
{
    public static WireRaftMessage ToWire(IRaftMessage message)
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
                wire.AppendEntries.Entries.AddRange(m.Entries.Select(LogWire.ToWire));
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
                    Incarnations = { LogWire.ToWire(m.Incarnations) }, BaseIndex = m.Beginning.Index, BaseTerm = m.Beginning.Term, Backup = m.Beginning.Backup,
                };
                break;
            case InstallSnapshot m:
                wire.InstallSnapshot = new WireInstallSnapshot { Snapshot = m.Snapshot is { } s ? LogWire.ToWire(s) : null, Round = m.Round };
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
            case StateHash m:
                wire.StateHash = new WireStateHash { Index = m.Index, Hash = m.Hash };
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
                header, LogWire.FromWire(wire.HelloReply.Incarnations), new LogBeginning(wire.HelloReply.BaseIndex, wire.HelloReply.BaseTerm, wire.HelloReply.Backup)),
            WireRaftMessage.BodyOneofCase.InstallSnapshot => new InstallSnapshot(
                header, wire.InstallSnapshot.Snapshot is { } s ? LogWire.FromWire(s) : null, wire.InstallSnapshot.Round),
            WireRaftMessage.BodyOneofCase.InstallSnapshotReply => new InstallSnapshotReply(
                header, wire.InstallSnapshotReply.Installed, wire.InstallSnapshotReply.MatchIndex, wire.InstallSnapshotReply.Received, wire.InstallSnapshotReply.Round)
            {
                Damaged = wire.InstallSnapshotReply.HasDamaged ? wire.InstallSnapshotReply.Damaged : null,
            },
            WireRaftMessage.BodyOneofCase.FetchSnapshot => new FetchSnapshot(
                header, wire.FetchSnapshot.Index, wire.FetchSnapshot.Checksum, wire.FetchSnapshot.Offset),
            WireRaftMessage.BodyOneofCase.SnapshotChunk => new SnapshotChunk(
                header, wire.SnapshotChunk.Index, wire.SnapshotChunk.SnapshotChecksum, wire.SnapshotChunk.Offset, wire.SnapshotChunk.Bytes.Memory, wire.SnapshotChunk.Checksum),
            WireRaftMessage.BodyOneofCase.StateHash => new StateHash(header, wire.StateHash.Index, wire.StateHash.Hash),
            WireRaftMessage.BodyOneofCase.Dismissed => new Dismissed(header, Known<DismissalReason>(wire.Dismissed)),
            _ => throw new InvalidDataException("a message between members without a known body"),
        };
    }

    private static AppendEntries FromWire(RaftHeader header, WireAppendEntries wire)
    {
        var entries = LogWire.Entries(wire.Entries);
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
}
