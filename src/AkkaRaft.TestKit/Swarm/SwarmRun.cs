using System.Globalization;

namespace AkkaRaft.TestKit.Swarm;

/// <summary>What one plan's run came to.</summary>
/// <param name="Plan">The plan.</param>
/// <param name="Violation">What did not hold; null for a clean run.</param>
/// <param name="Message">The violation with step, members' state and the command that runs it again; null for a clean run.</param>
/// <param name="Virtual">Virtual time that went by.</param>
/// <param name="Elections">Terms that had a leader.</param>
/// <param name="Faults">Faults put in place.</param>
/// <param name="Operations">Calls whose result was checked.</param>
/// <param name="Steps">Mailbox runs.</param>
public sealed record SwarmResult(SwarmPlan Plan, string? Violation, string? Message, TimeSpan Virtual, int Elections, int Faults, int Operations, long Steps);

/// <summary>Runs plans.</summary>
public static class SwarmRun
{
    /// <summary>Runs a plan to its end: load and faults, then peace, convergence, and the checks of the whole history.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="traceFile">Where to write the trace, as text when its name ends in <c>.txt</c>; null for none, which is faster.</param>
    public static SwarmResult Execute(SwarmPlan plan, string? traceFile = null) => Execute(plan, new StoreSubject(), traceFile);

    internal static SwarmResult Execute(SwarmPlan plan, ISwarmSubject subject, string? traceFile = null)
    {
        ArgumentNullException.ThrowIfNull(plan);
        using var simulation = new ClusterSimulation(new SimulationSettings
        {
            Seed = plan.Seed,
            Runs = subject.Runs,
            Members = plan.Members,
            StateSurvivesCrash = plan.StateSurvivesCrash,
            AttemptTimeout = plan.AttemptTimeout,
            Logs = plan.Logs,
            Configure = settings => Configure(plan, settings),
            DeletesInSteps = plan.DeletesInSteps,
            ComparesStatesEach = plan.ComparesStatesEach,
            KeepTrace = traceFile is not null,
            Replay = plan.Replay,
        });
        SimulationViolationException? violation = null;
        ISwarmLoad? load = null;
        try
        {
            foreach (var fault in plan.Faults) simulation.After(fault.At, () => fault.Begin(simulation, plan.Duration));
            load = subject.Begin(simulation, plan);
            simulation.RunFor(plan.Duration);
            load.Stop();
            simulation.EndFaultsAndConverge();
            // With the store it is a part of convergence.
            if (subject.Runs is not null) Serve(simulation, load, "after the faults");
            if (plan.LosesMinority) LoseMinority(simulation, load);
            if (plan.LosesDisk) LoseDisk(simulation, load);
            if (plan.LosesMajority) LoseMajority(simulation, load);
            if (plan.Restores) LoseAll(simulation, load);
            simulation.RunUntil(() => load.HasEnded, what: "an end of every call");
            load.Check();
        }
        catch (SimulationViolationException found)
        {
            violation = found;
        }
        // What breaks the simulation itself is told with its seed, too.
        catch (Exception error)
        {
            violation = simulation.Failed($"the simulation broke: {error}");
        }
        if (traceFile is not null) simulation.WriteTrace(traceFile);
        return new SwarmResult(
            plan, violation?.Violation, violation?.Message, simulation.Now, simulation.LeaderChanges, simulation.Faults,
            load?.Served ?? 0, simulation.Step);
    }

    /// <summary>What befalls one voter for ever must not keep the others from serving; nor must one direction between two that is lost.</summary>
    private static void LoseMinority(ClusterSimulation simulation, ISwarmLoad load)
    {
        if (simulation.Voters is not { Count: > 2 } voters) return;
        var random = simulation.FaultRandom;
        var lost = voters[random.Next(voters.Count)];
        var others = simulation.Members.Where(m => m != lost).ToList();
        switch (random.Next(6))
        {
            case 0:
                simulation.Isolate(lost);
                break;
            case 1:
                foreach (var other in others) simulation.CutOneWay(lost, other);
                break;
            case 2:
                foreach (var other in others) simulation.CutOneWay(other, lost);
                break;
            case 3:
                simulation.CutOneWay(lost, voters.First(v => v != lost));
                break;
            case 4:
                simulation.Pause(lost);
                break;
            default:
                simulation.HangDisk(lost);
                break;
        }
        Serve(simulation, load, lost);
        simulation.EndFaultsAndConverge();
    }

