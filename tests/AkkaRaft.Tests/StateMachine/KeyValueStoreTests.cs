using System.Collections.Immutable;
using System.Text;
using AkkaRaft.Protocol;
using AkkaRaft.StateMachine;

namespace AkkaRaft.Tests.StateMachine;

public sealed class KeyValueStoreTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("akkaraft-kv-").FullName;
    private KeyValueStore _store;
    private long _now = 1_000_000;

    public KeyValueStoreTests() => _store = KeyValueStore.Open(Settings(), StateFile);

    private string StateFile => Path.Combine(_directory, "kv.db");

    public void Dispose()
    {
        _store.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public void A_put_is_read_back_with_its_version()
    {
        var session = OpenSession();
        Assert.Equal([new(false, 1), new(true, 2)], Executed(Batch(session, 1, 0, Put("k", "a"), Put("k", "b"))));
        var answer = Read("k", "none");
        Assert.Equal((true, "b", 2), (answer.Lookups[0].Found, Text(answer.Lookups[0].Value), answer.Lookups[0].Version));
        Assert.False(answer.Lookups[1].Found);
        Assert.Equal(_store.AppliedIndex, answer.AppliedIndex);
    }

    [Fact]
    public void Only_a_delete_that_removes_something_makes_a_new_version()
    {
        var session = OpenSession();
        Assert.Equal(
            [new(false, 1), new(true, 2), new(false, 2), new(false, 2)],
            Executed(Batch(session, 1, 0, Put("k", "a"), Delete("k"), Delete("k"), KvOperation.Noop)));
    }

    [Fact]
    public void A_repeated_batch_gets_its_first_results_and_takes_no_effect()
    {
        var session = OpenSession();
        var first = Executed(Batch(session, 1, 0, Put("k", "a"), Delete("k")));
        Batch(session, 3, 0, Put("k", "later"));
        Assert.Equal(first, Executed(Batch(session, 1, 0, Put("k", "a"), Delete("k"))));
        Assert.Equal("later", Text(Read("k").Lookups[0].Value));
    }

    [Fact]
    public void Of_a_batch_seen_in_part_only_the_rest_is_executed()
    {
        var session = OpenSession();
        Batch(session, 1, 0, Put("a", "1"), Put("b", "1"));
        Assert.Equal([new(false, 2), new(false, 3)], Executed(Batch(session, 2, 1, Put("b", "1"), Put("c", "1"))));
        Assert.Equal([new(false, 0, true), new(false, 2), new(false, 3)], Executed(Batch(session, 1, 0, Put("a", "1"), Put("b", "1"), Put("c", "1"))));
    }

    [Fact]
    public void A_gap_in_the_serials_executes_nothing()
    {
        var session = OpenSession();
        Assert.Equal(new KvOutOfOrder(1), Batch(session, 2, 0, Put("k", "a")));
        Assert.False(Read("k").Lookups[0].Found);
        Assert.Equal([new(false, 1)], Executed(Batch(session, 1, 0, Put("k", "a"))));
    }

    [Fact]
    public void Beyond_the_bound_of_kept_results_nothing_is_executed_until_some_are_acknowledged()
    {
        var session = OpenSession();
        Batch(session, 1, 0, Put("a", "1"), Put("b", "1"), Put("c", "1"));
        Assert.Equal(new KvTooManyResults(4), Batch(session, 4, 0, Put("d", "1"), Put("e", "1")));
        Assert.False(Read("d").Lookups[0].Found);
        Assert.Equal(2, Executed(Batch(session, 4, 1, Put("d", "1"), Put("e", "1"))).Length);
    }

    [Fact]
    public void A_session_idle_for_longer_than_its_time_to_live_expires_by_the_logs_clock()
    {
        var session = OpenSession();
        _now += 1000;
        Assert.Single(Executed(Batch(session, 1, 0, Put("k", "a"))));
        _now += 1001;
        Assert.Equal(new KvSessionExpired(), Batch(session, 2, 0, Put("k", "b")));
        Assert.Equal("a", Text(Read("k").Lookups[0].Value));
    }

    [Fact]
    public void The_session_idle_longest_gives_way_to_a_new_one()
    {
        var (a, b) = (OpenSession(), OpenSession());
        _now++;
        Batch(a, 1, 0, KvOperation.Noop);
        var c = OpenSession();
        Assert.Equal(new KvSessionExpired(), Batch(b, 1, 0, KvOperation.Noop));
        Assert.IsType<KvBatchExecuted>(Batch(a, 2, 0, KvOperation.Noop));
        Assert.IsType<KvBatchExecuted>(Batch(c, 1, 0, KvOperation.Noop));
    }

    [Fact]
    public void A_closed_session_executes_nothing_more()
    {
        var session = OpenSession();
        Assert.Equal(new KvSessionClosed(), Submit(KeyValueCodec.EncodeCloseSession(session)));
        Assert.Equal(new KvSessionExpired(), Batch(session, 1, 0, Put("k", "a")));
    }

    [Fact]
    public void A_reopened_store_still_has_its_data_sessions_and_position()
    {
        var session = OpenSession();
        var first = Executed(Batch(session, 1, 0, Put("a", "1"), Put("b", "1")));
        Batch(session, 3, 1, Put("c", "1"));
        var applied = _store.AppliedIndex;
        Reopen();
        Assert.Equal((applied, 7, applied * 10), (_store.AppliedIndex, _store.AppliedTerm, _store.JournalSequenceNr));
        Assert.Equal(first[1], Executed(Batch(session, 2, 1, Put("b", "1")))[0]);
        Assert.Equal([new(true, 4)], Executed(Batch(session, 4, 1, Put("a", "2"))));
    }

    [Fact]
    public void A_session_that_expired_stays_so_after_reopening()
    {
        var session = OpenSession();
        Batch(session, 1, 0, Put("k", "a"));
        _now += 5000;
        OpenSession();
        Reopen();
        Assert.Equal(new KvSessionExpired(), Batch(session, 2, 0, Put("k", "b")));
    }

    [Fact]
    public void Entries_applied_before_are_skipped()
    {
        var session = OpenSession();
        var again = Entry(_store.AppliedIndex + 1, KeyValueCodec.EncodeBatch(session, 1, 0, [Put("k", "a")]));
        _store.Apply([again], 1);
        var results = _store.Apply([again, Entry(again.Index + 1, KeyValueCodec.EncodeBatch(session, 2, 0, [Put("k", "b")]))], 2);
        Assert.Equal(0, results[0].Length);
        Assert.Equal([new(true, 2)], Executed(KeyValueCodec.DecodeResult(results[1])));
    }

    [Fact]
    public void Missing_entries_are_an_error_and_change_nothing()
    {
        Assert.Throws<InvalidOperationException>(() => _store.Apply([Entry(1, KeyValueCodec.EncodeOpenSession("x")), Entry(3, default)], 1));
        Reopen();
        Assert.Equal(0, _store.AppliedIndex);
    }

    [Fact]
    public void An_entry_that_is_no_command_moves_only_the_applied_index()
    {
        var results = _store.Apply([new LogEntry(1, 7, _now, EntryKind.NoOp, default)], 1);
        Assert.Equal(0, results[0].Length);
        Assert.Equal(1, _store.AppliedIndex);
    }

    [Fact]
    public void A_malformed_command_gets_a_result_that_says_so()
    {
        var session = OpenSession();
        Assert.IsType<KvMalformed>(Submit(new byte[] { 0xFF, 0xFF, 0xFF }));
        Assert.IsType<KvMalformed>(Submit(ReadOnlyMemory<byte>.Empty));
        Assert.IsType<KvMalformed>(Batch(0, 1, 0, Put("k", "a")));
        Assert.IsType<KvMalformed>(Batch(session, 0, 0, Put("k", "a")));
        Assert.IsType<KvMalformed>(Batch(session, 1, 1, Put("k", "a")));
        Assert.IsType<KvMalformed>(Batch(session, 1, 0, Put("k", "a"), Put("", "b")));
        Assert.False(Read("k").Lookups[0].Found);
    }

    [Fact]
    public void A_malformed_query_gets_an_error() =>
        Assert.NotNull(KeyValueCodec.DecodeQueryResult(_store.Query(new byte[] { 0xFF, 0xFF })).Error);

    [Fact]
    public void A_file_of_another_cluster_or_member_is_refused_by_name()
    {
        _store.Dispose();
        var cluster = Assert.Throws<KeyValueStoreException>(() => KeyValueStore.Open(Settings() with { ClusterId = "other" }, StateFile));
        Assert.Contains(StateFile, cluster.Message);
        Assert.Contains("found 'test', expected 'other'", cluster.Message);
        var member = Assert.Throws<KeyValueStoreException>(() => KeyValueStore.Open(Settings() with { Id = new MemberId(2) }, StateFile));
        Assert.Contains("found '1', expected '2'", member.Message);
    }

    [Fact]
    public void A_corrupt_file_is_refused_by_name()
    {
        var file = Path.Combine(_directory, "corrupt.db");
        File.WriteAllText(file, new string('x', 10_000));
        var e = Assert.Throws<KeyValueStoreException>(() => KeyValueStore.Open(Settings(), file));
        Assert.Contains(file, e.Message);
        Assert.Contains("damaged", e.Message);
    }

    [Fact]
    public void A_store_without_a_file_lives_in_memory()
    {
        using var store = KeyValueStore.Open(Settings(), null);
        store.Apply([Entry(1, KeyValueCodec.EncodeOpenSession("x"))], 1);
        Assert.Equal(1, store.AppliedIndex);
    }

    private static RaftSettings Settings() => new()
    {
        ClusterId = "test",
        Id = new MemberId(1),
        Members = ImmutableSortedDictionary<MemberId, Member>.Empty,
        MaxSessions = 2,
        MaxResultsPerSession = 4,
        SessionTimeToLive = TimeSpan.FromSeconds(1),
    };

    private static KvOperation Put(string key, string value) => KvOperation.Put(Encoding.UTF8.GetBytes(key), Encoding.UTF8.GetBytes(value));

    private static KvOperation Delete(string key) => KvOperation.Delete(Encoding.UTF8.GetBytes(key));

    private static string Text(ReadOnlyMemory<byte> bytes) => Encoding.UTF8.GetString(bytes.Span);

    // An array: immutable arrays compare by reference.
    private static OperationResult[] Executed(KvOutcome outcome) => [.. Assert.IsType<KvBatchExecuted>(outcome).Results];

    private void Reopen()
    {
        _store.Dispose();
        _store = KeyValueStore.Open(Settings(), StateFile);
    }

    private LogEntry Entry(long index, ReadOnlyMemory<byte> payload) => new(index, 7, _now, EntryKind.Command, payload);

    private KvOutcome Submit(ReadOnlyMemory<byte> payload)
    {
        var index = _store.AppliedIndex + 1;
        return KeyValueCodec.DecodeResult(_store.Apply([Entry(index, payload)], index * 10)[0]);
    }

    private long OpenSession() => Assert.IsType<KvSessionOpened>(Submit(KeyValueCodec.EncodeOpenSession("test"))).Session;

    private KvOutcome Batch(long session, long firstSerial, long ackedUpTo, params KvOperation[] operations) =>
        Submit(KeyValueCodec.EncodeBatch(session, firstSerial, ackedUpTo, operations));

    private KvQueryAnswer Read(params string[] keys) =>
        KeyValueCodec.DecodeQueryResult(_store.Query(KeyValueCodec.EncodeQuery(keys.Select(k => (ReadOnlyMemory<byte>)Encoding.UTF8.GetBytes(k)))));
}
