using AkkaRaft.Node;
using AkkaRaft.Protocol;

namespace AkkaRaft.Process.Tests;

public sealed class VerdictTests
{
    [Fact]
    public void A_leader_that_others_follow_and_that_does_not_answer_is_named() =>
        Assert.Equal("not healthy: no leader answers: 0, 2 follow 1.", $"{Verdict.Of([Member(0, RaftRole.Follower, 1), Member(1, RaftRole.Unreachable), Member(2, RaftRole.Follower, 1)])}");

    [Fact]
    public void Without_anybody_who_is_followed_there_is_no_leader() =>
        Assert.Equal("not healthy: no leader.", $"{Verdict.Of([Member(0, RaftRole.Candidate), Member(1, RaftRole.Unreachable), Member(2, RaftRole.Follower)])}");

    [Fact]
    public void Whoever_leads_is_healthy_whatever_others_say() =>
        Assert.True(Verdict.Of([Member(0, RaftRole.Leader, 0), Member(1, RaftRole.Follower, 2), Member(2, RaftRole.Follower, 0)]).IsHealthy);

    private static RaftStatus Member(int id, RaftRole role, int? leader = null) =>
        new(new(id), $"host:{id}", role, 1, leader is { } l ? new MemberId(l) : null, 0, 0, 0, 0, []);
}
