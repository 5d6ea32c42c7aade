using System.Collections.Immutable;
using Akka.Actor;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using AkkaRaft.Consensus;
using AkkaRaft.Log;
using AkkaRaft.Protocol;
using AkkaRaft.StateMachines;

namespace AkkaRaft.Tests.Consensus;

/// <summary>One production RaftActor, member 0 of three; a probe stands for the network. No timer fires by itself: timeouts are an hour.</summary>
public sealed class RaftActorTests : TestKit
{
    private const string Cluster = "test";

    private readonly string _directory = Directory.CreateTempSubdirectory("akkaraft-").FullName;
    private readonly TestProbe _network;
    private readonly TestProbe _client;
    // Another than the client, whose messages are to be seen one and all.
    private readonly TestProbe _observer;
    private ulong _incarnation;

    public RaftActorTests() : base("akka.loglevel = WARNING\nakka.persistence.journal.plugin = \"akka.persistence.journal.inmem\"")
    {
        _network = CreateTestProbe("network");
        _client = CreateTestProbe("client");
        _observer = CreateTestProbe("observer");
    }

    protected override void AfterAll()
    {
        base.AfterAll();
        Directory.Delete(_directory, recursive: true);
    }

    private static RaftSettings Settings(int members = 3, TimeSpan? holdOnToLeader = null) => new()
    {
        ClusterId = Cluster,
        Id = new MemberId(0),
        Members = Enumerable.Range(0, members)
            .Select(i => new RaftEndpoint(new MemberId(i), $"127.0.0.1:{4100 + i}"))
            .ToImmutableSortedDictionary(m => m.Id, m => m),
        ElectionTimeoutMin = holdOnToLeader ?? TimeSpan.Zero,
        ElectionTimeoutMax = TimeSpan.FromHours(2),
        HeartbeatInterval = TimeSpan.FromHours(1),
    };

    private IActorRef Member(RaftSettings? settings = null, Props? stateMachine = null) => Sys.ActorOf(RaftActor.Props(
        settings ?? Settings(), new ProbeTransport(_network.Ref), stateMachine ?? Props.Create<CountingStateMachine>(), new LongestTimeout()));

    internal static RaftHeader From(int id, long term, string cluster = Cluster) => new(cluster, new MemberId(id), new MemberId(0), term) { Incarnation = (ulong)id };

    private static LogEntry Entry(long index, long term) => new(index, term, 0, EntryKind.Command, new byte[] { 7 });

    private static AppendEntries Append(int from, long term, long prev, long prevTerm, long commit, params LogEntry[] entries) =>
        new(From(from, term), prev, prevTerm, entries, commit, 0);

    private RaftStatus StatusOf(IActorRef member)
    {
        member.Tell(new GetMemberStatus(Cluster, 1), _observer.Ref);
        return _observer.ExpectMsg<RaftStatus>();
    }

    private void AwaitStarted(IActorRef member, int peers)
    {
        _incarnation = MeetPeers(_network, member, peers);
        _ = StatusOf(member);
        Drain();
    }

    /// <summary>Each peer that the member greets says that it has not begun either; a member that has heeds it not.</summary>
    /// <returns>The member's incarnation.</returns>
    internal static ulong MeetPeers(TestProbe network, IActorRef member, int peers = 2)
    {
        var incarnation = 0UL;
        foreach (var peer in Enumerable.Range(1, peers))
        {
            var hello = (Hello)network.FishForMessage(m => m is Hello { Header: { Incarnation: > 0 } header } && header.To.Value == peer, TimeSpan.FromMinutes(1));
            incarnation = hello.Header.Incarnation;
            member.Tell(new HelloReply(
                From(peer, 0) with { ToIncarnation = hello.Header.Incarnation }, ImmutableSortedDictionary<MemberId, ulong>.Empty));
        }
        return incarnation;
    }

    private void Drain()
    {
        while (_network.HasMessages) _network.ReceiveOne(TimeSpan.Zero);
    }

    private T Sent<T>() where T : class => (T)_network.FishForMessage(m => m is T);

    private void Elect(IActorRef member, long termBefore)
    {
        member.Tell(new TimeoutNow(From(1, termBefore)));
        _ = Sent<RequestVote>();
        member.Tell(new RequestVoteReply(From(1, termBefore + 1), Granted: true));
        AwaitAssert(() => Assert.Equal(RaftRole.Leader, StatusOf(member).Role));
    }

    private IActorRef StartedMember(RaftSettings? settings = null, Props? stateMachine = null)
    {
        var member = Member(settings, stateMachine);
        AwaitStarted(member, (settings ?? Settings()).Members.Count - 1);
        return member;
    }

