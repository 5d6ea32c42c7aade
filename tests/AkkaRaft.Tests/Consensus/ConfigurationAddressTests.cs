using AkkaRaft.Log;
using AkkaRaft.Protocol;

namespace AkkaRaft.Tests.Consensus;

/// <summary>A member that gets another address stays what it is.</summary>
public sealed class ConfigurationAddressTests
{
    private static readonly RaftEndpoint Before = new(new MemberId(1), "127.0.0.1:4101");
    private static readonly RaftEndpoint After = new(new MemberId(1), "127.0.0.1:4201");
    private static readonly Configuration Three = Configuration.Of([new(new MemberId(0), "127.0.0.1:4100"), Before, new(new MemberId(2), "127.0.0.1:4102")]);

    [Fact]
    public void An_update_changes_an_address_and_no_vote()
    {
        var now = Three.WithAddress(After);
        Assert.Equal(After, now.Find(After.Id));
        Assert.Equal(Three.Voters.Keys, now.Voters.Keys);
        Assert.Equal(MembershipPhase.Stable, now.Phase);
        Assert.Equal((RaftEndpoint[])[Before], now.Former.ToArray());
        Assert.Same(Three, Three.WithAddress(Before));
    }

    [Fact]
    public void An_address_that_a_member_returns_to_is_no_former_one() => Assert.Equal((RaftEndpoint[])[After], Three.WithAddress(After).WithAddress(Before).Former.ToArray());

    [Fact]
    public void A_learner_moves_too()
    {
        var learner = new RaftEndpoint(new MemberId(3), "127.0.0.1:4103");
        var moved = learner with { Address = "127.0.0.1:4203" };
        var now = (Three with { Learners = Three.Learners.Add(learner.Id, learner) }).WithAddress(moved);
        Assert.True(now.IsLearner(learner.Id));
        Assert.Equal(moved, now.Find(learner.Id));
    }

    [Fact]
    public void The_log_keeps_what_an_address_was()
    {
        var read = ConfigurationCodec.Decode(ConfigurationCodec.Encode(Three.WithAddress(After)));
        Assert.Equal(After, read.Find(After.Id));
        Assert.Equal((RaftEndpoint[])[Before], read.Former.ToArray());
    }
}
