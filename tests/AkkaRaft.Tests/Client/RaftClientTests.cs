using System.Collections.Immutable;
using Akka.Actor;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using AkkaRaft.Client;
using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;
using Google.Protobuf;
using Wire = AkkaRaft.Protocol.Wire;

namespace AkkaRaft.Tests.Client;

/// <summary>The asynchronous calls, on the client actor, with a probe or a fake where members would be.</summary>
public sealed class RaftClientTests : TestKit
{
    private static readonly RaftEndpoint Member = new(new MemberId(0), "a:1");
    private readonly TestProbe _member;
    private readonly RaftClientSettings _settings = new()
    {
        ClusterId = "cluster",
        Members = ImmutableSortedDictionary<MemberId, RaftEndpoint>.Empty.Add(Member.Id, Member),
        AttemptTimeout = TimeSpan.FromMinutes(1),
        RequestTimeout = TimeSpan.FromMinutes(1),
        RetryDelay = TimeSpan.FromMilliseconds(10),
    };

    public RaftClientTests()
    {
        _member = CreateTestProbe();
        _member.IgnoreMessages(m => m is GetMembership);
    }

    [Fact]
    public async Task What_is_no_request_is_refused_before_anything_is_sent()
    {
        await using var client = Client(_settings);
        Assert.Contains("position 1", (await Assert.ThrowsAsync<BadInputException>(() => client.PutAsync("k\ud800", "v"))).Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<BadInputException>(() => client.PutAsync("k", "\udc00"));
        await Assert.ThrowsAsync<BadInputException>(() => client.GetAsync("\ud800"));
        Assert.Throws<BadInputException>(() => KeyRange.Prefix("\ud800"));
        await Assert.ThrowsAsync<BadInputException>(() => client.ChangeMembersAsync((MembershipChange)99, [Member]));
        Assert.Equal("members", (await Assert.ThrowsAsync<ArgumentNullException>(() => client.ChangeMembersAsync(MembershipChange.Set, null!))).ParamName);
        Assert.Equal("transaction", (await Assert.ThrowsAsync<ArgumentNullException>(() => client.CommitAsync(null!))).ParamName);
        await Assert.ThrowsAsync<BadInputException>(() => client.CommitAsync(new KeyValueTransaction([null!], [], [])));
        await Assert.ThrowsAsync<BadInputException>(() => client.CommitAsync(new KeyValueTransaction([], [null!], [])));
        await Assert.ThrowsAsync<ArgumentNullException>(() => client.PutAsync(null!, "v"));
        await Assert.ThrowsAsync<ArgumentNullException>(() => client.BackupAsync(null!));
        await _member.ExpectNoMsgAsync(TimeSpan.Zero);
    }

    [Fact]
    public async Task A_value_that_is_no_text_is_not_read_as_one()
    {
        await using var client = Client(_settings);
        var get = client.GetAsync("k");
        var read = await _member.ExpectMsgAsync<Read>();
        _member.Reply(new QueryReply(read.RequestId, new Wire.KvQueryResult { Lookups = { new Wire.KvLookupResult { Found = true, Value = ByteString.CopyFrom(65, 0xFF), Version = 1 } } }.ToByteArray()));
        Assert.Contains("no UTF-8 from position 1", (await Assert.ThrowsAsync<CodecException>(() => get)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Many_calls_at_once_are_each_answered_and_executed_once()
    {
        const int Calls = 20_000;
        var state = new FakeMember.State();
        await using var client = Client(_settings, state);
        var versions = await Task.WhenAll(Enumerable.Range(1, Calls).Select(async i => (await client.PutAsync($"k{i}", "")).Version));
        Assert.Equal(Calls, versions.Distinct().Count());
        Assert.Equal(Enumerable.Range(1, Calls).Select(i => $"k{i}"), state.Executed);
        Assert.True(state.Submits.Count < Calls / 10, $"{state.Submits.Count} batches");
    }

    [Fact]
    public async Task Callers_who_are_answered_together_and_call_again_are_sent_together_again()
    {
        const int Callers = 50;
        const int Rounds = 100;
        const int Attempts = 20;
        // Were the first to call again sent alone, there would be two batches a round, each time. A busy machine lets single callers wait, but not in every attempt.
        var fewest = int.MaxValue;
        for (var attempt = 0; attempt < Attempts && fewest >= Rounds * 3 / 2; attempt++)
        {
            var state = new FakeMember.State();
            await using var client = Client(_settings with { RetryDelay = TimeSpan.FromMinutes(1) }, state);
            await Task.WhenAll(Enumerable.Range(1, Callers).Select(async i =>
            {
                for (var round = 0; round < Rounds; round++) await client.PutAsync($"k{i}", "").ConfigureAwait(false);
            }));
            fewest = Math.Min(fewest, state.Submits.Count);
        }
        Assert.True(fewest < Rounds * 3 / 2, $"{fewest} batches");
    }

    [Fact]
    public async Task A_call_cancelled_before_it_was_sent_is_never_sent()
    {
        await using var client = Client(_settings with { MaxInFlight = 1 });
        using var cancel = new CancellationTokenSource();
        var first = client.PutAsync("a", "");
        Open();
        var submit = await _member.ExpectMsgAsync<Submit>();
        var second = client.PutAsync("b", "", cancel.Token);
        var third = client.PutAsync("c", "");
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second);
        Answer(submit, 1);
        await first;
        var next = await _member.ExpectMsgAsync<Submit>();
        Assert.Equal("c", Batch(next).Operations().Single().Put.Key.ToStringUtf8());
        Answer(next, 1);
        await third;
    }

    [Fact]
    public async Task A_call_cancelled_while_under_way_gives_its_serial_to_a_no_op_should_it_be_sent_again()
    {
        await using var client = Client(_settings with { AttemptTimeout = TimeSpan.FromMilliseconds(200) });
        using var cancel = new CancellationTokenSource();
        var first = client.PutAsync("a", "", cancel.Token);
        Open();
        await _member.ExpectMsgAsync<Submit>();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        var second = client.PutAsync("b", "");
        await _member.ExpectMsgAsync<Submit>(s => Batch(s).FirstSerial == 2);
        var again = await _member.FishForMessageAsync<Submit>(s => Batch(s).FirstSerial == 1);
        Assert.True(Batch(again).Operations.Single().IsEmpty);
        Answer(again, 1);
        Answer((Submit)await _member.FishForMessageAsync(m => m is Submit s && Batch(s).FirstSerial == 2), 1);
        await second;
    }

    [Fact]
    public async Task A_token_cancelled_before_ends_the_call_at_once()
    {
        await using var client = Client(_settings);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.PutAsync("a", "", new CancellationToken(canceled: true)));
        await _member.ExpectNoMsgAsync(TimeSpan.FromMilliseconds(50));
    }

    [Fact]
    public async Task A_timeout_of_its_own_ends_a_call_before_the_others()
    {
        await using var client = Client(_settings);
        var patient = client.PutAsync("a", "");
        await Assert.ThrowsAsync<ClusterUnreachableException>(() => client.WithTimeout(TimeSpan.FromMilliseconds(100)).PutAsync("b", ""));
        Assert.False(patient.IsCompleted);
    }

    [Fact]
    public async Task A_client_that_was_disposed_of_fails_calls_at_once()
    {
        var client = Client(_settings);
        var waiting = client.PutAsync("a", "");
        await client.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => client.PutAsync("b", ""));
    }

    [Fact]
    public async Task A_system_that_ends_leaves_no_call_waiting()
    {
        var system = ActorSystem.Create("ends");
        var client = RaftClient.Create(system, _settings, _ => _member);
        var waiting = client.GetAsync("a");
        await system.Terminate();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => client.GetAsync("b"));
    }

