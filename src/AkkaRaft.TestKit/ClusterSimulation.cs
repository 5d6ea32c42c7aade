using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Akka.Actor;
using Akka.Configuration;
using Akka.Event;
using AkkaRaft.Client;
using AkkaRaft.Consensus;
using AkkaRaft.Hosting;
using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;
using AkkaRaft.Remoting;
using AkkaRaft.TestKit.Checking;
using AkkaRaft.TestKit.Engine;
using AkkaRaft.TestKit.Journaling;
using AkkaRaft.TestKit.Network;
using AkkaRaft.TestKit.Tracing;
using Microsoft.Data.Sqlite;

namespace AkkaRaft.TestKit;

/// <summary>
/// A whole cluster of production actors on one thread, in virtual time, from one seed. Raft's properties are checked after every step;
/// <see cref="Check"/> checks the clients' histories. Not thread-safe: it is the thread that calls it.
/// </summary>
/// <remarks>Dispatcher, scheduler, journal and network are the simulation's; every message and every event goes through its production bytes.</remarks>
public sealed partial class ClusterSimulation : IDisposable
{

    private const int StepsWithoutTime = 1_000_000;

    // What a crash takes from a file is up to the simulation, so no disk need be waited for.
    private const string MemoryFiles = "/dev/shm";

    private static int _instances;

    private readonly SimulationSettings _settings;
    private readonly ActorSystem _system;
    private readonly SimulationSetup _setup;
    private readonly VirtualClock _clock;
    private readonly VirtualNetwork _network;
    private readonly RunQueue _queue;
    private readonly Invariants _invariants;
    private readonly List<SimulatedMember> _members = [];
    private readonly string _directory;
    private readonly Random _seeds;
    private readonly int _instance;
    private readonly List<SimulatedClient> _clients = [];
    private int _clientsStarted;
    private readonly List<SimulatedCall> _calls = [];
    private readonly List<TraceEvent> _trace = [];
    private readonly Queue<Action<int>> _onElection = new();
    private readonly Random _faults;
    private readonly Random _elections;
    private readonly Dictionary<long, (int Member, byte[] State)> _states = [];
    private ulong _nonces;
    private ImmutableSortedDictionary<MemberId, RaftEndpoint> _addresses = ImmutableSortedDictionary<MemberId, RaftEndpoint>.Empty;
    private readonly ResultChecker _results = new();
    private int _clockJumps;
    private TimeSpan _longestElectionTimeout;
    private double _fastestClock = 1;
    private const int AttemptsToReplace = 20;
    private static readonly TimeSpan BetweenAttempts = TimeSpan.FromSeconds(3);
    private string? _violation;
    private int? _violator;
    private long _place;
    private bool _ended;

    /// <summary>Starts the members; nothing runs before time does.</summary>
    /// <param name="settings">What it begins with.</param>
    public ClusterSimulation(SimulationSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        _settings = settings;
        _order = settings.Runs is { } runs ? new LogOrder(runs.Name) : null;
        var seeds = new Random(unchecked((int)(settings.Seed ^ (settings.Seed >> 32))));
        _queue = new RunQueue(new Random(seeds.Next()));
        _setup = new SimulationSetup(_queue, new VirtualDisks());
        _system = ActorSystem.Create("simulation", BootstrapSetup.Create().WithConfig(Configuration).And(_setup));
        RegisterDispatchers();
        _clock = ((VirtualScheduler)_system.Scheduler).Clock;
        Provider = ((ExtendedActorSystem)_system).Provider;
        _network = new VirtualNetwork(
            _clock, new Random(seeds.Next()), new RaftSerializer((ExtendedActorSystem)_system),
            new NetworkTiming(settings.ShortestDelay, settings.LongestDelay), settings.KeepTrace ? TraceMessage : null);
        _faults = new Random(seeds.Next());
        _elections = new Random(seeds.Next());
        _seeds = new Random(seeds.Next());
        _instance = Interlocked.Increment(ref _instances);
        _directory = Path.Combine(Directory.Exists(MemoryFiles) ? MemoryFiles : Path.GetTempPath(), string.Create(CultureInfo.InvariantCulture, $"akkaraft-simulation-{Environment.ProcessId}-{_instance}"));
        _invariants = new Invariants(id => _members[id].Disk.State, id => _members[id].IsLost, LatestTime, Elected, CommittedNow, Violated);
        for (var id = 0; id < settings.Members; id++) Create();
        Watch();
        var highestTerm = settings.Logs.Values.SelectMany(terms => terms).DefaultIfEmpty(0).Max();
        foreach (var member in settings.Logs.Count > 0 ? _members : [])
            member.Disk.Land(SimulatedJournal.Log(_system, ClusterId, new MemberId(member.Id), _addresses.Values, highestTerm, settings.Logs.GetValueOrDefault(member.Id) ?? []));
        for (var id = 0; id < settings.Members; id++) Start(id);
    }

