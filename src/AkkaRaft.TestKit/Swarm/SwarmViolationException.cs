#pragma warning disable CA1032 // Only a swarm finds one.

namespace AkkaRaft.TestKit.Swarm;

/// <summary>A seed of a <see cref="Swarm"/> found something that must hold and does not. The message says what, which seed, what befell the cluster, how to run it again, and where its trace is.</summary>
public sealed class SwarmViolationException : RaftException
{
    internal SwarmViolationException(string message, SwarmResult found, SwarmResult smallest, string traceFile)
        : base(message)
    {
        Found = found.Violation!;
        Violation = smallest.Violation!;
        Plan = smallest.Plan;
        FoundPlan = found.Plan;
        TraceFile = traceFile;
    }

    /// <summary>What did not hold in the run of <see cref="Plan"/>.</summary>
    public string Violation { get; }

    /// <summary>What did not hold in the run of the plan that the seed draws.</summary>
    public string Found { get; }

    /// <summary>The seed.</summary>
    public ulong Seed => Plan.Seed;

    /// <summary>The smallest plan found that still breaks.</summary>
    public SwarmPlan Plan { get; }

    /// <summary>The plan that the seed draws.</summary>
    public SwarmPlan FoundPlan { get; }

    /// <summary>The command that runs it again.</summary>
    public string Replay => Plan.Replay;

    /// <summary>The page with the trace of the smallest plan's run.</summary>
    public string TraceFile { get; }
}
