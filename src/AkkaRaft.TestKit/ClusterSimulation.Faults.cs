using System.Globalization;
using Akka.Actor;
using AkkaRaft.Client;
using AkkaRaft.Consensus;
using AkkaRaft.Hosting;
using AkkaRaft.Protocol;
using AkkaRaft.Remoting;
using AkkaRaft.StateMachines;
using AkkaRaft.TestKit.Engine;
using AkkaRaft.TestKit.Journaling;
using AkkaRaft.TestKit.Network;
using AkkaRaft.TestKit.Tracing;

namespace AkkaRaft.TestKit;

/// <summary>The verbs of a story: what befalls the members and the network between them. Clients reach all members that are up.</summary>
public sealed partial class ClusterSimulation
{
    // ---- the network ----------------------------------------------------------------------------------------------

    /// <summary>Cuts the cluster into groups: members reach only those of their own. Members not named are each alone.</summary>
    public void Partition(params IReadOnlyList<int>[] groups)
    {
        ArgumentNullException.ThrowIfNull(groups);
        Fault(null, "partition " + string.Join(" | ", groups.Select(g => string.Join(',', g))));
        foreach (var from in Members)
        {
            foreach (var to in Members)
            {
                if (from != to && !groups.Any(g => g.Contains(from) && g.Contains(to))) _network.Cut(from, to);
            }
        }
    }

    /// <summary>What one member sends to another is lost; the other way stays open.</summary>
    public void CutOneWay(int from, int to)
    {
        Fault(null, string.Create(CultureInfo.InvariantCulture, $"cut {from} -> {to}"));
        _network.Cut(from, to);
    }

    /// <summary>Cuts one member off from all others, both ways.</summary>
    public void Isolate(int member)
    {
        Fault(member, string.Create(CultureInfo.InvariantCulture, $"isolate {member}"));
        foreach (var other in Members.Where(m => m != member))
        {
            _network.Cut(member, other);
            _network.Cut(other, member);
        }
    }

    /// <summary>Two halves that reach each other only through one member, who reaches all.</summary>
    public void Bridge(int bridge)
    {
        var others = Members.Where(m => m != bridge).ToList();
        var left = others.Take(others.Count / 2).ToList();
        Fault(null, string.Create(CultureInfo.InvariantCulture, $"bridge {bridge} between {string.Join(',', left)} and {string.Join(',', others.Except(left))}"));
        foreach (var a in left)
        {
            foreach (var b in others.Except(left))
            {
                _network.Cut(a, b);
                _network.Cut(b, a);
            }
        }
    }

    /// <summary>Each member reaches only its neighbours in a ring, as many as make a majority with itself.</summary>
    public void MajoritiesRing()
    {
        Fault(null, "majorities ring");
        var reach = _members.Count / 2 / 2 + _members.Count / 2 % 2;
        foreach (var from in Members)
        {
            foreach (var to in Members)
            {
                var distance = Math.Min((from - to + _members.Count) % _members.Count, (to - from + _members.Count) % _members.Count);
                if (distance > reach) _network.Cut(from, to);
            }
        }
    }

    /// <summary>Whoever was cut off is reached again.</summary>
    public void Heal()
    {
        Fault(null, "heal");
        _network.Heal();
    }

    /// <summary>Loses a share of all messages from now on; 0 ends it.</summary>
    public void Drop(double share)
    {
        Fault(null, string.Create(CultureInfo.InvariantCulture, $"drop {share:0.##}"));
        _network.Loss = share;
    }

    /// <summary>Lets a share of all messages arrive twice from now on; 0 ends it.</summary>
    public void Duplicate(double share)
    {
        Fault(null, string.Create(CultureInfo.InvariantCulture, $"duplicate {share:0.##}"));
        _network.Duplicates = share;
    }