    private SimulatedMember Create()
    {
        var id = _members.Count;
        _addresses = _addresses.Add(new MemberId(id), AddressOf(id));
        var disk = new VirtualDisk(_clock, new Random(_seeds.Next()), new DiskTiming(_settings.ShortestWrite, _settings.LongestWrite))
        {
            Tell = text => Add(TraceKind.Journal, id, null, 0, text),
            Violated = what => Violated(id, what),
            DeletesInSteps = _settings.DeletesInSteps,
        };
        _setup.Disks.Add(string.Create(CultureInfo.InvariantCulture, $"akkaraft-member-{id}"), disk);
        var member = new SimulatedMember(id, disk, new MemberClock(_clock), string.Create(CultureInfo.InvariantCulture, $"akkaraft-simulation-{_instance}-{id}"), Path.Combine(_directory, id.ToString(CultureInfo.InvariantCulture), "snapshots"));
        _members.Add(member);
        _network.Attach(id, () => member.Process is { IsDead: false } ? member.Gateway : null);
        return member;
    }

    private static RaftEndpoint AddressOf(int id) => new(new MemberId(id), string.Create(CultureInfo.InvariantCulture, $"member-{id}:1"));

    /// <summary>The seed.</summary>
    public ulong Seed => _settings.Seed;

    /// <summary>Virtual time since the beginning.</summary>
    public TimeSpan Now => _clock.Now;

    /// <summary>How many mailbox runs there were.</summary>
    public long Step { get; private set; }

    /// <summary>Messages that arrived.</summary>
    public long Delivered => _network.Delivered;

    /// <summary>How many members have led, each term counted.</summary>
    public int LeaderChanges => _invariants.LeaderChanges;

    /// <summary>How many faults were put in place.</summary>
    public int Faults { get; private set; }

    /// <summary>Index up to which some member has known the log to be committed.</summary>
    public long Committed => _invariants.Committed;

    /// <summary>Members' numbers.</summary>
    public IEnumerable<int> Members => _members.Select(m => m.Id);

    /// <summary>All that happened, when <see cref="SimulationSettings.KeepTrace"/> is on.</summary>
    public IReadOnlyList<TraceEvent> Trace => _trace;

    /// <summary>Every call of every client.</summary>
    public IReadOnlyList<SimulatedCall> Calls => _calls;

    /// <summary>The member that leads at the highest term, as it sees it itself; null when none does.</summary>
    public int? Leader => _members
        .Where(m => m.Process is { IsPaused: false } && m.Raft is { IsLeader: true })
        .OrderByDescending(m => m.Raft!.Term).Select(m => (int?)m.Id).FirstOrDefault();

    internal IActorRefProvider Provider { get; }

    internal Random FaultRandom => _faults;

    // ---- what one can see -----------------------------------------------------------------------------------------

