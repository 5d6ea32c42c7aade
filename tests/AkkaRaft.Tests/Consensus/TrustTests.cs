using System.Collections.Immutable;
using Akka.Actor;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using AkkaRaft.Consensus;
using AkkaRaft.Log;
using AkkaRaft.Protocol;
using AkkaRaft.StateMachines;
using CsCheck;

namespace AkkaRaft.Tests.Consensus;

/// <summary>What a member makes of messages of those that are no members, and of what cannot be. Member 0 of three; its peers have the incarnations 1 and 2.</summary>
public sealed class TrustTests : TestKit
{
    private const string Cluster = "test";

    private static readonly Configuration Three = Configuration.Of(Enumerable.Range(0, 3).Select(i => new RaftEndpoint(new MemberId(i), $"127.0.0.1:{4100 + i}")));

    private readonly string _directory = Directory.CreateTempSubdirectory("akkaraft-").FullName;
    private readonly TestProbe _network;
    private readonly TestProbe _stateMachine;
    private readonly TestProbe _observer;

    public TrustTests() : base("akka.loglevel = WARNING\nakka.persistence.journal.plugin = \"akka.persistence.journal.inmem\"")
    {
        _network = CreateTestProbe("network");
        _stateMachine = CreateTestProbe("machine");
        _observer = CreateTestProbe("observer");
    }

    protected override void AfterAll()
    {
        base.AfterAll();
        Directory.Delete(_directory, recursive: true);
    }

    private IActorRef Started()
    {
        var member = Sys.ActorOf(RaftActor.Props(
            new RaftSettings
            {
                ClusterId = Cluster, Id = new MemberId(0), Members = Three.Voters, DataDirectory = _directory,
                ElectionTimeoutMin = TimeSpan.Zero, ElectionTimeoutMax = TimeSpan.FromHours(2), HeartbeatInterval = TimeSpan.FromHours(1),
            },
            new RaftActorTests.ProbeTransport(_network.Ref), Props.Create(() => new Forwarding(_stateMachine.Ref)), new Random(1)));
        RaftActorTests.MeetPeers(_network, member);
        _ = StatusOf(member);
        Watch(member);
        Drain();
        return member;
    }

    private RaftStatus StatusOf(IActorRef member)
    {
        member.Tell(new GetMemberStatus(Cluster, 1), _observer.Ref);
        return _observer.ExpectMsg<RaftStatus>();
    }

    private void Drain()
    {
        while (_network.HasMessages) _network.ReceiveOne(TimeSpan.Zero);
    }

    private void Lead(IActorRef member)
    {
        member.Tell(new TimeoutNow(RaftActorTests.From(1, 0)));
        _network.FishForMessage(m => m is RequestVote);
        member.Tell(new RequestVoteReply(RaftActorTests.From(1, 1), Granted: true));
        AwaitAssert(() => Assert.Equal(RaftRole.Leader, StatusOf(member).Role));
        Drain();
    }

    private static LogEntry Entry(long index, long term, long timestamp = 0, EntryKind kind = EntryKind.Command) => new(index, term, timestamp, kind, new byte[] { 0xFF, 0xFF });

    private static Snapshot SnapshotTo(long index, long term, byte[] image) => new(new LogBase(index, term, 0, Three), image.Length, Crc.Of(image));

    private static IRaftMessage[] All(RaftHeader header) =>
    [
        new PreVote(header, 9, 0), new PreVoteReply(header, Granted: true), new RequestVote(header, 9, 0, false), new RequestVote(header, 9, 0, LeadershipTransfer: true),
        new RequestVoteReply(header, Granted: true), new AppendEntries(header, 0, 0, [Entry(1, 1)], 1, 1), new AppendEntriesReply(header, true, 0, 1, 0, 0, 1),
        new TimeoutNow(header), new Hello(header), new HelloReply(header, ImmutableSortedDictionary<MemberId, ulong>.Empty.Add(new MemberId(0), 5)),
        new InstallSnapshot(header, SnapshotTo(9, 0, [1]), 1), new InstallSnapshotReply(header, true, 9, 0, 1), new FetchSnapshot(header, 1, 1, 0),
        new SnapshotChunk(header, 1, 1, 0, default, 0),
        .. Enum.GetValues<DismissalReason>().Select(reason => new Dismissed(header, reason)),
    ];

