using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using AkkaRaft.Client;
using AkkaRaft.StateMachines;
using AkkaRaft.TestKit.Checking;

namespace AkkaRaft.TestKit.Swarm;

/// <summary>
/// Runs clusters of an application's own state machine in virtual time, one per seed, each through faults of its own, and checks: Raft's properties after every step; that states are equal at each index,
/// and are saved and loaded as they are; that after the faults all members converge and serve; and that what clients were told is what a model says, in one order. To be called from a test of any framework.
/// </summary>
public static class Swarm
{
    /// <summary>The environment variable with the one seed to run, as a violation names it.</summary>
    public const string SeedVariable = "AKKARAFT_SWARM_SEED";

    /// <summary>The environment variable with how many seeds to run, whatever the settings say.</summary>
    public const string SeedsVariable = "AKKARAFT_SWARM_SEEDS";

    /// <summary>Checks a class, which is its own model: <see cref="SequentialModel.OfClass"/>.</summary>
    /// <param name="create">Makes an instance with an empty state.</param>
    /// <param name="codec">How commands, results, queries and answers are written.</param>
    /// <param name="workload">Draws a call, of all clients the next: it must follow from the random numbers and the call's number, from 0 on, alone.</param>
    /// <param name="settings">How far to go.</param>
    /// <param name="test">The test's name, for the command that runs a seed again.</param>
    /// <returns>What happened.</returns>
    /// <exception cref="SwarmViolationException">Something does not hold.</exception>
    /// <exception cref="InvalidOperationException">No call of any seed had a result, or an environment variable has no number.</exception>
    public static SwarmReport Check<TCommand, TResult, TQuery, TAnswer>(
        Func<IStateMachine<TCommand, TResult, TQuery, TAnswer>> create,
        IRaftCodec codec,
        Func<Random, int, StateMachineCall<TCommand, TQuery>> workload,
        SwarmSettings? settings = null,
        [CallerMemberName] string test = "") =>
        Check(create, codec, workload, SequentialModel.OfClass(create, codec), settings, test);

    /// <summary>Checks a class against a model.</summary>
    /// <param name="create">Makes an instance with an empty state.</param>
    /// <param name="codec">How commands, results, queries and answers are written.</param>
    /// <param name="workload">Draws a call, of all clients the next: it must follow from the random numbers and the call's number, from 0 on, alone.</param>
    /// <param name="model">What the class is to do.</param>
    /// <param name="settings">How far to go.</param>
    /// <param name="test">The test's name, for the command that runs a seed again.</param>
    /// <returns>What happened.</returns>
    /// <exception cref="SwarmViolationException">Something does not hold.</exception>
    /// <exception cref="InvalidOperationException">No call of any seed had a result, or an environment variable has no number.</exception>
    public static SwarmReport Check<TState, TCommand, TResult, TQuery, TAnswer>(
        Func<IStateMachine<TCommand, TResult, TQuery, TAnswer>> create,
        IRaftCodec codec,
        Func<Random, int, StateMachineCall<TCommand, TQuery>> workload,
        SequentialModel<TState, TCommand, TResult, TQuery, TAnswer> model,
        SwarmSettings? settings = null,
        [CallerMemberName] string test = "")
        where TState : notnull
    {
        ArgumentNullException.ThrowIfNull(create);
        ArgumentNullException.ThrowIfNull(codec);
        ArgumentNullException.ThrowIfNull(workload);
        ArgumentNullException.ThrowIfNull(model);
        settings = FromEnvironment(settings ?? new SwarmSettings());
        settings.Check();
        var subject = new StateMachineSubject<TState, TCommand, TResult, TQuery, TAnswer>(create, codec, workload, settings.ChecksResults ? model : null);
        var report = new SwarmReport(0, TimeSpan.Zero, 0, 0, 0);
        for (var i = 0; i < settings.Seeds; i++)
        {
            var seed = settings.FirstSeed + (ulong)i;
            var plan = SwarmPlan.Draw(seed, settings.Members, settings.Duration).ForStateMachine(settings.Faults) with
            {
                Replay = string.Create(CultureInfo.InvariantCulture, $"{SeedVariable}={seed} dotnet test --filter FullyQualifiedName~{test}"),
            };
            var result = SwarmRun.Execute(plan, subject);
            if (result.Violation is not null) throw Violation(result, subject, settings, test);
            report = new SwarmReport(report.Seeds + 1, report.Virtual + result.Virtual, report.Elections + result.Elections, report.Faults + result.Faults, report.Operations + result.Operations);
        }
        return report.Operations > 0 ? report : throw new InvalidOperationException("No call of any seed had a result, so that nothing was proved: are the workload's commands such that the codec and the class take them?");
    }

    private static SwarmViolationException Violation(SwarmResult found, ISwarmSubject subject, SwarmSettings settings, string test)
    {
        var smallest = SwarmRun.Shrink(found.Plan, plan => SwarmRun.Execute(plan, subject).Violation is not null, settings.ShrinkRuns);
        var name = string.Concat(test.Select(c => char.IsAsciiLetterOrDigit(c) || c == '_' ? c : '-'));
        var trace = Path.GetFullPath(Path.Combine(settings.TraceDirectory, string.Create(CultureInfo.InvariantCulture, $"akkaraft-trace-{name}-{found.Plan.Seed}.html")));
        Directory.CreateDirectory(Path.GetDirectoryName(trace)!);
        var again = SwarmRun.Execute(smallest, subject, trace);
        // A class that goes by more than the log may do well the second time.
        var shown = again.Violation is null ? found : again;
        var text = new StringBuilder(shown.Message);
        text.Append(CultureInfo.InvariantCulture, $"\nTrace: {trace}");
        text.Append(CultureInfo.InvariantCulture, $"\nSmallest plan that breaks: {smallest.Members} members, {smallest.Clients} clients, {smallest.Duration.TotalSeconds:0.0} s, {smallest.Faults.Count} faults of {found.Plan.Faults.Count}");
        foreach (var fault in smallest.Faults) text.Append("\n  ").Append(fault);
        if (shown.Violation != found.Violation) text.Append("\nBefore it was made smaller: ").Append(found.Violation);
        return new SwarmViolationException(text.ToString(), found, shown with { Plan = smallest }, trace);
    }

    private static SwarmSettings FromEnvironment(SwarmSettings settings)
    {
        if (Number(SeedVariable) is { } seed) return settings with { FirstSeed = seed, Seeds = 1 };
        return Number(SeedsVariable) is { } seeds ? settings with { Seeds = (int)Math.Min(seeds, int.MaxValue) } : settings;
    }

    private static ulong? Number(string variable) => Environment.GetEnvironmentVariable(variable) is not { Length: > 0 } text ? null
        : ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number
        : throw new InvalidOperationException($"{variable} is '{text}', and is to be a number.");
}
