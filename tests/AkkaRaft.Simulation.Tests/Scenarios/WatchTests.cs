using System.Text;
using AkkaRaft.KeyValue;
using AkkaRaft.TestKit;

namespace AkkaRaft.Simulation.Tests.Scenarios;

/// <summary>A watch is told each change once and in order, whichever member answers.</summary>
public sealed class WatchTests
{
    [Fact]
    public void A_watch_goes_on_at_the_next_leader_without_gap_or_repetition() => Story.Tell(3, simulation =>
    {
        var writer = simulation.AddClient();
        List<string> told = [];
        Follow(simulation.AddClient(), told, 1);
        for (var i = 0; i < 20; i++)
        {
            simulation.Commit(writer, i % 3 == 2 ? "other" : "k", $"{i}");
            if (i == 5) simulation.TransferLeadership(simulation.Others(simulation.Leader!.Value)[0]);
            if (i == 10) simulation.Crash(simulation.Leader!.Value);
            if (i % 4 == 3) simulation.RunFor(Story.Moment);
        }
        string[] all = [.. Enumerable.Range(0, 20).Where(i => i % 3 != 2).Select(i => $"{i}")];
        simulation.RunUntil(() => told.Count >= all.Length);
        simulation.RunFor(Story.Elections);
        Assert.Equal(all, told);
    });

    [Fact]
    public void A_watch_whose_time_is_over_goes_on_where_it_was() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        simulation.Commit(client, "other", "1");
        var nothing = simulation.Ask<WatchReply>(client, KeyFrom(1, TimeSpan.FromSeconds(1)));
        Assert.Equal((0, 2), (nothing.Changes.Length, nothing.NextRevision));
        simulation.Commit(client, "k", "2");
        Assert.Equal(2, Assert.Single(simulation.Ask<WatchReply>(client, KeyFrom(nothing.NextRevision, TimeSpan.FromSeconds(1))).Changes).Version);
    });

    [Fact]
    public void A_watch_leaves_a_member_that_hears_of_no_leader() => Story.Tell(3, simulation =>
    {
        var writer = simulation.AddClient();
        simulation.Commit(writer, "k", "1");
        simulation.RunUntil(() => simulation.HasConverged);
        // A client asks the first member first.
        var watch = simulation.AddClient().Watch("k");
        simulation.RunUntil(() => watch.Seen.Count == 1);
        simulation.Isolate(0);
        simulation.RunFor(Story.Elections);
        simulation.Commit(writer, "k", "2");
        simulation.RunUntil(() => watch.Seen.Count == 2);
    });

    private static Watch KeyFrom(long revision, TimeSpan wait) => new("k"u8.ToArray(), "l"u8.ToArray(), revision, wait);

    private static void Follow(SimulatedClient client, List<string> told, long from) => client.Ask(KeyFrom(from, TimeSpan.FromSeconds(1)), reply =>
    {
        if (reply is WatchReply answer)
        {
            told.AddRange(answer.Changes.Select(c => Encoding.UTF8.GetString(c.Value.Span)));
            from = answer.NextRevision;
        }
        Follow(client, told, from);
    });
}
