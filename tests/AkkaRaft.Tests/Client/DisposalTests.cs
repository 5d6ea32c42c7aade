using System.Collections.Concurrent;
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

/// <summary>What calls, watches and leases see of a client that ends, and that nothing hangs where a thread waits for the end.</summary>
public sealed class DisposalTests : TestKit
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly RaftEndpoint Nobody = new(new MemberId(0), "127.0.0.1:1");

    // Nothing of it ends within a test, unless the client ends it.
    private static readonly RaftClientSettings Settings = new()
    {
        ClusterId = "cluster",
        Members = ImmutableSortedDictionary<MemberId, RaftEndpoint>.Empty.Add(Nobody.Id, Nobody),
        AttemptTimeout = TimeSpan.FromMinutes(10),
        RequestTimeout = TimeSpan.FromMinutes(10),
        RetryDelay = TimeSpan.FromMilliseconds(10),
    };

    private readonly TestProbe _member;

    public DisposalTests()
    {
        _member = CreateTestProbe();
        _member.IgnoreMessages(m => m is GetMembership);
    }

    public static TheoryData<string, Func<RaftClient, Task>> Calls => new()
    {
        { "get", client => client.GetAsync("k") },
        { "get as a type", client => client.GetAsync<int>("k") },
        { "put", client => client.PutAsync("k", "v") },
        { "commit", client => client.CommitAsync(new KeyValueTransaction([], [], [])) },
        { "scan", client => client.ScanAsync("").GetAsyncEnumerator().MoveNextAsync().AsTask() },
        { "watch", client => client.WatchAsync(KeyRange.All).GetAsyncEnumerator().MoveNextAsync().AsTask() },
        { "watch from a revision", client => client.WatchAsync(KeyRange.All, 3).GetAsyncEnumerator().MoveNextAsync().AsTask() },
        { "lease", client => client.HoldLeaseAsync(TimeSpan.FromMinutes(1)) },
        { "leases", client => client.LeasesAsync() },
        { "status", client => client.StatusAsync() },
        { "members", client => client.MembersAsync() },
        { "change of members", client => client.ChangeMembersAsync(MembershipChange.Remove, [Nobody]) },
        { "transfer", client => client.TransferLeadershipAsync() },
        { "backup", client => client.BackupAsync(Path.Combine(Path.GetTempPath(), Path.GetRandomFileName()), Nobody.Id) },
    };

    [Theory]
    [MemberData(nameof(Calls))]
    public async Task A_call_that_waits_ends_with_its_client_and_so_does_one_that_comes_later(string name, Func<RaftClient, Task> call)
    {
        Assert.NotEmpty(name);
        var client = RaftClient.Create(Settings);
        var waiting = call(client);
        await client.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting.WaitAsync(Patience));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => call(client).WaitAsync(Patience));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => call(client.WithTimeout(TimeSpan.FromSeconds(1))).WaitAsync(Patience));
    }

    [Theory]
    [MemberData(nameof(Calls))]
    public async Task A_call_that_waits_ends_with_the_ActorSystem_and_so_does_one_that_comes_later(string name, Func<RaftClient, Task> call)
    {
        Assert.NotEmpty(name);
        var system = ActorSystem.Create("ends", RaftClient.Configuration().WithFallback("akka.loglevel = OFF"));
        var client = RaftClient.Create(system, Settings);
        var waiting = call(client);
        await system.Terminate();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => waiting.WaitAsync(Patience));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => call(client).WaitAsync(Patience));
        await client.DisposeAsync();
    }

    [Fact]
    public async Task A_watch_that_waits_for_its_member_to_come_back_ends_with_its_client()
    {
        var client = Client(Settings with { RequestTimeout = TimeSpan.FromMilliseconds(50) });
        var moved = client.WatchAsync(KeyRange.All, 3).GetAsyncEnumerator().MoveNextAsync().AsTask();
        for (var i = 0; i < 2; i++) await _member.ExpectMsgAsync<Read>(Patience);
        await client.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => moved.WaitAsync(Patience));
    }

    [Fact]
    public async Task A_watch_as_a_source_fails_when_its_client_ends()
    {
        using var materializer = Akka.Streams.ActorMaterializer.Create(Sys);
        var client = Client(Settings);
        var changes = client.WatchSource(KeyRange.All, 3).RunWith(Akka.Streams.Dsl.Sink.Seq<Change>(), materializer);
        await _member.ExpectMsgAsync<Read>(Patience);
        await client.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => changes.WaitAsync(Patience));
    }

    [Fact]
    public async Task A_lease_is_lost_when_its_client_ends_and_can_be_disposed_of_afterwards()
    {
        var client = Client(Settings);
        var holding = client.HoldLeaseAsync(TimeSpan.FromHours(1));
        Reply(await _member.ExpectMsgAsync<Submit>(Patience), new Wire.SessionResult { SessionOpened = new Wire.SessionOpened { Session = 5 } });
        Reply(await _member.ExpectMsgAsync<Submit>(Patience), new Wire.SessionResult
        {
            BatchResult = new Wire.SessionBatchResult { Results = { new Wire.KvOperationResult { Lease = new Wire.KvLease { Lease = 4, TimeToLiveMs = 3_600_000 } }.ToByteString() } },
        });
        var lease = await holding;
        var lost = new TaskCompletionSource();
        lease.Lost.Register(lost.SetResult);
        await client.DisposeAsync();
        await lost.Task.WaitAsync(Patience);
        await lease.DisposeAsync().AsTask().WaitAsync(Patience);
    }

    [Fact]
    public async Task A_write_that_was_sent_when_its_client_ends_is_of_unknown_outcome()
    {
        var client = Client(Settings);
        var put = client.PutAsync("k", "v");
        Reply(await _member.ExpectMsgAsync<Submit>(Patience), new Wire.SessionResult { SessionOpened = new Wire.SessionOpened { Session = 5 } });
        await _member.ExpectMsgAsync<Submit>(Patience);
        await client.DisposeAsync();
        await Assert.ThrowsAsync<OutcomeUnknownException>(() => put.WaitAsync(Patience));
    }

    [Fact]
    public async Task A_client_may_be_disposed_of_twice_at_once_and_again()
    {
        var client = RaftClient.Create(Settings);
        await Task.WhenAll(client.DisposeAsync().AsTask(), client.DisposeAsync().AsTask());
        await client.DisposeAsync();
    }

    [Fact]
    public void A_thread_with_a_context_may_wait_for_the_end_of_a_client() => OnContext(() =>
    {
        var client = RaftClient.Create(Settings);
        client.DisposeAsync().AsTask().GetAwaiter().GetResult();
    });

    [Fact]
    public void A_thread_with_a_context_may_wait_for_the_end_of_a_client_in_an_application() => OnContext(() =>
    {
        var client = Client(Settings);
        client.DisposeAsync().AsTask().GetAwaiter().GetResult();
    });

    [Theory]
    [MemberData(nameof(Calls))]
    public void A_thread_with_a_context_may_wait_for_a_call(string name, Func<RaftClient, Task> call) => OnContext(() =>
    {
        Assert.NotEmpty(name);
        var client = RaftClient.Create(Settings with { RequestTimeout = TimeSpan.FromMilliseconds(100), AttemptTimeout = TimeSpan.FromMilliseconds(50) });
        var waiting = call(client);
        // A watch goes on until its client ends.
        Task.WaitAny([waiting], TimeSpan.FromSeconds(2));
        client.DisposeAsync().AsTask().GetAwaiter().GetResult();
        Task.WaitAny(waiting);
    });

    /// <summary>Runs it on a thread whose context runs nothing while it waits, as that of a user interface.</summary>
    private static void OnContext(Action action)
    {
        Exception? failure = null;
        var thread = new Thread(() =>
        {
            SynchronizationContext.SetSynchronizationContext(new BlockedContext());
            try
            {
                action();
            }
            catch (Exception e)
            {
                failure = e;
            }
        }) { IsBackground = true };
        thread.Start();
        Assert.True(thread.Join(Patience), "It waits for what only its own thread would do.");
        Assert.Null(failure);
    }

    private sealed class BlockedContext : SynchronizationContext
    {
        private readonly ConcurrentQueue<(SendOrPostCallback, object?)> _posted = new();

        public override void Post(SendOrPostCallback d, object? state) => _posted.Enqueue((d, state));

        public override void Send(SendOrPostCallback d, object? state) => throw new InvalidOperationException("The thread waits.");
    }

    private RaftClient Client(RaftClientSettings settings) => RaftClient.Create(Sys, settings, _ => _member);

    private void Reply(Submit submit, Wire.SessionResult result) => _member.Sender.Tell(new SubmitReply(submit.RequestId, 6, result.ToByteArray()));
}
