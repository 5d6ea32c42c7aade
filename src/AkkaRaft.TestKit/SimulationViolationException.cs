#pragma warning disable CA1032 // Only a simulation finds one.

namespace AkkaRaft.TestKit;

/// <summary>A property that must hold did not, or what was waited for did not come. The message has the seed, the step and how to run it again.</summary>
public sealed class SimulationViolationException(string message, string violation) : RaftException(message)
{
    /// <summary>What did not hold, without the rest.</summary>
    public string Violation { get; } = violation;
}
