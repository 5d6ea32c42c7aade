using Akka;
using Akka.Actor;
using Akka.Configuration;
using AkkaRaft.Client;
using AkkaRaft.Consensus;
using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;
using AkkaRaft.Remoting;
using AkkaRaft.Remoting.Threading;
using AkkaRaft.Storage;

namespace AkkaRaft.Hosting;

/// <summary>Why a member has ended.</summary>
public enum MemberEnd
{
    /// <summary>It was asked to.</summary>
    Stopped,

    /// <summary>A change of members removed it: its work is done.</summary>
    Removed,

    /// <summary>It cannot go on with what is stored.</summary>
    Failed,
}

/// <summary>A member has ended.</summary>
/// <param name="End">How.</param>
/// <param name="Reason">Why, and what to do, for people.</param>
public sealed record MemberEnded(MemberEnd End, string Reason);

/// <summary>One member of a cluster, in an ActorSystem of its own or in the application's.</summary>
public sealed class RaftNode : IAsyncDisposable
{
    private static readonly TimeSpan HandOverTimeout = TimeSpan.FromSeconds(2);
    private const long MostForwardedBytes = 16 * 1024 * 1024;
    private static readonly TimeSpan StopTimeout = TimeSpan.FromSeconds(10);

    private readonly DataDirectory _directory;
    private readonly IActorRef _watcher;
    private readonly bool _ownsSystem;
    private readonly TaskCompletionSource<MemberEnded> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private RaftNode(RaftSettings settings, RaftStateMachine machine, DataDirectory directory, ActorSystem system, bool ownsSystem)
    {
        Settings = settings with { JournalPlugin = MemberConfiguration.Journal, SnapshotPlugin = MemberConfiguration.NoSnapshots, SnapshotDispatcher = "akkaraft.snapshot-dispatcher", Clock = () => BootClock.Now };
        _directory = directory;
        System = system;
        _ownsSystem = ownsSystem;

        var completion = _completion;
        _watcher = System.ActorOf(Props.CreateBy(new Producer<FailureWatcher>(() => new FailureWatcher(directory, completion))), "raft-failures");
        System.EventStream.Subscribe(_watcher, typeof(MemberFailed));
        System.EventStream.Subscribe(_watcher, typeof(MemberRemoved));

        var transport = new RemoteTransport(System, settings.SystemName);
        var stateMachine = machine.PropsOf(Settings, _directory.StateFile(machine.FileName)).WithDispatcher("akkaraft.state-machine-dispatcher");
        var member = RaftActor.Props(Settings, transport, stateMachine, new Random()).WithDispatcher("akkaraft.raft-dispatcher");
        // For plain messages: whoever sends many has a client of his own.
        var client = ClientActor.Props(settings.ForClients() with { MaxQueuedBytes = MostForwardedBytes }, machine.Requests, to => MemberDoor.Resolve(system, settings.SystemName, to.Address));
        // On the member's thread: what it hands on to the member waits for no other.
        Gateway = System.ActorOf(RaftGateway.Props(settings.ClusterId, machine, member, client).WithDispatcher("akkaraft.raft-dispatcher"), "raft");
        if (SocketTransport.Of(System) is { } socket) socket.InMailboxes = () => RaftGateway.Waiting(Gateway);
        CoordinatedShutdown.Get(System).AddTask(CoordinatedShutdown.PhaseBeforeServiceUnbind, "akkaraft-hand-over", HandOver);
        System.RegisterOnTermination(Ended);
    }

    /// <summary>The member's ActorSystem.</summary>
    public ActorSystem System { get; }

    /// <summary>The member's settings.</summary>
    public RaftSettings Settings { get; }

    /// <summary><c>/user/raft</c>, which takes the messages of <see cref="IKeyValueRequest"/>.</summary>
    public IActorRef Gateway { get; }

    /// <summary>Ends when the member stops for good, with the reason in words. The ActorSystem goes on: it is the application's.</summary>
    public Task<MemberEnded> Completion => _completion.Task;

    /// <summary>Checks and locks the data directory, listens at the member's address and starts the member in an ActorSystem of its own.</summary>
    /// <param name="settings">The member's settings.</param>
    /// <param name="stateMachine">What the cluster's members run; the key-value store when nothing is said.</param>
    /// <exception cref="DataDirectoryException">The directory is in use, unreadable, or another member's.</exception>
    /// <exception cref="RaftConfigurationException">A setting is out of its range, or the settings do not allow the address.</exception>
    /// <exception cref="IOException">The address cannot be listened at.</exception>
    public static Task<RaftNode> StartAsync(RaftSettings settings, RaftStateMachine? stateMachine = null)
    {
        ArgumentNullException.ThrowIfNull(settings);
        settings.Validate();
        return Task.FromResult(Open(settings, stateMachine, (measured, machine, directory) => new RaftNode(measured, machine, directory, StartSystem(measured), ownsSystem: true)));
    }

