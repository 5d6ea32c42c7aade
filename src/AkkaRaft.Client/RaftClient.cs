using Akka.Actor;
using Akka.Configuration;
using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;
using AkkaRaft.Remoting;
using AkkaRaft.Remoting.Threading;
using AkkaRaft.Serialization;

namespace AkkaRaft.Client;

/// <summary>The store, seen from any ActorSystem that has Akka.Remote. Thread-safe; one is enough for a process.</summary>
public sealed partial class RaftClient : IAsyncDisposable
{
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(5);

    private readonly ActorSystem _system;
    private readonly RaftClientSettings _settings;
    private readonly IActorRef _actor;
    private readonly CallInbox _inbox;

    /// <summary>Nobody sets it, and it goes on while the machine sleeps.</summary>
    private readonly TimeProvider _clock;
    private bool _ownsSystem;

    private RaftClient(ActorSystem system, RaftClientSettings settings, IActorRef actor, CallInbox inbox, TimeProvider clock)
    {
        _system = system;
        _settings = settings;
        _actor = actor;
        _inbox = inbox;
        _clock = clock;
    }

    /// <summary>Starts a client; it connects with its first call.</summary>
    /// <param name="system">The application's ActorSystem, with Akka.Remote as its provider.</param>
    /// <param name="settings">Whom to ask.</param>
    /// <exception cref="RaftConfigurationException">A setting is out of its range, or the ActorSystem has no Akka.Remote.</exception>
    public static RaftClient Create(ActorSystem system, RaftClientSettings settings)
    {
        ArgumentNullException.ThrowIfNull(system);
        ArgumentNullException.ThrowIfNull(settings);
        settings.Validate();
        if (((ExtendedActorSystem)system).Provider is not Akka.Remote.IRemoteActorRefProvider)
            throw new RaftConfigurationException($"The ActorSystem '{system.Name}' has no Akka.Remote: give it RaftClient.Configuration().");
        ClientSerializer.Register(system);
        return Create(system, settings, member => MemberDoor.Resolve(system, settings.SystemName, member.Address));
    }

    internal static RaftClient Create(ActorSystem system, RaftClientSettings settings, Func<Member, ICanTell> resolve, TimeProvider? clock = null)
    {
        var inbox = new CallInbox(settings.MaxQueued);
        var props = ClientActor.Props(settings, resolve, inbox);
        var actor = system.ActorOf(system.Dispatchers.HasDispatcher(ClientConfiguration.Dispatcher) ? props.WithDispatcher(ClientConfiguration.Dispatcher) : props);
        system.WhenTerminated.ContinueWith(_ => inbox.Close(), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        return new RaftClient(system, settings, actor, inbox, clock ?? BootClock.Provider);
    }

    /// <summary>The same client, sessions and queue included, whose calls may take so long before they fail.</summary>
    /// <param name="timeout">Instead of <see cref="RaftClientSettings.RequestTimeout"/>.</param>
    /// <exception cref="RaftConfigurationException">It is out of the range of <see cref="RaftClientSettings.RequestTimeout"/>.</exception>
    public RaftClient WithTimeout(TimeSpan timeout)
    {
        new SettingsCheck(nameof(RaftClientSettings)).Time(timeout, RaftClientSettings.ShortestTime, RaftClientSettings.LongestTime, nameof(RaftClientSettings.RequestTimeout));
        return new RaftClient(_system, _settings with { RequestTimeout = timeout }, _actor, _inbox, _clock) { _ownsSystem = _ownsSystem };
    }

    /// <summary>Starts a client over an ActorSystem of its own, which ends with it and logs nothing: what goes wrong is told by the calls.</summary>
    /// <param name="settings">Whom to ask.</param>
    /// <exception cref="RaftConfigurationException">A setting is out of its range.</exception>
    public static RaftClient Create(RaftClientSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        // Before there is an ActorSystem, which nobody would end.
        settings.Validate();
        var client = Create(ActorSystem.Create("akkaraft-client", ClientConfiguration.OfItsOwn()), settings);
        client._ownsSystem = true;
        return client;
    }

    /// <summary>
    /// What a client needs of the HOCON of one application's ActorSystem: Akka.Remote, and frames that hold the largest value. Call it for each ActorSystem:
    /// the name that it gives is of one.
    /// </summary>
    /// <param name="host">
    /// The address at which this process listens, at a free port, for an ActorSystem that others send to of their own accord; the members must reach it.
    /// Without one it listens at none, and the answers come over the connections that it opens.
    /// </param>
    /// <exception cref="RaftConfigurationException">The host is none.</exception>
    public static Config Configuration(string? host = null) => host is null || Uri.CheckHostName(host) != UriHostNameType.Unknown
        ? ClientConfiguration.Shared(host)
        : throw new RaftConfigurationException($"'{host}' is no host at which a client's ActorSystem can listen; expected a name or an IP address, without a port.");

    /// <summary>Sets a key; ends once the change is committed and applied.</summary>
    /// <param name="key">One to 4 096 bytes by default.</param>
    /// <param name="value">Up to 1 MiB by default.</param>
    /// <param name="cancellationToken">Ends the wait; the change may take effect all the same.</param>
    /// <exception cref="RaftException">It got no result; the type says whether it may have taken effect.</exception>
    public Task<PutReply> PutAsync(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, CancellationToken cancellationToken = default) =>
        Ask<PutReply>(new Put(key, value), cancellationToken);

    /// <summary>Sets a key that ends with a lease.</summary>
    /// <param name="key">One to 4 096 bytes by default.</param>
    /// <param name="value">Up to 1 MiB by default.</param>
    /// <param name="lease">The lease's number, of <see cref="GrantLeaseAsync"/>; 0 for none.</param>
    /// <param name="cancellationToken">Ends the wait; the change may take effect all the same.</param>
    /// <exception cref="LeaseNotFoundException">The lease has expired, or was revoked; nothing was changed.</exception>
    /// <exception cref="RaftException">It got no result; the type says whether it may have taken effect.</exception>
    public Task<PutReply> PutAsync(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, long lease, CancellationToken cancellationToken = default) =>
        Ask<PutReply>(new Put(key, value) { Lease = lease }, cancellationToken);

    /// <inheritdoc cref="PutAsync(ReadOnlyMemory{byte}, ReadOnlyMemory{byte}, CancellationToken)" />
    public Task<PutReply> PutAsync(string key, string value, CancellationToken cancellationToken = default) =>
        PutAsync(Utf8(key), Utf8(value), cancellationToken);

    /// <summary>Reads a key.</summary>
    /// <param name="key">The key.</param>
    /// <param name="consistency">How fresh the answer must be.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>What it holds; <see cref="GetReply.Found"/> is false when it is not there.</returns>
    /// <exception cref="RaftException">It could not be read.</exception>
    public Task<GetReply> GetAsync(ReadOnlyMemory<byte> key, ReadConsistency consistency = ReadConsistency.Linearizable, CancellationToken cancellationToken = default) =>
        Ask<GetReply>(new Get(key, consistency), cancellationToken);

    /// <summary>Reads a key as text.</summary>
    /// <returns>The value, or null when the key is not there.</returns>
    /// <inheritdoc cref="GetAsync(ReadOnlyMemory{byte}, ReadConsistency, CancellationToken)" />
    public async Task<string?> GetAsync(string key, ReadConsistency consistency = ReadConsistency.Linearizable, CancellationToken cancellationToken = default)
    {
        var reply = await GetAsync(Utf8(key), consistency, cancellationToken).ConfigureAwait(false);
        return reply.Found ? System.Text.Encoding.UTF8.GetString(reply.Value.Span) : null;
    }

    /// <summary>Removes a key; ends once the change is committed and applied.</summary>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Ends the wait; the change may take effect all the same.</param>
    /// <returns>Whether the key was there.</returns>
    /// <exception cref="RaftException">It got no result; the type says whether it may have taken effect.</exception>
    public Task<DeleteReply> DeleteAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default) =>
        Ask<DeleteReply>(new Delete(key), cancellationToken);