    /// <summary>A disk that is older than what it confirmed, damaged or empty must not bring back what is over, nor keep the others from serving.</summary>
    private static void LoseDisk(ClusterSimulation simulation, ISwarmLoad load)
    {
        if (simulation.Voters is not { Count: > 2 } voters) return;
        var random = simulation.FaultRandom;
        var lost = voters[random.Next(voters.Count)];
        simulation.LoseUnsynced(lost);
        switch (random.Next(4))
        {
            case 0:
                simulation.Wipe(lost);
                break;
            case 1:
                simulation.FlipBit(lost, random.Next(10));
                break;
            default:
                simulation.LoseTail(lost, random.Next(1, 20));
                break;
        }
        // Whoever leads knows what the member had acknowledged, or has a log that needs it no more.
        Serve(simulation, load, lost);
        var acknowledged = simulation.Committed;
        simulation.Restart(lost);
        Serve(simulation, load, lost);
        simulation.RunUntil(() => simulation.HasFailed(lost) || simulation.AppliedIndexOf(lost) >= acknowledged, what: $"that member {lost} is refused or has caught up");
        simulation.EndFaultsAndConverge();
    }

    /// <summary>All but the one whose log is furthest are lost for ever while calls are under way. An operator goes on from it alone, and others come in their places.</summary>
    private static void LoseMajority(ClusterSimulation simulation, ISwarmLoad load)
    {
        if (simulation.Voters is not { Count: > 1 } voters) return;
        var random = simulation.FaultRandom;
        var call = load.AddCaller("while-most-are-lost");
        for (var i = 0; i < 5; i++) call();
        simulation.RunFor(TimeSpan.FromMilliseconds(random.Next(30)));
        var powerFails = random.Next(2) == 0;
        foreach (var member in simulation.Members)
        {
            if (powerFails) simulation.LoseUnsynced(member);
            else simulation.Crash(member);
        }
        var left = simulation.FurthestOf(voters);
        simulation.ForceSingle(left);
        Serve(simulation, load, "after all but one were lost");
        int[] three = [left, simulation.AddMember(), simulation.AddMember()];
        simulation.SetVoters(three);
        simulation.RunUntil(() => simulation.Voters.Order().SequenceEqual(three.Order()), what: "members in the places of those that are lost");
        simulation.EndFaultsAndConverge();
    }

    private static void LoseAll(ClusterSimulation simulation, ISwarmLoad load)
    {
        simulation.RunUntil(() => simulation.HasConverged, what: "rest, for a backup");
        simulation.RestoreFromBackup();
        Serve(simulation, load, "after all were lost and a backup was brought back");
        simulation.EndFaultsAndConverge();
    }

    private static void Serve(ClusterSimulation simulation, ISwarmLoad load, int lost) => Serve(simulation, load, string.Create(CultureInfo.InvariantCulture, $"while member {lost} is lost"));

    private static void Serve(ClusterSimulation simulation, ISwarmLoad load, string when)
    {
        var call = load.AddCaller("while-one-is-lost");
        var patience = simulation.Now + TimeSpan.FromSeconds(30);
        for (var served = 0; served < 10;)
        {
            var called = call();
            simulation.RunUntil(() => called.IsDone, what: $"an answer {when}");
            // At first a new leader may have to be elected.
            if (!called.IsServed && (served > 0 || simulation.Now > patience)) throw simulation.Failed($"the cluster does not serve {when}: {called}");
            if (called.IsServed) served++;
        }
    }

