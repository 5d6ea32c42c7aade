using AkkaRaft.Log;
using AkkaRaft.Protocol;
using AkkaRaft.StateMachines;

namespace AkkaRaft.Tests.StateMachine;

public sealed class StateHashesTests
{
    private static readonly Configuration _three = Of(3);

    private static Configuration Of(int voters) => Configuration.Of(Enumerable.Range(0, voters).Select(i => new RaftEndpoint(new(i), $"127.0.0.1:{4100 + i}")));

    private static StateHashes Told(params (int Member, ulong Hash)[] told)
    {
        var hashes = new StateHashes();
        foreach (var (member, hash) in told) hashes.Add(new(member), 7, hash);
        return hashes;
    }

    private static string Words(StateComparison? comparison) => comparison is null ? "" : $"{comparison.Verdict} {string.Join(',', comparison.Otherwise)}";

    [Theory]
    [InlineData("", "0:1")]
    [InlineData("", "1:1 2:1")]
    [InlineData("", "0:1 1:2")]
    [InlineData("Same ", "0:1 1:1")]
    [InlineData("Same ", "0:1 1:1 2:1")]
    [InlineData("Same 2", "0:1 1:1 2:5")]
    [InlineData("Differs 0", "0:1 1:5 2:5")]
    [InlineData("NoQuorum 1,2", "0:1 1:2 2:3")]
    public void A_quorum_decides_and_nobody_else(string expected, string told)
    {
        var hashes = Told([.. told.Split(' ').Select(t => t.Split(':')).Select(t => (int.Parse(t[0], null), ulong.Parse(t[1], null)))]);
        Assert.Equal(expected, Words(hashes.Compare(7, new(0), _three)));
    }

    [Fact]
    public void Members_that_are_none_and_other_entries_count_for_nothing()
    {
        var hashes = Told((0, 1), (1, 5), (8, 5), (9, 5));
        Assert.Null(hashes.Compare(7, new(0), _three));
        hashes.Add(new(2), 8, 5);
        Assert.Null(hashes.Compare(7, new(0), _three));
        Assert.Null(hashes.Compare(8, new(0), _three));
    }

    [Fact]
    public void What_a_member_has_told_of_an_entry_stays_and_of_one_that_tells_much_its_last_is_kept()
    {
        var hashes = Told((0, 1), (1, 1), (1, 5));
        Assert.Equal("Same ", Words(hashes.Compare(7, new(0), _three)));
        for (var index = 8; index < 1_000; index++) hashes.Add(new(1), index, 5);
        Assert.Null(hashes.Compare(7, new(0), _three));
        hashes.Add(new(2), 7, 1);
        Assert.Equal("Same ", Words(hashes.Compare(7, new(0), _three)));
        hashes.Keep(Of(1));
        hashes.Add(new(0), 999, 5);
        Assert.Null(hashes.Compare(999, new(0), _three));
    }
}