    /// <summary>Checks and locks the data directory and starts the member in an application's ActorSystem, which has <see cref="Configuration"/> and goes on when the member ends.</summary>
    /// <param name="system">The ActorSystem, named <see cref="RaftSettings.SystemName"/>, that listens at the member's address.</param>
    /// <param name="settings">The member's settings.</param>
    /// <param name="stateMachine">What the cluster's members run; the key-value store when nothing is said.</param>
    /// <exception cref="DataDirectoryException">The directory is in use, unreadable, or another member's.</exception>
    /// <exception cref="RaftConfigurationException">A setting is out of its range, or the ActorSystem is not as a member needs it.</exception>
    public static RaftNode Start(ActorSystem system, RaftSettings settings, RaftStateMachine? stateMachine = null)
    {
        ArgumentNullException.ThrowIfNull(system);
        ArgumentNullException.ThrowIfNull(settings);
        settings.Validate();
        if (Complaint(system, settings) is { } complaint) throw new RaftConfigurationException(complaint);
        return Open(settings, stateMachine, (measured, machine, directory) => new RaftNode(measured, machine, directory, system, ownsSystem: false));
    }

    /// <summary>What an ActorSystem needs in its HOCON for a member to live in it: Akka.Remote at the member's address, frames that hold its messages, its serializer, journal and dispatcher.</summary>
    /// <param name="settings">The member's settings.</param>
    /// <param name="hardened">
    /// Whether the ActorSystem is closed to all messages from outside but Raft's: untrusted mode, and a default serializer that refuses instead of Akka's JSON one,
    /// which instantiates whatever type a peer names. Off when the application itself sends messages over this ActorSystem, or stores events as JSON.
    /// </param>
    /// <exception cref="RaftConfigurationException">A setting is out of its range, or the settings do not allow the address.</exception>
    public static Config Configuration(RaftSettings settings, bool hardened = true)
    {
        ArgumentNullException.ThrowIfNull(settings);
        settings.Validate();
        return (hardened ? RemotingConfiguration.Hardened : Config.Empty).WithFallback(MemberConfiguration.Shared(settings));
    }

    /// <summary>Asks the member how it stands.</summary>
    /// <param name="timeout">How long to wait for the answer.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>Its status, or null when it has not answered in time, or is recovering.</returns>
    public async Task<RaftStatus?> StatusAsync(TimeSpan timeout, CancellationToken cancellationToken = default) =>
        await AskStatusAsync(timeout, cancellationToken).ConfigureAwait(false) as RaftStatus;

