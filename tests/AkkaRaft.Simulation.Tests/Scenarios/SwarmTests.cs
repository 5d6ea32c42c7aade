using AkkaRaft.TestKit.Swarm;

namespace AkkaRaft.Simulation.Tests.Scenarios;

public sealed class SwarmTests
{
    private const ulong Seeds = 200;

    [Fact]
    public void A_fixed_set_of_seeds_is_clean()
    {
        int elections = 0, faults = 0, operations = 0;
        for (ulong seed = 1; seed <= Seeds; seed++)
        {
            var result = SwarmRun.Execute(SwarmPlan.Draw(seed, [3, 5], TimeSpan.FromSeconds(10)));
            Assert.True(result.Violation is null, result.Message);
            elections += result.Elections;
            faults += result.Faults;
            operations += result.Operations;
        }
        // A run in which nothing happened proves nothing.
        Assert.True(elections > (int)Seeds && faults > (int)Seeds && operations > 20 * (int)Seeds, $"{elections} elections, {faults} faults, {operations} operations");
    }

    /// <summary>Each broke by what stands above it.</summary>
    [Theory]
    // Removed members stopped with entries applied that were not in their state's file.
    [InlineData(200255, 5)]
    // Removed members went on sending clients to one that was gone too, so that no other was ever asked.
    [InlineData(201177, 5)]
    // The same, by hints of members that were asked one after the other.
    [InlineData(816, 5)]
    // A watch whose client knew only members that had all been replaced.
    [InlineData(5110, 5)]
    // The same, by members that were removed and had not heard of it.
    [InlineData(1012105, 5)]
    // A watch went on for ever at a member that was cut off, with nothing to tell.
    [InlineData(4014100, 5)]
    // A leader removed by an entry that only it held did not campaign, and without its vote nobody could lead.
    [InlineData(7022942, 5)]
    // The check of states took a state machine that was ahead of what its member had heard for two states of one index.
    [InlineData(8021427, 5)]
    public void A_seed_that_once_broke_is_clean(ulong seed, int members)
    {
        var result = SwarmRun.Execute(SwarmPlan.DrawSimple(seed, [members], TimeSpan.FromSeconds(10)));
        Assert.True(result.Violation is null, result.Message);
    }

    [Fact]
    public void A_violation_shrinks_to_a_plan_that_still_breaks()
    {
        // Stands for a violation that needs one late fault and nothing else.
        var plan = SwarmPlan.DrawSimple(1, [3], TimeSpan.FromSeconds(10)) with { Members = 3 };
        var shrunk = SwarmRun.Shrink(plan, breaks: p => p.Faults.Any(f => f.At > TimeSpan.FromSeconds(5)));
        Assert.Single(shrunk.Faults);
        Assert.Equal(1, shrunk.Clients);
    }
}
