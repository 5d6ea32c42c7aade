using AkkaRaft.KeyValue;
using AkkaRaft.Log;
using AkkaRaft.Protocol;
using Microsoft.Data.Sqlite;

namespace AkkaRaft.Tests.StateMachine;

public sealed class KeyValueStoreTests : StoreTest
{
    [Fact]
    public void A_put_is_read_back_with_its_version()
    {
        var session = OpenSession();
        Assert.Equal([new PutReply(1), new PutReply(2)], Executed(Batch(session, 1, 0, Put("k", "a"), Put("k", "b"))));
        Assert.Equal([("b", 2), null], Get("k", "none"));
    }

    [Fact]
    public void Only_a_delete_that_removes_something_makes_a_new_version()
    {
        var session = OpenSession();
        Assert.Equal(
            [new PutReply(1), new DeleteReply(true, 2), new DeleteReply(false, 2), null],
            Executed(Batch(session, 1, 0, Put("k", "a"), Delete("k"), Delete("k"), null)));
    }

    [Fact]
    public void A_repeated_batch_gets_its_first_results_and_takes_no_effect()
    {
        var session = OpenSession();
        var first = Executed(Batch(session, 1, 0, Put("k", "a"), Delete("k")));
        Batch(session, 3, 0, Put("k", "later"));
        Assert.Equal(first, Executed(Batch(session, 1, 0, Put("k", "a"), Delete("k"))));
        Assert.Equal("later", Get("k"));
    }

    [Fact]
    public void Of_a_batch_seen_in_part_only_the_rest_is_executed()
    {
        var session = OpenSession();
        Batch(session, 1, 0, Put("a", "1"), Put("b", "1"));
        Assert.Equal([new PutReply(2), new PutReply(3)], Executed(Batch(session, 2, 0, Put("b", "1"), Put("c", "1"))));
        Assert.Equal([new PutReply(1), new PutReply(2), new PutReply(3)], Executed(Batch(session, 1, 0, Put("a", "1"), Put("b", "1"), Put("c", "1"))));
        Assert.Equal([new PutReply(2)], Executed(Batch(session, 2, 1, Put("b", "1"))));
        Assert.Equal(
            [FailureKind.OutcomeUnknown, null, null],
            Executed(Batch(session, 1, 0, Put("a", "1"), Put("b", "1"), Put("c", "1"))).Select(r => (r as RequestFailed)?.Kind));
    }

    [Fact]
    public void A_gap_in_the_serials_executes_nothing()
    {
        var session = OpenSession();
        Assert.Equal(new BatchOutOfOrder(1), Batch(session, 2, 0, Put("k", "a")));
        Assert.Null(Get("k"));
        Assert.Equal([new PutReply(1)], Executed(Batch(session, 1, 0, Put("k", "a"))));
    }

    [Fact]
    public void Beyond_the_bound_of_kept_results_nothing_is_executed_until_some_are_acknowledged()
    {
        var session = OpenSession();
        Batch(session, 1, 0, Put("a", "1"), Put("b", "1"), Put("c", "1"));
        Assert.Equal(new TooManyResults(4), Batch(session, 4, 0, Put("d", "1"), Put("e", "1")));
        Assert.Null(Get("d"));
        Assert.Equal(2, Executed(Batch(session, 4, 1, Put("d", "1"), Put("e", "1"))).Length);
    }

    [Fact]
    public void A_session_idle_for_longer_than_its_time_to_live_expires_by_the_logs_clock()
    {
        var session = OpenSession();
        Now += 1000;
        Assert.Single(Executed(Batch(session, 1, 0, Put("k", "a"))));
        Now += 1001;
        Assert.Equal(new SessionExpired(), Batch(session, 2, 0, Put("k", "b")));
        Assert.Equal("a", Get("k"));
    }

    [Fact]
    public void The_session_idle_longest_gives_way_to_a_new_one()
    {
        var (a, b) = (OpenSession(), OpenSession());
        Now++;
        Batch(a, 1, 0, [null]);
        var c = OpenSession();
        Assert.Equal(new SessionExpired(), Batch(b, 1, 0, [null]));
        Assert.IsType<BatchExecuted>(Batch(a, 2, 0, [null]));
        Assert.IsType<BatchExecuted>(Batch(c, 1, 0, [null]));
    }

    [Fact]
    public void A_closed_session_executes_nothing_more()
    {
        var session = OpenSession();
        Assert.Equal(new SessionClosed(), Submit(SessionCodec.EncodeClose(session)));
        Assert.Equal(new SessionExpired(), Batch(session, 1, 0, Put("k", "a")));
    }

    [Fact]
    public void A_reopenedStore_still_has_its_data_sessions_and_position()
    {
        var session = OpenSession();
        var first = Executed(Batch(session, 1, 0, Put("a", "1"), Put("b", "1")));
        Batch(session, 3, 1, Put("c", "1"));
        var applied = Store.AppliedIndex;
        Reopen();
        Assert.Equal((applied, 7, applied * 10), (Store.AppliedIndex, Store.AppliedTerm, Store.JournalSequenceNr));
        Assert.Equal(first[1], Executed(Batch(session, 2, 1, Put("b", "1")))[0]);
        Assert.Equal([new PutReply(4)], Executed(Batch(session, 4, 1, Put("a", "2"))));
    }

