namespace AkkaRaft.Node;

/// <summary>A client command, defined once for the command line and for the shell.</summary>
internal sealed class Verb
{
    private readonly Func<ParseResult, Call, Task<int>>? _run;

    public Verb(Command command, Func<ParseResult, Call, Task<int>>? run = null)
    {
        Command = command;
        _run = run;
    }

    public Command Command { get; }

    /// <summary>Commands under this one.</summary>
    public IReadOnlyList<Verb> Subverbs
    {
        get;
        init
        {
            field = value;
            foreach (var verb in value)
            {
                Command.Subcommands.Add(verb.Command);
            }
        }
    } = [];

    /// <summary>The one key that it concerns. In the shell such commands need not wait for those above them that concern other keys.</summary>
    public Argument<string>? Key { get; init; }

    /// <summary>It reads its key and changes nothing.</summary>
    public bool Reads { get; init; }

    /// <summary>It stays until Ctrl-C, or until nobody reads what it prints, which are good ends.</summary>
    public bool Stays { get; init; }

    public IEnumerable<Verb> All => Subverbs.SelectMany(v => v.All).Prepend(this);

    public bool Runs => _run is not null;

    /// <summary>The command with the flags that say which cluster is meant; each run has a client of its own.</summary>
    public Command ForCommandLine()
    {
        foreach (var verb in All.Where(v => v._run is not null))
        {
            var options = new ClientOptions();
            options.AddTo(verb.Command);
            verb.Command.SetAction(async (parsed, _) =>
            {
                using Signals? signals = verb.Stays ? new() : null;
                if (signals is not null)
                {
                    StandardStreams.WhenReaderGoes(signals.Stop);
                }

                return await ClientCommand.RunAsync(options, parsed, (session, json) =>
                    verb.CarryOutAsync(parsed, new Call(session, json, StandardStreams.Output, Console.Error, signals?.Token ?? CancellationToken.None))).ConfigureAwait(false);
            });
        }

        return Command;
    }

    /// <summary>Runs it, and says what went wrong on standard error and, with --json, as an object too. A shell that has lost its output ends as a whole.</summary>
    public async Task<int> CarryOutAsync(ParseResult parsed, Call call)
    {
        try
        {
            int code = await _run!(parsed, call).ConfigureAwait(false);
            // An answer that has an object of its own is no failure of the shell.
            return call is { Json: true, InShell: true } && (code is ExitCodes.NotFound or ExitCodes.Conflict) ? ExitCodes.Ok : code;
        }
        catch (OperationCanceledException) when (Stays && call.Cancel.IsCancellationRequested)
        {
            return ExitCodes.Ok;
        }
        catch (OutputLostException e) when (Stays && e.IsReaderGone && !call.InShell)
        {
            return ExitCodes.Ok;
        }
        catch (Exception e) when (ExitCodes.Of(e) is { } known && !(call.InShell && e is OutputLostException))
        {
            return ExitCodes.Tell(e, known, call.Json, call.Out, call.Err);
        }
    }
}

/// <summary>One run of a command: whom it asks, and where it says what it found.</summary>
internal sealed record Call(ClientSession Session, bool Json, StreamWriter Out, TextWriter Err, CancellationToken Cancel)
{
    public RaftClient Client => Session.Client;

    /// <summary>Whether it is one of several: each tells its end by an object of its own.</summary>
    public bool InShell { get; init; }

    /// <summary>Bytes as they are, and the end of the line.</summary>
    public void WriteLine(ReadOnlyMemory<byte> bytes)
    {
        Out.Flush();
        Out.BaseStream.Write(bytes.Span);
        Out.WriteLine();
    }

    public void Note(string text) => Err.WriteLine($"akkaraft: {text}");

    public ReadConsistency Consistency(string level)
    {
        var consistency = ClientOptions.ParseConsistency(level);
        if (consistency == ReadConsistency.Local && Session.BeginsLocalReads())
        {
            Note("a local read: the value is one member's own and may be old.");
        }

        return consistency;
    }
}