    /// <summary>Lets a share of all messages be overtaken by others from now on; 0 ends it.</summary>
    public void Reorder(double share)
    {
        Fault(null, string.Create(CultureInfo.InvariantCulture, $"reorder {share:0.##}"));
        _network.Reorders = share;
    }

    /// <summary>Makes messages from one member to another take so much longer.</summary>
    public void SlowLink(int from, int to, TimeSpan by)
    {
        Fault(null, string.Create(CultureInfo.InvariantCulture, $"slow {from} -> {to} by {by.TotalMilliseconds:0} ms"));
        _network.Slow(from, to, by);
    }

    /// <summary>Loses the messages between members that a test names.</summary>
    internal void DropWhere(Func<IRaftMessage, bool> drops) => _network.Drops = drops;

    // ---- members --------------------------------------------------------------------------------------------------

    /// <summary>The member's process is gone, as by <c>kill -9</c>: a write under way was done or not.</summary>
    public void Crash(int member) => Crash(member, loseUnsynced: false);

    /// <summary>The member's machine loses power: writes under way are lost, and its state machine's file goes back to what was synced.</summary>
    public void LoseUnsynced(int member) => Crash(member, loseUnsynced: true);

    private void Crash(int id, bool loseUnsynced)
    {
        var member = _members[id];
        if (member.Process is not { } process) return;
        Fault(id, loseUnsynced ? "crash by power failure" : "crash");
        process.Kill();
        member.StateMachineProcess?.Kill();
        member.Process = null;
        member.Raft = null;
        member.CloseStores();
        member.Disk.Crash(loseUnsynced);
        if (loseUnsynced) member.LoseUnsyncedState(_faults);
        member.ComparedAt = 0;
        member.Shown = (RaftRole.Unreachable, 0);
        _invariants.Forget(id);
        // Whose process is gone closes its connections; whose machine is, does not.
        if (!loseUnsynced) _clock.After(_settings.LongestDelay, () => LoseConnections(id));
    }

    private void LoseConnections(int id)
    {
        var lost = new ConnectionLost(AddressOf(id).Address);
        foreach (var other in _members.Where(m => m.IsUp && m.Id != id && !_network.IsCut(id, m.Id))) other.Gateway.Tell(lost, ActorRefs.NoSender);
    }

    /// <summary>Starts a member that is down, from what its disk has.</summary>
    public void Restart(int member)
    {
        if (_members[member].IsUp || _members[member].HasLeft) return;
        Fault(member, "restart");
        Start(member);
    }

    /// <summary>The state machine's file of a member that is down is gone, as one that is damaged or of another version is moved away; its journal is whole.</summary>
    /// <param name="member">The member.</param>
    /// <param name="withImages">Whether its images are gone, too.</param>
    public void LoseState(int member, bool withImages = true)
    {
        if (_members[member].IsUp) throw new InvalidOperationException($"Member {member} is up.");
        Fault(member, "state lost");
        _members[member].LoseState(withImages);
    }

    /// <summary>A bit flips in the image that the member made.</summary>
    /// <returns>Whether it has made one.</returns>
    public bool DamageImage(int member)
    {
        if (!_members[member].DamageImage()) return false;
        Fault(member, "image damaged");
        return true;
    }

    /// <summary>The member stands still, as by SIGSTOP, until <see cref="Resume"/>.</summary>
    public void Pause(int member)
    {
        if (_members[member].Process is not { } process) return;
        Fault(member, "pause");
        process.Pause();
        _members[member].StateMachineProcess?.Pause();
    }

    /// <summary>The member goes on.</summary>
    public void Resume(int member)
    {
        if (_members[member].Process is not { IsPaused: true } process) return;
        Fault(member, "resume");
        process.Resume(_queue);
        _members[member].StateMachineProcess?.Resume(_queue);
    }

    /// <summary>The member's state machine applies and answers nothing until <see cref="ReleaseStateMachine"/>.</summary>
    public void StallStateMachine(int member)
    {
        if (_members[member].StateMachineProcess is not { IsDead: false } process) return;
        Fault(member, "state machine stalls");
        process.Pause();
    }

