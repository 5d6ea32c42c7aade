using Akka.Actor;

namespace AkkaRaft.Consensus;

/// <summary>Whom the state machine answers in a client's stead: it holds the answer until the leader knows that it may be given. One that is never released is never given.</summary>
internal sealed class HeldAnswer(IActorRef client) : MinimalActorRef
{
    private readonly Lock _lock = new();
    private readonly List<(object Message, IActorRef Sender)> _held = [];
    private bool _isReleased;

    public override ActorPath Path => client.Path;

    public override IActorRefProvider Provider => ((IInternalActorRef)client).Provider;

    /// <summary>Gives what is held, and from now on whatever comes.</summary>
    public void Release()
    {
        lock (_lock) _isReleased = true;
        foreach (var (message, sender) in _held) client.Tell(message, sender);
    }

    protected override void TellInternal(object message, IActorRef sender)
    {
        lock (_lock)
        {
            if (!_isReleased)
            {
                _held.Add((message, sender));
                return;
            }
        }
        client.Tell(message, sender);
    }
}
