using System.CommandLine.Invocation;

namespace AkkaRaft.Node;

internal static class CommandLine
{
    public static async Task<int> RunAsync(string[] args)
    {
        var root = new RootCommand("AkkaRaft: a replicated, linearizable key-value store on Akka.NET.")
        {
            NodeCommand.Create(),
            ClusterCommand.Create(),
            ShellCommand.Create(),
            SimulateCommand.Create(),
            DisasterCommands.CreateRestore(),
            DisasterCommands.CreateRecover(),
        };
        foreach (var verb in Verbs.Create())
        {
            root.Subcommands.Add(verb.ForCommandLine());
        }

        // A key may begin with '@': it is no response file.
        ParseResult parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.Action is ParseErrorAction || parsed.Errors.Count > 0 && parsed.Action?.Terminating != true)
        {
            foreach (var error in parsed.Errors)
            {
                await Console.Error.WriteLineAsync($"akkaraft: {error.Message}").ConfigureAwait(false);
            }

            await Console.Error.WriteLineAsync("Try 'akkaraft --help'.").ConfigureAwait(false);
            return ExitCodes.Usage;
        }

        try
        {
            // Each command that stays handles the signals itself.
            return await parsed.InvokeAsync(new InvocationConfiguration
            {
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
            }).ConfigureAwait(false);
        }
        catch (Exception e) when (ExitCodes.Of(e) is { } known)
        {
            await Console.Error.WriteLineAsync($"akkaraft: {e.Message}").ConfigureAwait(false);
            return known.Code;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or DataDirectoryException or KeyValueStoreException)
        {
            await Console.Error.WriteLineAsync($"akkaraft: {e.Message}").ConfigureAwait(false);
            return ExitCodes.Usage;
        }
    }
}
