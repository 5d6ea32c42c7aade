using System.Collections.Concurrent;
using Akka.Actor;
using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;
using AkkaRaft.Remoting.Threading;
using Google.Protobuf;

namespace AkkaRaft.Client;

/// <summary>A call on its way to its one answer, which goes to an actor or to a task.</summary>
internal sealed class PendingCall : IThreadPoolWorkItem
{
    private readonly IActorRef? _asker;
    private readonly TaskCompletionSource<IRaftReply>? _completion;
    private IRaftReply? _reply;
    private AnsweredCallers? _callers;

    private PendingCall(IRaftRequest request, IActorRef? asker, TaskCompletionSource<IRaftReply>? completion, TimeSpan timeout, IRequestCodec codec)
    {
        Request = request;
        _asker = asker;
        _completion = completion;
        Timeout = request is Watch watch ? watch.Wait + timeout : timeout;
        if (request is IRaftWrite write)
        {
            Operation = codec.Encode(write);
            Bytes = Operation.Length;
        }
        else
        {
            Bytes = codec.SizeOf((IRaftRead)request);
        }
    }

    /// <summary>The answer is told to an actor.</summary>
    public static PendingCall From(IRaftRequest request, IActorRef asker, TimeSpan timeout, IRequestCodec codec) => new(request, asker, null, timeout, codec);

    /// <summary>The answer ends a task.</summary>
    public static PendingCall From(IRaftRequest request, TaskCompletionSource<IRaftReply> completion, TimeSpan timeout, IRequestCodec codec) => new(request, null, completion, timeout, codec);

    public IRaftRequest Request { get; }

    /// <summary>A write as its batch carries it; null for a read.</summary>
    public ByteString? Operation { get; }

    /// <summary>What it adds to the batch that it goes with.</summary>
    public int Bytes { get; }

    public TimeSpan Timeout { get; }

    /// <summary>When it was taken; set by the actor.</summary>
    public TimeSpan Since { get; set; }

    public TimeSpan Deadline => Since + Timeout;

    /// <summary>Where it waits to be sent; null once it is.</summary>
    public LinkedListNode<PendingCall>? Place { get; set; }

    /// <summary>What it was sent with; null while it waits.</summary>
    public Flight? Flight { get; set; }

    /// <summary>Nobody waits for it any more, and a no-op may take its serial.</summary>
    public bool IsAnswered { get; private set; }

    /// <summary>Whether an actor of that ActorSystem has called.</summary>
    public bool IsOf(Address system) => _asker?.Path.Address.Equals(system) == true;

    /// <param name="reply">Its one answer.</param>
    /// <param name="callers">Whose going on is waited for; of use for a task alone.</param>
    public void Answer(IRaftReply reply, AnsweredCallers? callers = null)
    {
        if (IsAnswered) return;
        IsAnswered = true;
        _asker?.Tell(reply, ActorRefs.NoSender);
        if (_completion is null) return;
        _reply = reply;
        _callers = callers;
        _callers?.Add();
        // A lone caller goes on where its answer came, when that may be; several go on beside each other, in order.
        var isLone = Flight is { Calls.Count: 1 };
        if (!isLone || !ReceivingThreads.TryGoOnAs(this)) ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: isLone);
    }

    /// <summary>The caller goes on here, up to where it awaits again.</summary>
    void IThreadPoolWorkItem.Execute()
    {
        try
        {
            _completion!.TrySetResult(_reply!);
        }
        finally
        {
            _callers?.Went();
        }
    }

    /// <summary>Whoever called waits no longer.</summary>
    public void Abandon() => IsAnswered = true;
}

/// <summary>Callers that are answered together; the actor is told once all of them have gone on.</summary>
internal sealed class AnsweredCallers(IActorRef actor)
{
    // One is for whoever answers.
    private int _going = 1;

    /// <summary>How many are answered; for the actor alone.</summary>
    public int Count { get; private set; }

    public void Add()
    {
        Count++;
        Interlocked.Increment(ref _going);
    }