    [Fact]
    public void Whoever_does_not_know_the_members_changes_nothing_and_gets_no_answer()
    {
        var member = Started();
        Lead(member);
        RaftHeader[] strangers =
        [
            // Of no member, with and without an incarnation; in a member's name; in the member's own; and of an id that there cannot be.
            new RaftHeader(Cluster, new MemberId(7), new MemberId(0), 90) { Incarnation = 70, FromAddress = "127.0.0.1:9", AckedIndex = 50, AckedTerm = 90 },
            new RaftHeader(Cluster, new MemberId(7), new MemberId(0), 90),
            RaftActorTests.From(1, 90) with { Incarnation = 0, AckedIndex = 50 },
            RaftActorTests.From(0, 90) with { AckedTerm = 50 },
            new RaftHeader(Cluster, new MemberId(-5), new MemberId(0), 90) { Incarnation = 70 },
        ];
        foreach (var header in strangers)
            foreach (var message in All(header))
            {
                member.Tell(message);
                var status = StatusOf(member);
                Assert.True((status.Role, status.Term, status.LastIndex) == (RaftRole.Leader, 1, 1), $"{message}: {status}");
            }
        Assert.False(_network.HasMessages);

        // One that began anew is told so, where it is known to be, and its term is not believed.
        member.Tell(new Hello(RaftActorTests.From(1, 90) with { Incarnation = 8, FromAddress = "127.0.0.1:9" }));
        Assert.Equal(8UL, _network.ExpectMsg<Dismissed>().Header.ToIncarnation);
        Assert.Equal(1, StatusOf(member).Term);
    }

    [Fact]
    public void A_member_that_joins_says_so_when_nobody_answers_whom_it_was_told_of()
    {
        var now = TimeSpan.Zero;
        var member = Sys.ActorOf(RaftActor.Props(
            new RaftSettings
            {
                ClusterId = Cluster, Id = new MemberId(0), Members = Three.Voters, DataDirectory = _directory, Joins = true, Clock = () => now,
                ElectionTimeoutMin = TimeSpan.FromMilliseconds(1), ElectionTimeoutMax = TimeSpan.FromMilliseconds(2), HeartbeatInterval = TimeSpan.FromMilliseconds(1),
            },
            new RaftActorTests.ProbeTransport(_network.Ref), Props.Create(() => new Forwarding(_stateMachine.Ref)), new Random(1)));
        EventFilter.Warning(contains: "none of the members that it knows of answers: 1@127.0.0.1:4101, 2@127.0.0.1:4102").ExpectOne(() =>
        {
            for (var i = 0; i < 100; i++)
            {
                now += TimeSpan.FromMilliseconds(2);
                _ = StatusOf(member);
                _network.FishForMessage(m => m is Hello);
                Drain();
            }
        });
    }

    /// <summary>A leader's heartbeats come before the answers of those that it greets.</summary>
    [Fact]
    public void A_member_that_joins_warns_of_its_leader_only_when_it_stays_a_stranger()
    {
        var now = TimeSpan.Zero;
        var timeout = TimeSpan.FromMilliseconds(100);
        var member = Sys.ActorOf(RaftActor.Props(
            new RaftSettings
            {
                ClusterId = Cluster, Id = new MemberId(9), Members = Three.Voters, DataDirectory = _directory, Joins = true, Clock = () => now,
                ElectionTimeoutMin = timeout, ElectionTimeoutMax = timeout, HeartbeatInterval = TimeSpan.FromMilliseconds(1),
            },
            new RaftActorTests.ProbeTransport(_network.Ref), Props.Create(() => new Forwarding(_stateMachine.Ref)), new Random(1)));
        var heartbeat = new AppendEntries(new RaftHeader(Cluster, new MemberId(5), new MemberId(9), 1) { Incarnation = 7 }, 0, 0, [], 0, 1);
        member.Tell(new GetMemberStatus(Cluster, 1), _observer.Ref);
        _observer.ExpectMsg<RaftStatus>();
        EventFilter.Warning(contains: "start it with --join and members that there are").Expect(0, () =>
        {
            member.Tell(heartbeat);
            _ = StatusOf(member);
        });
        now += 5 * timeout;
        EventFilter.Warning(contains: "start it with --join and members that there are").ExpectOne(() => member.Tell(heartbeat));
    }