    /// <summary>The member's state machine goes on, unless the whole member stands still.</summary>
    public void ReleaseStateMachine(int member)
    {
        if (_members[member] is not { Process.IsPaused: false, StateMachineProcess: { IsPaused: true } process }) return;
        Fault(member, "state machine goes on");
        process.Resume(_queue);
    }

    // ---- clocks ---------------------------------------------------------------------------------------------------

    /// <summary>The member's clock runs at another rate; 1 ends it. Leases allow for a tenth between the slowest and the fastest.</summary>
    public void DriftClock(int member, double rate)
    {
        Fault(member, string.Create(CultureInfo.InvariantCulture, $"clock runs at {rate:0.000}"));
        _fastestClock = Math.Max(_fastestClock, rate);
        _members[member].Clock.RunAt(rate);
    }

    /// <summary>The member's clock jumps ahead, and no other does. No lease read is safe with it; writes and linearizable reads are.</summary>
    public void JumpClock(int member, TimeSpan ahead)
    {
        Fault(member, string.Create(CultureInfo.InvariantCulture, $"clock jumps ahead by {ahead.TotalSeconds:0.###} s"));
        _clockJumps++;
        _members[member].Clock.Jump(ahead);
    }

    // ---- disks ----------------------------------------------------------------------------------------------------

    /// <summary>The member's journal is so many times as slow; 1 ends it.</summary>
    public void SlowDisk(int member, double times)
    {
        Fault(member, string.Create(CultureInfo.InvariantCulture, $"disk {times:0} times as slow"));
        _members[member].Disk.Slowness = times;
    }

    /// <summary>The member's journal answers nothing until <see cref="ReleaseDisk"/>.</summary>
    public void HangDisk(int member)
    {
        Fault(member, "disk hangs");
        _members[member].Disk.Hang();
    }

    /// <summary>The member's journal answers again.</summary>
    public void ReleaseDisk(int member)
    {
        Fault(member, "disk answers again");
        _members[member].Disk.Unhang();
    }

    /// <summary>The member's next journal write ends with an error.</summary>
    /// <param name="member">The member.</param>
    /// <param name="landing">What is written all the same.</param>
    public void FailNextWrite(int member, FailedWrite landing = FailedWrite.Lost)
    {
        Fault(member, $"next write fails ({landing})");
        _members[member].Disk.NextFault = landing switch
        {
            FailedWrite.Lost => WriteFault.Fails,
            FailedWrite.Lands => WriteFault.FailsButLands,
            _ => WriteFault.FailsAndLandsLate,
        };
    }

    /// <summary>The member's next sync of its state machine's file ends with an error.</summary>
    public void FailNextSync(int member)
    {
        Fault(member, "next sync of the state fails");
        _members[member].NextSyncFails = true;
    }

    /// <summary>A bit of an event on the member's disk is another: of the newest, or of one before it. To be used on a member that is down.</summary>
    public void FlipBit(int member, int before = 0)
    {
        if (_members[member].IsUp) throw new InvalidOperationException($"Member {member} is up; crash it first.");
        Fault(member, "a bit of the journal flips");
        _members[member].IsLost = true;
        _members[member].Disk.FlipBit(before);
    }

    /// <summary>What the disk confirmed last was never written: the newest events are gone. To be used on a member that is down.</summary>
    public void LoseTail(int member, int events)
    {
        if (_members[member].IsUp) throw new InvalidOperationException($"Member {member} is up; crash it first.");
        Fault(member, string.Create(CultureInfo.InvariantCulture, $"the journal's newest {events} events are gone"));
        _members[member].IsLost = true;
        _members[member].Disk.LoseTail(events);
    }

    /// <summary>The member's next recovery reads its journal with an error, once.</summary>
    public void FailNextRecovery(int member)
    {
        Fault(member, "next recovery fails");
        _members[member].Disk.NextReplayFails = true;
    }