    [Fact]
    public async Task More_calls_than_may_wait_fail_at_once_and_the_rest_is_served()
    {
        const int Calls = 1_000;
        const int MaxQueued = 100;
        await using var client = Client(_settings with { MaxQueued = MaxQueued, MaxBatchOperations = Calls });
        // No session is open, so nothing leaves.
        var calls = Enumerable.Range(0, Calls).Select(i => client.PutAsync($"k{i}", "")).ToList();
        while (calls.Count(c => c.IsFaulted) < Calls - 2 * MaxQueued) await Task.Yield();
        Assert.All(calls.Where(c => c.IsFaulted), c => Assert.IsType<OverloadedException>(c.Exception!.InnerException));
        Open();
        while (calls.Exists(c => !c.IsCompleted))
        {
            var submit = await _member.ExpectMsgAsync<Submit>();
            Answer(submit, Batch(submit).Operations.Count);
            await Task.WhenAny(Task.WhenAll(calls), Task.Delay(50));
        }
        Assert.InRange(calls.Count(c => c.IsCompletedSuccessfully), MaxQueued, 2 * MaxQueued);
    }

    [Fact]
    public async Task A_watch_goes_on_from_where_the_last_answer_ended_and_says_when_changes_are_gone()
    {
        await using var client = Client(_settings);
        await using var changes = client.WatchAsync(KeyRange.Prefix("k")).GetAsyncEnumerator();
        var moved = changes.MoveNextAsync();
        await ReplyAsync(new Wire.KvQueryResult { Revision = 7, Ranges = { new Wire.KvRangeResult() } });
        var watch = await ReplyAsync(new Wire.KvQueryResult { Watch = new Wire.KvWatchResult { NextRevision = 12, Changes = { Changed("k1", 9), Changed("k2", 11) } } });
        Assert.Equal((8, "k", "l"), (watch.Watch.FromRevision, watch.Watch.From.ToStringUtf8(), watch.Watch.To.ToStringUtf8()));
        Assert.True(await moved);
        Assert.Equal(9, changes.Current.Version);
        Assert.True(await changes.MoveNextAsync());
        Assert.Equal(11, changes.Current.Version);

        moved = changes.MoveNextAsync();
        watch = await ReplyAsync(new Wire.KvQueryResult { Watch = new Wire.KvWatchResult { NextRevision = 15 } });
        Assert.Equal(12, watch.Watch.FromRevision);
        // Nothing to tell: whoever answers this leads.
        await ReplyAsync(new Wire.KvQueryResult { Revision = 14, Ranges = { new Wire.KvRangeResult() } });
        watch = await ReplyAsync(new Wire.KvQueryResult { Watch = new Wire.KvWatchResult { OldestRevision = 100, NextRevision = 100 } });
        Assert.Equal(15, watch.Watch.FromRevision);
        Assert.Equal(100, (await Assert.ThrowsAsync<CompactedException>(async () => await moved)).OldestRevision);
    }

