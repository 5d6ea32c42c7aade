using System.Collections.Immutable;
using AkkaRaft.Consensus;
using AkkaRaft.Log;
using AkkaRaft.Protocol;

namespace AkkaRaft.Tests.Consensus;

public sealed class LeaderBookkeepingTests
{
    private static RaftEndpoint M(int id) => new(new MemberId(id), $"127.0.0.1:{4100 + id}");

    private static LogEntry Entry(long index) => new(index, 1, 0, EntryKind.Command, new byte[10]);

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(3, 2)]
    [InlineData(4, 3)]
    [InlineData(5, 3)]
    public void S33_A_quorum_is_a_majority_of_the_voters(int voters, int needed)
    {
        var configuration = Configuration.Of(Enumerable.Range(0, voters).Select(M));
        Assert.True(configuration.HasQuorum(id => id.Value < needed));
        Assert.False(configuration.HasQuorum(id => id.Value < needed - 1));
    }

    [Fact]
    public void S52_A_joint_configuration_needs_a_majority_of_both_and_of_nothing_else()
    {
        var joint = Configuration.Of([M(0), M(1), M(2)]) with
        {
            Outgoing = new[] { M(2), M(3), M(4) }.ToImmutableSortedDictionary(m => m.Id, m => m),
        };
        Assert.False(joint.HasQuorum(id => id.Value <= 2));
        Assert.True(joint.HasQuorum(id => id.Value is 1 or 2 or 3));
        Assert.Equal(5, joint.QuorumIndex(id => id.Value is 1 or 2 or 3 ? 5 : 0));
        Assert.Equal(0, joint.QuorumIndex(id => id.Value <= 2 ? 5 : 0));
    }

    [Fact]
    public void S28_A_duplicate_answer_does_not_count_twice()
    {
        var progress = new Progress(1, TimeSpan.Zero);
        progress.Matched(0, 3, round: 0);
        progress.Matched(0, 3, round: 0);
        Assert.Equal(3, progress.MatchIndex);
        Assert.Equal(4, progress.NextIndex);
    }

    [Fact]
    public void A_late_refusal_does_not_move_a_follower_back()
    {
        var progress = new Progress(1, TimeSpan.Zero);
        progress.Matched(0, 10, round: 0);
        Assert.False(progress.Mismatched(prevLogIndex: 5, agreeIndex: 2));
        Assert.Equal(ProgressState.Replicate, progress.State);
        Assert.Equal(11, progress.NextIndex);
    }

    [Fact]
    public void S29_A_window_of_bytes_bounds_what_is_sent_and_not_answered()
    {
        var progress = new Progress(1, TimeSpan.Zero);
        progress.Matched(0, 0, round: 0);
        progress.Sent([Entry(1), Entry(2)]);
        Assert.False(progress.CanSend(100));
        progress.Matched(0, 2, round: 0);
        Assert.True(progress.CanSend(100));
    }

    [Fact]
    public void A_probe_waits_for_its_answer()
    {
        var progress = new Progress(5, TimeSpan.Zero);
        progress.Sent([Entry(5)]);
        Assert.False(progress.CanSend(1000));
        Assert.True(progress.Mismatched(prevLogIndex: 4, agreeIndex: 1));
        Assert.True(progress.CanSend(1000));
        Assert.Equal(2, progress.NextIndex);
    }

    [Fact]
    public void A_read_is_not_confirmed_by_a_round_begun_before_it_arrived()
    {
        var reads = new ReadIndexQueue<string>();
        reads.Begin(commitIndex: 7, withReads: true);
        reads.Add("late");
        reads.Confirm(1);
        Assert.Empty(reads.TakeReady(100));
        reads.Begin(commitIndex: 8, withReads: true);
        reads.Confirm(2);
        Assert.Empty(reads.TakeReady(appliedIndex: 7));
        Assert.Equal(["late"], reads.TakeReady(appliedIndex: 8));
        Assert.Equal(0, reads.Count);
    }
}
