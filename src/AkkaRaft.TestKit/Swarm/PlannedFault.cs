using System.Globalization;

namespace AkkaRaft.TestKit.Swarm;

/// <summary>What may befall the cluster.</summary>
public enum FaultKind
{
    /// <summary>Two groups that do not reach each other.</summary>
    Partition,

    /// <summary>One direction between two members is lost.</summary>
    CutOneWay,

    /// <summary>One member is cut off from all others.</summary>
    Isolate,

    /// <summary>Nobody hears a member any more, and what it hears of others is old.</summary>
    Unheard,

    /// <summary>Two halves meet in one member only.</summary>
    Bridge,

    /// <summary>Each member reaches only a majority of its own.</summary>
    MajoritiesRing,

    /// <summary>A member's process is killed, and starts again.</summary>
    Crash,

    /// <summary>A member's machine loses power, and starts again.</summary>
    PowerFailure,

    /// <summary>The next member that is elected is killed a few messages later, and starts again.</summary>
    CrashNextLeader,

    /// <summary>Every member crashes, and starts again.</summary>
    CrashAll,

    /// <summary>A member stands still.</summary>
    Pause,

    /// <summary>A member's state machine applies nothing.</summary>
    StallStateMachine,

    /// <summary>A member's journal is slow.</summary>
    SlowDisk,

    /// <summary>A member's journal does not answer.</summary>
    HangDisk,

    /// <summary>A member's next write ends with an error.</summary>
    FailNextWrite,

    /// <summary>Messages are lost.</summary>
    Drop,

    /// <summary>Messages arrive twice.</summary>
    Duplicate,

    /// <summary>Messages overtake each other.</summary>
    Reorder,

    /// <summary>One direction between two members is slow.</summary>
    SlowLink,

    /// <summary>The leader is asked to hand over.</summary>
    TransferLeadership,

    /// <summary>A new member takes the place of one that votes.</summary>
    ReplaceMember,

    /// <summary>Other members vote, some of them new.</summary>
    SetVoters,

    /// <summary>The change of members under way is given up.</summary>
    CancelChange,

    /// <summary>A member's clock is fast or slow, as leases allow.</summary>
    DriftClock,

    /// <summary>A member's clock jumps ahead, by up to an hour.</summary>
    JumpClock,

    /// <summary>A member's process is killed, and the first time that it starts again its journal cannot be read.</summary>
    FailRecovery,

    /// <summary>A sync of a member's state ends with an error.</summary>
    FailNextSync,

    /// <summary>A member starts again without its state machine's file, with its images or without them.</summary>
    LoseState,

    /// <summary>A bit flips in the image that a member made.</summary>
    DamageImage,

    /// <summary>A member starts again with an empty disk, and another takes its place.</summary>
    Wipe,

    /// <summary>A member starts again with a bit of its journal changed, and another takes its place.</summary>
    FlipBit,
}

/// <summary>One fault of a plan.</summary>
/// <param name="At">When it begins.</param>
/// <param name="Lasts">How long it lasts.</param>
/// <param name="Kind">What it is.</param>
/// <param name="Member">Whom it befalls; null for whoever leads then, or follows when nobody does.</param>
/// <param name="Other">The other end of a link.</param>
/// <param name="Amount">How much, from 0 to 1.</param>
/// <param name="Mask">Members of one side of a partition, a bit each.</param>
public sealed record PlannedFault(TimeSpan At, TimeSpan Lasts, FaultKind Kind, int? Member, int Other, double Amount, int Mask)
{
    private const int MostMembers = 9;