    [Fact]
    public async Task A_watch_from_a_revision_that_the_store_has_not_reached_says_so()
    {
        await using var client = Client(_settings);
        await using var changes = client.WatchAsync(KeyRange.All, 20).GetAsyncEnumerator();
        var moved = changes.MoveNextAsync();
        var watch = await ReplyAsync(new Wire.KvQueryResult { Watch = new Wire.KvWatchResult { NextRevision = 20 } });
        Assert.Equal((20, 0), (watch.Watch.FromRevision, watch.Watch.WaitMs));
        await ReplyAsync(new Wire.KvQueryResult { Revision = 7, Ranges = { new Wire.KvRangeResult() } });
        var future = await Assert.ThrowsAsync<FutureRevisionException>(async () => await moved);
        Assert.Equal((20, 7), (future.FromRevision, future.CurrentRevision));
    }

    [Fact]
    public async Task A_watch_from_the_next_revision_waits_for_it()
    {
        await using var client = Client(_settings);
        await using var changes = client.WatchAsync(KeyRange.All, 8).GetAsyncEnumerator();
        var moved = changes.MoveNextAsync();
        await ReplyAsync(new Wire.KvQueryResult { Watch = new Wire.KvWatchResult { NextRevision = 8 } });
        await ReplyAsync(new Wire.KvQueryResult { Revision = 7, Ranges = { new Wire.KvRangeResult() } });
        var watch = await ReplyAsync(new Wire.KvQueryResult { Watch = new Wire.KvWatchResult { NextRevision = 9, Changes = { Changed("k", 8) } } });
        Assert.Equal(8, watch.Watch.FromRevision);
        Assert.True(watch.Watch.WaitMs > 0);
        Assert.True(await moved);
    }

    [Fact]
    public async Task A_watch_as_a_source_tells_what_is_asked_for_and_ends_with_its_stream()
    {
        using var materializer = Akka.Streams.ActorMaterializer.Create(Sys);
        await using var client = Client(_settings);
        var taken = Akka.Streams.Dsl.SourceOperations.Take(client.WatchSource(KeyRange.Key("k"), 3), 2)
            .RunWith(Akka.Streams.Dsl.Sink.Seq<Change>(), materializer);
        var watch = await ReplyAsync(new Wire.KvQueryResult { Watch = new Wire.KvWatchResult { NextRevision = 6, Changes = { Changed("k", 3), Changed("k", 4), Changed("k", 5) } } });
        Assert.Equal((3, "k", "k\0"), (watch.Watch.FromRevision, watch.Watch.From.ToStringUtf8(), watch.Watch.To.ToStringUtf8()));
        Assert.Equal([3L, 4L], (await taken).Select(c => c.Version));
    }

