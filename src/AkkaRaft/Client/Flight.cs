using AkkaRaft.Protocol;

namespace AkkaRaft.Client;

/// <summary>One message to the cluster, sent again to whichever member may lead until it is answered; the same number each time.</summary>
internal sealed class Flight(long requestId, IReadOnlyList<PendingCall> calls)
{
    public long RequestId { get; } = requestId;

    /// <summary>Whose answers come with it; empty when it opens a session.</summary>
    public List<PendingCall> Calls { get; } = [.. calls];

    /// <summary>The member asked, or null while it waits to be sent again.</summary>
    public Member? Target { get; set; }

    public TimeSpan SentAt { get; set; }

    public TimeSpan RetryAt { get; set; }

    /// <summary>Some member may have it in its log.</summary>
    public bool MaybeAppended { get; set; }
}

/// <summary>A call not yet answered.</summary>
internal sealed class PendingCall(IKeyValueRequest request, Akka.Actor.IActorRef asker, TimeSpan deadline)
{
    public IKeyValueRequest Request { get; } = request;

    public Akka.Actor.IActorRef Asker { get; } = asker;

    public TimeSpan Deadline { get; } = deadline;

    public bool Answered { get; private set; }

    /// <summary>It will not be executed any more: a no-op takes its serial.</summary>
    public bool Withdrawn { get; set; }

    public int Bytes => Request switch
    {
        Put put => put.Key.Length + put.Value.Length,
        Get get => get.Key.Length,
        Delete delete => delete.Key.Length,
        _ => 0,
    };

    public void Answer(IKeyValueReply reply)
    {
        if (Answered) return;
        Answered = true;
        Asker.Tell(reply, Akka.Actor.ActorRefs.NoSender);
    }
}
