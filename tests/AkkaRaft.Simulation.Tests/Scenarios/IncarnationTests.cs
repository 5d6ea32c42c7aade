namespace AkkaRaft.Simulation.Tests.Scenarios;

/// <summary>A member that lost its directory is not the one that voted and acknowledged under its id.</summary>
public sealed class IncarnationTests
{
    [Fact]
    public void A_new_cluster_begins_once_all_its_members_have_met() => Story.Tell(3, simulation =>
    {
        simulation.Crash(2);
        var put = simulation.AddClient().Put("k", "v");
        simulation.RunFor(Story.Elections);
        Assert.Null(simulation.Leader);
        Assert.False(put.IsDone);
        simulation.Restart(2);
        simulation.RunUntil(() => put.IsDone);
        Assert.True(put.Succeeded);
        // From now on a majority is enough.
        simulation.Crash(simulation.Leader!.Value);
        simulation.Commit(simulation.AddClient(), "k", "w");
    });

    [Fact]
    public void A_wiped_voter_and_one_that_lacks_what_was_committed_elect_nobody() => Story.Tell(3, simulation =>
    {
        simulation.RunUntilLeader();
        simulation.Crash(2);
        simulation.Commit(simulation.AddClient(), "k", "v");
        simulation.Crash(0);
        simulation.Crash(1);
        simulation.Wipe(1);
        simulation.Restart(1);
        simulation.Restart(2);
        simulation.RunFor(Story.Elections);
        Assert.Null(simulation.Leader);
        Assert.True(simulation.HasFailed(1));
        simulation.Restart(0);
        simulation.RunUntilLeader();
        Assert.Equal("v", simulation.Read(simulation.AddClient(), "k"));
        simulation.RemoveMember(1);
        simulation.RunUntil(() => simulation.Voters.Count == 2);
    });

    [Fact]
    public void Voters_that_were_wiped_and_replaced_one_after_the_other_begin_nothing_with_one_another() => Story.Tell(3, simulation =>
    {
        simulation.Commit(simulation.AddClient(), "k", "v");
        foreach (var wiped in new[] { 0, 1, 2 })
        {
            simulation.RunUntil(() => simulation.HasConverged);
            simulation.Crash(wiped);
            simulation.Wipe(wiped);
            simulation.Restart(wiped);
            simulation.RunUntil(() => simulation.HasFailed(wiped));
            var comes = simulation.AddMember();
            int[] voters = [.. new[] { 0, 1, 2, 3, 4 }.Where(v => v > wiped && v < comes), comes];
            simulation.RunUntil(() =>
            {
                // Whoever leads since then may have committed nothing yet.
                simulation.SetVoters(voters);
                simulation.RunFor(Story.Moment);
                return simulation.Voters.SequenceEqual(voters);
            });
        }
        // Each is as empty as the others, and was told that the cluster had begun without it.
        foreach (var member in simulation.Members) simulation.Crash(member);
        foreach (var member in simulation.Members) simulation.Restart(member);
        simulation.RunFor(Story.Elections);
        Assert.All([0, 1, 2], wiped => Assert.True(simulation.HasFailed(wiped)));
        Assert.Equal("v", simulation.Read(simulation.AddClient(), "k"));
    });

    [Fact]
    public void A_voter_that_joined_and_was_wiped_is_refused_also_while_leaders_change() => Story.Tell(3, simulation =>
    {
        simulation.RunUntilLeader();
        var joined = simulation.AddMember();
        simulation.RunUntil(() =>
        {
            simulation.SetVoters(0, 1, 2, joined);
            simulation.RunFor(Story.Moment);
            return simulation.Voters.Count == 4 && simulation.HasConverged;
        });
        simulation.Crash(joined);
        simulation.Wipe(joined);
        simulation.Restart(joined);
        simulation.Crash(simulation.Leader!.Value);
        simulation.RunUntil(() => simulation.HasFailed(joined));
    });

    [Fact]
    public void A_member_that_was_wiped_before_it_was_one_joins_all_the_same() => Story.Tell(3, simulation =>
    {
        simulation.RunUntilLeader();
        var joining = simulation.AddMember();
        simulation.RunFor(Story.Moment);
        simulation.Crash(joining);
        simulation.Wipe(joining);
        simulation.Restart(joining);
        simulation.RunFor(Story.Moment);
        simulation.SetVoters(0, 1, 2, joining);
        simulation.RunUntil(() => simulation.Voters.Count == 4 && simulation.HasConverged);
        Assert.False(simulation.HasFailed(joining));
    });

    [Fact]
    public void A_learner_that_was_wiped_is_sent_all_that_it_lacks() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        simulation.RunUntilLeader();
        var learner = simulation.AddMember();
        simulation.AddLearner(learner);
        for (var i = 0; i < 5; i++) simulation.Commit(client, "k", $"{i}");
        simulation.RunUntil(() => simulation.HasConverged);
        simulation.Crash(learner);
        simulation.Wipe(learner);
        simulation.Restart(learner);
        simulation.RunUntil(() => simulation.HasConverged);
        simulation.SetVoters(0, 1, 2, learner);
        simulation.RunUntil(() => simulation.Voters.Count == 4 && simulation.HasConverged);
    });
}
