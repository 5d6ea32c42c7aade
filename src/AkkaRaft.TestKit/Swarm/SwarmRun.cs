using System.Globalization;
using AkkaRaft.Protocol;
using AkkaRaft.TestKit.Checking;

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
    public static SwarmResult Execute(SwarmPlan plan, string? traceFile = null)
    {
        ArgumentNullException.ThrowIfNull(plan);
        using var simulation = new ClusterSimulation(new SimulationSettings
        {
            Seed = plan.Seed,
            Members = plan.Members,
            StateSurvivesCrash = plan.StateSurvivesCrash,
            AttemptTimeout = plan.AttemptTimeout,
            Logs = plan.Logs,
            Configure = settings => settings with
            {
                ElectionTimeoutMax = plan.ElectionTimeoutMax,
                MaxAppendBytes = plan.MaxAppendBytes,
                MaxInflightBytes = 4 * plan.MaxAppendBytes,
                MaxApplyBytes = 2 * plan.MaxAppendBytes,
                RetainEntries = plan.RetainEntries,
                MaxLogEntries = plan.RetainEntries + 20,
                SnapshotChunkBytes = 8 * 1024,
                JoinTimeout = TimeSpan.FromSeconds(3),
            },
            KeepTrace = traceFile is not null,
            Replay = plan.Replay,
        });
        SimulationViolationException? violation = null;
        try
        {
            foreach (var fault in plan.Faults) simulation.After(fault.At, () => fault.Begin(simulation, plan.Duration));
            var load = new Load(simulation, plan);
            simulation.RunFor(plan.Duration);
            load.Stop();
            simulation.EndFaultsAndConverge();
            simulation.RunUntil(() => simulation.Calls.All(c => c.IsDone), what: "an end of every call");
            simulation.Check();
        }
        catch (SimulationViolationException found)
        {
            violation = found;
        }
        if (traceFile is not null) simulation.WriteTrace(traceFile);
        return new SwarmResult(
            plan, violation?.Violation, violation?.Message, simulation.Now, simulation.LeaderChanges, simulation.Faults,
            simulation.Calls.Count(c => c.Succeeded), simulation.Step);
    }

    /// <summary>Leaves out whatever the violation does not need: faults, clients, time.</summary>
    /// <param name="plan">A plan whose run ends with a violation.</param>
    /// <param name="attempts">Most runs to spend.</param>
    /// <returns>The smallest plan found whose run still ends with one.</returns>
    public static SwarmPlan Shrink(SwarmPlan plan, int attempts = 200) =>
        Shrink(plan, smaller => Execute(smaller).Violation is not null, attempts);

    internal static SwarmPlan Shrink(SwarmPlan plan, Func<SwarmPlan, bool> breaks, int attempts = 200)
    {
        ArgumentNullException.ThrowIfNull(plan);
        // Shrinking is as repeatable as a run.
        plan = plan with { Replay = plan.Replay + " --shrink" };
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
        for (var half = plan.Faults.Count / 2; half > 0; half /= 2)
        {
            for (var from = 0; from + half <= plan.Faults.Count; from += half)
                yield return plan with { Faults = [.. plan.Faults.Take(from), .. plan.Faults.Skip(from + half)] };
        }
        if (plan.Clients > 1) yield return plan with { Clients = plan.Clients - 1 };
        if (plan.Logs.Count > 0) yield return plan with { Logs = new Dictionary<int, IReadOnlyList<long>>() };
        if (plan.Keys > 1) yield return plan with { Keys = 1 };
        if (plan.Duration > TimeSpan.FromSeconds(1)) yield return plan with { Duration = plan.Duration * 0.7 };
        if (plan.LongestThought < TimeSpan.FromMilliseconds(300)) yield return plan with { LongestThought = plan.LongestThought * 2 };
    }

    /// <summary>Clients that call, one call at a time each, until told to stop.</summary>
    private sealed class Load
    {
        private readonly ClusterSimulation _simulation;
        private readonly SwarmPlan _plan;
        private readonly Random _random;
        private bool _stopped;
        private int _values;

        public Load(ClusterSimulation simulation, SwarmPlan plan)
        {
            _simulation = simulation;
            _plan = plan;
            _random = new Random(unchecked((int)plan.Seed) ^ 0x5EED);
            for (var i = 0; i < plan.Clients; i++) Think(simulation.AddClient());
        }

        public void Stop() => _stopped = true;

        private void Think(SimulatedClient client) => _simulation.After(_plan.LongestThought * _random.NextDouble(), () => Call(client));

        private void Call(SimulatedClient client)
        {
            if (_stopped) return;
            var key = string.Create(CultureInfo.InvariantCulture, $"k{_random.Next(_plan.Keys)}");
            var kind = _random.Next(10) switch { < 5 => OperationKind.Put, < 9 => OperationKind.Get, _ => OperationKind.Delete };
            var value = kind == OperationKind.Put ? string.Create(CultureInfo.InvariantCulture, $"v{++_values}") : null;
            client.Call(kind, key, value, ReadConsistency.Linearizable, _ => Think(client));
        }
    }
}