    /// <summary>Ends every fault: members that are down start, those that stand still go on, network and disks are whole.</summary>
    public void EndFaults()
    {
        _onElection.Clear();
        _network.Heal();
        _network.Unslow();
        _network.Loss = _network.Duplicates = _network.Reorders = 0;
        _network.Drops = _ => false;
        foreach (var member in _members)
        {
            member.Clock.RunAt(1);
            member.Disk.Slowness = 1;
            member.Disk.NextFault = WriteFault.None;
            member.Disk.NextReplayFails = false;
            member.NextSyncFails = false;
            if (member.Disk.Hangs) ReleaseDisk(member.Id);
            Resume(member.Id);
            ReleaseStateMachine(member.Id);
            Restart(member.Id);
        }
    }

    private void Fault(int? member, string text)
    {
        Faults++;
        Add(TraceKind.Fault, member, null, 0, text);
    }

    private void Start(int id)
    {
        var member = _members[id];
        var name = string.Create(CultureInfo.InvariantCulture, $"member-{id}-{++member.Starts}");
        var process = new SimulatedProcess(name, id) { StateMachine = new SimulatedProcess(name + "-state-machine", id) };
        member.Process = process;
        member.StateMachineProcess = process.StateMachine;
        member.Disk.Owner = process;
        var settings = _settings.Configure(new RaftSettings { ClusterId = ClusterId, Id = new MemberId(id), Members = member.Founders ?? _addresses, Joins = member.Joins, ForcesSingle = member.IsForcedSingle, RestoreFrom = member.RestoresFrom, DataDirectory = _directory, Clock = () => member.Clock.Now });
        if (settings.ElectionTimeoutMax > _longestElectionTimeout) _longestElectionTimeout = settings.ElectionTimeoutMax;
        var runs = _settings.Runs ?? RaftStateMachine.KeyValueStore;
        var stateMachine = (_settings.Runs?.PropsWith(settings, member.StateFile, actor => member.Plain = actor) ?? _settings.StateMachine?.Invoke(settings.Id) ?? member.StateMachine(settings, _settings.StateSurvivesCrash)).WithDispatcher(StateMachineDispatcher);
        var transport = new VirtualTransport(_network, process, message => _invariants.Sent(id, message));
        var random = new Random(_elections.Next());
        var raft = Props.CreateBy(new Producer<RaftActor>(() => member.Raft = new RaftActor(settings, transport, stateMachine, random))).WithDispatcher(ProcessDispatcher);
        var client = ClientActor.Props(new RaftClientSettings { ClusterId = ClusterId, Members = _addresses }, runs.Requests, _ => _system.DeadLetters, drawNonce: () => ++_nonces).WithDispatcher(ProcessDispatcher);
        _queue.Running = process;
        var gateway = _system.ActorOf(RaftGateway.Props(ClusterId, runs, raft, client).WithDispatcher(ProcessDispatcher), process.Name);
        member.Gateway = new MemberRef(gateway, Provider);
    }

    /// <summary>A member's actor behind its gateway, as a peer's path finds it.</summary>
    private sealed class MemberRef(IActorRef gateway, IActorRefProvider provider) : MinimalActorRef
    {
        public override ActorPath Path { get; } = gateway.Path / "member";

        public override IActorRefProvider Provider { get; } = provider;

        protected override void TellInternal(object message, IActorRef sender)
        {
            if (((ActorRefWithCell)gateway).GetSingleChild("member") is { } member) member.Tell(message, sender);
        }
    }
}

/// <summary>What becomes of a write that was reported to have failed.</summary>
public enum FailedWrite
{
    /// <summary>It is not there.</summary>
    Lost,

    /// <summary>It is there all the same.</summary>
    Lands,

    /// <summary>It is there some time later, unless its place was taken meanwhile.</summary>
    LandsLate,
}
