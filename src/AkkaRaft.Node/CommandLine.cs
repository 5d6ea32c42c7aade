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

        if (UnreadableArgument(args) is { } unreadable)
        {
            return Fail(args, new UsageException($"Argument {unreadable} is not UTF-8; give such a value on standard input (put KEY -) or as a file (put KEY @FILE)."));
        }

        // A key may begin with '@': it is no response file.
        ParseResult parsed = root.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (parsed.Action is ParseErrorAction || parsed.Errors.Count > 0 && parsed.Action?.Terminating != true)
        {
            return Fail(args, new UsageException($"{ParseErrors.Describe(parsed)} Try '{ParseErrors.HelpOf(parsed)}'."));
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
        catch (Exception e) when (ExitCodes.Of(e) is not null)
        {
            return Fail(args, e);
        }
    }

    private static int Fail(string[] args, Exception exception) =>
        ExitCodes.Tell(exception, ExitCodes.Of(exception)!.Value, AsksForJson(args), Console.Out, Console.Error);

    /// <summary>Whatever could not be read of the line, that could.</summary>
    private static bool AsksForJson(string[] args) =>
        args.TakeWhile(a => a != "--").Any(a => a is "--json" or "--json=true" or "--json:true");

    /// <summary>The number of the first argument whose bytes are no text: .NET puts U+FFFD for them, and what was meant is lost. Null when there is none.</summary>
    private static int? UnreadableArgument(string[] args)
    {
        const string OwnArguments = "/proc/self/cmdline";
        int first = Array.FindIndex(args, a => a.Contains('\ufffd', StringComparison.Ordinal));
        if (first < 0)
        {
            return null;
        }

        if (!File.Exists(OwnArguments))
        {
            return first + 1;
        }

        // U+FFFD may have been meant; the bytes tell. The process's own name and this program's come first.
        byte[] all = File.ReadAllBytes(OwnArguments);
        var words = new List<bool>();
        for (int at = 0; at < all.Length;)
        {
            int length = Math.Max(0, all.AsSpan(at).IndexOf((byte)0));
            words.Add(System.Text.Unicode.Utf8.IsValid(all.AsSpan(at, length)));
            at += length + 1;
        }

        int wrong = words.TakeLast(args.Length).ToList().IndexOf(false);
        return wrong < 0 ? null : wrong + 1;
    }
}