    /// <returns>The member's status, what it is refused with while it recovers, or null when nothing has come in time.</returns>
    internal async Task<object?> AskStatusAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        try
        {
            return await Task.Run(() => Gateway.Ask<object>(new GetMemberStatus(Settings.ClusterId, 0), timeout, cancellationToken), cancellationToken).ConfigureAwait(false);
        }
        catch (AskTimeoutException)
        {
            return null;
        }
    }

    private static string? Complaint(ActorSystem system, RaftSettings settings)
    {
        var self = settings.Members[settings.Id];
        var address = ((ExtendedActorSystem)system).Provider.DefaultAddress;
        var config = system.Settings.Config;
        var needed = MemberConfiguration.FrameBytes(settings);
        if (system.Name != settings.SystemName)
            return $"The ActorSystem is called '{system.Name}', and akkaraft.system-name is '{settings.SystemName}': give both one name, the same for all members and clients.";
        if (!config.HasPath(MemberConfiguration.Journal))
            return "The ActorSystem lacks the settings of a member: create it with RaftNode.Configuration(settings), or by WithRaft.";
        // Akka's addresses are in lower case.
        if (!Addresses.Join(address).Equals(self.Address, StringComparison.OrdinalIgnoreCase))
            return $"The ActorSystem listens at {address}, and member {self.Id} is said to be at {self.Address}: set akka.remote.dot-netty.tcp hostname and port to it.";
        if (config.GetByteSize("akka.remote.dot-netty.tcp.maximum-frame-size") is var frame && frame < needed)
            return $"akka.remote.dot-netty.tcp.maximum-frame-size is {frame} bytes, and larger messages would be lost; it must be {needed} or more.";
        return config.GetBoolean("akka.remote.untrusted-mode") && config.GetStringList("akka.remote.trusted-selection-paths") is var paths
            && (!paths.Contains("/user/raft") || !paths.Contains("/user/raft/member"))
            ? "akka.remote.trusted-selection-paths lacks \"/user/raft\" or \"/user/raft/member\": no client could reach the member."
            : null;
    }

    private static RaftNode Open(RaftSettings settings, RaftStateMachine? stateMachine, Func<RaftSettings, RaftStateMachine, DataDirectory, RaftNode> start)
    {
        var machine = stateMachine ?? RaftStateMachine.KeyValueStore;
        var directory = DataDirectory.Open(settings);
        try
        {
            JournalGuard.Check(settings, directory, machine.Name);
            return start(settings with { SyncTime = SyncProbe.Measure(directory.Path) }, machine, directory);
        }
        catch
        {
            directory.Dispose();
            throw;
        }
    }

    private static ActorSystem StartSystem(RaftSettings settings)
    {
        try
        {
            var setup = BootstrapSetup.Create().WithConfig(MemberConfiguration.For(settings)).And(RemotingConfiguration.QuietRemoting);
            return ActorSystem.Create(settings.SystemName, setup);
        }
        catch (Exception e) when (e is not RaftConfigurationException)
        {
            var cause = e.GetBaseException();
            throw new IOException($"Member {settings.Id} cannot listen at {settings.Members[settings.Id].Address}: {cause.Message} Is another process using the port?", e);
        }
    }

    /// <summary>Hands leadership over if it leads, so that no client waits for an election; then the member may stop.</summary>
    private async Task<Done> HandOver()
    {
        if (_completion.Task.IsCompleted) return Done.Instance;
        try
        {
            await System.ActorSelection("/user/raft/member")
                .Ask<object>(new TransferLeadership(Settings.ClusterId, 0, null), HandOverTimeout)
                .ConfigureAwait(false);
        }
        catch (AskTimeoutException)
        {
            // The others elect a leader by themselves.
        }
        return Done.Instance;
    }

    /// <summary>Hands leadership over if it leads, stops the member and gives up its data directory; an application's ActorSystem goes on.</summary>
    public async ValueTask DisposeAsync()
    {
        // Akka awaits in the caller's context, which may be blocked until this ends.
        await Task.Run(StopAsync).ConfigureAwait(false);
        Ended();
    }

    private async Task StopAsync()
    {
        if (_ownsSystem) await CoordinatedShutdown.Get(System).Run(CoordinatedShutdown.ClrExitReason.Instance).ConfigureAwait(false);
        else if (!System.WhenTerminated.IsCompleted)
        {
            await HandOver().ConfigureAwait(false);
            await Gateway.GracefulStop(StopTimeout).ConfigureAwait(false);
            await _watcher.GracefulStop(StopTimeout).ConfigureAwait(false);
        }
    }

    private void Ended()
    {
        _directory.Dispose();
        // An ActorSystem that ends because one of Akka's own actors did was shut down by nobody.
        var end = _ownsSystem && CoordinatedShutdown.Get(System).ShutdownReason is null
            ? new MemberEnded(MemberEnd.Failed, "Its ActorSystem has ended by itself, and nobody had asked the member to stop. Start it again.")
            : new MemberEnded(MemberEnd.Stopped, "It was asked to stop.");
        _completion.TrySetResult(end);
    }

    private sealed class FailureWatcher : ReceiveActor
    {
        private readonly DataDirectory _directory;

        public FailureWatcher(DataDirectory directory, TaskCompletionSource<MemberEnded> completion)
        {
            _directory = directory;
            Receive<MemberFailed>(failed => completion.TrySetResult(new MemberEnded(MemberEnd.Failed, NoteLog(failed))));
            Receive<MemberRemoved>(removed => completion.TrySetResult(new MemberEnded(MemberEnd.Removed, $"Member {removed.Id} was removed from the cluster.")));
        }

        /// <summary>So that the member can be started with the state machine that its log is of.</summary>
        private string NoteLog(MemberFailed failed)
        {
            if (failed.LogIsOf is not { } stateMachine) return failed.Reason;
            try
            {
                JournalGuard.Note(_directory, stateMachine);
                return failed.Reason;
            }
            catch (DataDirectoryException e)
            {
                return $"{failed.Reason} {e.Message}";
            }
        }
    }
}