    /// <summary>A leader whose state machine hands what it is asked to the probe, and is to be answered there.</summary>
    private (IActorRef Member, TestProbe StateMachine) LeaderBeforeItReads(RaftSettings? settings = null)
    {
        var stateMachine = CreateTestProbe("queries");
        var member = StartedMember(settings, stateMachine: Props.Create<CountingStateMachine>(stateMachine.Ref));
        Elect(member, 0);
        member.Tell(new AppendEntriesReply(From(1, 1), true, 0, 1, 0, 0, 1));
        AwaitAssert(() => Assert.Equal(1, StatusOf(member).AppliedIndex));
        Drain();
        return (member, stateMachine);
    }

    [Fact]
    public void S10_A_vote_and_its_term_survive_a_restart()
    {
        var member = StartedMember();
        member.Tell(new RequestVote(From(1, 5), 0, 0, false));
        Assert.True(Sent<RequestVoteReply>().Granted);

        Watch(member);
        Sys.Stop(member);
        ExpectTerminated(member);
        member = StartedMember();
        Assert.Equal(5, StatusOf(member).Term);
        member.Tell(new RequestVote(From(2, 5), 9, 4, false));
        Assert.False(Sent<RequestVoteReply>().Granted);
        member.Tell(new RequestVote(From(1, 5), 0, 0, false));
        Assert.True(Sent<RequestVoteReply>().Granted);
    }

    [Fact]
    public void S10_The_log_survives_a_restart()
    {
        var member = StartedMember();
        member.Tell(Append(1, 1, 0, 0, 0, Entry(1, 1), Entry(2, 1)));
        Assert.Equal(2, Sent<AppendEntriesReply>().MatchIndex);
        member.Tell(Append(2, 2, 1, 1, 0, Entry(2, 2), Entry(3, 2)));
        Assert.Equal(3, Sent<AppendEntriesReply>().MatchIndex);

        Watch(member);
        Sys.Stop(member);
        ExpectTerminated(member);
        member = StartedMember();
        Assert.Equal(3, StatusOf(member).LastIndex);
        member.Tell(Append(2, 2, 3, 2, 0));
        Assert.True(Sent<AppendEntriesReply>().Success);
    }

    [Fact]
    public void S13_A_lone_member_elects_itself_and_commits()
    {
        var member = Member(Settings(members: 1) with { ElectionTimeoutMax = TimeSpan.FromMilliseconds(1) });
        AwaitAssert(() => Assert.Equal(RaftRole.Leader, StatusOf(member).Role), TimeSpan.FromMinutes(1));
        member.Tell(new Submit(Cluster, 42, new byte[] { 1 }), _client.Ref);
        var reply = (SubmitReply)_client.FishForMessage(m => m is SubmitReply);
        Assert.Equal(42, reply.RequestId);
        Assert.Equal(2, reply.Index);
    }

    [Fact]
    public void S14_A_leader_steps_down_on_a_higher_term()
    {
        var member = StartedMember();
        Elect(member, 0);
        member.Tell(Append(2, 7, 0, 0, 0));
        AwaitAssert(() => Assert.Equal(RaftRole.Follower, StatusOf(member).Role));
        Assert.Equal(7, StatusOf(member).Term);
        Assert.Equal(new MemberId(2), StatusOf(member).Leader);
    }

    [Fact]
    public void S15_A_candidate_follows_the_leader_that_won_its_term()
    {
        var member = StartedMember();
        member.Tell(new TimeoutNow(From(1, 0)));
        _ = Sent<RequestVote>();
        member.Tell(Append(1, 1, 0, 0, 0));
        member.Tell(new RequestVoteReply(From(2, 1), Granted: true));
        Assert.Equal(RaftRole.Follower, StatusOf(member).Role);
    }

    [Fact]
    public void S16_A_vote_refused_at_a_higher_term_ends_a_leadership()
    {
        var member = StartedMember();
        Elect(member, 0);
        member.Tell(new RequestVoteReply(From(2, 9), Granted: false));
        Assert.NotEqual(RaftRole.Leader, StatusOf(member).Role);
        member.Tell(new Submit(Cluster, 1, new byte[] { 1 }), _client.Ref);
        var refused = (Refused)_client.FishForMessage(m => m is Refused);
        Assert.Equal(RefusalReason.NotLeader, refused.Reason);
    }