    [Fact]
    public void What_is_dropped_is_said_once_a_minute_however_much_there_is()
    {
        var member = Started();
        EventFilter.Warning(contains: "drops what is sent in the name of member 7").ExpectOne(() =>
        {
            for (var i = 0; i < 1_000; i++) member.Tell(new TimeoutNow(new RaftHeader(Cluster, new MemberId(7), new MemberId(0), i) { Incarnation = 70 }));
            _ = StatusOf(member);
        });
        EventFilter.Warning(contains: "of cluster 'x\\u000ay'").ExpectOne(() =>
        {
            for (var i = 0; i < 1_000; i++) member.Tell(new TimeoutNow(new RaftHeader("x\ny", new MemberId(i), new MemberId(0), i)));
            _ = StatusOf(member);
        });
    }

    [Fact]
    public void A_leader_or_candidate_that_the_log_does_not_have_yet_is_known_by_naming_this_member()
    {
        var member = Started();
        ulong mine = 0;
        member.Tell(new RequestVote(RaftActorTests.From(1, 1), 0, 0, false));
        mine = ((RequestVoteReply)_network.FishForMessage(m => m is RequestVoteReply)).Header.Incarnation;
        member.Tell(new RequestVote(new RaftHeader(Cluster, new MemberId(7), new MemberId(0), 2) { Incarnation = 70, ToIncarnation = mine, FromAddress = "127.0.0.1:9" }, 0, 0, false));
        var reply = (RequestVoteReply)_network.FishForMessage(m => m is RequestVoteReply);
        Assert.Equal((true, 70UL), (reply.Granted, reply.Header.ToIncarnation));
    }

    public static TheoryData<string> Impossible => new(ImpossibleMessages().Keys);

    private static Dictionary<string, IRaftMessage> ImpossibleMessages()
    {
        var header = RaftActorTests.From(1, 1);
        return new Dictionary<string, IRaftMessage>
        {
            ["the last term that there is"] = new Hello(header with { Term = long.MaxValue }),
            ["a term far ahead"] = new AppendEntries(header with { Term = 1L << 40 }, 0, 0, [], 0, 0),
            ["a negative term"] = new RequestVote(header with { Term = -1 }, 0, 0, false),
            ["a last index beyond all"] = new RequestVote(header with { Term = 2 }, long.MaxValue, 1, false),
            ["a last term beyond the own"] = new RequestVote(header with { Term = 2 }, 5, 3, false),
            ["an acknowledgement in the last term that there is"] = new Hello(header with { AckedTerm = long.MaxValue }),
            ["an acknowledgement of the last index that there is"] = new Hello(header with { AckedIndex = long.MaxValue }),
            ["a clock at the end of time"] = new AppendEntries(header with { Term = 2 }, 0, 0, [], 0, 0) { ClockMs = long.MaxValue },
            ["an entry from the end of time"] = new AppendEntries(header with { Term = 2 }, 0, 0, [Entry(1, 1, long.MaxValue)], 0, 0),
            ["an entry from before time"] = new AppendEntries(header with { Term = 2 }, 0, 0, [Entry(1, 1, -1)], 0, 0),
            ["an entry of a later term than its leader's"] = new AppendEntries(header with { Term = 2 }, 0, 0, [Entry(1, 3)], 0, 0),
            ["entries with a gap"] = new AppendEntries(header with { Term = 2 }, 0, 0, [Entry(1, 1), Entry(3, 1)], 0, 0),
            ["entries whose terms go back"] = new AppendEntries(header with { Term = 2 }, 0, 0, [Entry(1, 2), Entry(2, 1)], 0, 0),
            ["incarnations of more members than there are"] = new HelloReply(header with { Term = 2 }, Many(_ => 7UL)),
            ["acknowledgements of more members than there are"] = new AppendEntries(header with { Term = 2 }, 0, 0, [], 0, 0) { Acknowledged = Many(_ => 1L) },
            ["an index before all"] = new AppendEntries(header with { Term = 2 }, -1, 0, [], 0, 0),
            ["a commit index beyond all"] = new AppendEntries(header with { Term = 2 }, 0, 0, [], long.MaxValue, 0),
            ["a configuration that nobody can read"] = new AppendEntries(header with { Term = 2 }, 0, 0, [Entry(1, 1, 0, EntryKind.Configuration)], 0, 0),
            ["a snapshot of the last index that there is"] = new InstallSnapshot(header with { Term = 2 }, SnapshotTo(long.MaxValue, 1, [1]), 0),
            ["a snapshot of no length"] = new InstallSnapshot(header with { Term = 2 }, SnapshotTo(5, 1, [1]) with { Length = -1 }, 0),
            ["a snapshot of a later term than its leader's"] = new InstallSnapshot(header with { Term = 2 }, SnapshotTo(5, 3, [1]), 0),
        };
    }