    [Fact]
    public void A_session_that_expired_stays_so_after_reopening()
    {
        var session = OpenSession();
        Batch(session, 1, 0, Put("k", "a"));
        Now += 5000;
        OpenSession();
        Reopen();
        Assert.Equal(new SessionExpired(), Batch(session, 2, 0, Put("k", "b")));
    }

    [Fact]
    public void Entries_applied_before_are_skipped()
    {
        var session = OpenSession();
        var again = Entry(Store.AppliedIndex + 1, StoreCommands.Batch(session, 1, 0, [Put("k", "a")]));
        Store.Apply([again], 1);
        var results = Store.Apply([again, Entry(again.Index + 1, StoreCommands.Batch(session, 2, 0, [Put("k", "b")]))], 2);
        Assert.Equal(0, results[0].Length);
        Assert.Equal([new PutReply(2)], Executed(SessionCodec.DecodeResult(results[1]), Put("k", "b")));
    }

    [Fact]
    public void Missing_entries_are_an_error_and_change_nothing()
    {
        Store.Commit();
        Assert.Throws<InvalidOperationException>(() => Store.Apply([Entry(2, SessionCodec.EncodeOpen("", "x", 1)), Entry(4, default)], 1));
        Assert.Throws<InvalidOperationException>(Store.Commit);
        Reopen(commits: false);
        Assert.Equal(1, Store.AppliedIndex);
    }

    [Fact]
    public void An_entry_that_is_no_command_moves_only_the_applied_index()
    {
        var results = Store.Apply([new LogEntry(2, 7, Now, EntryKind.NoOp, default)], 1);
        Assert.Equal(0, results[0].Length);
        Assert.Equal((2, StoreLimits.Of(Settings)), (Store.AppliedIndex, Store.Limits));
    }

    [Fact]
    public void A_malformed_command_gets_a_result_that_says_so()
    {
        var session = OpenSession();
        Assert.IsType<CommandMalformed>(Submit(new byte[] { 0xFF, 0xFF, 0xFF }));
        Assert.IsType<CommandMalformed>(Submit(ReadOnlyMemory<byte>.Empty));
        Assert.IsType<CommandMalformed>(Batch(0, 1, 0, Put("k", "a")));
        Assert.IsType<CommandMalformed>(Batch(session, 0, 0, Put("k", "a")));
        Assert.IsType<CommandMalformed>(Batch(session, 1, 1, Put("k", "a")));
        Assert.IsType<CommandMalformed>(Batch(session, 1, 0, Put("k", "a"), Put("", "b")));
        Assert.Null(Get("k"));
    }

    [Fact]
    public void A_malformed_query_gets_an_error() =>
        Assert.Equal(FailureKind.BadInput, Assert.IsType<RequestFailed>(KeyValueCodec.Replies([new Get(default)], Store.Query(new byte[] { 0xFF, 0xFF }))[0]).Kind);

    [Fact]
    public void A_file_of_another_cluster_or_member_is_refused_by_name()
    {
        Store.Dispose();
        var cluster = Assert.Throws<KeyValueStoreException>(() => KeyValueStore.Open(Settings with { ClusterId = "other" }, StateFile));
        Assert.Contains(StateFile, cluster.Message);
        Assert.Contains("found 'test', expected 'other'", cluster.Message);
        var member = Assert.Throws<KeyValueStoreException>(() => KeyValueStore.Open(Settings with { Id = new MemberId(2) }, StateFile));
        Assert.Contains("found '1', expected '2'", member.Message);
    }

    [Fact]
    public void A_corrupt_file_is_refused_by_name()
    {
        var file = Path.Combine(Folder, "corrupt.db");
        File.WriteAllText(file, new string('x', 10_000));
        var e = Assert.Throws<UnusableStateException>(() => KeyValueStore.Open(Settings, file));
        Assert.Contains(file, e.Message);
        Assert.Contains("damaged", e.Message);
    }

    [Fact]
    public void AStore_without_a_file_lives_in_memory()
    {
        using var store = KeyValueStore.Open(Settings, null);
        store.Apply([Entry(1, SessionCodec.EncodeOpen("", "x", 1))], 1);
        Assert.Equal(1, store.AppliedIndex);
    }

