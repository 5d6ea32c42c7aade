namespace AkkaRaft.StateMachines;

/// <summary>State machines by name, for people.</summary>
internal static class StateMachineNames
{
    /// <param name="name">Empty for the key-value store.</param>
    public static string Words(string name) => name.Length == 0 ? "the key-value store" : $"the state machine '{name}'";
}

/// <summary>A member runs another state machine than its cluster. Nothing of the entry that shows it was applied.</summary>
/// <remarks>A state machine that is an actor tells its parent so by <see cref="StateMachineFailed"/>, with the message, and stops.</remarks>
public sealed class StateMachineMismatchException : RaftException
{
    internal StateMachineMismatchException(string runs, string here)
        : base($"The cluster's log is of {StateMachineNames.Words(runs)}, and this member runs {StateMachineNames.Words(here)}. Nothing was applied. Start it with the other one, or as a member of another cluster, on an empty directory.")
    {
        LogIsOf = runs;
    }

    /// <summary>The state machine that the log is of, by name; empty for the key-value store.</summary>
    public string LogIsOf { get; }
}