    private static ImmutableSortedDictionary<MemberId, T> Many<T>(Func<int, T> value) =>
        Enumerable.Range(0, MessageCheck.MostMembers + 1).ToImmutableSortedDictionary(i => new MemberId(i), value);

    [Theory]
    [MemberData(nameof(Impossible))]
    public void What_cannot_be_is_dropped_before_anything_is_noted(string what)
    {
        var member = Started();
        var before = StatusOf(member);
        member.Tell(ImpossibleMessages()[what]);
        var after = StatusOf(member);
        Assert.Equal((before.Term, before.LastIndex, before.Leader), (after.Term, after.LastIndex, after.Leader));
        Assert.False(_network.HasMessages);
        member.Tell(new RequestVote(RaftActorTests.From(1, 1), 0, 0, false));
        Assert.True(((RequestVoteReply)_network.FishForMessage(m => m is RequestVoteReply)).Granted);
    }

    [Fact]
    public void A_leader_drops_answers_to_what_it_has_not_sent()
    {
        var member = Started();
        Lead(member);
        var header = RaftActorTests.From(1, 1);
        IRaftMessage[] forged =
        [
            new AppendEntriesReply(header, true, 0, 1_000, 0, 0, 1), new AppendEntriesReply(header, true, 1_000, 1, 0, 0, 1), new AppendEntriesReply(header, true, 0, 1, 0, 0, 1_000),
            new AppendEntriesReply(header, true, 0, 1, 0, 0, 1) { LacksStateTo = 1_000 }, new AppendEntriesReply(header, false, -1, 0, 0, 0, 1),
            new InstallSnapshotReply(header, true, 1_000, 0, 1), new InstallSnapshotReply(header, true, 0, 0, 1_000),
        ];
        foreach (var reply in forged)
        {
            member.Tell(reply);
            var status = StatusOf(member);
            Assert.True((status.Role, status.CommitIndex) == (RaftRole.Leader, 0), $"{reply}: {status}");
        }
        member.Tell(new AppendEntriesReply(header, true, 0, 1, 0, 0, 1));
        Assert.Equal(1, StatusOf(member).CommitIndex);
    }