    /// <inheritdoc cref="DeleteAsync(ReadOnlyMemory{byte}, CancellationToken)" />
    public Task<DeleteReply> DeleteAsync(string key, CancellationToken cancellationToken = default) => DeleteAsync(Utf8(key), cancellationToken);

    /// <summary>
    /// Stops the client. Calls, watches and scans that are still out, and all that come later, fail with <see cref="ObjectDisposedException"/>, as surely not executed;
    /// those that were sent and would change something fail with <see cref="OutcomeUnknownException"/>. Leases that it holds are lost, and expire by themselves.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        _inbox.Close();
        // Akka awaits in the caller's context, which may be blocked until this ends.
        await Task.Run(StopAsync).ConfigureAwait(false);
    }

    private async Task StopAsync()
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
        finally
        {
            if (_ownsSystem) await _system.Terminate().ConfigureAwait(false);
        }
    }

    /// <summary>Cancelled once the client has stopped.</summary>
    internal CancellationToken Stopped => _inbox.Closed;

    private static ObjectDisposedException Disposed(string message) => new(nameof(RaftClient), message);

    private void ThrowIfDisposed()
    {
        if (_inbox.IsClosed) throw Disposed("The client has stopped: it was disposed of, or its ActorSystem has ended. Nothing was sent.");
    }

    private async Task<T> Ask<T>(IKeyValueRequest request, CancellationToken cancellationToken) where T : class
    {
        cancellationToken.ThrowIfCancellationRequested();
        ThrowIfDisposed();
        if (RequestLimits.Check(request, _settings) is { } wrong) throw ExceptionOf(wrong);
        // It ends in a thread of the pool alone, where the caller goes on at once.
        var completion = new TaskCompletionSource<IKeyValueReply>();
        var call = PendingCall.From(request, completion, _settings.RequestTimeout);
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
    private void Cancel(PendingCall call, TaskCompletionSource<IKeyValueReply> completion, CancellationToken token)
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
        _ => new OutcomeUnknownException(failed.Message),
    };

    private static ReadOnlyMemory<byte> Utf8(string text) => System.Text.Encoding.UTF8.GetBytes(text);
}