    private static RaftSettings Configure(SwarmPlan plan, RaftSettings settings)
    {
        settings = settings with
        {
            ElectionTimeoutMax = plan.ElectionTimeoutMax,
            MaxAppendBytes = plan.MaxAppendBytes,
            MaxInflightBytes = 4 * plan.MaxAppendBytes,
            MaxApplyBytes = 2 * plan.MaxAppendBytes,
            RetainEntries = plan.RetainEntries,
            MaxLogEntries = plan.RetainEntries + 20,
            SnapshotChunkBytes = 8 * 1024,
            JoinTimeout = TimeSpan.FromSeconds(3),
            SessionTimeToLive = plan.SessionTimeToLive,
            StateCheckInterval = TimeSpan.FromSeconds(1),
        };
        if (!plan.MembersDiffer) return settings;
        var random = new Random(unchecked((int)plan.Seed * 31 + settings.Id.Value));
        return settings with
        {
            HeartbeatInterval = TimeSpan.FromMilliseconds(random.Next(20, 80)),
            ElectionTimeoutMax = plan.ElectionTimeoutMax * (1 + random.NextDouble()),
            MaxAppendBytes = plan.MaxAppendBytes * random.Next(1, 4),
            MaxInflightBytes = plan.MaxAppendBytes * random.Next(1, 4),
            MaxApplyBytes = plan.MaxAppendBytes * random.Next(1, 4),
            MaxValueBytes = random.Next(500, 4_000),
            SessionTimeToLive = plan.SessionTimeToLive * (0.5 + random.NextDouble()),
            RetainEntries = plan.RetainEntries + random.Next(20),
            MaxLogEntries = plan.RetainEntries + random.Next(20, 60),
            SnapshotChunkBytes = 1024 * random.Next(1, 16),
        };
    }

    /// <summary>Leaves out whatever the violation does not need: faults, clients, time.</summary>
    /// <param name="plan">A plan whose run ends with a violation.</param>
    /// <param name="attempts">Most runs to spend.</param>
    /// <returns>The smallest plan found whose run still ends with one.</returns>
    public static SwarmPlan Shrink(SwarmPlan plan, int attempts = 200) =>
        // Shrinking is as repeatable as a run.
        Shrink(plan with { Replay = plan.Replay + " --shrink" }, smaller => Execute(smaller).Violation is not null, attempts);

    internal static SwarmPlan Shrink(SwarmPlan plan, Func<SwarmPlan, bool> breaks, int attempts = 200)
    {
        ArgumentNullException.ThrowIfNull(plan);
        for (var progress = true; progress && attempts > 0;)
        {
            progress = false;
            foreach (var smaller in Smaller(plan))
            {
                if (attempts-- <= 0) break;
                if (!breaks(smaller)) continue;
                plan = smaller;
                progress = true;
                break;
            }
        }
        return plan;
    }

    private static IEnumerable<SwarmPlan> Smaller(SwarmPlan plan)
    {
        for (var half = (plan.Faults.Count + 1) / 2; half > 0; half /= 2)
        {
            for (var from = 0; from + half <= plan.Faults.Count; from += half)
                yield return plan with { Faults = [.. plan.Faults.Take(from), .. plan.Faults.Skip(from + half)] };
        }
        if (plan.Watches > 0) yield return plan with { Watches = 0 };
        if (plan.LeaseHolders > 0) yield return plan with { LeaseHolders = 0 };
        if (plan.CallsAtOnce > 1) yield return plan with { CallsAtOnce = 1 };
        if (plan.ReadsOfAllKinds) yield return plan with { ReadsOfAllKinds = false };
        if (plan.Scans) yield return plan with { Scans = false };
        if (plan.LargestValue > 0) yield return plan with { LargestValue = 0 };
        if (plan.ClientsLive is not null) yield return plan with { ClientsLive = null };
        if (plan.LosesMinority) yield return plan with { LosesMinority = false };
        if (plan.DeletesInSteps) yield return plan with { DeletesInSteps = false };
        if (plan.LosesDisk) yield return plan with { LosesDisk = false };
        if (plan.LosesMajority) yield return plan with { LosesMajority = false };
        if (plan.Restores) yield return plan with { Restores = false };
        if (plan.Cancels) yield return plan with { Cancels = false };
        if (plan.MembersDiffer) yield return plan with { MembersDiffer = false };
        if (plan.Clients > 1) yield return plan with { Clients = plan.Clients - 1 };
        if (plan.Logs.Count > 0) yield return plan with { Logs = new Dictionary<int, IReadOnlyList<long>>() };
        if (plan.Keys > 1) yield return plan with { Keys = 1 };
        if (plan.Duration > TimeSpan.FromSeconds(1)) yield return plan with { Duration = plan.Duration * 0.7 };
        if (plan.LongestThought < TimeSpan.FromMilliseconds(300)) yield return plan with { LongestThought = plan.LongestThought * 2 };
    }
}
