using AkkaRaft.BankSample;
using AkkaRaft.Client;
using AkkaRaft.Hosting;
using AkkaRaft.TestKit;

namespace AkkaRaft.Simulation.Tests;

public sealed class InMemoryRaftTests
{
    // Ends a hang; says nothing about speed.
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    [Fact]
    public async Task A_service_puts_gets_scans_watches_and_compares()
    {
        await using var raft = InMemoryRaft.Start(codec: new JsonCodec());
        IRaftClient client = raft.Client;
        var put = await client.PutAsync("stock/tea", "5");
        Assert.Equal("5", await client.GetAsync("stock/tea"));
        Assert.Equal(new Entry<string>("5", put.Version, 0), await client.GetAsync<string>("stock/tea"));
        await client.PutAsync("stock/milk", new Order("milk", 2));
        Assert.Equal(new Order("milk", 2), (await client.GetAsync<Order>("stock/milk"))!.Value);
        Assert.False((await client.CompareAndSetAsync("stock/tea", "6", expectedVersion: 0)).Succeeded);
        Assert.Equal(["stock/milk", "stock/tea"], await client.RangeAsync<ReadOnlyMemory<byte>>(KeyRange.Prefix("stock/")).Select(row => row.Key).ToListAsync());
        await client.DeleteAsync("stock/tea");
        var changes = await client.WatchAsync<string>(KeyRange.Key("stock/tea"), put.Version).Take(2).ToListAsync();
        Assert.Equal(["5", null], changes.Select(change => change.Value));
        Assert.Equal([false, true], changes.Select(change => change.Deleted));
    }

    [Fact]
    public async Task Leases_end_by_the_clock_that_a_test_sets()
    {
        var clock = new SetClock();
        await using var raft = InMemoryRaft.Start(clock: clock);
        var lease = await raft.Client.GrantLeaseAsync(TimeSpan.FromMinutes(5));
        var put = await raft.Client.PutAsync("locked"u8.ToArray(), "by me"u8.ToArray(), lease.Lease);
        clock.Advance(TimeSpan.FromMinutes(4));
        await raft.Client.PutAsync("other", "key");
        Assert.Equal("by me", await raft.Client.GetAsync("locked"));
        await using var changes = raft.Client.WatchAsync(KeyRange.Key("locked"), put.Version + 1).GetAsyncEnumerator();
        var gone = changes.MoveNextAsync();
        clock.Advance(TimeSpan.FromMinutes(2));
        Assert.True(await gone.AsTask().WaitAsync(Patience));
        Assert.True(changes.Current.Deleted);
        Assert.Null(await raft.Client.GetAsync("locked"));
        await Assert.ThrowsAsync<LeaseNotFoundException>(() => raft.Client.KeepLeaseAliveAsync(lease.Lease));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_own_state_machine_runs_as_it_does_in_members(bool isActor)
    {
        await using var raft = InMemoryRaft.Start(isActor ? Ledger.StateMachine : RaftStateMachine.Of("bank", () => new Bank(), Bank.Codec));
        await using var bank = raft.Client.ForStateMachine<BankCommand, long, Audit, Balances>(isActor ? Ledger.StateMachine.Name : "bank", Bank.Codec);
        Assert.Equal(70, await bank.SubmitAsync(new Deposit("ann", 70)));
        Assert.Equal(70, (await bank.QueryAsync(new Audit())).Sum);
    }

    [Fact]
    public async Task What_needs_several_members_is_refused()
    {
        await using var raft = InMemoryRaft.Start();
        Assert.Contains("one member", (await Assert.ThrowsAsync<ConflictException>(() => raft.Client.TransferLeadershipAsync())).Message, StringComparison.Ordinal);
    }

    public sealed record Order(string What, int Count);

    /// <summary>Stands still but for a test.</summary>
    private sealed class SetClock : TimeProvider
    {
        private readonly Lock _lock = new();
        private readonly List<Due> _timers = [];
        private TimeSpan _now = TimeSpan.FromDays(1);

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _now.Ticks;

        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch + _now;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var due = new Due(this, callback, state) { At = _now + dueTime };
            lock (_lock) _timers.Add(due);
            return due;
        }

        public void Advance(TimeSpan by)
        {
            List<Due> over;
            lock (_lock)
            {
                _now += by;
                over = [.. _timers.Where(timer => timer.At <= _now)];
                _timers.RemoveAll(over.Contains);
            }
            over.ForEach(timer => timer.Callback(timer.State));
        }

        private sealed record Due(SetClock Clock, TimerCallback Callback, object? State) : ITimer
        {
            public TimeSpan At { get; init; }

            public bool Change(TimeSpan dueTime, TimeSpan period) => throw new NotSupportedException();

            public void Dispose()
            {
                lock (Clock._lock) Clock._timers.RemoveAll(timer => ReferenceEquals(timer, this));
            }

            public ValueTask DisposeAsync()
            {
                Dispose();
                return ValueTask.CompletedTask;
            }
        }
    }
}
