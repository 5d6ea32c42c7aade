using AkkaRaft.Remoting;

namespace AkkaRaft.Tests.Hosting;

public sealed class WaitingTests
{
    [Theory]
    [InlineData(0, 0, 0, false, true)]
    [InlineData(Waiting.MostOfOne - 1, 0, 0, false, true)]
    [InlineData(Waiting.MostOfOne, 0, 0, false, false)]
    [InlineData(Waiting.MostOfOne, 0, 0, true, false)]
    [InlineData(1, Waiting.MostInAll, 0, false, false)]
    [InlineData(0, Waiting.MostInAll, 0, false, true)]
    [InlineData(0, 0, 4096, false, false)]
    [InlineData(0, 0, 4096, true, true)]
    public void A_connection_waits_for_what_it_has_sent_and_all_but_members_for_what_others_have(long ofIt, long inAll, int inMailboxes, bool isMembers, bool hasRoom)
    {
        var waiting = new Waiting { InMailboxes = () => inMailboxes };
        waiting.Arrived(inAll);
        Assert.Equal(hasRoom, waiting.HasRoom(ofIt, isMembers));
    }

    [Fact]
    public async Task As_much_as_may_wait_is_read_and_then_nothing_until_the_mailboxes_are_empty()
    {
        var inMailboxes = 1;
        var waiting = new Waiting { InMailboxes = () => inMailboxes };
        waiting.Arrived(Waiting.MostInAll);
        waiting.Read(Waiting.MostInAll);
        Assert.Equal(0, waiting.InAll);
        Assert.False(waiting.HasRoom(0, isMembers: false));
        Assert.True(waiting.HasRoom(0, isMembers: true));
        inMailboxes = 0;
        // It is looked at once in a tick.
        while (!waiting.HasRoom(0, isMembers: false)) await Task.Delay(1);
    }
}
