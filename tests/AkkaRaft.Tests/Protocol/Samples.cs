using System.Collections.Immutable;
using AkkaRaft.Consensus;
using AkkaRaft.KeyValue;
using AkkaRaft.Log;
using AkkaRaft.Protocol;
using AkkaRaft.Storage;

namespace AkkaRaft.Tests.Protocol;

/// <summary>One of each message and of each persistent event. What is here, and how it is written, never changes; new forms are added.</summary>
internal static class Samples
{
    private static readonly RaftHeader Header = new("cluster", new MemberId(1), new MemberId(2), 7);
    private static readonly RaftEndpoint Member2 = new(new MemberId(2), "127.0.0.1:4102");
    private static readonly LogEntry Entry = new(5, 7, 1_700_000_000_000, EntryKind.Command, "payload"u8.ToArray());

    public static IReadOnlyList<(string Name, object Message)> Messages { get; } =
    [
        ("PreVote", new PreVote(Header, 5, 6)),
        ("PreVoteReply", new PreVoteReply(Header, true)),
        ("RequestVote", new RequestVote(Header, 5, 6, true)),
        ("RequestVoteReply", new RequestVoteReply(Header, false)),
        ("AppendEntries", new AppendEntries(Header, 4, 6, [Entry, new LogEntry(6, 7, 1_700_000_000_001, EntryKind.NoOp, default)], 3, 9)),
        ("AppendEntriesReply", new AppendEntriesReply(Header, true, 4, 6, 0, 0, 9)),
        ("AppendEntriesReplyLacksState", new AppendEntriesReply(Header, true, 4, 6, 0, 0, 9) { LacksStateTo = 5 }),
        ("AppendEntriesReplyMismatch", new AppendEntriesReply(Header, false, 4, 0, 3, 2, 9)),
        ("TimeoutNow", new TimeoutNow(Header)),
        ("Hello", new Hello(Header)),
        ("HelloOfOneThatIsKnown", new Hello(Header with { FromAddress = "127.0.0.1:4100", Incarnation = 13, AckedIndex = 5, AckedTerm = 6 })),
        ("HelloReply", new HelloReply(Header with { ToIncarnation = 13 }, Incarnations)),
        ("RestoredHelloReply", new HelloReply(Header with { ToIncarnation = 13 }, Incarnations, new LogBeginning(7, 2, 0xDEADBEEF))),
        ("Heartbeat", new AppendEntries(Header, 4, 6, [], 3, 9)
        {
            ClockMs = 1_700_000_000_002, Acknowledged = ImmutableSortedDictionary<MemberId, long>.Empty.Add(new MemberId(0), 3).Add(new MemberId(1), 4),
        }),
        ("Submit", new Submit("cluster", 11, "command"u8.ToArray())),
        ("SubmitReply", new SubmitReply(11, 5, "result"u8.ToArray())),
        ("Read", new Read("cluster", 12, ReadConsistency.Lease, "query"u8.ToArray())),
        ("Read by a watch", new Read("cluster", 12, ReadConsistency.Local, "query"u8.ToArray()) { NeedsLeader = true }),
        ("QueryReply", new QueryReply(12, "answer"u8.ToArray())),
        ("Refused", new Refused(13, RefusalReason.NotLeader, Member2, "This member follows.")),
        ("RefusedWithoutLeader", new Refused(13, RefusalReason.OutcomeUnknown, null, "why")),
        ("GetMemberStatus", new GetMemberStatus("cluster", 14)),
        ("MemberStatus", new RaftStatus(new MemberId(1), "127.0.0.1:4101", RaftRole.Candidate, 7, null, 5, 4, 3, 4711, [new MemberId(0), new MemberId(2)]) { RequestId = 14 }),
        ("TransferLeadership", new TransferLeadership("cluster", 15, new MemberId(0))),
        ("TransferLeadershipToAny", new TransferLeadership("cluster", 15, null)),
        ("LeadershipTransferred", new LeadershipTransferred(15, new MemberId(0))),
        ("Put", new Put("key"u8.ToArray(), "value"u8.ToArray(), 16)),
        ("PutReply", new PutReply(99) { RequestId = 16 }),
        ("InstallSnapshot", new InstallSnapshot(Header, new Snapshot(Base, 1_000_000, 0xDEADBEEF), 6)),
        ("InstallSnapshotWithout", new InstallSnapshot(Header with { FromAddress = "127.0.0.1:4100", Incarnation = 13 }, null, 7)),
        ("InstallSnapshotReply", new InstallSnapshotReply(Header, true, 4, 1_000_000, 7)),
        ("InstallSnapshotReplyDamaged", new InstallSnapshotReply(Header, false, 0, 0, 7) { Damaged = 1 }),
        ("FetchSnapshot", new FetchSnapshot(Header, 4, 0xDEADBEEF, 65_536)),
        ("SnapshotChunk", new SnapshotChunk(Header, 4, 0xDEADBEEF, 65_536, "piece"u8.ToArray(), 0xCAFE)),
        ("StateHash", new StateHash(Header, 70, 0xFEEDFACECAFEBEEF)),
        ("Dismissed", new Dismissed(Header, DismissalReason.BeganAnew)),
        ("ChangeMembers", new ChangeMembers("cluster", 20, MembershipChange.Add, [Member2])),
        ("GetMembership", new GetMembership("cluster", 21)),
        ("Membership", new Membership(4, true, true, MembershipPhase.Joint, "failed", [new ConfiguredMember(Member2, MembershipRole.Joining, 3, 10, 20)]) { RequestId = 21 }),
        ("BeginBackup", new BeginBackup("cluster", 22)),
        ("BackupBegun", new BackupBegun(22, 4, 1_000_000, 0xDEADBEEF)),
        ("FetchBackup", new FetchBackup("cluster", 23, 65_536)),
        ("BackupChunk", new BackupChunk(23, 65_536, "piece"u8.ToArray(), 0xCAFE)),
        ("Get", new Get("key"u8.ToArray(), ReadConsistency.Local, 17)),
        ("GetReply", new GetReply(true, "value"u8.ToArray(), 99) { RequestId = 17 }),
        ("Delete", new Delete("key"u8.ToArray(), 18)),
        ("DeleteReply", new DeleteReply(true, 100) { RequestId = 18 }),
        ("RequestFailed", new RequestFailed(19, FailureKind.Overloaded, "too much")),
        ("PutWithLease", new Put("key"u8.ToArray(), "value"u8.ToArray(), 24) { Lease = 3 }),
        ("GetReplyWithLease", new GetReply(true, "value"u8.ToArray(), 99) { RequestId = 25, Lease = 3 }),
        ("CompareAndSet", new CompareAndSet("key"u8.ToArray(), "value"u8.ToArray(), 98, 26) { Lease = 3 }),
        ("CompareAndSetReply", new CompareAndSetReply(false, 99, "other"u8.ToArray()) { RequestId = 26 }),
        ("GetRange", new GetRange("a"u8.ToArray(), "b"u8.ToArray(), 10, ReadConsistency.Lease, 27)),
        ("RangeReply", new RangeReply([Row], true, 100) { RequestId = 27 }),
        ("Transaction", new KeyValueTransaction(
            [new Compare("key"u8.ToArray(), Comparison.Greater, 98), new Compare("key"u8.ToArray(), Comparison.NotEqual, null, "value"u8.ToArray())],
            [new PutStep("key"u8.ToArray(), "value"u8.ToArray(), 3), new DeleteStep("other"u8.ToArray())],
            [new RangeStep("a"u8.ToArray(), default, 5)]) { RequestId = 28 }),
        ("TransactionReply", new TransactionReply(true, 100, [new StepResult(true, [], false), new StepResult(false, [Row], true)]) { RequestId = 28 }),
        ("Watch", new Watch("a"u8.ToArray(), "b"u8.ToArray(), 99, TimeSpan.FromSeconds(20), 29)),
        ("WatchReply", new WatchReply([new Change("key"u8.ToArray(), "value"u8.ToArray(), 99, false, 3), new Change("key"u8.ToArray(), default, 100, true, 0)], 101, null) { RequestId = 29 }),
        ("WatchReplyCompacted", new WatchReply([], 50, 50) { RequestId = 29 }),
        ("GrantLease", new GrantLease(TimeSpan.FromSeconds(10), 30)),
        ("KeepLeaseAlive", new KeepLeaseAlive(3, 31)),
        ("RevokeLease", new RevokeLease(3, 32)),
        ("LeaseReply", new LeaseReply(Lease) { RequestId = 30 }),
        ("GetLeases", new GetLeases(ReadConsistency.Local, 33)),
        ("LeasesReply", new LeasesReply([Lease], 100) { RequestId = 33 }),
        ("RequestFailedForItsLease", new RequestFailed(34, FailureKind.LeaseNotFound, "no lease")),
    ];

