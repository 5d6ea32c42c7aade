using AkkaRaft.Log;
using AkkaRaft.Protocol;

namespace AkkaRaft.Tests.Consensus;

public sealed class RaftLogTests
{
    private static readonly Configuration ThreeVoters = Configuration.Of(
        Enumerable.Range(0, 3).Select(i => new RaftEndpoint(new MemberId(i), $"127.0.0.1:{4100 + i}")));

    private static LogEntry Entry(long index, long term) => new(index, term, 0, EntryKind.Command, new byte[] { 1 });

    private static RaftLog Log(params long[] terms)
    {
        var log = new RaftLog(LogBase.Empty(ThreeVoters));
        for (var i = 0; i < terms.Length; i++) log.Append(Entry(i + 1, terms[i]));
        return log;
    }

    private static long[] Terms(RaftLog log) => [.. Enumerable.Range(1, (int)log.LastIndex).Select(i => log[i].Term)];

    [Fact]
    public void S24_A_conflicting_suffix_is_replaced_and_not_kept()
    {
        var log = Log(1, 1, 2, 2);
        Assert.Equal(3, log.Merge([Entry(3, 3)]));
        Assert.Equal([1, 1, 3], Terms(log));
    }

    [Fact]
    public void A_stale_shorter_message_takes_nothing_away()
    {
        var log = Log(1, 1, 1);
        Assert.Null(log.Merge([Entry(1, 1), Entry(2, 1)]));
        Assert.Equal(3, log.LastIndex);
    }

    [Fact]
    public void Entries_that_are_there_already_are_not_appended_twice()
    {
        var log = Log(1, 1);
        log.Merge([Entry(2, 1), Entry(3, 1)]);
        Assert.Equal([1, 1, 1], Terms(log));
    }

    [Fact]
    public void An_append_that_leaves_a_gap_is_a_violation() =>
        Assert.Throws<InvariantViolationException>(() => Log(1).Append(Entry(3, 1)));

    [Fact]
    public void What_was_truncated_while_it_was_written_does_not_count_as_durable()
    {
        var log = Log(1, 1, 1);
        log.MarkWritten(3);
        log.Merge([Entry(2, 2), Entry(3, 2)]);
        log.MarkDurable(3);
        Assert.Equal(1, log.DurableIndex);
    }

    [Theory]
    [InlineData(2, 3, true)]
    [InlineData(9, 1, false)]
    [InlineData(3, 2, true)]
    [InlineData(2, 2, false)]
    public void S18_A_log_is_up_to_date_by_last_term_and_then_by_length(long lastIndex, long lastTerm, bool upToDate) =>
        Assert.Equal(upToDate, Log(1, 1, 2).IsUpToDate(lastIndex, lastTerm));

    [Theory]
    [InlineData(5, 4, 3)]
    [InlineData(5, 6, 5)]
    [InlineData(9, 6, 5)]
    [InlineData(5, 0, 0)]
    public void S27_A_conflict_hint_skips_every_entry_of_terms_that_cannot_agree(long index, long term, long expected) =>
        Assert.Equal(expected, Log(1, 1, 4, 5, 5).FindConflict(index, term));

    [Fact]
    public void A_slice_keeps_to_its_bytes_but_holds_at_least_one_entry()
    {
        var log = Log(1, 1, 1);
        Assert.Single(log.Slice(1, 3, 1));
        Assert.Equal(2, log.Slice(1, 3, 2 * log[1].EncodedBytes).Count);
        Assert.Empty(log.Slice(4, 9, 100));
    }

    [Fact]
    public void A_slice_from_the_start_agrees_with_the_log_for_any_merge_of_a_leaders_entries() =>
        CsCheck.Check.Sample(
            CsCheck.Gen.Select(CsCheck.Gen.Int[0, 8], CsCheck.Gen.Int[0, 8], CsCheck.Gen.Int[0, 8]),
            (common, own, theirs) =>
            {
                var log = Log([.. Enumerable.Repeat(1L, common), .. Enumerable.Repeat(2L, own)]);
                var sent = Enumerable.Range(1, theirs).Select(i => Entry(common + i, 3)).ToList();
                log.Merge(sent);
                var expected = theirs == 0
                    ? Enumerable.Repeat(1L, common).Concat(Enumerable.Repeat(2L, own))
                    : Enumerable.Repeat(1L, common).Concat(Enumerable.Repeat(3L, theirs));
                Assert.Equal(expected, Terms(log));
            });
}