    /// <summary>The member's role; <see cref="RaftRole.Unreachable"/> when it is down.</summary>
    public RaftRole RoleOf(int member) => _members[member] is { IsUp: true, Raft.IsUp: true } up ? up.Raft!.CurrentRole : RaftRole.Unreachable;

    /// <summary>The member's term; 0 when it is down.</summary>
    public long TermOf(int member) => _members[member].IsUp ? _members[member].Raft?.Term ?? 0 : 0;

    /// <summary>The terms of the member's log from index 1 on; none when it is down.</summary>
    public IReadOnlyList<long> TermsOf(int member) =>
        [.. Enumerable.Range(1, (int)LastIndexOf(member)).Select(i => _members[member].Raft!.RaftLog.TermAt(i) ?? 0)];

    /// <summary>Index of the last entry of the member's log; 0 when it is down.</summary>
    public long LastIndexOf(int member) => _members[member].IsUp ? _members[member].Raft?.RaftLog.LastIndex ?? 0 : 0;

    /// <summary>Up to where the member knows the log to be committed; 0 when it is down.</summary>
    public long CommitIndexOf(int member) => _members[member].IsUp ? _members[member].Raft?.CommitIndex ?? 0 : 0;

    /// <summary>Up to where the member has applied the log; 0 when it is down.</summary>
    public long AppliedIndexOf(int member) => _members[member].IsUp ? _members[member].Raft?.AppliedIndex ?? 0 : 0;

    /// <summary>Whether no change of members is under way, and all members are up, agree on a leader, and have applied the same log to its end.</summary>
    public bool HasConverged =>
        Leader is { } leader
        && _members[leader].Raft!.RaftLog is { Configuration: { Phase: MembershipPhase.Stable } now } log && log.ConfigurationIndex <= CommitIndexOf(leader)
        && now.Members.Select(m => _members[m.Id.Value]).All(m => m is { IsUp: true, Raft.IsUp: true } && m.Raft!.KnownLeader?.Value == leader
            && m.Raft.RaftLog.LastIndex == LastIndexOf(leader) && m.Raft.AppliedIndex == LastIndexOf(leader));

    /// <summary>Who votes, as the leader knows; none when nobody leads.</summary>
    public IReadOnlyList<int> Voters =>
        Leader is { } leader ? [.. _members[leader].Raft!.RaftLog.Configuration.Voters.Keys.Select(id => id.Value)] : [];

    /// <summary>Index up to which the member's log is compacted; 0 when it is down.</summary>
    public long BaseIndexOf(int member) => _members[member].IsUp ? _members[member].Raft?.RaftLog.BaseIndex ?? 0 : 0;

    /// <summary>Whether the member has learned that it is none any more.</summary>
    public bool HasLeft(int member) => _members[member].HasLeft;

    // ---- time -----------------------------------------------------------------------------------------------------

    /// <summary>Lets the cluster run.</summary>
    /// <param name="time">Virtual time.</param>
    /// <exception cref="SimulationViolationException">A property does not hold.</exception>
    public void RunFor(TimeSpan time)
    {
        var end = Now + time;
        do Settle();
        while (_clock.Advance(end));
    }

    /// <summary>Lets the cluster run until something holds.</summary>
    /// <param name="condition">What is looked at whenever nothing is left to run at a point in time.</param>
    /// <param name="within">Virtual time; 30 s when nothing is said.</param>
    /// <param name="what">What was waited for, named when it does not come.</param>
    /// <exception cref="SimulationViolationException">A property does not hold, or the condition did not come in time.</exception>
    public void RunUntil(Func<bool> condition, TimeSpan? within = null, [System.Runtime.CompilerServices.CallerArgumentExpression(nameof(condition))] string what = "")
    {
        ArgumentNullException.ThrowIfNull(condition);
        var end = Now + (within ?? TimeSpan.FromSeconds(30));
        Settle();
        while (!condition())
        {
            if (!_clock.Advance(end)) throw Failed($"within {within ?? TimeSpan.FromSeconds(30)} this did not come: {what}");
            Settle();
        }
    }

