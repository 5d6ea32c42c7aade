using System.Collections.Concurrent;
using System.Collections.Immutable;
using AkkaRaft.Client;
using AkkaRaft.Hosting;
using AkkaRaft.Protocol;
using AkkaRaft.Remoting.Threading;

namespace AkkaRaft.Tests.Threading;

public sealed class ReceivingThreadsTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly BlockingCollection<Action?> _arriving = [];
    private int _receiving;
    private int _collisions;
    private int _ends;

    public void Dispose() => _arriving.Dispose();

    [Fact]
    public async Task A_caller_goes_on_on_the_thread_that_received_and_after_it_has_passed_the_turn()
    {
        ReceivingThreads.Start(ReceiveNext);
        var received = 0;
        var takesASecond = true;
        var wentOn = new TaskCompletionSource<int>();
        GoOn(
            () =>
            {
                // Somebody else receives this.
                using var next = new ManualResetEventSlim();
                _arriving.Add(next.Set);
                wentOn.SetResult(next.Wait(Patience) ? Environment.CurrentManagedThreadId : 0);
            },
            whenTaken: () => (received, takesASecond) = (Environment.CurrentManagedThreadId, ReceivingThreads.TryGoOnAs(new Caller(() => { }))));
        var where = await wentOn.Task.WaitAsync(Patience);
        Assert.Equal(received, where);
        Assert.False(takesASecond, "A thread goes on as one caller: the second would wait for the first.");
        await Ended();
    }

    [Fact]
    public async Task While_a_caller_is_away_the_other_thread_receives_and_keeps_the_turn()
    {
        ReceivingThreads.Start(ReceiveNext);
        using var comesBack = new ManualResetEventSlim();
        var away = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var back = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        GoOn(() =>
        {
            away.SetResult();
            back.SetResult(comesBack.Wait(Patience));
        });
        await away.Task.WaitAsync(Patience);
        for (var i = 0; i < 100; i++) Assert.False(await OnReceiving(() => ReceivingThreads.TryGoOnAs(new Caller(() => { }))));
        comesBack.Set();
        Assert.True(await back.Task.WaitAsync(Patience));
        var again = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        GoOn(again.SetResult);
        await again.Task.WaitAsync(Patience);
        await Ended();
    }

    [Fact]
    public async Task One_receives_at_a_time_and_every_caller_goes_on()
    {
        const int Callers = 20_000;
        ReceivingThreads.Start(ReceiveNext);
        var wentOn = 0;
        var all = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        for (var i = 0; i < Callers; i++)
        {
            var isAway = i % 50 == 0;
            GoOn(() =>
            {
                if (isAway) Thread.Sleep(1);
                if (Interlocked.Increment(ref wentOn) == Callers) all.SetResult();
            });
        }
        await all.Task.WaitAsync(Patience);
        await Ended();
        Assert.Equal(Callers, wentOn);
        Assert.Equal(0, _collisions);
    }

    [Fact]
    public void Who_does_not_receive_by_turns_goes_on_as_nobody() => Assert.False(ReceivingThreads.TryGoOnAs(new Caller(() => { })));

    [Fact]
    public async Task A_caller_of_a_client_may_wait_for_its_next_answer_where_the_last_came()
    {
        var directory = Directory.CreateTempSubdirectory("akkaraft-turns-").FullName;
        try
        {
            var member = new RaftEndpoint(new MemberId(0), $"127.0.0.1:{TcpPort.Free()}");
            var members = ImmutableSortedDictionary<MemberId, RaftEndpoint>.Empty.Add(member.Id, member);
            await using var node = await RaftNode.StartAsync(new RaftSettings { ClusterId = "turns", Id = member.Id, DataDirectory = directory, Members = members });
            var client = RaftClient.Create(new RaftClientSettings { ClusterId = "turns", Members = members, RequestTimeout = TimeSpan.FromMinutes(1) });
            await Task.Run(async () =>
            {
                var where = Thread.CurrentThread.Name;
                // The first go to the pool if the other thread is not there yet.
                for (var i = 0; where != "akkaraft.receive"; i++)
                {
                    await client.PutAsync("key", $"{i}").ConfigureAwait(false);
                    where = Thread.CurrentThread.Name;
                    Assert.True(i < 10_000, "No caller went on where its answer came.");
                }
                // As an application must not, and some do.
#pragma warning disable xUnit1031
                for (var i = 0; i < 10; i++)
                {
                    client.PutAsync("key", $"and {i}").GetAwaiter().GetResult();
                    Assert.Equal($"and {i}", client.GetAsync("key").GetAwaiter().GetResult());
                }
                client.DisposeAsync().AsTask().GetAwaiter().GetResult();
#pragma warning restore xUnit1031
            }).WaitAsync(Patience);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>What the threads receive: null is the end.</summary>
    private bool ReceiveNext()
    {
        if (Interlocked.Increment(ref _receiving) != 1) Interlocked.Increment(ref _collisions);
        var isMore = _arriving.TryTake(out var arrived, Timeout.Infinite) && arrived is not null;
        arrived?.Invoke();
        if (!isMore) Interlocked.Increment(ref _ends);
        Interlocked.Decrement(ref _receiving);
        return isMore;
    }

    private async Task<bool> OnReceiving(Func<bool> ask)
    {
        var answer = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        _arriving.Add(() => answer.SetResult(ask()));
        return await answer.Task.WaitAsync(Patience);
    }

    /// <summary>A caller whose answer arrives again until the thread that receives it goes on as that caller: the other may not wait yet.</summary>
    private void GoOn(Action goOn, Action? whenTaken = null)
    {
        void Arrive()
        {
            if (ReceivingThreads.TryGoOnAs(new Caller(goOn))) whenTaken?.Invoke();
            else _arriving.Add(Arrive);
        }

        _arriving.Add(Arrive);
    }

    /// <summary>Both threads are told of the end, and each ends once.</summary>
    private async Task Ended()
    {
        _arriving.Add(null);
        _arriving.Add(null);
        for (var waited = 0; Volatile.Read(ref _ends) < 2; waited++)
        {
            Assert.True(waited < Patience.TotalMilliseconds, $"{_ends} threads of 2 have ended.");
            await Task.Delay(1);
        }
    }

    private sealed class Caller(Action goOn) : IThreadPoolWorkItem
    {
        public void Execute() => goOn();
    }
}
