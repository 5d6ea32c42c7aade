using AkkaRaft.Client;
using AkkaRaft.Hosting;
using AkkaRaft.Protocol;

namespace AkkaRaft.TestKit.Conformance;

/// <summary>
/// Tells whether a state machine keeps the contract of <c>AkkaRaft.StateMachines</c>: that it goes on from its disk where it was, applies each command once,
/// takes over images whole and refuses damaged ones, and answers what it cannot read. It runs alone, against real files, started anew from copies of them that
/// are taken at each step, as a crash would leave them.
/// </summary>
/// <remarks>It cannot cut the power: that what was synced outlives that too is for the state machine's own tests.</remarks>
public static class StateMachineConformance
{
    private const int FewestCommands = 4;

    /// <summary>Tries a state machine.</summary>
    /// <param name="stateMachine">Which.</param>
    /// <param name="codec">How its commands and queries are written.</param>
    /// <param name="commands">At least four, of which the first half and the whole come to other answers.</param>
    /// <param name="queries">At least one; their answers tell the states apart.</param>
    /// <param name="directory">An empty one, for the state machine's files; a temporary one, which is removed, when nothing is said.</param>
    /// <returns>What does not hold, for people, with what was seen; empty when all does.</returns>
    /// <exception cref="ArgumentException">Too few commands or queries, or answers that do not tell states apart.</exception>
    public static Task<IReadOnlyList<string>> CheckAsync<TCommand, TQuery>(
        RaftStateMachine stateMachine, IRaftCodec codec, IReadOnlyList<TCommand> commands, IReadOnlyList<TQuery> queries, string? directory = null)
    {
        ArgumentNullException.ThrowIfNull(codec);
        ArgumentNullException.ThrowIfNull(commands);
        ArgumentNullException.ThrowIfNull(queries);
        return CheckAsync(
            stateMachine, [.. commands.Select(c => new SubmitCommand(codec.Encode(c)))], [.. queries.Select(q => new AskState(codec.Encode(q), ReadConsistency.Local))], directory);
    }

    internal static async Task<IReadOnlyList<string>> CheckAsync(RaftStateMachine stateMachine, IReadOnlyList<IRaftWrite> commands, IReadOnlyList<IRaftRead> queries, string? directory = null)
    {
        ArgumentNullException.ThrowIfNull(stateMachine);
        if (commands.Count < FewestCommands) throw new ArgumentException($"There are {commands.Count} commands; it takes at least {FewestCommands}.", nameof(commands));
        if (queries.Count == 0) throw new ArgumentException("There is no query to tell states apart by.", nameof(queries));
        var own = directory is null ? Directory.CreateTempSubdirectory("akkaraft-conformance-").FullName : null;
        try
        {
            using var trial = new Trial(stateMachine, commands, queries, directory ?? own!);
            return await trial.RunAsync().ConfigureAwait(false);
        }
        finally
        {
            if (own is not null) Directory.Delete(own, recursive: true);
        }
    }
}