    [Fact]
    public void A_leader_that_hears_of_a_later_term_campaigns_at_once()
    {
        var member = StartedMember();
        Elect(member, 0);
        Drain();
        member.Tell(new Hello(From(2, 9)));
        Assert.Equal(10, Sent<PreVote>().Header.Term);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_voter_that_hears_its_leader_votes_for_no_other_whatever_told_it_of_the_term(bool termIsHeardOfFirst)
    {
        var member = StartedMember(Settings(members: 5, holdOnToLeader: TimeSpan.FromHours(1)));
        member.Tell(Append(1, 1, 0, 0, 0));
        Assert.True(Sent<AppendEntriesReply>().Success);
        if (termIsHeardOfFirst) member.Tell(new Hello(From(3, 2)));
        member.Tell(new RequestVote(From(2, 2), 0, 0, LeadershipTransfer: false));
        // Its leader asks itself: nobody is held on to, and this is what is answered first.
        member.Tell(new RequestVote(From(1, 3), 0, 0, LeadershipTransfer: false));
        var vote = Sent<RequestVoteReply>();
        Assert.Equal((new MemberId(1), 3, true), (vote.Header.To, vote.Header.Term, vote.Granted));
    }

    [Fact]
    public void A_member_that_has_met_nobody_neither_votes_nor_acknowledges_nor_campaigns()
    {
        var member = Member();
        var hello = (Hello)_network.FishForMessage(m => m is Hello { Header.Incarnation: > 0 });
        member.Tell(new RequestVote(From(1, 1), 0, 0, false));
        member.Tell(Append(1, 1, 0, 0, 0, Entry(1, 1)));
        member.Tell(new TimeoutNow(From(1, 0)));
        member.Tell(new HelloReply(From(1, 0) with { ToIncarnation = hello.Header.Incarnation }, ImmutableSortedDictionary<MemberId, ulong>.Empty));
        // An answer to one that was there before under its id.
        member.Tell(new HelloReply(From(2, 0) with { ToIncarnation = hello.Header.Incarnation + 1 }, ImmutableSortedDictionary<MemberId, ulong>.Empty));
        Assert.Equal(0, StatusOf(member).Term);
        Assert.Equal(0, StatusOf(member).LastIndex);
        while (_network.HasMessages) Assert.True(_network.ReceiveOne() is Hello or HelloReply);

        member.Tell(new HelloReply(From(2, 0) with { ToIncarnation = hello.Header.Incarnation }, ImmutableSortedDictionary<MemberId, ulong>.Empty));
        member.Tell(new RequestVote(From(1, 1), 0, 0, false));
        Assert.True(Sent<RequestVoteReply>().Granted);
    }

    [Fact]
    public void A_leader_dismisses_a_follower_that_lacks_what_it_acknowledged()
    {
        var member = StartedMember();
        Elect(member, 0);
        member.Tell(new AppendEntriesReply(From(1, 1), true, 0, 1, 0, 0, 1));
        AwaitAssert(() => Assert.Equal(1, StatusOf(member).CommitIndex));
        Drain();
        // Late, and so nothing new.
        member.Tell(new AppendEntriesReply(From(1, 1), false, 0, 0, 0, 0, 1));
        member.Tell(new Read(Cluster, 9, ReadConsistency.Linearizable, default), _client.Ref);
        member.Tell(new AppendEntriesReply(From(1, 1), false, 1, 0, 0, 0, Sent<AppendEntries>().Round));
        Assert.Equal(DismissalReason.LostEntries, Sent<Dismissed>().Reason);
        // What it says from now on commits nothing.
        member.Tell(new Submit(Cluster, 1, new byte[] { 1 }), _client.Ref);
        member.Tell(new AppendEntriesReply(From(1, 1), true, 1, 2, 0, 0, 1));
        Assert.Equal(1, StatusOf(member).CommitIndex);
    }

    [Fact]
    public void An_image_is_held_for_whoever_was_told_of_it_until_it_has_it_or_does_not_fetch()
    {
        var now = TimeSpan.Zero;
        var directory = Directory.CreateTempSubdirectory("akkaraft-");
        var client = CreateTestProbe();
        var member = Member(Settings() with { Clock = () => now, DataDirectory = directory.FullName, SnapshotChunkBytes = 2 }, Props.Create<SavingStateMachine>());
        AwaitStarted(member, 2);
        Commit(3);
        Assert.Equal(3, Begun().Index);
        Commit(5);
        Assert.Equal(RefusalReason.NotReady, Begin<Refused>().Reason);
        now += TimeSpan.FromSeconds(1.5);
        Assert.Equal(2, Fetch(0).Bytes.Length);
        now += TimeSpan.FromSeconds(1.5);
        Assert.Equal(RefusalReason.NotReady, Begin<Refused>().Reason);
        // It has all of it.
        Assert.Equal(1, Fetch(2).Bytes.Length);
        Assert.Equal(5, Begun().Index);
        Commit(6);
        // Nobody fetches.
        now += TimeSpan.FromSeconds(2.5);
        Assert.Equal(6, Begun().Index);
        // Of the same state there is one image, however many want it.
        Assert.Equal(6, Begun().Index);
        Commit(7);
        for (var i = 0; i < 180; i++)
        {
            now += TimeSpan.FromSeconds(1.5);
            Assert.Equal(2, Fetch(0).Bytes.Length);
            Assert.Equal(RefusalReason.NotReady, Begin<Refused>().Reason);
        }
        // Nor is it held for ever.
        now += TimeSpan.FromSeconds(60);
        Assert.Equal(2, Fetch(0).Bytes.Length);
        Assert.Equal(7, Begun().Index);
        Sys.Stop(member);

        void Commit(long index)
        {
            var last = StatusOf(member).LastIndex;
            member.Tell(Append(1, 1, last, last > 0 ? 1 : 0, index, [.. Enumerable.Range((int)last + 1, (int)(index - last)).Select(i => Entry(i, 1))]));
            AwaitAssert(() => Assert.Equal(index, StatusOf(member).AppliedIndex));
        }

        T Begin<T>()
        {
            member.Tell(new BeginBackup(Cluster, 5), client.Ref);
            return client.ExpectMsg<T>();
        }

        BackupBegun Begun() => Begin<BackupBegun>();

        BackupChunk Fetch(long offset)
        {
            member.Tell(new FetchBackup(Cluster, 5, offset), client.Ref);
            return client.ExpectMsg<BackupChunk>();
        }
    }

    [Theory]
    [InlineData(4, 0)]
    [InlineData(0, 2)]
    public void A_member_that_is_told_that_it_acknowledged_more_than_it_has_stops_for_good(long ackedIndex, long ackedTerm)
    {
        var member = StartedMember();
        member.Tell(Append(1, 1, 0, 0, 0, Entry(1, 1), Entry(2, 1), Entry(3, 1)));
        Assert.Equal(3, Sent<AppendEntriesReply>().MatchIndex);
        Watch(member);
        member.Tell(Append(1, 1, 3, 1, 0) with { Header = From(1, 1) with { AckedIndex = 3, AckedTerm = 1 } });
        var reply = Sent<AppendEntriesReply>();
        Assert.True(reply.Success);
        // Whoever saw it acknowledge something knows its incarnation.
        member.Tell(Append(1, 1, 3, 1, 0) with { Header = From(1, 1) with { AckedIndex = ackedIndex, AckedTerm = ackedTerm } });
        Assert.True(Sent<AppendEntriesReply>().Success);
        member.Tell(new RequestVote(From(2, 1) with { AckedIndex = ackedIndex, AckedTerm = ackedTerm, ToIncarnation = reply.Header.Incarnation }, 9, 1, false));
        ExpectTerminated(member);
    }

    [Fact]
    public void No_vote_is_for_a_candidate_that_lacks_what_it_is_known_to_have_acknowledged()
    {
        var member = StartedMember();
        member.Tell(Append(1, 1, 0, 0, 0) with { Acknowledged = ImmutableSortedDictionary<MemberId, long>.Empty.Add(new MemberId(2), 7) });
        Assert.True(Sent<AppendEntriesReply>().Success);
        member.Tell(new RequestVote(From(2, 2), 6, 1, false));
        var refused = Sent<RequestVoteReply>();
        Assert.False(refused.Granted);
        Assert.Equal(7, refused.Header.AckedIndex);
        member.Tell(new RequestVote(From(2, 3), 7, 1, false));
        Assert.True(Sent<RequestVoteReply>().Granted);
    }

    [Fact]
    public void A_leader_that_lacks_what_is_committed_here_is_not_followed_and_overwrites_nothing()
    {
        var member = StartedMember();
        member.Tell(Append(1, 1, 0, 0, 2, Entry(1, 1), Entry(2, 1)));
        Assert.True(Sent<AppendEntriesReply>().Success);
        AwaitAssert(() => Assert.Equal(2, StatusOf(member).AppliedIndex));
        Drain();
        Watch(member);

        IRaftMessage[] contradictions =
        [
            Append(2, 2, 1, 1, 3, Entry(2, 2), Entry(3, 2)),
            Append(2, 2, 2, 2, 3, Entry(3, 2)),
            // Of the same index and term, and another: two have led in that term.
            Append(2, 2, 1, 1, 3, new LogEntry(2, 1, 0, EntryKind.Command, new byte[] { 8 })),
            Append(2, 2, 2, 1, 3) with { PrevLogChecksum = new LogEntry(2, 1, 0, EntryKind.Command, new byte[] { 8 }).Checksum },
            new InstallSnapshot(From(2, 2), new Snapshot(new LogBase(2, 2, 0, Configuration.Of(Settings().Members.Values)), 1, 1), 0),
            // Terms do not fall along a log: where this is of term 0, the leader has entry 2 otherwise.
            Append(2, 2, 7, 0, 3, Entry(8, 2)),
            new InstallSnapshot(From(2, 2), new Snapshot(new LogBase(7, 0, 0, Configuration.Of(Settings().Members.Values)), 1, 1), 0),
        ];
        foreach (var contradiction in contradictions)
        {
            member.Tell(contradiction);
            var reply = Sent<AppendEntriesReply>();
            Assert.Equal((false, 2), (reply.Success, reply.CommittedHere));
            var status = StatusOf(member);
            Assert.Equal((2, 2, null), (status.LastIndex, status.CommitIndex, status.Leader));
            Assert.Contains("Member 0 has entry 2, which leader 2 of term 2 has otherwise", status.Problem, StringComparison.Ordinal);
        }

        // Whoever has all of it is followed.
        member.Tell(Append(1, 3, 2, 1, 3, Entry(3, 3)) with { PrevLogChecksum = Entry(2, 1).Checksum });
        Assert.True(Sent<AppendEntriesReply>().Success);
        Assert.Null(StatusOf(member).Problem);
    }

    [Fact]
    public void A_leader_that_lacks_what_a_follower_has_committed_says_so_and_does_not_count_it()
    {
        var member = StartedMember();
        Elect(member, 0);
        member.Tell(new AppendEntriesReply(From(1, 1), false, 0, 0, 0, 0, 1) { CommittedHere = 1 });
        Assert.Contains("Member 1 has entry 1, which leader 0 of term 1 has otherwise", StatusOf(member).Problem, StringComparison.Ordinal);
        Assert.Equal(0, StatusOf(member).CommitIndex);
        member.Tell(new AppendEntriesReply(From(1, 1), true, 0, 1, 0, 0, 1));
        AwaitAssert(() => Assert.Equal(1, StatusOf(member).CommitIndex));
        Assert.Null(StatusOf(member).Problem);
    }

    [Fact]
    public void A_leader_goes_on_though_another_says_that_it_leads_at_the_same_term()
    {
        var member = StartedMember();
        Elect(member, 0);
        Watch(member);
        member.Tell(Append(2, 1, 0, 0, 0, Entry(1, 1)));
        member.Tell(new InstallSnapshot(From(2, 1), null, 0));
        Assert.Equal((RaftRole.Leader, new MemberId(0)), (StatusOf(member).Role, StatusOf(member).Leader));
    }

    [Fact]
    public void The_logs_clock_does_not_follow_a_clock_that_jumps()
    {
        var clock = new LogClock(1000, TimeSpan.FromSeconds(5), longestStep: TimeSpan.FromMilliseconds(600));
        Assert.Equal(1050, clock.At(TimeSpan.FromMilliseconds(5050)));
        Assert.Equal(1650, clock.At(TimeSpan.FromDays(365)));
        Assert.Equal(1650, clock.At(TimeSpan.FromSeconds(5)));
        Assert.Equal(1660, clock.At(TimeSpan.FromDays(365) + TimeSpan.FromMilliseconds(10)));
    }

    [Fact]
    public void S17_One_voter_that_answers_twice_is_counted_once()
    {
        var member = StartedMember(Settings(members: 5));
        member.Tell(new TimeoutNow(From(1, 0)));
        _ = Sent<RequestVote>();
        member.Tell(new RequestVoteReply(From(1, 1), Granted: true));
        member.Tell(new RequestVoteReply(From(1, 1), Granted: true));
        Assert.Equal(RaftRole.Candidate, StatusOf(member).Role);
        member.Tell(new RequestVoteReply(From(2, 1), Granted: true));
        Assert.Equal(RaftRole.Leader, StatusOf(member).Role);
    }

    [Fact]
    public void S18_A_follower_refuses_its_vote_to_a_candidate_with_an_older_log()
    {
        var member = StartedMember();
        member.Tell(Append(1, 2, 0, 0, 0, Entry(1, 2)));
        _ = Sent<AppendEntriesReply>();
        member.Tell(new RequestVote(From(2, 3), 5, 1, false));
        Assert.False(Sent<RequestVoteReply>().Granted);
        member.Tell(new RequestVote(From(2, 4), 1, 2, false));
        Assert.True(Sent<RequestVoteReply>().Granted);
    }

    [Fact]
    public void S19_Messages_of_another_cluster_change_nothing()
    {
        var member = StartedMember();
        member.Tell(new AppendEntries(From(1, 9, "other"), 0, 0, [Entry(1, 9)], 1, 0));
        var status = StatusOf(member);
        Assert.Equal(0, status.Term);
        Assert.Equal(0, status.LastIndex);
    }

    [Fact]
    public void S20_A_new_leader_begins_its_term_with_a_no_op()
    {
        var member = StartedMember();
        Elect(member, 0);
        var append = (AppendEntries)_network.FishForMessage(m => m is AppendEntries { Entries.Count: > 0 });
        Assert.Equal(EntryKind.NoOp, append.Entries[0].Kind);
    }

    [Fact]
    public void S23_An_empty_log_does_not_pass_the_consistency_check()
    {
        var member = StartedMember();
        member.Tell(Append(1, 2, 4, 1, 0, Entry(5, 2)));
        var reply = Sent<AppendEntriesReply>();
        Assert.False(reply.Success);
        Assert.Equal(0, reply.HintIndex);
    }

    [Fact]
    public void What_a_leader_sent_in_an_earlier_term_is_answered_as_nothing_of_the_term_in_which_it_may_lead_again()
    {
        var member = StartedMember();
        member.Tell(Append(1, 5, 0, 0, 0, Entry(1, 3), Entry(2, 5)));
        _ = Sent<AppendEntriesReply>();
        member.Tell(new AppendEntries(From(1, 3), 1, 3, [], 0, 7));
        var append = Sent<AppendEntriesReply>();
        Assert.Equal((5L, false, 0L, 0L), (append.Header.Term, append.Success, append.PrevLogIndex, append.Round));
        member.Tell(new InstallSnapshot(From(1, 3), null, 7));
        var install = Sent<InstallSnapshotReply>();
        Assert.Equal((5L, false, 0L), (install.Header.Term, install.Installed, install.Round));
    }

    [Fact]
    public void S25_A_follower_commits_no_further_than_what_its_leader_has_verified()
    {
        var member = StartedMember();
        member.Tell(Append(1, 1, 0, 0, 0, Entry(1, 1), Entry(2, 1), Entry(3, 1)));
        _ = Sent<AppendEntriesReply>();
        member.Tell(Append(2, 2, 1, 1, 9));
        _ = Sent<AppendEntriesReply>();
        Assert.Equal(1, StatusOf(member).CommitIndex);
    }

    [Fact]
    public void S31_S38_A_command_is_acknowledged_only_once_a_quorum_has_it()
    {
        var member = StartedMember();
        Elect(member, 0);
        member.Tell(new Submit(Cluster, 1, new byte[] { 1 }), _client.Ref);
        Assert.Equal(0, StatusOf(member).CommitIndex);
        member.Tell(new AppendEntriesReply(From(1, 1), true, 0, 2, 0, 0, 0));
        Assert.Equal(2, ((SubmitReply)_client.FishForMessage(m => m is SubmitReply)).Index);
    }

    [Fact]
    public void S32_Entries_of_an_earlier_term_are_not_committed_by_counting()
    {
        var member = StartedMember();
        member.Tell(Append(1, 1, 0, 0, 0, Entry(1, 1)));
        _ = Sent<AppendEntriesReply>();
        Elect(member, 1);
        member.Tell(new AppendEntriesReply(From(1, 2), true, 0, 1, 0, 0, 0));
        Assert.Equal(0, StatusOf(member).CommitIndex);
        member.Tell(new AppendEntriesReply(From(1, 2), true, 1, 2, 0, 0, 0));
        AwaitAssert(() => Assert.Equal(2, StatusOf(member).CommitIndex));
    }

    [Fact]
    public void A_deposed_leader_answers_what_it_cannot_know_as_unknown()
    {
        var member = StartedMember();
        Elect(member, 0);
        member.Tell(new Submit(Cluster, 3, new byte[] { 1 }), _client.Ref);
        member.Tell(Append(2, 7, 0, 0, 0));
        var refused = (Refused)_client.FishForMessage(m => m is Refused);
        Assert.Equal(RefusalReason.OutcomeUnknown, refused.Reason);
    }

    [Fact]
    public void S41_A_read_waits_for_a_quorum_round_begun_after_it_arrived()
    {
        var member = StartedMember();
        Elect(member, 0);
        member.Tell(new AppendEntriesReply(From(1, 1), true, 0, 1, 0, 0, 1));
        AwaitAssert(() => Assert.Equal(1, StatusOf(member).AppliedIndex));
        Drain();
        member.Tell(new Read(Cluster, 5, ReadConsistency.Linearizable, default), _client.Ref);
        var round = Sent<AppendEntries>().Round;
        member.Tell(new AppendEntriesReply(From(1, 1), true, 1, 1, 0, 0, round - 1));
        _ = StatusOf(member);
        Assert.False(_client.HasMessages);
        member.Tell(new AppendEntriesReply(From(1, 1), true, 1, 1, 0, 0, round));
        Assert.Equal(5, ((QueryReply)_client.FishForMessage(m => m is QueryReply)).RequestId);
    }

    [Fact]
    public void A_read_is_asked_while_its_round_is_under_way_and_answered_once_it_is_confirmed()
    {
        var (member, stateMachine) = LeaderBeforeItReads();
        member.Tell(new Read(Cluster, 5, ReadConsistency.Linearizable, default), _client.Ref);
        var round = Sent<AppendEntries>().Round;
        Assert.Equal(5, stateMachine.ExpectMsg<Query>().RequestId);
        stateMachine.Reply(new QueryReply(5, new byte[] { 7 }));
        _ = StatusOf(member);
        Assert.False(_client.HasMessages);
        member.Tell(new AppendEntriesReply(From(1, 1), true, 1, 1, 0, 0, round));
        Assert.Equal(7, ((QueryReply)_client.FishForMessage(m => m is QueryReply)).Result.Span[0]);
        _ = StatusOf(member);
        Assert.False(stateMachine.HasMessages);
    }

    [Fact]
    public void A_read_that_is_confirmed_before_the_state_machine_has_answered_gets_its_answer()
    {
        var (member, stateMachine) = LeaderBeforeItReads();
        member.Tell(new Read(Cluster, 5, ReadConsistency.Linearizable, default), _client.Ref);
        member.Tell(new AppendEntriesReply(From(1, 1), true, 1, 1, 0, 0, Sent<AppendEntries>().Round));
        _ = StatusOf(member);
        _ = stateMachine.ExpectMsg<Query>();
        stateMachine.Reply(new QueryReply(5, default));
        Assert.Equal(5, ((QueryReply)_client.FishForMessage(m => m is QueryReply)).RequestId);
    }

    [Fact]
    public void A_leader_deposed_before_a_read_is_confirmed_refuses_it_and_gives_no_answer()
    {
        var (member, stateMachine) = LeaderBeforeItReads();
        member.Tell(new Read(Cluster, 5, ReadConsistency.Linearizable, default), _client.Ref);
        _ = stateMachine.ExpectMsg<Query>();
        stateMachine.Reply(new QueryReply(5, default));
        member.Tell(Append(2, 2, 1, 1, 0));
        Assert.Equal(RefusalReason.NotLeader, _client.ExpectMsg<Refused>().Reason);
        _ = StatusOf(member);
        Assert.False(_client.HasMessages);
    }

    [Fact]
    public void The_state_is_synced_for_the_log_only_when_a_tenth_of_what_is_held_could_go()
    {
        var (member, stateMachine) = LeaderBeforeItReads(Settings() with { RetainEntries = 100, RetainBytes = int.MaxValue });
        Commit(2, 109);
        Assert.False(stateMachine.HasMessages);
        Commit(110, 110);
        _ = stateMachine.ExpectMsg<SyncState>();

        void Commit(long from, long to)
        {
            for (var index = from; index <= to; index++) member.Tell(new Submit(Cluster, index, new byte[] { 1 }), _client.Ref);
            foreach (var follower in new[] { 1, 2 }) member.Tell(new AppendEntriesReply(From(follower, 1), true, from - 1, to, 0, 0, 0));
            AwaitAssert(() => Assert.Equal(to, StatusOf(member).AppliedIndex));
        }
    }

    [Fact]
    public void A_follower_that_hears_its_leader_does_not_let_a_candidate_disturb_it()
    {
        var member = StartedMember(Settings(holdOnToLeader: TimeSpan.FromHours(1)));
        member.Tell(Append(1, 1, 0, 0, 0));
        _ = Sent<AppendEntriesReply>();
        member.Tell(new RequestVote(From(2, 9), 9, 9, false));
        Assert.Equal(1, StatusOf(member).Term);
        member.Tell(new RequestVote(From(2, 9), 9, 9, LeadershipTransfer: true));
        Assert.True(Sent<RequestVoteReply>().Granted);
    }

    [Fact]
    public void A_pre_vote_spends_no_term()
    {
        var member = StartedMember();
        member.Tell(new PreVote(From(2, 4), 0, 0));
        var reply = Sent<PreVoteReply>();
        Assert.True(reply.Granted);
        Assert.Equal(4, reply.Header.Term);
        Assert.Equal(0, StatusOf(member).Term);
    }

    [Fact]
    public void A_leader_hands_over_once_the_target_has_its_log()
    {
        var member = StartedMember();
        Elect(member, 0);
        member.Tell(new TransferLeadership(Cluster, 8, new MemberId(2)), _client.Ref);
        member.Tell(new AppendEntriesReply(From(2, 1), true, 0, 1, 0, 0, 0));
        Assert.Equal(new MemberId(2), Sent<TimeoutNow>().Header.To);
        member.Tell(Append(2, 2, 1, 1, 0));
        Assert.Equal(new MemberId(2), ((LeadershipTransferred)_client.FishForMessage(m => m is LeadershipTransferred)).Leader);
    }

    [Fact]
    public void A_piece_of_a_snapshot_that_came_damaged_is_fetched_again()
    {
        var member = StartedMember(Settings() with { DataDirectory = _directory });
        byte[] image = [1, 2, 3];
        var offered = new InstallSnapshot(
            From(1, 1), new Snapshot(new LogBase(9, 1, 0, Configuration.Of(Settings().Members.Values)), image.Length, Crc.Of(image)), 0);
        member.Tell(offered);
        Assert.Equal(0, Sent<FetchSnapshot>().Offset);
        Drain();
        member.Tell(new SnapshotChunk(From(1, 1), 9, Crc.Of(image), 0, new byte[] { 1, 2, 4 }, Crc.Of(image)));
        // The leader offers it with each heartbeat.
        AwaitCondition(() =>
        {
            member.Tell(offered);
            return _network.ReceiveOne(TimeSpan.FromMilliseconds(100)) is FetchSnapshot { Offset: 0 };
        });
    }

    [Theory]
    [InlineData("original:1", "copy:1")]
    [InlineData("copy:1", null)]
    public void Of_two_processes_on_copies_of_one_directory_the_newer_one_is_told_to_stop_or_that_which_is_not_where_the_member_is_and_stops(string first, string? second)
    {
        second ??= Settings().Members[new MemberId(1)].Address;
        var now = TimeSpan.FromHours(1);
        var dismissals = CreateTestProbe("dismissals");
        var transport = new DismissalTransport(_network.Ref, dismissals.Ref);
        var member = Sys.ActorOf(RaftActor.Props(Settings() with { Clock = () => now }, transport, Props.Create<CountingStateMachine>(), new LongestTimeout()));
        AwaitStarted(member, 2);
        foreach (var place in new[] { first, second, first, second, first })
        {
            dismissals.ExpectNoMsg(TimeSpan.Zero);
            now += 2 * MemberAddresses.UnderWay;
            member.Tell(Append(1, 1, 0, 0, 0) with { Header = From(1, 1) with { FromAddress = place } });
            _ = StatusOf(member);
        }
        var (to, reason) = dismissals.ExpectMsg<(string, DismissalReason)>();
        Assert.Equal(("copy:1", DismissalReason.RunsTwice), (to, reason));
        Watch(member);
        var (mine, former) = (_incarnation, _incarnation + 1);
        // One that says it twice is one, and what is for another that was here under its id is not for this one.
        member.Tell(new Dismissed(From(1, 1) with { ToIncarnation = mine }, DismissalReason.RunsTwice));
        member.Tell(new Dismissed(From(1, 1) with { ToIncarnation = mine }, DismissalReason.RunsTwice));
        member.Tell(new Dismissed(From(2, 1) with { ToIncarnation = former }, DismissalReason.RunsTwice));
        Assert.Contains("Member 1 says of member 0", StatusOf(member).Problem, StringComparison.Ordinal);
        member.Tell(new Dismissed(From(2, 1) with { ToIncarnation = mine }, DismissalReason.RunsTwice));
        ExpectTerminated(member);
    }

    private sealed class DismissalTransport(IActorRef network, IActorRef dismissals) : IMemberTransport
    {
        public void Send(RaftEndpoint to, IRaftMessage message)
        {
            network.Tell(message, ActorRefs.NoSender);
            if (message is Dismissed dismissed) dismissals.Tell((to.Address, dismissed.Reason), ActorRefs.NoSender);
        }
    }

    internal sealed class ProbeTransport(IActorRef network) : IMemberTransport
    {
        public void Send(RaftEndpoint to, IRaftMessage message) => network.Tell(message, ActorRefs.NoSender);
    }

    private sealed class LongestTimeout : Random
    {
        public override double NextDouble() => 0.99;
    }

    private sealed class SavingStateMachine : ReceiveActor
    {
        private long _applied;

        public SavingStateMachine()
        {
            Receive<ApplyEntries>(apply =>
            {
                _applied = apply.Entries[^1].Index;
                Sender.Tell(new EntriesApplied(_applied, [.. apply.Entries.Select(_ => ReadOnlyMemory<byte>.Empty)]));
            });
            Receive<SaveImage>(save =>
            {
                File.WriteAllBytes(save.File, new byte[_applied]);
                Context.Parent.Tell(new ImageSaved(_applied, 1));
            });
        }

        protected override void PreStart() => Context.Parent.Tell(new StateMachineReady(0, 0, 0));
    }

    private sealed class CountingStateMachine : ReceiveActor
    {
        private readonly IActorRef? _queries;

        public CountingStateMachine(IActorRef queries) : this() => _queries = queries;

        public CountingStateMachine()
        {
            Receive<ApplyEntries>(apply => Sender.Tell(new EntriesApplied(
                apply.Entries[^1].Index, [.. apply.Entries.Select(_ => ReadOnlyMemory<byte>.Empty)])));
            Receive<Query>(query =>
            {
                if (_queries is null) Sender.Tell(new QueryReply(query.RequestId, query.Payload));
                else _queries.Forward(query);
            });
            Receive<SyncState>(sync => _queries?.Forward(sync));
        }

        protected override void PreStart() => Context.Parent.Tell(new StateMachineReady(0, 0, 0));
    }
}
