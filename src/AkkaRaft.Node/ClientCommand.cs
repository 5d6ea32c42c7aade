namespace AkkaRaft.Node;

/// <summary>What client commands share on the command line: one session, errors on standard error and, with --json, as an object too.</summary>
internal static class ClientCommand
{
    public static async Task<int> RunAsync(ClientOptions options, ParseResult parsed, Func<ClientSession, bool, Task<int>> run)
    {
        bool json = parsed.GetValue(options.Json);
        try
        {
            await using var session = options.Open(parsed);
            return await run(session, json).ConfigureAwait(false);
        }
        catch (Exception e) when (ExitCodes.Of(e) is { } known)
        {
            return ExitCodes.Tell(e, known, json, Console.Out, Console.Error);
        }
    }
}