    /// <summary>Runs until a member leads and is known to all members that it can reach.</summary>
    /// <returns>The leader.</returns>
    public int RunUntilLeader(TimeSpan? within = null)
    {
        RunUntil(() => Leader is not null, within, "a leader");
        return Leader!.Value;
    }

    private void Settle()
    {
        for (var steps = 0; _queue.RunOne() is { } process; steps++)
        {
            Step++;
            if (process.Member is { } id) Look(_members[id]);
            foreach (var member in _members)
                // A clock that jumps is what leases do not allow for.
                if (_clockJumps == 0 && member.Raft is { IsLeader: true } leader) _invariants.CheckLease(member.Id, leader);
            if (_violation is not null) throw Failed(_violation);
            if (steps > StepsWithoutTime) throw Failed($"{StepsWithoutTime} steps without any time going by");
        }
        if (_violation is not null) throw Failed(_violation);
    }

    private void Look(SimulatedMember member)
    {
        if (member.Raft is not { } raft) return;
        _invariants.Check(member.Id, raft);
        if (raft.ForgetsState) member.GivesStateUp();
        if (member.LacksState && raft.IsUp && raft.AppliedIndex >= raft.RaftLog.BaseIndex) member.LacksState = false;
        if (raft is { IsUp: true, LacksSnapshot: true } && !member.HasLostState) Violated(member.Id, "the log was compacted beyond what the state machine's disk has");
        if (_settings.ComparesStatesEach is { } each && raft.IsUp && raft.AppliedIndex / each > member.ComparedAt / each)
        {
            member.ComparedAt = raft.AppliedIndex;
            CheckState(member);
        }
        if (!_settings.KeepTrace || !raft.IsUp) return;
        var now = (raft.CurrentRole, raft.Term);
        if (now == member.Shown) return;
        member.Shown = now;
        Add(TraceKind.Role, member.Id, null, 0, raft.CurrentRole.ToString());
    }

    // ---- clients --------------------------------------------------------------------------------------------------

    /// <summary>A client more.</summary>
    public SimulatedClient AddClient()
    {
        var endpoint = StartClient(KeyValueRequests.Instance);
        var added = new SimulatedClient(this, endpoint.Id, endpoint.Actor, endpoint.Inbox, _settings.RequestTimeout, endpoint.Process, endpoint.Known);
        _clients.Add(added);
        return added;
    }

    internal void Tell(IActorRef client, IRaftRequest request, Action<IRaftReply> answered) => client.Tell(request, new ReplyRef(answered, this, client.Path.Root));

    private SimulatedEndpoint StartClient(IRequestCodec codec)
    {
        var id = ++_clientsStarted;
        var process = new SimulatedProcess(string.Create(CultureInfo.InvariantCulture, $"client-{id}"), null);
        IActorRef? actor = null;
        ClientActor? client = null;
        var known = _addresses.Where(a => !_members[a.Key.Value].HasLeft).ToImmutableSortedDictionary();
        var settings = new RaftClientSettings { ClusterId = ClusterId, Members = known, RequestTimeout = _settings.RequestTimeout, AttemptTimeout = _settings.AttemptTimeout };
        _queue.Running = process;
        var inbox = new CallInbox(settings.MaxQueued);
        var props = Props.CreateBy(new Producer<ClientActor>(() => client = new ClientActor(settings, codec, to => Door(process, -id, to.Id.Value), inbox, () => ++_nonces)));
        actor = _system.ActorOf(props.WithDispatcher(ProcessDispatcher), process.Name);
        _network.Attach(-id, () => process.IsDead ? null : actor);
        return new SimulatedEndpoint(id, process, actor, inbox, settings, codec, () => client is null ? known.Keys : client.Known);
    }

