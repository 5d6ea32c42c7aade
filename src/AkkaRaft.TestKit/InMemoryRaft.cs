using System.Collections.Immutable;
using Akka.Actor;
using AkkaRaft.Client;
using AkkaRaft.Hosting;
using AkkaRaft.KeyValue;
using AkkaRaft.Log;
using AkkaRaft.Protocol;
using AkkaRaft.StateMachines;

namespace AkkaRaft.TestKit;

/// <summary>
/// A cluster of one member in this process, for the unit tests of a service: no port, no file, no election. The store, or an application's own state machine, is the one that
/// members run, with its sessions, leases and watches; what is kept is gone with it. What happens when members fail is for <see cref="ClusterSimulation"/>.
/// </summary>
public sealed class InMemoryRaft : IAsyncDisposable
{
    private const string Name = "in-memory";

    private readonly ActorSystem _system;
    private readonly string? _directory;

    private InMemoryRaft(ActorSystem system, RaftClient client, string? directory)
    {
        _system = system;
        Client = client;
        _directory = directory;
    }

    /// <summary>Its client, as a service has it; of an own state machine, <see cref="RaftClient.ForStateMachine"/> makes the client.</summary>
    public RaftClient Client { get; }

    /// <summary>Starts one.</summary>
    /// <param name="stateMachine">What it runs; the key-value store when nothing is said.</param>
    /// <param name="clock">By which leases and timers end; a test that does not want to wait gives one that it sets.</param>
    /// <param name="codec">How the typed calls write what is neither text nor bytes.</param>
    public static InMemoryRaft Start(RaftStateMachine? stateMachine = null, TimeProvider? clock = null, IRaftCodec? codec = null)
    {
        var machine = stateMachine ?? RaftStateMachine.KeyValueStore;
        var self = new RaftEndpoint(new MemberId(0), "127.0.0.1:1");
        var directory = machine.IsActor ? Directory.CreateTempSubdirectory("akkaraft-").FullName : null;
        var settings = new RaftSettings
        {
            ClusterId = Name, Id = self.Id, Members = ImmutableSortedDictionary<MemberId, RaftEndpoint>.Empty.Add(self.Id, self), DataDirectory = directory ?? Name,
        };
        var system = ActorSystem.Create(Name, "akka { loglevel = WARNING, stdout-loglevel = OFF, log-dead-letters = off }");
        var props = machine == RaftStateMachine.KeyValueStore ? KeyValueActor.Props(settings, null)
            : directory is not null ? machine.PropsOf(settings, Path.Combine(directory, machine.FileName))
            : machine.PropsWith(settings, new NoFile(), _ => { });
        var leader = system.ActorOf(Props.Create(() => new Leader(settings, props, clock ?? TimeProvider.System)), "raft");
        var client = settings.ForClients();
        return new InMemoryRaft(system, RaftClient.Create(system, codec is null ? client : client with { Codec = codec }, _ => leader), directory);
    }

    /// <summary>Ends it, and its client.</summary>
    public async ValueTask DisposeAsync()
    {
        await Client.DisposeAsync().ConfigureAwait(false);
        await Task.Run(_system.Terminate).ConfigureAwait(false);
        if (_directory is not null) Directory.Delete(_directory, recursive: true);
    }

    /// <summary>Leads from the first moment, alone: what it is given is committed, and applied in its turn.</summary>
    private sealed class Leader : ReceiveActor, IWithUnboundedStash
    {
        private const long Term = 1;

        private readonly RaftSettings _settings;
        private readonly TimeProvider _clock;
        private readonly long _beganAt;
        private readonly long _beganMs;
        private readonly IActorRef _stateMachine;
        private readonly Queue<(IActorRef Asker, long RequestId)> _applied = new();
        private long _index;
        private ITimer? _due;

        public Leader(RaftSettings settings, Props stateMachine, TimeProvider clock)
        {
            _settings = settings;
            _clock = clock;
            _beganAt = clock.GetTimestamp();
            _beganMs = clock.GetUtcNow().ToUnixTimeMilliseconds();
            _stateMachine = Context.ActorOf(stateMachine, "state-machine");
            Receive<StateMachineReady>(ready =>
            {
                Append(EntryKind.NoOp, ready.LeaderProposal, ActorRefs.Nobody, 0);
                Become(Leads);
                Stash.UnstashAll();
            });
            ReceiveAny(_ => Stash.Stash());
        }

        public IStash Stash { get; set; } = null!;

        private RaftEndpoint Only => _settings.Members[_settings.Id];

        private void Leads()
        {
            Receive<Submit>(submit => Append(EntryKind.Command, submit.Payload, Sender, submit.RequestId));
            Receive<EntriesApplied>(applied =>
            {
                var (asker, requestId) = _applied.Dequeue();
                asker.Tell(new SubmitReply(requestId, applied.LastIndex, applied.Results[0]));
            });
            // Behind all that was submitted before.
            Receive<Read>(read => _stateMachine.Tell(new Query(read.RequestId, read.Payload), Sender));
            Receive<TimeDue>(due => Await(due.TimestampMs));
            Receive<Tick>(_ => Append(EntryKind.NoOp, default, ActorRefs.Nobody, 0));
            Receive<GetMembership>(get => Sender.Tell(new Membership(
                0, IsCommitted: true, FromLeader: true, MembershipPhase.Stable, null, [new ConfiguredMember(Only, MembershipRole.Voter, _index, 0, 0)]) { RequestId = get.RequestId }));
            Receive<GetMemberStatus>(get => Sender.Tell(new RaftStatus(
                _settings.Id, Only.Address, RaftRole.Leader, Term, _settings.Id, _index, _index, _index, Environment.ProcessId, []) { RequestId = get.RequestId }));
            Receive<IClusterRequest>(request => Sender.Tell(new Refused(request.RequestId, RefusalReason.Conflict, null, "A cluster in memory has one member, which stays; it makes no backups.")));
        }

        private long NowMs => _beganMs + (long)_clock.GetElapsedTime(_beganAt).TotalMilliseconds;

        private void Append(EntryKind kind, ReadOnlyMemory<byte> payload, IActorRef asker, long requestId)
        {
            _applied.Enqueue((asker, requestId));
            _stateMachine.Tell(new ApplyEntries([new LogEntry(++_index, Term, NowMs, kind, payload)], _index));
        }

        private void Await(long? timestampMs)
        {
            _due?.Dispose();
            var self = Self;
            _due = timestampMs is not { } due ? null
                : _clock.CreateTimer(_ => self.Tell(Tick.Instance), null, TimeSpan.FromMilliseconds(Math.Clamp(due - NowMs, 0, int.MaxValue)), Timeout.InfiniteTimeSpan);
        }

        protected override void PostStop() => _due?.Dispose();

        private sealed record Tick
        {
            public static Tick Instance { get; } = new();
        }
    }

    /// <summary>There is nothing before, and nobody asks for an image.</summary>
    private sealed class NoFile : IStateFile
    {
        public byte[]? Read() => null;

        public Task WriteAsync(byte[] image, Action check) => Task.CompletedTask;

        public Task WriteImageAsync(byte[] image, string file, Action check) => throw new NotSupportedException("A cluster in memory makes no images.");

        public string PutAside() => throw new NotSupportedException("A cluster in memory keeps nothing.");
    }
}
