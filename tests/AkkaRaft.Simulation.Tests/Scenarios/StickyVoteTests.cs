using AkkaRaft.Protocol;
using AkkaRaft.TestKit;

namespace AkkaRaft.Simulation.Tests.Scenarios;

/// <summary>
/// Five members, one of which leads with a lease. C campaigns; D votes for it, crashes, and tells F of the term when it greets; E and F hear their leader.
/// Were F to vote then, C would lead and commit while the lease holds.
/// </summary>
public sealed class StickyVoteTests
{
    [Fact]
    public void A_lease_read_is_not_stale_though_a_greeting_told_a_voter_of_the_next_term()
    {
        var told = 0;
        for (ulong seed = 1; seed <= 25; seed++)
        {
            using var simulation = new ClusterSimulation(new SimulationSettings
            {
                Members = 5, Seed = seed, AttemptTimeout = TimeSpan.FromMilliseconds(15), KeepTrace = false, Replay = "this test",
                Configure = c => c with { ElectionTimeoutMax = TimeSpan.FromMilliseconds(3000) },
            });
            if (Tell(simulation)) told++;
            simulation.EndFaultsAndConverge();
            simulation.Check();
        }
        Assert.True(told >= 3, $"Only {told} of 25 seeds came to where F is told of the term.");
    }

    /// <returns>Whether the story came to the vote that must not be given.</returns>
    private static bool Tell(ClusterSimulation s)
    {
        s.RunUntilLeader();
        var client = s.AddClient();
        s.Commit(client, "k", "old");
        s.RunFor(TimeSpan.FromMilliseconds(300));
        var l = s.Leader!.Value;
        var others = s.Others(l);
        var (c, d, e, f) = (others[0], others[1], others[2], others[3]);
        foreach (var deaf in new[] { c, d, e }) s.CutOneWay(l, deaf);
        foreach (var (from, to) in new[] { (d, e), (e, d), (d, f), (e, f) }) s.CutOneWay(from, to);
        s.SlowLink(c, f, TimeSpan.FromMilliseconds(350));
        var before = s.TermOf(l);
        if (!Came(s, () => s.TermOf(c) > before, 2800)) return false;
        s.CutOneWay(c, e);
        s.CutOneWay(c, l);
        if (s.Leader != l || !Came(s, () => s.TermOf(d) > before, 100)) return false;
        s.RunFor(TimeSpan.FromMilliseconds(20));
        // E and F hear L again; of the next term, L and E hear nothing.
        s.Heal();
        foreach (var (from, to) in new[] { (c, e), (c, l), (d, e), (d, l), (e, c), (l, c), (l, d) }) s.CutOneWay(from, to);
        s.RunFor(TimeSpan.FromMilliseconds(200));
        if (s.Leader != l || s.TermOf(f) != before || s.TermOf(e) != before || s.TermOf(c) != before + 1 || s.RoleOf(c) != RaftRole.Candidate) return false;
        s.Crash(d);
        s.Restart(d);
        if (!Came(s, () => s.TermOf(f) > before, 100)) return false;
        s.SlowLink(c, f, TimeSpan.Zero);
        s.CutOneWay(f, l);
        s.CutOneWay(f, e);
        s.CutOneWay(l, f);
        if (!Came(s, () => s.RoleOf(c) == RaftRole.Leader, 260)) return true;
        var put = s.AddClient().Put("k", "new");
        if (!Came(s, () => put.IsDone, 230) || s.RoleOf(l) != RaftRole.Leader) return true;
        var read = client.Get("k", ReadConsistency.Lease);
        Came(s, () => read.IsDone, 3000);
        Assert.NotEqual("old", read.Value);
        return true;
    }

    private static bool Came(ClusterSimulation simulation, Func<bool> condition, double withinMs)
    {
        for (var end = simulation.Now + TimeSpan.FromMilliseconds(withinMs); simulation.Now < end && !condition();) simulation.RunFor(TimeSpan.FromMilliseconds(1));
        return condition();
    }
}
