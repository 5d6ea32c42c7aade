using System.Collections.Immutable;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using AkkaRaft.Client;
using AkkaRaft.Protocol;
using Google.Protobuf;
using Wire = AkkaRaft.Protocol.Wire;

namespace AkkaRaft.Tests.Client;

/// <summary>By which clock a client's time goes by.</summary>
public sealed class ClientClockTests() : TestKit(RaftClient.Configuration().WithFallback("akka.loglevel = OFF"))
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);
    private static readonly RaftEndpoint Nobody = new(new MemberId(0), "127.0.0.1:1");
    private static readonly RaftClientSettings Settings = new()
    {
        ClusterId = "cluster",
        Members = ImmutableSortedDictionary<MemberId, RaftEndpoint>.Empty.Add(Nobody.Id, Nobody),
        RequestTimeout = TimeSpan.FromHours(1),
        AttemptTimeout = TimeSpan.FromMilliseconds(10),
        RetryDelay = TimeSpan.FromMilliseconds(1),
    };

    public static TheoryData<string, Func<RaftClient, Task>> Calls => new()
    {
        { "status", client => client.StatusAsync() },
        { "members", client => Assert.ThrowsAsync<ClusterUnreachableException>(() => client.MembersAsync()) },
        { "change", client => Assert.ThrowsAsync<ClusterUnreachableException>(() => client.ChangeMembersAsync(MembershipChange.Remove, [Nobody])) },
        { "transfer", client => Assert.ThrowsAsync<ClusterUnreachableException>(() => client.TransferLeadershipAsync()) },
        { "backup", client => Assert.ThrowsAsync<ClusterUnreachableException>(() => client.BackupAsync(Path.Combine(Path.GetTempPath(), Path.GetRandomFileName()))) },
    };

    [Theory]
    [MemberData(nameof(Calls))]
    public async Task A_time_limit_does_not_follow_a_wall_clock_that_is_set_back(string name, Func<RaftClient, Task> call)
    {
        Assert.NotEmpty(name);
        await using var client = RaftClient.Create(Sys, Settings, _ => TestActor, new SetBackClock());
        await call(client).WaitAsync(Patience);
    }

    [Fact]
    public async Task A_lease_that_ended_while_the_machine_slept_is_lost_when_it_wakes()
    {
        var member = CreateTestProbe();
        member.IgnoreMessages(m => m is GetMembership);
        var clock = new SleepingClock();
        await using var client = RaftClient.Create(Sys, Settings with { AttemptTimeout = TimeSpan.FromMinutes(10) }, _ => member, clock);
        var holding = client.HoldLeaseAsync(TimeSpan.FromDays(1));
        Reply(member, await member.ExpectMsgAsync<Submit>(Patience), new Wire.SessionResult { SessionOpened = new Wire.SessionOpened { Session = 5 } });
        Reply(member, await member.ExpectMsgAsync<Submit>(Patience), new Wire.SessionResult
        {
            BatchResult = new Wire.SessionBatchResult { Results = { new Wire.KvOperationResult { Lease = new Wire.KvLease { Lease = 4, TimeToLiveMs = 86_400_000 } }.ToByteString() } },
        });
        var lease = await holding;
        var lost = new TaskCompletionSource();
        lease.Lost.Register(lost.SetResult);
        Assert.False(lease.Lost.IsCancellationRequested);
        // Its timers have slept too: the next is due in eight hours.
        clock.Sleep(TimeSpan.FromDays(1));
        await lost.Task.WaitAsync(Patience);
        await lease.DisposeAsync();
    }

    private static void Reply(TestProbe member, Submit submit, Wire.SessionResult result) => member.Sender.Tell(new SubmitReply(submit.RequestId, 6, result.ToByteArray()), member);

    /// <summary>Half an hour goes by from one look to the next, and each time somebody sets the wall clock back.</summary>
    private sealed class SetBackClock : TimeProvider
    {
        private long _looks;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Interlocked.Increment(ref _looks) * TimeSpan.FromMinutes(30).Ticks;

        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch.AddYears(50).AddMinutes(-Interlocked.Increment(ref _looks));
    }

    /// <summary>Goes on while timers stand still.</summary>
    private sealed class SleepingClock : TimeProvider
    {
        private long _slept;

        public void Sleep(TimeSpan time) => Interlocked.Add(ref _slept, time.Ticks);

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => TimeProvider.System.GetElapsedTime(0).Ticks + Interlocked.Read(ref _slept);
    }
}
