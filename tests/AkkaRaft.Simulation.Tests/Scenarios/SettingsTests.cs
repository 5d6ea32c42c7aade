using AkkaRaft.KeyValue;
using AkkaRaft.TestKit;

namespace AkkaRaft.Simulation.Tests.Scenarios;

/// <summary>Members whose files say different things.</summary>
public sealed class SettingsTests
{
    /// <summary>S3: what a leader took and acknowledged is there under the next one, whose file would not have taken it.</summary>
    [Fact]
    public void A_put_that_was_acknowledged_stays_under_a_leader_with_smaller_limits() => Story.Tell(
        3,
        simulation =>
        {
            simulation.RunUntilLeader();
            while (simulation.Leader is null or 2)
            {
                simulation.TransferLeadership(0);
                simulation.RunFor(Story.Moment * 8);
            }
            var client = simulation.AddClient();
            var value = new string('x', 2_000);
            simulation.Commit(client, "k", value);
            simulation.RunUntil(() => simulation.HasConverged);
            simulation.TransferLeadership(2);
            simulation.RunUntil(() => simulation.Leader == 2);
            Assert.Equal(value, simulation.Read(client, "k"));
            // From its first entry on its limits are all members'.
            var refused = client.Put("k", value);
            simulation.RunUntil(() => refused.IsDone);
            Assert.False(refused.Succeeded);
        },
        settings: s => s with { Configure = member => member.Id.Value == 2 ? member with { MaxValueBytes = 1_024 } : member, ComparesStatesEach = 1 });

    /// <summary>S9: the log of a cluster of one has indexes again that the lost majority gave to others.</summary>
    [Fact]
    public void A_client_of_a_lost_majority_finds_no_session_of_another()
    {
        for (ulong seed = 1; seed <= 10; seed++)
        {
            using var simulation = new ClusterSimulation(new SimulationSettings { Seed = seed, Replay = "this test" });
            simulation.RunUntilLeader();
            simulation.RunUntil(() => simulation.HasConverged);
            var survivor = simulation.Others(simulation.Leader!.Value)[0];
            simulation.Crash(survivor);
            // What these clients open and write is known to the majority alone, which is lost.
            var before = Enumerable.Range(0, 3).Select(_ => simulation.AddClient()).ToList();
            foreach (var client in before) simulation.Commit(client, "before", $"{client.Id}");
            foreach (var member in simulation.Others(survivor)) simulation.Crash(member);
            simulation.ForceSingle(survivor);
            simulation.RunUntil(() => simulation.Leader == survivor);

            var after = Enumerable.Range(0, 6).Select(_ => simulation.AddClient()).ToList();
            foreach (var client in after) simulation.Commit(client, "after", $"{client.Id}");
            var put = before.ConvertAll(client => client.Put("once-more", $"{client.Id}"));
            simulation.RunUntil(() => put.TrueForAll(p => p.IsDone));
            // Whoever was told that it is done finds it, or what came after it.
            var found = simulation.Read(simulation.AddClient(), "once-more");
            Assert.True(
                found is null ? !put.Exists(p => p.Succeeded) : put.Exists(p => MayHaveRun(p) && found == $"{p.Client}"),
                $"seed {seed}: {found ?? "nothing"} was read after {string.Join("; ", put)}");
            Assert.Null(simulation.Read(simulation.AddClient(), "before"));
        }
    }
    private static bool MayHaveRun(SimulatedCall call) => call.Succeeded || call.Reply is RequestFailed { Kind: FailureKind.OutcomeUnknown };
}
