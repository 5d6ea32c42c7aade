using Akka.Actor;
using Akka.Configuration;
using AkkaRaft.Hosting;
using AkkaRaft.Protocol;

namespace AkkaRaft.Client;

/// <summary>The store, seen from any ActorSystem that has Akka.Remote. Thread-safe; one is enough for a process.</summary>
public sealed partial class RaftClient : IAsyncDisposable
{
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(5);

    private readonly ActorSystem _system;
    private readonly RaftClientSettings _settings;
    private readonly IActorRef _actor;
    private bool _ownsSystem;

    private RaftClient(ActorSystem system, RaftClientSettings settings, IActorRef actor)
    {
        _system = system;
        _settings = settings;
        _actor = actor;
    }

    /// <summary>Starts a client; it connects with its first call.</summary>
    /// <param name="system">The application's ActorSystem, with Akka.Remote as its provider.</param>
    /// <param name="settings">Whom to ask.</param>
    public static RaftClient Create(ActorSystem system, RaftClientSettings settings)
    {
        ArgumentNullException.ThrowIfNull(system);
        ArgumentNullException.ThrowIfNull(settings);
        if (((ExtendedActorSystem)system).Provider is not Akka.Remote.IRemoteActorRefProvider)
            throw new RaftConfigurationException($"The ActorSystem '{system.Name}' has no Akka.Remote: give it RaftClient.Configuration().");
        RaftSerializer.Register(system);
        var actor = system.ActorOf(ClientActor.Props(settings, member => RemoteTransport.Resolve(system, settings.SystemName, member)));
        return new RaftClient(system, settings, actor);
    }

    /// <summary>Starts a client over an ActorSystem of its own, which ends with it and logs nothing: what goes wrong is told by the calls.</summary>
    /// <param name="settings">Whom to ask.</param>
    public static RaftClient Create(RaftClientSettings settings)
    {
        var client = Create(ActorSystem.Create("akkaraft-client", MemberConfiguration.ForClient), settings);
        client._ownsSystem = true;
        return client;
    }

    /// <summary>What a client needs of the HOCON of an application's ActorSystem: Akka.Remote at a free port, and frames that hold the largest value.</summary>
    /// <param name="host">The address at which this process listens for answers.</param>
    public static Config Configuration(string host = "127.0.0.1") => MemberConfiguration.SharedByClient(host);

    /// <summary>Sets a key; ends once the change is committed and applied.</summary>
    /// <param name="key">One to 4 096 bytes by default.</param>
    /// <param name="value">Up to 1 MiB by default.</param>
    /// <param name="cancellationToken">Ends the wait; the change may take effect all the same.</param>
    /// <exception cref="RaftException">It got no result; the type says whether it may have taken effect.</exception>
    public Task<PutReply> PutAsync(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, CancellationToken cancellationToken = default) =>
        Ask<PutReply>(new Put(key, value), cancellationToken);

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

    /// <summary>Stops the client; calls that are still out end as cancelled.</summary>
    public async ValueTask DisposeAsync()
    {
        // An application may have ended its ActorSystem before.
        if (!_system.WhenTerminated.IsCompleted) await _actor.GracefulStop(StopTimeout).ConfigureAwait(false);
        if (_ownsSystem) await _system.Terminate().ConfigureAwait(false);
    }

    private async Task<T> Ask<T>(IKeyValueRequest request, CancellationToken cancellationToken) where T : class
    {
        var reply = await _actor.Ask<IKeyValueReply>(request, Timeout.InfiniteTimeSpan, cancellationToken).ConfigureAwait(false);
        return reply switch
        {
            T result => result,
            RequestFailed failed => throw ExceptionOf(failed),
            _ => throw new InvalidOperationException($"{request.GetType().Name} was answered by {reply.GetType().Name}."),
        };
    }

    private static RaftException ExceptionOf(RequestFailed failed) => failed.Kind switch
    {
        FailureKind.NoLeader => new NoLeaderException(failed.Message),
        FailureKind.ClusterUnreachable => new ClusterUnreachableException(failed.Message),
        FailureKind.Overloaded => new OverloadedException(failed.Message),
        FailureKind.SessionExpired => new SessionExpiredException(failed.Message),
        FailureKind.BadInput => new BadInputException(failed.Message),
        FailureKind.LeaseNotFound => new LeaseNotFoundException(failed.Message),
        _ => new OutcomeUnknownException(failed.Message),
    };

    private static ReadOnlyMemory<byte> Utf8(string text) => System.Text.Encoding.UTF8.GetBytes(text);
}
