using Akka;
using Akka.Actor;
using AkkaRaft.Client;
using AkkaRaft.Consensus;
using AkkaRaft.Protocol;
using AkkaRaft.StateMachine;
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

/// <summary>One member of the key-value cluster in an ActorSystem of its own.</summary>
public sealed class RaftNode : IAsyncDisposable
{
    private static readonly TimeSpan HandOverTimeout = TimeSpan.FromSeconds(2);

    private readonly RaftSettings _settings;
    private readonly DataDirectory _directory;
    private readonly TaskCompletionSource<(MemberEnd, string)> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private RaftNode(RaftSettings settings, DataDirectory directory, ActorSystem system)
    {
        _settings = settings;
        _directory = directory;
        System = system;
    }

    /// <summary>The member's ActorSystem; <c>/user/raft</c> takes the messages of <see cref="IKeyValueRequest"/>.</summary>
    public ActorSystem System { get; }

    /// <summary>Ends when the member stops for good, with the reason in words. The ActorSystem goes on: it is the application's.</summary>
    public Task<(MemberEnd End, string Reason)> Completion => _completion.Task;

    /// <summary>Checks and locks the data directory, listens at the member's address and starts the member.</summary>
    /// <param name="settings">The member's settings.</param>
    /// <exception cref="DataDirectoryException">The directory is in use, unreadable, or another member's.</exception>
    /// <exception cref="RaftConfigurationException">The settings do not allow the address.</exception>
    /// <exception cref="IOException">The address cannot be listened at.</exception>
    public static Task<RaftNode> StartAsync(RaftSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var directory = DataDirectory.Open(settings);
        try
        {
            JournalGuard.Check(settings, directory);
            var system = StartSystem(settings, directory);
            var node = new RaftNode(settings, directory, system);
            node.StartMember();
            return Task.FromResult(node);
        }
        catch
        {
            directory.Dispose();
            throw;
        }
    }

    private static ActorSystem StartSystem(RaftSettings settings, DataDirectory directory)
    {
        try
        {
            var setup = BootstrapSetup.Create().WithConfig(MemberConfiguration.For(settings, directory)).And(MemberConfiguration.QuietRemoting);
            return ActorSystem.Create(RemoteTransport.SystemName, setup);
        }
        catch (Exception e) when (e is not RaftConfigurationException)
        {
            var cause = e.GetBaseException();
            throw new IOException($"Member {settings.Id} cannot listen at {settings.Members[settings.Id].Address}: {cause.Message} Is another process using the port?", e);
        }
    }

    private void StartMember()
    {
        var completion = _completion;
        var watcher = System.ActorOf(Props.Create(() => new FailureWatcher(completion)), "raft-failures");
        System.EventStream.Subscribe(watcher, typeof(MemberFailed));
        System.EventStream.Subscribe(watcher, typeof(MemberRemoved));

        var transport = new RemoteTransport(System);
        var stateMachine = KeyValueActor.Props(_settings, _directory.StateFile).WithDispatcher("akkaraft.state-machine-dispatcher");
        var member = RaftActor.Props(_settings, transport, stateMachine, new Random()).WithDispatcher("akkaraft.raft-dispatcher");
        var client = ClientActor.Props(
            new RaftClientSettings { ClusterId = _settings.ClusterId, Members = _settings.Members, MaxKeyBytes = _settings.MaxKeyBytes, MaxValueBytes = _settings.MaxValueBytes },
            to => RemoteTransport.Resolve(System, to));
        System.ActorOf(RaftGateway.Props(member, client), "raft");
        CoordinatedShutdown.Get(System).AddTask(CoordinatedShutdown.PhaseBeforeServiceUnbind, "akkaraft-hand-over", HandOver);
    }

    /// <summary>Hands leadership over if it leads, so that no client waits for an election; then the member may stop.</summary>
    private async Task<Done> HandOver()
    {
        if (_completion.Task.IsCompleted) return Done.Instance;
        try
        {
            await System.ActorSelection("/user/raft/member")
                .Ask<object>(new TransferLeadership(_settings.ClusterId, 0, null), HandOverTimeout)
                .ConfigureAwait(false);
        }
        catch (AskTimeoutException)
        {
            // The others elect a leader by themselves.
        }
        return Done.Instance;
    }

    /// <summary>Hands leadership over if it leads, stops the member and gives up its data directory.</summary>
    public async ValueTask DisposeAsync()
    {
        await CoordinatedShutdown.Get(System).Run(CoordinatedShutdown.ClrExitReason.Instance).ConfigureAwait(false);
        _directory.Dispose();
        _completion.TrySetResult((MemberEnd.Stopped, "It was asked to stop."));
    }

    private sealed class FailureWatcher : ReceiveActor
    {
        public FailureWatcher(TaskCompletionSource<(MemberEnd, string)> completion)
        {
            Receive<MemberFailed>(failed => completion.TrySetResult((MemberEnd.Failed, failed.Reason)));
            Receive<MemberRemoved>(removed => completion.TrySetResult((MemberEnd.Removed, $"Member {removed.Id} was removed from the cluster.")));
        }
    }
}
