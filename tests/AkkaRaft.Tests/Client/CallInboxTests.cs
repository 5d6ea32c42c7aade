using AkkaRaft.Client;
using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;

namespace AkkaRaft.Tests.Client;

/// <summary>
/// Store, then load, on two threads (Dekker): one of the two must see the other. A lost one is rare, and needs two processors;
/// many inboxes side by side, at changing distances, make it likely.
/// </summary>
public sealed class CallInboxTests
{
    private const int Rounds = 40_000;
    private const int Block = 16;

    private static readonly PendingCall Call = PendingCall.From(new Get("k"u8.ToArray()), new TaskCompletionSource<IRaftReply>(), TimeSpan.FromSeconds(1), KeyValueRequests.Instance);

    [Fact]
    public void A_call_is_taken_or_the_actor_is_told() => Race(
        inbox => inbox.NeedsTelling(),
        inbox =>
        {
            inbox.Told();
            return inbox.TryTake(out _);
        },
        inbox =>
        {
            Assert.True(inbox.TryAdd(Call));
            return inbox.NeedsTelling();
        });

    [Fact]
    public void A_cancellation_is_taken_or_the_actor_is_told() => Race(
        inbox => inbox.NeedsTelling(),
        inbox =>
        {
            inbox.Told();
            return inbox.TryTakeCancelled(out _);
        },
        inbox =>
        {
            inbox.Cancel(Call);
            return inbox.NeedsTelling();
        });

    [Fact]
    public async Task A_call_that_comes_while_the_inbox_closes_is_answered()
    {
        for (var round = 0; round < Rounds / 4; round++)
        {
            var inbox = new CallInbox(Block);
            var completion = new TaskCompletionSource<IRaftReply>();
            var closing = Task.Run(inbox.Close);
            if (inbox.TryAdd(PendingCall.From(new Get("k"u8.ToArray()), completion, TimeSpan.FromSeconds(1), KeyValueRequests.Instance)))
                Assert.IsType<RequestFailed>(await completion.Task.WaitAsync(TimeSpan.FromMinutes(1)));
            await closing;
        }
    }

    /// <param name="prepare">Done to each inbox before the race.</param>
    /// <param name="actor">What the actor does; whether it saw the caller.</param>
    /// <param name="caller">What the caller does; whether it saw the actor.</param>
    private static void Race(Action<CallInbox> prepare, Func<CallInbox, bool> actor, Func<CallInbox, bool> caller)
    {
        var inboxes = new CallInbox[Block];
        var seenByCaller = new bool[Block];
        var seenByActor = new bool[Block];
        var (begun, done) = (0, 0);
        var thread = new Thread(() =>
        {
            for (var round = 1; round <= Rounds; round++)
            {
                Await(ref begun, round);
                for (var i = 0; i < Block; i++) seenByCaller[i] = caller(inboxes[i]);
                Volatile.Write(ref done, round);
            }
        }) { IsBackground = true };
        thread.Start();
        var random = new Random(1);
        for (var round = 1; round <= Rounds; round++)
        {
            for (var i = 0; i < Block; i++) prepare(inboxes[i] = new CallInbox(Block));
            Volatile.Write(ref begun, round);
            for (var lag = random.Next(60); lag > 0; lag--) Thread.SpinWait(0);
            for (var i = 0; i < Block; i++) seenByActor[i] = actor(inboxes[i]);
            Await(ref done, round);
            for (var i = 0; i < Block; i++) Assert.True(seenByActor[i] || seenByCaller[i], $"round {round}: the call lies in the inbox, and nobody is told");
        }
        thread.Join();
    }

    private static void Await(ref int counter, int round)
    {
        var spinner = new SpinWait();
        while (Volatile.Read(ref counter) < round) spinner.SpinOnce(sleep1Threshold: -1);
    }
}
