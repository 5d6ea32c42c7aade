using AkkaRaft.Consensus;
using AkkaRaft.Protocol;

namespace AkkaRaft.Tests.Consensus;

public sealed class MemberAddressesTests
{
    private static readonly MemberId Id = new(1);

    private readonly MemberAddresses _addresses = new();
    private TimeSpan _now = TimeSpan.FromHours(1);

    [Fact]
    public void A_member_is_where_it_was_last_heard_from()
    {
        Assert.Null(_addresses.Of(Id));
        Assert.Null(HeardFrom("a"));
        Assert.Null(HeardFrom("b"));
        Assert.Equal("b", _addresses.Of(Id));
    }

    [Fact]
    public void What_was_under_way_from_the_old_place_when_a_member_moved_makes_no_copy_of_it()
    {
        HeardFrom("a");
        for (var i = 0; i < 40; i++)
        {
            Assert.Null(HeardFrom("b", after: MemberAddresses.UnderWay / 100));
            Assert.Null(HeardFrom("a", after: MemberAddresses.UnderWay / 100));
        }
        for (var i = 0; i < 40; i++) Assert.Null(HeardFrom("b", after: MemberAddresses.UnderWay));
    }

    [Fact]
    public void A_member_may_be_moved_there_and_back_and_to_a_third_place()
    {
        HeardFrom("a");
        foreach (var place in new[] { "b", "a", "c", "a", "b", "c" }) Assert.Null(HeardFrom(place, after: 2 * MemberAddresses.UnderWay));
        for (var i = 0; i < 20; i++) Assert.Null(HeardFrom(i % 2 == 0 ? "a" : "b", after: MemberAddresses.Within));
    }

    [Theory]
    [InlineData(0.02)]
    [InlineData(0.3)]
    [InlineData(1.5)]
    public void Of_two_that_are_heard_in_turn_the_one_that_came_later_is_the_copy(double turn)
    {
        HeardFrom("original");
        HeardFrom("copy", after: TimeSpan.FromHours(1));
        string? told = null;
        for (var i = 0; told is null; i++)
        {
            Assert.True(i * turn < 20, "Nobody notices.");
            told = HeardFrom(i % 2 == 0 ? "original" : "copy", after: MemberAddresses.UnderWay * turn);
        }
        Assert.Equal("copy", told);
    }

    private string? HeardFrom(string place, TimeSpan? after = null)
    {
        _now += after ?? TimeSpan.FromMilliseconds(1);
        return _addresses.Heard(Id, place, _now)?.Newer;
    }
}
