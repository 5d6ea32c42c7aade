using Akka.Actor;
using Akka.Configuration;
using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;
using AkkaRaft.Remoting;
using AkkaRaft.Remoting.Threading;
using AkkaRaft.Serialization;

namespace AkkaRaft.Client;

/// <summary>The store, seen from any ActorSystem that has Akka.Remote. Thread-safe; one is enough for a process.</summary>
public sealed partial class RaftClient : IRaftClient, IAsyncDisposable
{
    private readonly ActorSystem _system;
    private readonly RaftClientSettings _settings;
    private readonly Func<RaftEndpoint, ICanTell> _resolve;
    private readonly Calls _calls;

    /// <summary>Nobody sets it, and it goes on while the machine sleeps.</summary>
    private readonly TimeProvider _clock;
    private bool _ownsSystem;

    private RaftClient(ActorSystem system, RaftClientSettings settings, Func<RaftEndpoint, ICanTell> resolve, Calls calls, TimeProvider clock)
    {
        _system = system;
        _settings = settings;
        _resolve = resolve;
        _calls = calls;
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

    internal static RaftClient Create(ActorSystem system, RaftClientSettings settings, Func<RaftEndpoint, ICanTell> resolve, TimeProvider? clock = null) =>
        new(system, settings, resolve, Calls.Start(system, settings, KeyValueRequests.Instance, resolve), clock ?? BootClock.Provider);

    /// <summary>A client of an application's own state machine in the same cluster, with sessions of its own. It ends with this client's ActorSystem, or when it is disposed of.</summary>
    /// <param name="stateMachine">The name under which the members run it.</param>
    /// <param name="codec">How its commands, results, queries and answers are written: as the members do.</param>
    /// <exception cref="ObjectDisposedException">This client has stopped.</exception>
    public StateMachineClient<TCommand, TResult, TQuery, TAnswer> ForStateMachine<TCommand, TResult, TQuery, TAnswer>(string stateMachine, IRaftCodec codec)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(stateMachine);
        ArgumentNullException.ThrowIfNull(codec);
        _calls.ThrowIfDisposed();
        return new StateMachineClient<TCommand, TResult, TQuery, TAnswer>(Calls.Start(_system, _settings, new CommandRequests(stateMachine), _resolve), codec);
    }

    /// <summary>The same client, sessions and queue included, whose calls may take so long before they fail.</summary>
    /// <param name="timeout">Instead of <see cref="RaftClientSettings.RequestTimeout"/>.</param>
    /// <exception cref="RaftConfigurationException">It is out of the range of <see cref="RaftClientSettings.RequestTimeout"/>.</exception>
    public RaftClient WithTimeout(TimeSpan timeout)
    {
        new SettingsCheck(nameof(RaftClientSettings)).Time(timeout, RaftClientSettings.ShortestTime, RaftClientSettings.LongestTime, nameof(RaftClientSettings.RequestTimeout));
        var settings = _settings with { RequestTimeout = timeout };
        return new RaftClient(_system, settings, _resolve, _calls.With(settings), _clock) { _ownsSystem = _ownsSystem };
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

    /// <inheritdoc />
    public IRaftCodec Codec => _settings.Codec;

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

    /// <summary>Reads a key.</summary>
    /// <param name="key">The key.</param>
    /// <param name="consistency">How fresh the answer must be.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>What it holds; <see cref="GetReply.Found"/> is false when it is not there.</returns>
    /// <exception cref="RaftException">It could not be read.</exception>
    public Task<GetReply> GetAsync(ReadOnlyMemory<byte> key, ReadConsistency consistency = ReadConsistency.Linearizable, CancellationToken cancellationToken = default) =>
        Ask<GetReply>(new Get(key, consistency), cancellationToken);

    /// <summary>Removes a key; ends once the change is committed and applied.</summary>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Ends the wait; the change may take effect all the same.</param>
    /// <returns>Whether the key was there.</returns>
    /// <exception cref="RaftException">It got no result; the type says whether it may have taken effect.</exception>
    public Task<DeleteReply> DeleteAsync(ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default) =>
        Ask<DeleteReply>(new Delete(key), cancellationToken);

    /// <summary>
    /// Stops the client. Calls, watches and scans that are still out, and all that come later, fail with <see cref="ObjectDisposedException"/>, as surely not executed;
    /// those that were sent and would change something fail with <see cref="OutcomeUnknownException"/>. Leases that it holds are lost, and expire by themselves.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await _calls.StopAsync().ConfigureAwait(false);
        }
        finally
        {
            // As in StopAsync, in no caller's context.
            if (_ownsSystem) await Task.Run(_system.Terminate).ConfigureAwait(false);
        }
    }

    /// <summary>By which its leases are counted.</summary>
    internal TimeProvider Clock => _clock;

    /// <summary>Cancelled once the client has stopped.</summary>
    internal CancellationToken Stopped => _calls.Stopped;

    private Task<T> Ask<T>(IKeyValueRequest request, CancellationToken cancellationToken) where T : class => _calls.AskAsync<T>(request, cancellationToken);
}