    [Fact]
    public async Task A_lease_is_kept_alive_and_revoked_at_the_end()
    {
        await using var client = Client(_settings);
        var holding = client.HoldLeaseAsync(LeaseTime);
        Open();
        Assert.Equal(LeaseTime.TotalMilliseconds, Batch(await GrantedAsync(4)).Operations().Single().GrantLease.TimeToLiveMs);
        var lease = await holding;
        Assert.Equal(4, lease.Id);
        for (var i = 0; i < 2; i++) Assert.Equal(4, Batch(await GrantedAsync(4)).Operations().Single().KeepLeaseAlive);
        Assert.False(lease.Lost.IsCancellationRequested);
        var ended = lease.DisposeAsync();
        while (true)
        {
            var operation = Batch(await GrantedAsync(4)).Operations().Single();
            if (operation.OperationCase == Wire.KvOperation.OperationOneofCase.RevokeLease) break;
            Assert.Equal(4, operation.KeepLeaseAlive);
        }
        await ended;
        Assert.True(lease.Lost.IsCancellationRequested);
    }

    [Fact]
    public async Task A_lease_that_is_gone_is_lost()
    {
        await using var client = Client(_settings);
        var holding = client.HoldLeaseAsync(LeaseTime);
        Open();
        await GrantedAsync(4);
        await using var lease = await holding;
        var lost = new TaskCompletionSource();
        lease.Lost.Register(lost.SetResult);
        var keep = await _member.ExpectMsgAsync<Submit>(TimeSpan.FromSeconds(30));
        AnswerWith(keep, new Wire.KvOperationResult { Error = Wire.KvOperationError.LeaseNotFound });
        await lost.Task;
    }

    [Fact]
    public async Task A_lease_that_may_have_expired_is_lost_without_any_answer()
    {
        await using var client = Client(_settings);
        var holding = client.HoldLeaseAsync(TimeSpan.FromSeconds(1));
        Open();
        await GrantedAsync(4, TimeSpan.FromSeconds(1));
        var lease = await holding;
        var lost = new TaskCompletionSource();
        lease.Lost.Register(lost.SetResult);
        await lost.Task;
        await lease.DisposeAsync();
    }

    private RaftClient Client(RaftClientSettings settings) => RaftClient.Create(Sys, settings, _ => _member);

    private RaftClient Client(RaftClientSettings settings, FakeMember.State state)
    {
        var member = Sys.ActorOf(Props.Create(() => new FakeMember(state)));
        return RaftClient.Create(Sys, settings, _ => member);
    }

    private void Open()
    {
        var open = _member.ExpectMsg<Submit>();
        _member.Reply(new SubmitReply(open.RequestId, 5, new Wire.SessionResult { SessionOpened = new Wire.SessionOpened { Session = 5 } }.ToByteArray()));
    }

    private void Answer(Submit submit, int count) => AnswerWith(submit, [.. Enumerable.Range(0, count).Select(i => new Wire.KvOperationResult { Version = i + 1 })]);

    private void AnswerWith(Submit submit, params Wire.KvOperationResult[] results)
    {
        var wire = new Wire.SessionBatchResult();
        wire.Results.AddRange(results.Select(r => r.ToByteString()));
        _member.Sender.Tell(new SubmitReply(submit.RequestId, 6, new Wire.SessionResult { BatchResult = wire }.ToByteArray()));
    }

    // Long enough for a machine that stands still for a while.
    private static readonly TimeSpan LeaseTime = TimeSpan.FromSeconds(6);

    private async Task<Submit> GrantedAsync(long lease, TimeSpan? timeToLive = null)
    {
        var submit = await _member.ExpectMsgAsync<Submit>(TimeSpan.FromSeconds(30));
        AnswerWith(submit, new Wire.KvOperationResult { Lease = new Wire.KvLease { Lease = lease, TimeToLiveMs = (long)(timeToLive ?? LeaseTime).TotalMilliseconds } });
        return submit;
    }

    private async Task<Wire.KvQuery> ReplyAsync(Wire.KvQueryResult result)
    {
        var read = await _member.ExpectMsgAsync<Read>();
        _member.Sender.Tell(new QueryReply(read.RequestId, result.ToByteArray()));
        return Wire.KvQuery.Parser.ParseFrom(read.Payload.Span);
    }

    private static Wire.KvChange Changed(string key, long version) => new() { Key = ByteString.CopyFromUtf8(key), Version = version };

    private static Wire.SessionBatch Batch(Submit submit) => Wire.SessionCommand.Parser.ParseFrom(submit.Payload.Span).Batch;
}
