using AkkaRaft.Consensus;

namespace AkkaRaft.Simulation.Tests.Scenarios;

/// <summary>Figures 7 and 8 of the Raft paper (Ongaro and Ousterhout, 2014).</summary>
public sealed class PaperTests
{
    private static readonly long[] LeaderOfFigure7 = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];

    [Fact]
    public void Figure_7_every_follower_comes_to_the_leaders_log() => Story.Tell(7, simulation =>
    {
        // Only the member with the leader's log can reach all, so that it is the one that leads.
        for (var follower = 1; follower < 7; follower++)
            foreach (var other in simulation.Others(0, follower)) simulation.CutOneWay(follower, other);
        simulation.RunUntil(() => simulation.Leader == 0);
        simulation.RunUntil(() => simulation.HasConverged);
        Assert.All(simulation.Members, m => Assert.Equal(LeaderOfFigure7, simulation.TermsOf(m).Take(10)));
    }, settings: s => s with
    {
        Logs = new Dictionary<int, IReadOnlyList<long>>
        {
            [0] = LeaderOfFigure7,
            [1] = [1, 1, 1, 4, 4, 5, 5, 6, 6],
            [2] = [1, 1, 1, 4],
            [3] = [1, 1, 1, 4, 4, 5, 5, 6, 6],
            [4] = [1, 1, 1, 4, 4, 5, 5, 6],
            [5] = [1, 1, 1, 4, 4, 4, 4],
            [6] = [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
        },
    });

    [Fact]
    public void Figure_8_an_entry_of_an_old_term_is_not_committed_by_counting() => Story.Tell(5, simulation =>
    {
        // (b) is on the disks: members 0 and 1 have entry 2 of term 2, member 4 has one of term 3. In (c) member 0 leads again, at term 4,
        // and brings entry 2 to member 2: a majority has it. Its own entry of term 4 reaches nobody.
        var released = false;
        simulation.DropWhere(m => m is AppendEntries { Entries: { Count: > 0 } entries } && entries[^1].Term > 3 && !released);
        simulation.Isolate(4);
        simulation.Isolate(3);
        simulation.RunUntil(() => simulation.Leader is 0 or 1);
        simulation.RunFor(TimeSpan.FromMilliseconds(300));
        // (d): they are gone, and member 4 may lead and overwrite it, or those who have it do.
        simulation.Crash(0);
        simulation.Crash(1);
        simulation.Heal();
        released = true;
        simulation.RunUntil(() => simulation.Leader is not null);
        simulation.RunFor(TimeSpan.FromMilliseconds(300));
    }, settings: s => s with
    {
        // One entry a message, so that the old one travels without the new.
        Configure = c => c with { MaxAppendBytes = 60 },
        Logs = new Dictionary<int, IReadOnlyList<long>> { [0] = [1, 2], [1] = [1, 2], [2] = [1], [3] = [1], [4] = [1, 3] },
    }, seeds: 30);

    [Theory]
    [InlineData(0)]
    [InlineData(0.1)]
    public void Figure_8_leaders_that_crash_soon_after_they_append(double loss) => Story.Tell(5, simulation =>
    {
        simulation.Drop(loss);
        simulation.Reorder(loss);
        var random = simulation.FaultRandom;
        for (var round = 0; round < 60; round++)
        {
            simulation.AddClient().Put("k", $"{round}");
            simulation.RunFor(TimeSpan.FromMilliseconds(random.Next(10) == 0 ? random.Next(600) : random.Next(15)));
            if (simulation.Leader is { } leader) simulation.Crash(leader);
            var down = simulation.Members.Where(m => simulation.RoleOf(m) == Protocol.RaftRole.Unreachable).ToList();
            if (down.Count > 2) simulation.Restart(down[random.Next(down.Count)]);
        }
        simulation.EndFaults();
        simulation.RunUntil(() => simulation.Calls.All(c => c.IsDone));
    }, seeds: 5);
}
