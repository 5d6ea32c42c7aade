using Akka.Actor;
using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;
using AkkaRaft.Remoting.Threading;

namespace AkkaRaft.Client;

/// <summary>Calls to one state machine, in one session, each of which ends a task: what every client is a typed layer over. Thread-safe.</summary>
internal sealed class Calls
{
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(5);

    private readonly ActorSystem _system;
    private readonly RaftClientSettings _settings;
    private readonly IRequestCodec _codec;
    private readonly IActorRef _actor;
    private readonly CallInbox _inbox;

    private Calls(ActorSystem system, RaftClientSettings settings, IRequestCodec codec, IActorRef actor, CallInbox inbox)
    {
        _system = system;
        _settings = settings;
        _codec = codec;
        _actor = actor;
        _inbox = inbox;
    }

    /// <summary>Starts the actor that sends them.</summary>
    public static Calls Start(ActorSystem system, RaftClientSettings settings, IRequestCodec codec, Func<RaftEndpoint, ICanTell> resolve)
    {
        var inbox = new CallInbox(settings.MaxQueued);
        var props = ClientActor.Props(settings, codec, resolve, inbox);
        var actor = system.ActorOf(system.Dispatchers.HasDispatcher(ClientConfiguration.Dispatcher) ? props.WithDispatcher(ClientConfiguration.Dispatcher) : props);
        system.WhenTerminated.ContinueWith(_ => inbox.Close(), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        return new Calls(system, settings, codec, actor, inbox);
    }

    /// <summary>The same actor, session and queue, with other settings for the calls.</summary>
    public Calls With(RaftClientSettings settings) => new(_system, settings, _codec, _actor, _inbox);

    /// <summary>Cancelled once they have stopped.</summary>
    public CancellationToken Stopped => _inbox.Closed;

    public async Task<T> AskAsync<T>(IRaftRequest request, CancellationToken cancellationToken) where T : class
    {
        cancellationToken.ThrowIfCancellationRequested();
        ThrowIfDisposed();
        if (_codec.Check(request, _settings) is { } wrong) throw ExceptionOf(wrong);
        // It ends in a thread of the pool alone, where the caller goes on at once.
        var completion = new TaskCompletionSource<IRaftReply>();
        var call = PendingCall.From(request, completion, _settings.RequestTimeout, _codec);
        if (!_inbox.TryAdd(call)) throw new OverloadedException($"{_settings.MaxQueued} calls wait to be taken already. Nothing was sent; call more slowly.");
        Tell();
        using var registration = cancellationToken.UnsafeRegister((_, token) => Cancel(call, completion, token), null);
        return await completion.Task.ConfigureAwait(false) switch
        {
            T result => result,
            RequestFailed failed => throw ExceptionOf(failed),
            var other => throw new InvalidOperationException($"{request.GetType().Name} was answered by {other.GetType().Name}."),
        };
    }

    /// <summary>What has not been sent is not sent any more.</summary>
    private void Cancel(PendingCall call, TaskCompletionSource<IRaftReply> completion, CancellationToken token)
    {
        ThreadPool.UnsafeQueueUserWorkItem(_ => completion.TrySetCanceled(token), null);
        _inbox.Cancel(call);
        Tell();
    }

    /// <summary>A caller that no context binds, so that what the actor begins is not bound to it either, sends what it asks itself.</summary>
    private void Tell()
    {
        if (!_inbox.NeedsTelling()) return;
        var isUnbound = SynchronizationContext.Current is null && TaskScheduler.Current == TaskScheduler.Default;
        using var visit = isUnbound ? SerialExecutor.Visit() : default;
        _actor.Tell(ClientActor.Pump.Instance, ActorRefs.NoSender);
    }

    public void ThrowIfDisposed()
    {
        if (_inbox.IsClosed) throw Disposed("The client has stopped: it was disposed of, or its ActorSystem has ended. Nothing was sent.");
    }

    /// <summary>All that are still out, and all that come later, fail.</summary>
    public async ValueTask StopAsync()
    {
        _inbox.Close();
        // Akka awaits in the caller's context, which may be blocked until this ends.
        await Task.Run(StopActorAsync).ConfigureAwait(false);
    }

    private async Task StopActorAsync()
    {
        try
        {
            // An application may have ended its ActorSystem before.
            if (!_system.WhenTerminated.IsCompleted) await _actor.GracefulStop(StopTimeout).ConfigureAwait(false);
        }
        catch (TaskCanceledException)
        {
            throw new TimeoutException($"The client's actor {_actor.Path} has not stopped within {StopTimeout.TotalSeconds:0} s: a caller that went on in its thread may be blocked.");
        }
    }

    public static ObjectDisposedException Disposed(string message) => new(nameof(RaftClient), message);

    private static Exception ExceptionOf(RequestFailed failed) => failed.Kind switch
    {
        FailureKind.ClientStopped => Disposed(failed.Message),
        FailureKind.NoLeader => new NoLeaderException(failed.Message),
        FailureKind.ClusterUnreachable => new ClusterUnreachableException(failed.Message),
        FailureKind.Overloaded => new OverloadedException(failed.Message),
        FailureKind.SessionExpired => new SessionExpiredException(failed.Message),
        FailureKind.BadInput => new BadInputException(failed.Message),
        FailureKind.LeaseNotFound => new LeaseNotFoundException(failed.Message),
        FailureKind.ValueTooLarge => new ValueTooLargeException(failed.Message),
        FailureKind.StateMachineFailed => new StateMachineException(failed.Message),
        _ => new OutcomeUnknownException(failed.Message),
    };
}