    public static IReadOnlyList<(string Name, IRaftEvent Event)> Events { get; } =
    [
        ("Bootstrapped", new Bootstrapped("cluster", new MemberId(1), new Configuration(
            ById(new RaftEndpoint(new MemberId(0), "127.0.0.1:4100"), Member2), ById(), ById(new RaftEndpoint(new MemberId(3), "127.0.0.1:4103")), [new MemberId(9)]), 0)),
        ("TermAndVote", new TermAndVote(7, new MemberId(0))),
        ("TermWithoutVote", new TermAndVote(8, null)),
        ("EntriesAppended", new EntriesAppended(4, 6, [Entry])),
        ("ClusterBegun", new ClusterBegun(Incarnations)),
        ("LogCompacted", new LogCompacted(Checkpoint)),
        ("SnapshotInstalled", new SnapshotInstalled(Checkpoint with { FirstRetained = 0, PreviousChecksum = 0 })),
        ("BeganAnew", new BeganAnew(new MemberId(2))),
    ];

    private static Row Row => new("key"u8.ToArray(), "value"u8.ToArray(), 99, 3);

    private static LeaseStatus Lease => new(3, TimeSpan.FromSeconds(10), TimeSpan.FromMilliseconds(9_500), 2);

    private static ImmutableSortedDictionary<MemberId, ulong> Incarnations =>
        ImmutableSortedDictionary<MemberId, ulong>.Empty.Add(new MemberId(0), 11).Add(new MemberId(2), ulong.MaxValue);

    private static LogBase Base => new(4, 6, 1_700_000_000_000, Configuration.Of([Member2]) with { Incoming = ById(Member2) });

    private static Checkpoint Checkpoint => new(
        Base, new Bootstrapped("cluster", new MemberId(1), Configuration.Of([]), 12), new TermAndVote(7, new MemberId(2)), 3, 0xDEADBEEF);

    private static ImmutableSortedDictionary<MemberId, RaftEndpoint> ById(params RaftEndpoint[] members) => members.ToImmutableSortedDictionary(m => m.Id, m => m);
}
