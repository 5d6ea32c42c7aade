using System.Diagnostics;
using Akka.Actor;
using Akka.Hosting;
using AkkaRaft.Protocol;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace AkkaRaft.Hosting;

/// <summary>How the member in an ActorSystem stands, as health checks say it.</summary>
internal static class RaftHealth
{
    private static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan CatchUpTimeout = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(20);

    /// <summary>Whether starting the process anew could help: the member does not answer, or has failed. One that was removed has done its work.</summary>
    public static async Task<HealthCheckResult> LiveAsync(ActorSystem system, ActorRegistry registry, CancellationToken cancellationToken)
    {
        if (RaftMember.Of(system) is not { } node) return HealthCheckResult.Unhealthy("The member has not started yet.");
        if (await EndAsync(node).ConfigureAwait(false) is { } end)
            return end.End == MemberEnd.Removed ? HealthCheckResult.Healthy(end.Reason) : HealthCheckResult.Unhealthy(end.Reason);
        return await node.AskStatusAsync(AnswerTimeout, cancellationToken).ConfigureAwait(false) switch
        {
            RaftStatus status => HealthCheckResult.Healthy($"Member {status.Id} answers.", Data(status)),
            // It reads its journal, or waits for its disk: by itself, and no sooner in another process.
            Refused waits => HealthCheckResult.Healthy(waits.Message),
            _ => HealthCheckResult.Unhealthy($"Member {node.Settings.Id} has not answered within {AnswerTimeout.TotalSeconds:0} s."),
        };
    }

    /// <summary>Whether requests should come here: there is a leader, and what was committed when it was asked is applied.</summary>
    public static async Task<HealthCheckResult> ReadyAsync(ActorSystem system, ActorRegistry registry, CancellationToken cancellationToken)
    {
        if (RaftMember.Of(system) is not { } node) return HealthCheckResult.Unhealthy("The member has not started yet.");
        if (await EndAsync(node).ConfigureAwait(false) is { } end) return HealthCheckResult.Unhealthy(end.Reason);
        var watch = Stopwatch.StartNew();
        long? committed = null;
        while (true)
        {
            var answer = await node.AskStatusAsync(AnswerTimeout, cancellationToken).ConfigureAwait(false);
            if (answer is not RaftStatus status)
                return HealthCheckResult.Unhealthy(answer is Refused waits ? waits.Message : $"Member {node.Settings.Id} has not answered within {AnswerTimeout.TotalSeconds:0} s.");
            if (status.Problem is { } problem) return HealthCheckResult.Unhealthy(problem, data: Data(status));
            if (status.Leader is null) return HealthCheckResult.Unhealthy($"Member {status.Id} knows no leader.", data: Data(status));
            committed ??= status.CommitIndex;
            if (status.AppliedIndex >= committed) return HealthCheckResult.Healthy($"Member {status.Id} serves; member {status.Leader} leads.", Data(status));
            if (watch.Elapsed > CatchUpTimeout)
                return HealthCheckResult.Unhealthy($"Member {status.Id} has applied the log to {status.AppliedIndex} and not yet to {committed}, which is committed.", data: Data(status));
            await Task.Delay(Poll, cancellationToken).ConfigureAwait(false);
        }
    }

    private static async Task<MemberEnded?> EndAsync(RaftNode node) =>
        node.Completion.IsCompleted ? await node.Completion.ConfigureAwait(false) : null;

    private static Dictionary<string, object> Data(RaftStatus status) => new()
    {
        ["role"] = status.Role.ToString(),
        ["term"] = status.Term,
        ["leader"] = status.Leader?.Value ?? -1,
        ["commitIndex"] = status.CommitIndex,
        ["appliedIndex"] = status.AppliedIndex,
    };
}