    /// <param name="simulation">The cluster.</param>
    /// <param name="until">When faults end.</param>
    internal void Begin(ClusterSimulation simulation, TimeSpan until)
    {
        var member = Member ?? simulation.Leader ?? 0;
        switch (Kind)
        {
            case FaultKind.Partition:
                simulation.Partition(
                    [.. simulation.Members.Where(m => (Mask >> m & 1) == 0)], [.. simulation.Members.Where(m => (Mask >> m & 1) == 1)]);
                break;
            case FaultKind.CutOneWay when member != Other:
                simulation.CutOneWay(member, Other);
                break;
            case FaultKind.Isolate:
                simulation.Isolate(member);
                break;
            case FaultKind.Unheard:
                foreach (var other in simulation.Members.Where(m => m != member)) simulation.SlowLink(other, member, TimeSpan.FromMilliseconds(1_500 * Amount));
                // Answers that are under way by then arrive long after.
                simulation.After(Lasts / 4, () =>
                {
                    if (simulation.Now > until) return;
                    foreach (var other in simulation.Members.Where(m => m != member)) simulation.CutOneWay(member, other);
                });
                break;
            case FaultKind.Bridge:
                simulation.Bridge(member);
                break;
            case FaultKind.MajoritiesRing:
                simulation.MajoritiesRing();
                break;
            case FaultKind.Crash:
                simulation.Crash(member);
                break;
            case FaultKind.PowerFailure:
                simulation.LoseUnsynced(member);
                break;
            case FaultKind.CrashNextLeader:
                simulation.OnNextElection(leader => simulation.After(TimeSpan.FromMilliseconds(25 * Amount), () =>
                {
                    // Peace may have come meanwhile.
                    if (simulation.Now > until) return;
                    simulation.Crash(leader);
                    simulation.After(Lasts, () => simulation.Restart(leader));
                }));
                return;
            case FaultKind.CrashAll:
                foreach (var each in simulation.Members) simulation.Crash(each);
                break;
            case FaultKind.Pause:
                simulation.Pause(member);
                break;
            case FaultKind.StallStateMachine:
                simulation.StallStateMachine(member);
                break;
            case FaultKind.SlowDisk:
                simulation.SlowDisk(member, 5 + 200 * Amount);
                break;
            case FaultKind.HangDisk:
                simulation.HangDisk(member);
                break;
            case FaultKind.FailNextWrite:
                simulation.FailNextWrite(member, (FailedWrite)(int)(Amount * 2.999));
                break;
            case FaultKind.Drop:
                simulation.Drop(0.4 * Amount);
                break;
            case FaultKind.Duplicate:
                simulation.Duplicate(0.5 * Amount);
                break;
            case FaultKind.Reorder:
                simulation.Reorder(Amount);
                break;
            case FaultKind.SlowLink when member != Other:
                simulation.SlowLink(member, Other, TimeSpan.FromMilliseconds(400 * Amount));
                break;
            case FaultKind.TransferLeadership:
                simulation.TransferLeadership(Amount < 0.5 ? null : Other);
                return;
            case FaultKind.ReplaceMember when simulation.Voters is { Count: > 0 } voters && simulation.Members.Count() < MostMembers:
                var leaves = voters[(int)(Amount * (voters.Count - 0.001))];
                var comes = simulation.AddMember();
                simulation.SetVoters([.. voters.Where(v => v != leaves), comes]);
                return;
            case FaultKind.SetVoters when simulation.Voters is { Count: > 0 } voters:
                var grows = (Mask & 1) == 1 && simulation.Members.Count() < MostMembers;
                int[] kept = [.. voters.Where(v => ((Mask >> 1) >> v & 1) == 0)];
                simulation.SetVoters([.. kept.Length > 0 ? kept : voters, .. grows ? [simulation.AddMember()] : Array.Empty<int>()]);
                return;
            case FaultKind.CancelChange:
                simulation.CancelChange();
                return;
            case FaultKind.DriftClock:
                // A tenth between the slowest and the fastest.
                simulation.DriftClock(member, 0.95 + 0.1 * Amount);
                break;
            case FaultKind.JumpClock:
                simulation.JumpClock(member, TimeSpan.FromHours(1) * Math.Pow(Amount, 6));
                return;
            case FaultKind.FailRecovery:
                simulation.Crash(member);
                simulation.FailNextRecovery(member);
                break;
            case FaultKind.FailNextSync:
                simulation.FailNextSync(member);
                return;
            case FaultKind.LoseState when simulation.CanLose(member):
                simulation.Crash(member);
                simulation.LoseState(member, withImages: Amount < 0.5);
                break;
            case FaultKind.DamageImage:
                simulation.DamageImage(member);
                return;
            case FaultKind.Wipe when simulation.CanLose(member):
                simulation.Crash(member);
                simulation.Wipe(member);
                break;
            case FaultKind.FlipBit when simulation.CanLose(member):
                simulation.Crash(member);
                simulation.FlipBit(member, (int)(Amount * 10));
                break;
            default:
                return;
        }
        simulation.After(Lasts, () => End(simulation, member));
    }

    private void End(ClusterSimulation simulation, int member)
    {
        switch (Kind)
        {
            case FaultKind.Unheard:
                foreach (var other in simulation.Members.Where(m => m != member)) simulation.SlowLink(other, member, TimeSpan.Zero);
                simulation.Heal();
                break;
            case FaultKind.Partition or FaultKind.CutOneWay or FaultKind.Isolate or FaultKind.Bridge or FaultKind.MajoritiesRing:
                simulation.Heal();
                break;
            case FaultKind.Crash or FaultKind.PowerFailure or FaultKind.FailRecovery or FaultKind.LoseState:
                simulation.Restart(member);
                break;
            case FaultKind.Wipe or FaultKind.FlipBit:
                simulation.Restart(member);
                simulation.After(Lasts, () => simulation.ReplaceLost());
                break;
            case FaultKind.CrashAll:
                foreach (var each in simulation.Members) simulation.Restart(each);
                break;
            case FaultKind.Pause:
                simulation.Resume(member);
                break;
            case FaultKind.StallStateMachine:
                simulation.ReleaseStateMachine(member);
                break;
            case FaultKind.SlowDisk:
                simulation.SlowDisk(member, 1);
                break;
            case FaultKind.HangDisk:
                simulation.ReleaseDisk(member);
                break;
            case FaultKind.DriftClock:
                simulation.DriftClock(member, 1);
                break;
            case FaultKind.Drop:
                simulation.Drop(0);
                break;
            case FaultKind.Duplicate:
                simulation.Duplicate(0);
                break;
            case FaultKind.Reorder:
                simulation.Reorder(0);
                break;
            case FaultKind.SlowLink:
                simulation.SlowLink(member, Other, TimeSpan.Zero);
                break;
        }
    }

    /// <summary>When, what and whom.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"{At.TotalSeconds:0.000} s for {Lasts.TotalSeconds:0.000} s: {Kind} {(Member is { } m ? $"member {m}" : "leader")}");
}