    /// <summary>A member as an endpoint sees it over the network; whoever answers, answers over the network.</summary>
    private NetworkRef Door(SimulatedProcess process, int endpoint, int member) => new(_network, process, endpoint, member, Provider, _system.DeadLetters.Path.Root, Exchanged)
    {
        ReplyTo = () => _members[member].Process is { } answering
            ? new NetworkRef(_network, answering, member, endpoint, Provider, _system.DeadLetters.Path.Root, Exchanged)
            : _system.DeadLetters,
    };

    private void Exchanged(int from, int to, object message)
    {
        if (_settings.HasSessions && _results.Sent(from, to, message) is { } second) Violated(Math.Max(from, to), second);
        if (message is Submit submit) _order?.Sent(-from, submit.Payload);
    }

    internal long NextPlace() => ++_place;

    internal void Called(SimulatedCall call)
    {
        _calls.Add(call);
        if (_settings.KeepTrace) Add(TraceKind.Client, null, null, 0, call.ToString());
    }

    internal void Answered(SimulatedCall call)
    {
        if (_settings.KeepTrace) Add(TraceKind.Client, null, null, 0, call.ToString());
    }

    internal void After(TimeSpan delay, Action action) => _clock.After(delay, action);

    // ---- the end --------------------------------------------------------------------------------------------------

    /// <summary>
    /// Checks what only a whole history tells: it is linearizable, versions grow, and members that applied the same log have the same state.
    /// </summary>
    /// <exception cref="SimulationViolationException">One of these does not hold.</exception>
    public void Check()
    {
        var history = _calls.Where(c => !c.IsLocal).SelectMany(c => c.ToOperations()).ToList();
        if (VersionChecker.Check(history) is { } versions) throw Failed(versions);
        if (LinearizabilityChecker.Check(history) is { } order) throw Failed(order);
        CheckStates();
    }

    private void CheckStates()
    {
        foreach (var member in _members.Where(m => m is { IsUp: true, Raft.IsUp: true })) CheckState(member);
        if (_violation is not null) throw Failed(_violation);
    }

    /// <summary>States of one index are the same, of whichever member and however often it was started meanwhile.</summary>
    private void CheckState(SimulatedMember member)
    {
        if (_settings.Runs is null && (!_settings.IsStore || !_settings.StateSurvivesCrash)) return;
        // The state machine may be ahead of what its member has heard of it.
        long applied;
        ReadOnlyMemory<byte> state;
        try
        {
            (applied, state) = member.ReadState();
        }
        catch (SqliteException error)
        {
            Violated(member.Id, $"the state machine cannot write what it applied: {error.Message}");
            return;
        }
        // A class that cannot save what it holds.
        catch (InvalidOperationException error)
        {
            Violated(member.Id, error.Message);
            return;
        }
        if (!_states.TryGetValue(applied, out var before)) _states.Add(applied, (member.Id, state.ToArray()));
        else if (!state.Span.SequenceEqual(before.State))
            Violated(member.Id, $"members {before.Member} and {member.Id} have both applied the log to {applied}, and their states differ:\n{Describe(before.State)}\nand\n{Describe(state.Span)}{(_settings.Runs is null ? "" : NotDeterministic)}");
    }

    private const string NotDeterministic = "\nTheir logs are the same: what the class makes of them depends on more than its state, the command and ApplyContext (as on Random.Shared, a clock, the order of a Dictionary), or Load does not bring back what Save wrote.";

    private string Describe(ReadOnlySpan<byte> state)
    {
        if (_settings.Runs is null) return StateContent.Describe(state);
        const int Shown = 2_000;
        return SavedState.TextOf(state.Length > Shown ? state[^Shown..] : state);
    }

    /// <summary>Lets every fault end, and runs until the cluster has converged and serves.</summary>
    /// <param name="within">Virtual time, which a cluster without faults must not need.</param>
    /// <exception cref="SimulationViolationException">It does not converge, or does not serve, in time.</exception>
    public void EndFaultsAndConverge(TimeSpan? within = null)
    {
        EndFaults();
        ReplaceAllLost(within);
        RunUntil(() => HasConverged, within, "all members up, one leader, one log applied by all");
        if (!_settings.IsStore) return;
        var last = AddClient();
        var call = last.Put("after-the-faults", "1");
        RunUntil(() => call.IsDone, within, "an answer after the faults");
        if (!call.Succeeded) throw Failed($"the cluster does not serve after the faults: {((RequestFailed)call.Reply!).Message}");
    }

