using Akka.Actor;
using AkkaRaft.Remoting;

namespace AkkaRaft.Consensus;

/// <summary>Whom the state machine answers in a client's stead: it holds the answer until the leader knows that it may be given, or that it may not.</summary>
internal sealed class HeldAnswer(IActorRef client) : MinimalActorRef
{
    private readonly Lock _lock = new();
    private readonly List<(object Message, IActorRef Sender)> _held = [];
    private bool _isReleased;
    private bool _isDropped;

    public override ActorPath Path => client.Path;

    public override IActorRefProvider Provider => ((IInternalActorRef)client).Provider;

    /// <summary>Gives what is held, and from now on whatever comes.</summary>
    public void Release()
    {
        lock (_lock) _isReleased = true;
        foreach (var (message, sender) in _held) client.Tell(message, sender);
    }

    /// <summary>Gives nothing, neither of what is held nor of what comes.</summary>
    public void Drop()
    {
        lock (_lock)
        {
            _isDropped = true;
            foreach (var (message, _) in _held) Forget(message);
            _held.Clear();
        }
    }

    private static void Forget(object message) => (message as ILargeAnswer)?.Counted.Wrote();

    protected override void TellInternal(object message, IActorRef sender)
    {
        lock (_lock)
        {
            if (_isDropped)
            {
                Forget(message);
                return;
            }
            if (!_isReleased)
            {
                _held.Add((message, sender));
                return;
            }
        }
        client.Tell(message, sender);
    }
}
