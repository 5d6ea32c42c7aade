namespace AkkaRaft.Node;

internal static class HealthCommand
{
    // It need not exist: what counts is that a leader answers, which asks a quorum first.
    private static readonly byte[] AnyKey = [0];

    public static Verb Create() => new(new Command("health", "Tell whether a leader serves and a quorum answers; otherwise end with 2"), async (_, call) =>
    {
        var all = await call.Client.StatusAsync(call.Cancel).ConfigureAwait(false);
        var verdict = Verdict.Of(all);
        if (verdict.IsHealthy)
        {
            try
            {
                await call.Client.GetAsync(AnyKey, ReadConsistency.Linearizable, call.Cancel).ConfigureAwait(false);
            }
            catch (RaftException e) when (ExitCodes.Of(e) is { Code: ExitCodes.Unavailable or ExitCodes.OutcomeUnknown })
            {
                verdict = verdict with { ReadFailure = e.Message.TrimEnd('.') };
            }
        }

        call.Out.WriteLine(call.Json ? Output.Verdict("health", all.Count, verdict) : verdict.ToString());
        return verdict.IsHealthy ? ExitCodes.Ok : ExitCodes.Unavailable;
    });
}