    /// <summary>To be called once by each when it has gone on, and once when all are answered.</summary>
    public void Went()
    {
        if (Interlocked.Decrement(ref _going) == 0) actor.Tell(ClientActor.CallersWent.Instance, ActorRefs.NoSender);
    }
}

/// <summary>
/// Where calls come in from any thread. One message tells the actor of all that has gathered, and a full inbox is seen at once.
/// </summary>
/// <remarks>
/// A caller stores its call, then loads whether the actor was told; the actor stores that it was not, then loads the calls (Dekker's algorithm).
/// A full fence stands between the two on both sides, since a processor may otherwise delay the store beyond the load: so at least one sees the other. Closing is alike.
/// </remarks>
internal sealed class CallInbox(int capacity)
{
    private readonly ConcurrentQueue<PendingCall> _arrivals = new();
    private readonly ConcurrentQueue<PendingCall> _cancelled = new();
    private int _count;
    private int _told;
    private readonly CancellationTokenSource _closed = new();

    /// <summary>Takes a call in.</summary>
    /// <returns>False when it is full.</returns>
    public bool TryAdd(PendingCall call)
    {
        if (Interlocked.Increment(ref _count) > capacity)
        {
            Interlocked.Decrement(ref _count);
            return false;
        }
        _arrivals.Enqueue(call);
        Interlocked.MemoryBarrier();
        // Whoever closed it may not have seen this one.
        if (IsClosed) Close();
        return true;
    }

    /// <summary>Cancelled once the client has stopped.</summary>
    public CancellationToken Closed => _closed.Token;

    public bool IsClosed => _closed.IsCancellationRequested;

    /// <summary>The client has stopped: calls that are in it, or still come, are answered at once.</summary>
    public void Close()
    {
        // Whoever waits for it goes on in a thread of the pool.
        _ = _closed.CancelAsync();
        Interlocked.MemoryBarrier();
        while (TryTake(out var call)) call.Answer(Stopped(call));
    }

    private static RequestFailed Stopped(PendingCall call) =>
        new(call.Request.RequestId, FailureKind.ClientStopped, "The client was stopped before the call was sent; nothing was executed.");

    public void Cancel(PendingCall call)
    {
        _cancelled.Enqueue(call);
        Interlocked.MemoryBarrier();
    }

    /// <summary>Whether the actor has yet to be told of what the calling thread has put in.</summary>
    public bool NeedsTelling() => Volatile.Read(ref _told) == 0 && Interlocked.Exchange(ref _told, 1) == 0;

    /// <summary>To be called before what has gathered is taken.</summary>
    public void Told() => Interlocked.Exchange(ref _told, 0);

    public bool TryTake(out PendingCall call)
    {
        if (!_arrivals.TryDequeue(out call!)) return false;
        Interlocked.Decrement(ref _count);
        return true;
    }

    public bool TryTakeCancelled(out PendingCall call) => _cancelled.TryDequeue(out call!);
}

/// <summary>Calls in order of their deadlines. What was answered before goes unseen, and is let go of before it is half of all.</summary>
internal sealed class Deadlines
{
    private const int Few = 1_024;

    private readonly PriorityQueue<PendingCall, TimeSpan> _calls = new();
    private int _answered;

    public void Add(PendingCall call) => _calls.Enqueue(call, call.Deadline);

    /// <summary>To be called for each call that was added and is answered.</summary>
    public void Answered()
    {
        if (++_answered <= Few || _answered <= _calls.Count / 2) return;
        var left = _calls.UnorderedItems.Where(item => !item.Element.IsAnswered).ToList();
        _calls.Clear();
        _calls.EnqueueRange(left);
        _answered = 0;
    }

    /// <summary>Takes a call whose time is over.</summary>
    public bool TryTake(TimeSpan now, out PendingCall call)
    {
        while (_calls.TryPeek(out call!, out var deadline) && (call.IsAnswered || deadline <= now))
        {
            _calls.Dequeue();
            if (!call.IsAnswered) return true;
            if (_answered > 0) _answered--;
        }
        return false;
    }
}