    [Fact]
    public void A_file_of_another_schema_is_not_used()
    {
        Store.Dispose();
        Run(StateFile, "UPDATE meta SET value = '1' WHERE name = 'schema_version'");
        var e = Assert.Throws<UnusableStateException>(() => KeyValueStore.Open(Settings, StateFile));
        Assert.Contains($"{StateFile} has schema version '1'", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_session_that_keeps_too_many_bytes_of_results_executes_nothing_until_some_are_acknowledged()
    {
        Reopen(Settings with { MaxCommandBytes = 4 * 1024, MaxResultsPerSession = 1_000 });
        var session = OpenSession();
        Executed(Batch(session, 1, 0, Put("k", new string('x', 4_000))));
        var serial = 2;
        while (Batch(session, serial, 0, Change("k", "y", 99)) is BatchExecuted) serial++;
        Assert.InRange(serial, 8, 12);
        Assert.Equal(new TooManyResults(1_000), Batch(session, serial, 0, Put("a", "1")));
        Assert.IsType<BatchExecuted>(Batch(session, serial, serial - 1, Put("a", "1")));
    }

    [Fact]
    public void What_was_not_committed_is_as_if_it_was_never_applied_and_is_applied_again()
    {
        var session = OpenSession();
        Executed(Batch(session, 1, 0, Put("k", "a")));
        Store.Commit();
        var results = Executed(Batch(session, 2, 1, Put("k", "b"), Put("l", "b")));
        Assert.Equal("b", Get("k"));
        Reopen(commits: false);
        Assert.Equal((3, "a", null), (Store.AppliedIndex, Get("k"), Get("l")));
        Assert.Equal(results, Executed(Batch(session, 2, 1, Put("k", "b"), Put("l", "b"))));
        Assert.Equal("b", Get("l"));
    }

    [Fact]
    public void Results_are_kept_until_they_are_acknowledged_whether_they_were_committed_or_not()
    {
        var session = OpenSession();
        Executed(Batch(session, 1, 0, Put("a", "1")));
        Store.Commit();
        Executed(Batch(session, 2, 0, Put("b", "1")));
        Assert.Equal([new PutReply(1), new PutReply(2), new PutReply(3)], Executed(Batch(session, 1, 0, Put("a", "1"), Put("b", "1"), Put("c", "1"))));
        Executed(Batch(session, 4, 3, Put("d", "1")));
        Reopen();
        Assert.Equal([new PutReply(4)], Executed(Batch(session, 4, 3, Put("d", "1"))));
    }

    [Fact]
    public async Task What_is_applied_while_a_commit_goes_on_aside_belongs_to_the_next_one()
    {
        Reopen(Settings with { MaxResultsPerSession = 10_000 });
        var session = OpenSession();
        Executed(Batch(session, 1, 0, [.. Enumerable.Range(0, 2_000).Select(i => Put($"{i}", "a"))]));
        var committed = Store.CommitAside();
        Executed(Batch(session, 2_001, 2_000, Put("1", "b"), Delete("2")));
        Assert.Equal(("a", "b", null), (Get("0"), Get("1"), Get("2")));
        await committed;
        Reopen(commits: false);
        Assert.Equal((4, "a", "a", "a"), (Store.AppliedIndex, Get("0"), Get("1"), Get("2")));
    }

    [Fact]
    public async Task After_a_commit_that_failed_nothing_is_committed_any_more()
    {
        var session = OpenSession();
        Store.Commit();
        Executed(Batch(session, 1, 0, Put("a", "1")));
        Run(StateFile, "ALTER TABLE kv RENAME TO gone");
        await Assert.ThrowsAsync<SqliteException>(Store.CommitAside);
        Executed(Batch(session, 2, 1, Put("b", "1")));
        Assert.False(Store.IsWhole);
        Assert.Throws<SqliteException>(Store.Commit);
        Assert.Throws<SqliteException>(() => Store.Sync());
        Store.Dispose();
        Run(StateFile, "ALTER TABLE gone RENAME TO kv");
        Reopen(commits: false);
        Assert.Equal((2, null, null), (Store.AppliedIndex, Get("a"), Get("b")));
    }

    [Fact]
    public void What_was_put_lately_is_read_from_memory_after_its_commit_and_no_more_than_a_bound_of_it()
    {
        Do(Put("old", "1"), Put("gone", "1"));
        Store.Commit();
        Do(Delete("gone"));
        Store.Commit();
        Run(StateFile, "UPDATE kv SET value = CAST('2' AS BLOB) WHERE key = CAST('old' AS BLOB)");
        Pass(TimeSpan.FromMilliseconds(1));
        Store.Commit();
        Assert.Equal("1", Get("old"));
        Assert.Null(Get("gone"));
        for (var i = 0; i < 34_000; i++)
        {
            Do(Put($"{i}", ""));
            if (i % 1_000 == 0) Store.Commit();
        }
        Assert.Throws<UnusableStateException>(() => Get("old"));
    }

    [Fact]
    public void What_is_read_from_memory_is_bounded_by_its_bytes_too()
    {
        Do(Put("old", "1"));
        Store.Commit();
        Run(StateFile, "UPDATE kv SET value = CAST('2' AS BLOB) WHERE key = CAST('old' AS BLOB)");
        for (var i = 0; i < 40; i++)
        {
            // One key's values take each other's place.
            Do(Put("same", new string('a', 500_000)));
            Store.Commit();
        }
        Assert.Equal("1", Get("old"));
        for (var i = 0; i < 40; i++)
        {
            Do(Put($"{i}", new string('a', 500_000)));
            Store.Commit();
        }
        Assert.Throws<UnusableStateException>(() => Get("old"));
    }
}