    private void ReplaceAllLost(TimeSpan? within)
    {
        if (!_members.Exists(m => m.IsLost)) return;
        for (var attempt = 0; attempt < AttemptsToReplace; attempt++)
        {
            // Whoever was deposed and has not heard of it knows older members.
            RunFor(BetweenAttempts);
            RunUntil(() => Leader is not null, within, "a leader of those that are left");
            if (!ReplaceLost()) return;
        }
        throw Failed("a member whose disk is lost could not be replaced");
    }

    /// <summary>Writes the trace: as a page with a space-time diagram, or as text when the file's name ends in <c>.txt</c>.</summary>
    /// <param name="file">The file, written anew.</param>
    public void WriteTrace(string file)
    {
        ArgumentNullException.ThrowIfNull(file);
        using var writer = new StreamWriter(file, append: false, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
        if (file.EndsWith(".txt", StringComparison.Ordinal)) TraceText.Write(writer, _trace);
        else TraceDiagram.Write(writer, new TraceHeader("AkkaRaft simulation", Seed, [.. Members], _violation, _settings.Replay), _trace);
    }

    /// <summary>Stops every actor, and lets go of the state.</summary>
    public void Dispose()
    {
        _ended = true;
        foreach (var member in _members) member.Dispose();
        if (Directory.Exists(_directory)) Directory.Delete(_directory, recursive: true);
    }

    /// <summary>Does something the next time that a member begins to lead.</summary>
    internal void OnNextElection(Action<int> action) => _onElection.Enqueue(action);

    /// <summary>The fastest clock cannot show more, and one that jumped takes the log ahead by no more than an election timeout.</summary>
    private DateTimeOffset LatestTime() => VirtualClock.Epoch + Now * _fastestClock + TimeSpan.FromMilliseconds(1) + _clockJumps * _longestElectionTimeout;

    /// <summary>What is to last for a time by the log's clock lasts for so long at least by true time.</summary>
    internal TimeSpan AtLeast(TimeSpan time) => (time - _clockJumps * _longestElectionTimeout) / _fastestClock;

    private void Elected(int member)
    {
        if (_onElection.TryDequeue(out var action)) action(member);
    }

    private void Violated(int member, string what)
    {
        if (_violation is not null || _ended) return;
        _violator = member;
        _violation = string.Create(CultureInfo.InvariantCulture, $"member {member}: {what}");
    }

    internal SimulationViolationException Failed(string what)
    {
        _violation ??= what;
        Add(TraceKind.Violation, _violator, null, 0, what);
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"Seed {Seed}, step {Step}, {Now.TotalSeconds:0.000000} s: {what}");
        if (_settings.Replay is { } replay) text.Append(CultureInfo.InvariantCulture, $"\nRun it again: {replay}");
        foreach (var member in _members)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n  member {member.Id}: {RoleOf(member.Id)} term {TermOf(member.Id)}, log to {LastIndexOf(member.Id)}, committed {CommitIndexOf(member.Id)}, applied {AppliedIndexOf(member.Id)}; disk has term {member.Disk.State.Term}, log to {member.Disk.State.LastIndex}");
        }
        return new SimulationViolationException(text.ToString(), what);
    }

    private void TraceMessage(TraceKind kind, int member, int peer, long id, string text) => Add(kind, member, peer, id, text);

    private void Add(TraceKind kind, int? member, int? peer, long messageId, string text)
    {
        if (!_settings.KeepTrace) return;
        _trace.Add(new TraceEvent(Step, Now, kind, member, peer, member is >= 0 ? TermOf(member.Value) : 0, messageId, text));
    }

    // ---- the ActorSystem ------------------------------------------------------------------------------------------

    private const string ClusterId = "simulation";

    private static readonly Config Configuration = ConfigurationFactory.ParseString($$"""
        akka {
          loglevel = ERROR
          stdout-loglevel = OFF
          loggers = []
          log-dead-letters = off
          log-dead-letters-during-shutdown = off
          scheduler.implementation = "{{typeof(VirtualScheduler).AssemblyQualifiedName}}"
          actor {
            default-dispatcher.type = "{{typeof(QueueDispatcherConfigurator).AssemblyQualifiedName}}"
            internal-dispatcher.type = "{{typeof(QueueDispatcherConfigurator).AssemblyQualifiedName}}"
            default-blocking-io-dispatcher.type = "{{typeof(QueueDispatcherConfigurator).AssemblyQualifiedName}}"
          }
          coordinated-shutdown {
            run-by-clr-shutdown-hook = off
            run-by-actor-system-terminate = off
            terminate-actor-system = off
          }
          persistence {
            journal {
              plugin = "akkaraft.simulation.journal"
            }
            snapshot-store.plugin = "akkaraft.simulation.snapshots"
          }
        }
        akkaraft.simulation.journal {
          class = "{{typeof(SimulatedJournal).AssemblyQualifiedName}}"
          plugin-dispatcher = "akka.actor.default-dispatcher"
          replay-dispatcher = "akka.actor.default-dispatcher"
          replay-filter.mode = off
        }
        akkaraft.simulation.snapshots {
          class = "{{typeof(NoSnapshots).AssemblyQualifiedName}}"
          plugin-dispatcher = "akka.actor.default-dispatcher"
        }
        """).WithFallback(RaftSerializer.Configuration);

    private const string ProcessDispatcher = "akkaraft.simulation.process";
    private const string StateMachineDispatcher = "akkaraft.simulation.state-machine";

    private void RegisterDispatchers()
    {
        var (dispatchers, queue) = (_system.Dispatchers, _queue);
        dispatchers.RegisterConfigurator(ProcessDispatcher, new QueueDispatcherConfigurator(dispatchers.Prerequisites, queue, () => queue.Running!));
        dispatchers.RegisterConfigurator(StateMachineDispatcher, new QueueDispatcherConfigurator(dispatchers.Prerequisites, queue, () => queue.Running!.StateMachine!));
    }

    /// <summary>An actor's error is a violation, unless the simulation injected its cause.</summary>
    private void Watch()
    {
        var listener = new ErrorRef(this, _system.DeadLetters.Path.Root);
        _system.EventStream.Subscribe(listener, typeof(Error));
        _system.EventStream.Subscribe(listener, typeof(MemberFailed));
        _system.EventStream.Subscribe(listener, typeof(MemberRemoved));
    }

    private sealed class ErrorRef(ClusterSimulation simulation, ActorPath root) : MinimalActorRef
    {
        public override ActorPath Path { get; } = root / "errors";

        public override IActorRefProvider Provider => simulation.Provider;

        protected override void TellInternal(object message, IActorRef sender)
        {
            if (simulation._violation is not null || simulation._ended) return;
            switch (message)
            {
                case MemberFailed failed when simulation.IsExpected(failed):
                case Error error when simulation._members.Exists(m => m.IsLost && error.LogSource.Contains(string.Create(CultureInfo.InvariantCulture, $"/member-{m.Id}-"), StringComparison.Ordinal)):
                    break;
                case MemberFailed failed:
                    simulation._violation = failed.Reason;
                    break;
                case MemberRemoved removed:
                    simulation._members[removed.Id.Value].HasLeft = true;
                    break;
                case Error { Cause: { } cause } error when cause.GetBaseException() is not InjectedFaultException:
                    simulation._violation = $"{error.LogSource}: {error.Message} {cause}";
                    break;
            }
        }
    }
}
