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