    [Fact]
    public void Nothing_is_noted_of_a_snapshot_before_the_state_machine_has_opened_it()
    {
        var member = Started();
        byte[] garbage = [1, 2, 3];
        var offered = new InstallSnapshot(RaftActorTests.From(1, 1), SnapshotTo(9, 1, garbage), 0);
        member.Tell(offered);
        _network.FishForMessage(m => m is FetchSnapshot);
        member.Tell(new SnapshotChunk(RaftActorTests.From(1, 1), 9, Crc.Of(garbage), 0, garbage, Crc.Of(garbage)));
        var check = _stateMachine.ExpectMsg<CheckImage>();
        Assert.Equal((9, 1), (check.Index, check.Term));
        Assert.Equal(garbage, File.ReadAllBytes(check.File));
        Drain();
        _stateMachine.Reply(new ImageChecked(9, "it is garbage"));
        var told = (InstallSnapshotReply)_network.FishForMessage(m => m is InstallSnapshotReply { Damaged: not null });
        Assert.Equal(Crc.Of(garbage), told.Damaged);
        Assert.Equal((0, 0), (StatusOf(member).LastIndex, StatusOf(member).CommitIndex));
        // Another is fetched.
        member.Tell(offered);
        _network.FishForMessage(m => m is FetchSnapshot);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void No_message_ends_a_member_whatever_its_figures(bool leads)
    {
        var member = Started();
        if (leads) Lead(member);
        long[] figures = [long.MinValue, -1, 0, 1, 2, 3, 10, 1L << 32, 1L << 33, 1L << 56, long.MaxValue - 1, long.MaxValue];
        var figure = Gen.Int[0, figures.Length - 1].Select(i => figures[i]);
        var small = Gen.Long[0, 4];
        var any = Gen.OneOf(small, figure);
        var header = Gen.Select(Gen.Int[1, 2], any, (from, term) => RaftActorTests.From(from, term));
        var entry = Gen.Select(any, any, any, Gen.Enum<EntryKind>(), (index, term, time, kind) => Entry(index, term, time, kind));
        var entries = Gen.OneOf(entry.List[0, 3].Select(l => (IReadOnlyList<LogEntry>)l), Gen.Select(small, small, (from, term) => (IReadOnlyList<LogEntry>)[Entry(from + 1, term), Entry(from + 2, term)]));
        var snapshot = Gen.Select(any, any, any, any, (index, term, time, length) => new Snapshot(new LogBase(index, term, time, Three), length, 1));
        var message = Gen.OneOf<IRaftMessage>(
            Gen.Select(header, any, any, (h, i, t) => (IRaftMessage)new PreVote(h, i, t)),
            Gen.Select(header, Gen.Bool, (h, g) => (IRaftMessage)new PreVoteReply(h, g)),
            Gen.Select(header, any, any, Gen.Bool, (h, i, t, l) => (IRaftMessage)new RequestVote(h, i, t, l)),
            Gen.Select(header, Gen.Bool, (h, g) => (IRaftMessage)new RequestVoteReply(h, g)),
            Gen.Select(header, any, any, entries, any, any, any, (h, i, t, e, c, r, m) => (IRaftMessage)new AppendEntries(h, i, t, e, c, r) { ClockMs = m }),
            Gen.Select(header, Gen.Bool, any, any, any, any, any, any, (h, s, p, m, i, t, r, l) => (IRaftMessage)new AppendEntriesReply(h, s, p, m, i, t, r) { LacksStateTo = l }),
            header.Select(h => (IRaftMessage)new TimeoutNow(h)),
            header.Select(h => (IRaftMessage)new Hello(h)),
            Gen.Select(header, snapshot, any, (h, s, r) => (IRaftMessage)new InstallSnapshot(h, s, r)),
            Gen.Select(header, Gen.Bool, any, any, any, (h, d, m, r, o) => (IRaftMessage)new InstallSnapshotReply(h, d, m, r, o)),
            Gen.Select(header, any, any, (h, i, o) => (IRaftMessage)new FetchSnapshot(h, i, 1, o)),
            Gen.Select(header, any, any, (h, i, o) => (IRaftMessage)new SnapshotChunk(h, i, 1, o, new byte[] { 1 }, 1)));
        message.Array[20].Sample(
            messages =>
            {
                foreach (var m in messages) member.Tell(m);
                _ = StatusOf(member);
                Drain();
                while (_stateMachine.HasMessages) _stateMachine.ReceiveOne(TimeSpan.Zero);
                if (HasMessages) throw new InvalidOperationException($"{ReceiveOne()} after one of these:\n{string.Join('\n', messages.AsEnumerable())}");
            },
            iter: 500, threads: 1);
    }

    /// <summary>Applies all there is, and leaves the rest to the probe.</summary>
    private sealed class Forwarding : ReceiveActor
    {
        public Forwarding(IActorRef probe)
        {
            Receive<ApplyEntries>(apply => Sender.Tell(new EntriesApplied(apply.Entries[^1].Index, [.. apply.Entries.Select(_ => ReadOnlyMemory<byte>.Empty)])));
            ReceiveAny(message => probe.Forward(message));
        }

        protected override void PreStart() => Context.Parent.Tell(new StateMachineReady(0, 0, 0));
    }
}
