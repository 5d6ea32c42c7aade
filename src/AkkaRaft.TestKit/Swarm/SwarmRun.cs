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
            Configure = settings => Configure(plan, settings),
            DeletesInSteps = plan.DeletesInSteps,
            ComparesStatesEach = plan.ComparesStatesEach,
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
            if (plan.LosesMinority) LoseMinority(simulation);
            if (plan.LosesDisk) LoseDisk(simulation);
            if (plan.LosesMajority) LoseMajority(simulation);
            if (plan.Restores) LoseAll(simulation);
            simulation.RunUntil(() => simulation.Calls.All(c => c.IsDone || c.IsAbandoned), what: "an end of every call");
            simulation.Check();
            simulation.CheckChanges();
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
            simulation.Calls.Count(c => c.Succeeded), simulation.Step);
    }

    /// <summary>What befalls one voter for ever must not keep the others from serving; nor must one direction between two that is lost.</summary>
    private static void LoseMinority(ClusterSimulation simulation)
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
        Serve(simulation, lost);
        simulation.EndFaultsAndConverge();
    }

    /// <summary>A disk that is older than what it confirmed, damaged or empty must not bring back what is over, nor keep the others from serving.</summary>
    private static void LoseDisk(ClusterSimulation simulation)
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
        Serve(simulation, lost);
        var acknowledged = simulation.Committed;
        simulation.Restart(lost);
        Serve(simulation, lost);
        simulation.RunUntil(() => simulation.HasFailed(lost) || simulation.AppliedIndexOf(lost) >= acknowledged, what: $"that member {lost} is refused or has caught up");
        simulation.EndFaultsAndConverge();
    }

    /// <summary>All but the one whose log is furthest are lost for ever while calls are under way. An operator goes on from it alone, and others come in their places.</summary>
    private static void LoseMajority(ClusterSimulation simulation)
    {
        if (simulation.Voters is not { Count: > 1 } voters) return;
        var random = simulation.FaultRandom;
        var client = simulation.AddClient();
        for (var i = 0; i < 5; i++) client.Put("while-most-are-lost", string.Create(CultureInfo.InvariantCulture, $"{simulation.Now.Ticks} {i}"));
        simulation.RunFor(TimeSpan.FromMilliseconds(random.Next(30)));
        var powerFails = random.Next(2) == 0;
        foreach (var member in simulation.Members)
        {
            if (powerFails) simulation.LoseUnsynced(member);
            else simulation.Crash(member);
        }
        var left = simulation.FurthestOf(voters);
        simulation.ForceSingle(left);
        Serve(simulation, "after all but one were lost");
        int[] three = [left, simulation.AddMember(), simulation.AddMember()];
        simulation.SetVoters(three);
        simulation.RunUntil(() => simulation.Voters.Order().SequenceEqual(three.Order()), what: "members in the places of those that are lost");
        simulation.EndFaultsAndConverge();
    }

    private static void LoseAll(ClusterSimulation simulation)
    {
        simulation.RunUntil(() => simulation.HasConverged, what: "rest, for a backup");
        simulation.RestoreFromBackup();
        Serve(simulation, "after all were lost and a backup was brought back");
        simulation.EndFaultsAndConverge();
    }

    private static void Serve(ClusterSimulation simulation, int lost) => Serve(simulation, string.Create(CultureInfo.InvariantCulture, $"while member {lost} is lost"));

    private static void Serve(ClusterSimulation simulation, string when)
    {
        var client = simulation.AddClient();
        var patience = simulation.Now + TimeSpan.FromSeconds(30);
        for (var served = 0; served < 10;)
        {
            var put = client.Put("while-one-is-lost", string.Create(CultureInfo.InvariantCulture, $"{simulation.Now.Ticks}"));
            simulation.RunUntil(() => put.IsDone, what: $"an answer {when}");
            // At first a new leader may have to be elected.
            if (!put.Succeeded && (served > 0 || simulation.Now > patience)) throw simulation.Failed($"the cluster does not serve {when}: {put}");
            if (put.Succeeded) served++;
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

    /// <summary>Clients that call until told to stop.</summary>
    private sealed class Load
    {
        private readonly ClusterSimulation _simulation;
        private readonly SwarmPlan _plan;
        private readonly Random _random;
        private readonly Random _shape;
        private bool _stopped;
        private readonly Dictionary<string, long> _versions = [];
        private int _values;

        public Load(ClusterSimulation simulation, SwarmPlan plan)
        {
            _simulation = simulation;
            _plan = plan;
            _random = new Random(unchecked((int)plan.Seed) ^ 0x5EED);
            _shape = new Random(unchecked((int)plan.Seed) ^ 0x5AFE);
            for (var i = 0; i < plan.Clients; i++) Live();
            for (var i = 0; i < plan.Watches; i++) simulation.AddClient().Watch(i == 0 ? "" : "k0");
            for (var i = 0; i < plan.LeaseHolders; i++) Hold(simulation.AddClient());
        }

        public void Stop() => _stopped = true;

        private void Live()
        {
            if (_stopped) return;
            var client = _simulation.AddClient();
            for (var i = 0; i < _plan.CallsAtOnce; i++) Think(client);
            if (_plan.ClientsLive is not { } longest) return;
            _simulation.After(longest * _shape.NextDouble(), () =>
            {
                if (_stopped) return;
                client.Crash();
                Live();
            });
        }

        private void Think(SimulatedClient client)
        {
            var thought = _plan.LongestThought * _random.NextDouble();
            // What was answered together is often followed by calls that go together.
            if (_plan.CallsAtOnce > 1 && _shape.Next(2) == 0) thought = TimeSpan.Zero;
            _simulation.After(thought, () => Call(client));
        }

        private ReadConsistency Consistency() => _plan.ReadsOfAllKinds ? (ReadConsistency)_shape.Next(3) : ReadConsistency.Linearizable;

        private string Value()
        {
            var value = string.Create(CultureInfo.InvariantCulture, $"v{++_values}");
            return _plan.LargestValue > 0 ? value + new string('-', _shape.Next(_plan.LargestValue)) : value;
        }

        private void Call(SimulatedClient client)
        {
            if (_stopped || client.IsDead) return;
            if (_plan.Scans && _shape.Next(6) == 0)
            {
                client.Scan("", Consistency(), () => Think(client));
                return;
            }
            var at = _random.Next(_plan.Keys);
            var key = Key(at);
            var kind = _random.Next(20) switch
            {
                < 7 => OperationKind.Put,
                < 10 => OperationKind.CompareAndSet,
                < 11 => OperationKind.Transaction,
                < 18 => OperationKind.Get,
                _ => OperationKind.Delete,
            };
            var value = kind is OperationKind.Get or OperationKind.Delete ? null : Value();
            var called = kind switch
            {
                OperationKind.CompareAndSet => client.CompareAndSet(key, value!, _versions.GetValueOrDefault(key), Answered),
                OperationKind.Transaction => client.Transaction(key, Key(at + 1), value!, _versions.GetValueOrDefault(key), Answered),
                _ => client.Call(kind, key, value, Answered, kind == OperationKind.Get ? Consistency() : ReadConsistency.Linearizable),
            };
            if (!_plan.Cancels || _shape.Next(3) != 0) return;
            // Before it is sent, on its way, or while its answer is.
            _simulation.After(TimeSpan.FromMilliseconds(20) * Math.Pow(_shape.NextDouble(), 3), () =>
            {
                if (called.IsDone || called.IsAbandoned) return;
                client.Cancel(called);
                Think(client);
            });

            void Answered(SimulatedCall call)
            {
                // What is expected next is what was last heard of, which is mostly right.
                foreach (var operation in call.ToOperations().Where(o => !call.IsLocal && o.Outcome == OperationOutcome.Done))
                    _versions[operation.Key] = operation.Kind == OperationKind.Delete ? 0 : operation.Version;
                Think(client);
            }
        }

        private static string Key(int at) => string.Create(CultureInfo.InvariantCulture, $"k{at}");

        private void Hold(SimulatedClient client)
        {
            if (_stopped) return;
            client.GrantLease(TimeSpan.FromMilliseconds(_random.Next(1_000, 2_000)), lease =>
            {
                if (_stopped) return;
                if (lease.Id == 0)
                {
                    Hold(client);
                    return;
                }
                lease.Put(string.Create(CultureInfo.InvariantCulture, $"lease-{lease.Id}"), string.Create(CultureInfo.InvariantCulture, $"v{++_values}"));
                Keep(client, lease, _random.Next(4));
            });
        }

        private void Keep(SimulatedClient client, SimulatedLease lease, int times) => _simulation.After(lease.TimeToLive * _random.NextDouble(), () =>
        {
            if (_stopped) return;
            if (times > 0)
            {
                lease.KeepAlive(() => Keep(client, lease, times - 1));
                return;
            }
            if (_random.Next(3) == 0) lease.Revoke();
            Hold(client);
        });
    }
}
