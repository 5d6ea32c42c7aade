using System.Runtime.InteropServices;
using System.Text;
using System.Threading.Channels;

namespace AkkaRaft.Node;

/// <summary>Commands from a prompt, or line by line from a pipe, over one client.</summary>
internal sealed class Shell
{
    // Words are what they are: no response files, and no -abc for -a -b -c.
    private static readonly ParserConfiguration Literal = new() { ResponseFileTokenReplacer = null, EnablePosixBundling = false };

    private static readonly UTF8Encoding Utf8 = new(false);

    private readonly ClientSession _session;
    private readonly bool _json;
    private readonly Dictionary<Command, Verb> _verbs;
    private readonly RootCommand _root = new();
    private readonly Dictionary<string, Task> _keys = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Task> _writes = new(StringComparer.Ordinal);
    private CancellationTokenSource? _running;

    public Shell(ClientSession session, bool json)
    {
        _session = session;
        _json = json;
        var verbs = Verbs.Create();
        _verbs = verbs.SelectMany(v => v.All).ToDictionary(v => v.Command);
        // A value may be --help, and a key may be --version.
        _root.Options.Clear();
        _root.Directives.Clear();
        foreach (var verb in verbs)
        {
            _root.Subcommands.Add(verb.Command);
        }

        // Without an action, a command that has others under it is taken for incomplete.
        foreach (var verb in _verbs.Values.Where(v => v.Runs))
        {
            verb.Command.SetAction(_ => ExitCodes.Ok);
        }
    }

    public async Task<int> RunAsync()
    {
        if (Console.IsInputRedirected || _json)
        {
            return await PipeAsync().ConfigureAwait(false);
        }

        // Ctrl-C ends the command that runs, and not the shell.
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => context.Cancel = Interrupt());
        return await PromptAsync().ConfigureAwait(false);
    }

    private bool Interrupt()
    {
        _running?.Cancel();
        return _running is not null;
    }

    private async Task<int> PromptAsync()
    {
        Prompt? prompt = Console.IsOutputRedirected ? null : new(new LineEditor(Complete));
        var lines = prompt is null ? InputLines.Read(StandardStreams.OpenInput()) : null;
        int code = ExitCodes.Ok;
        while (true)
        {
            if (prompt is null)
            {
                Console.Out.Write("akkaraft> ");
            }

            var input = await ReadAsync(prompt, lines).ConfigureAwait(false);
            if (input is null || input.Text.Trim() is "exit" or "quit")
            {
                return code;
            }

            string line = input.Text;

            if (AsksForHelp(line))
            {
                StandardStreams.Output.Write(Help(line));
                continue;
            }

            if (Read(input, out string wrong) is { } command)
            {
                using var running = new CancellationTokenSource();
                _running = running;
                int ended;
                try
                {
                    ended = await CarryOutAsync(command, StandardStreams.Output, Console.Error, running.Token).ConfigureAwait(false);
                }
                catch (OperationCanceledException)
                {
                    await Console.Error.WriteLineAsync("akkaraft: stopped; what was sent may take effect all the same.").ConfigureAwait(false);
                    ended = ExitCodes.OutcomeUnknown;
                }

                _running = null;
                code = code == ExitCodes.Ok ? ended : code;
            }
            else if (wrong.Length > 0)
            {
                await Console.Error.WriteLineAsync($"akkaraft: {wrong}").ConfigureAwait(false);
                code = code == ExitCodes.Ok ? ExitCodes.Usage : code;
            }
        }
    }

    /// <summary>The next line, read on another thread than the one that has just answered; null at the end.</summary>
    private static async Task<InputLine?> ReadAsync(Prompt? prompt, ChannelReader<InputLine>? lines)
    {
        if (prompt is not null)
        {
            return await Task.Factory.StartNew(prompt.ReadLine, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).ConfigureAwait(false) is { } typed
                ? new InputLine(typed)
                : null;
        }

        return await lines!.WaitToReadAsync().ConfigureAwait(false) && lines.TryRead(out var line) ? line : null;
    }

    private async Task<int> PipeAsync()
    {
        var answers = Channel.CreateBounded<Func<Task<Answer>>>(PipeWindow.Most);
        using var window = new PipeWindow();
        Task<int> printer = PrintAsync(answers.Reader, window);
        Task lines = BeginAllAsync(answers.Writer, window);
        await Task.WhenAny(lines, printer).ConfigureAwait(false);
        // A printer that has printed all has done so because there are no more lines.
        if (lines.IsCompleted || printer.IsCompletedSuccessfully)
        {
            await lines.ConfigureAwait(false);
        }
        else
        {
            // Nobody can be answered any more.
            await Console.Error.WriteLineAsync("akkaraft: the shell ends; lines whose answers are missing may have been carried out, or not.").ConfigureAwait(false);
        }

        return await printer.ConfigureAwait(false);
    }

    private async Task BeginAllAsync(ChannelWriter<Func<Task<Answer>>> answers, PipeWindow window)
    {
        await foreach (var input in InputLines.Read(StandardStreams.OpenInput()).ReadAllAsync().ConfigureAwait(false))
        {
            if (input.Text.Trim() is "exit" or "quit")
            {
                break;
            }

            await window.BeginAsync().ConfigureAwait(false);
            if (AsksForHelp(input.Text))
            {
                string help = Help(input.Text);
                await answers.WriteAsync(() => Task.FromResult(new Answer(Utf8.GetBytes(_json ? Output.Help(help) + Environment.NewLine : help), "", ExitCodes.Ok))).ConfigureAwait(false);
            }
            else if (Read(input, out string wrong) is { } line)
            {
                await BeginAsync(line, answers, window).ConfigureAwait(false);
            }
            else if (wrong.Length > 0)
            {
                await answers.WriteAsync(() => Task.FromResult(Wrong(wrong))).ConfigureAwait(false);
            }
            else
            {
                window.End();
            }
        }

        answers.Complete();
    }

    /// <summary>
    /// Commands of one key stay in order; those of different keys are under way together, but a read waits for every write above it. Any other command waits
    /// until all above it is done and printed, and prints as it goes.
    /// </summary>
    private async Task BeginAsync(Line line, ChannelWriter<Func<Task<Answer>>> answers, PipeWindow window)
    {
        if (line.Verb.Key is { } argument && line.Parsed.GetValue(argument) is { } key)
        {
            if (line.Verb.Reads)
            {
                await Task.WhenAll(_writes.Values).ConfigureAwait(false);
                _writes.Clear();
            }

            Task<Answer> answer = AfterAsync(_keys.GetValueOrDefault(key), line, window);
            Task end = EndOf(answer);
            _keys[key] = end;
            if (!line.Verb.Reads)
            {
                _writes[key] = end;
            }

            Forget(_keys);
            Forget(_writes);
            await answers.WriteAsync(() => answer).ConfigureAwait(false);
            return;
        }

        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await answers.WriteAsync(async () =>
        {
            try
            {
                return new Answer(default, "", await CarryOutAsync(line, StandardStreams.Output, Console.Error).ConfigureAwait(false));
            }
            finally
            {
                done.SetResult();
            }
        }).ConfigureAwait(false);
        await done.Task.ConfigureAwait(false);
    }

    /// <summary>Ends as it does, without holding what it found.</summary>
    private static async Task EndOf(Task<Answer> answer) => await answer.ConfigureAwait(false);

    private static void Forget(Dictionary<string, Task> tasks)
    {
        if (tasks.Count > 4 * PipeWindow.Most)
        {
            foreach (string done in tasks.Where(t => t.Value.IsCompleted).Select(t => t.Key).ToList())
            {
                tasks.Remove(done);
            }
        }
    }

    private async Task<Answer> AfterAsync(Task? before, Line line, PipeWindow window)
    {
        if (before is not null)
        {
            await before.ConfigureAwait(false);
        }

        using var bytes = new MemoryStream();
        await using var output = new StreamWriter(bytes, Utf8, bufferSize: 256);
        using var error = new StringWriter();
        int code = await CarryOutAsync(line, output, error).ConfigureAwait(false);
        await output.FlushAsync().ConfigureAwait(false);
        window.Answered((int)bytes.Length);
        return new Answer(bytes.ToArray(), error.ToString(), code);
    }

    private Task<int> CarryOutAsync(Line line, StreamWriter output, TextWriter error, CancellationToken cancel = default) =>
        line.Verb.CarryOutAsync(line.Parsed, new Call(_session, _json, output, error, cancel) { InShell = true });

    private Answer Wrong(string message) =>
        new(_json ? Utf8.GetBytes(Output.Error("BadInput", message) + Environment.NewLine) : default, $"akkaraft: {message}{Environment.NewLine}", ExitCodes.Usage);

    /// <summary>Prints in the order of the lines; ends with the code of the first command that failed.</summary>
    private static async Task<int> PrintAsync(ChannelReader<Func<Task<Answer>>> answers, PipeWindow window)
    {
        int code = ExitCodes.Ok;
        await foreach (var next in answers.ReadAllAsync().ConfigureAwait(false))
        {
            // What prints may have to wait for whoever reads; the thread on which the answer came must not.
            var answer = await next().ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
            StandardStreams.Output.BaseStream.Write(answer.Out.Span);
            Console.Error.Write(answer.Err);
            window.End();
            code = code == ExitCodes.Ok ? answer.Code : code;
        }

        return code;
    }

    /// <summary>The command of a line; null for an empty line, and for one that is wrong.</summary>
    private Line? Read(InputLine input, out string wrong)
    {
        string text = input.Text;
        wrong = input.Complaint ?? "";
        if (input.Complaint is not null)
        {
            return null;
        }

        try
        {
            var words = Words.Split(text);
            if (words.Count == 0)
            {
                return null;
            }

            // A last word of two dashes is a value, and not the end of the options.
            var parsed = _root.Parse(words[^1] == "--" ? [.. words, "--"] : words, Literal);
            if (parsed.Errors.Count == 0 && _verbs.TryGetValue(parsed.CommandResult.Command, out var verb) && verb.Runs)
            {
                return new Line(verb, parsed);
            }

            var command = parsed.CommandResult.Command;
            wrong = command.Subcommands.Count > 0 && command == _root ? $"{ParseErrors.Describe(parsed)} Say help." : $"{ParseErrors.Describe(parsed)} Say {Usage(command)}.";
        }
        catch (UsageException e)
        {
            wrong = e.Message;
        }

        return null;
    }

    private IReadOnlyList<string> Complete(string text)
    {
        try
        {
            var words = Words.Split(text);
            if (text.Length == 0 || text[^1] == ' ')
            {
                words.Add("");
            }

            if (words.Count == 1)
            {
                return [.. _root.Subcommands.Select(c => c.Name), "help", "exit"];
            }

            return [.. _root.Parse(words, Literal).GetCompletions().Select(c => c.Label).Where(l => l.Length > 0 && l[0] != '/')];
        }
        catch (UsageException)
        {
            // An open quote: nothing to complete.
            return [];
        }
    }

    private static bool AsksForHelp(string line) => line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) is ["help" or "?" or "--help" or "-h", ..];

    /// <summary>How all commands are used, or those that the line names after <c>help</c>.</summary>
    private string Help(string line)
    {
        string named = string.Join(' ', line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1..]);
        var all = _root.Subcommands.SelectMany(c => c.Subcommands.Count > 0 ? c.Subcommands.Prepend(c) : [c])
            .Where(c => _verbs[c].Runs).Select(c => (Usage: Usage(c), c.Description)).ToList();
        var wanted = all.Where(c => named.Length > 0 && $"{c.Usage} ".StartsWith($"{named} ", StringComparison.Ordinal)).ToList();
        var text = new StringBuilder();
        foreach (var (usage, description) in wanted.Count > 0 ? wanted : all)
        {
            text.AppendLine(usage).Append("    ").AppendLine(description);
        }

        return wanted.Count > 0 ? text.ToString()
            : text.AppendLine("exit").AppendLine("    Leave; so does Ctrl-D. Ctrl-C stops the command that runs. Words with blanks stand in '…' or \"…\".").ToString();
    }

    private static string Usage(Command command)
    {
        string path = command.Parents.OfType<Command>().FirstOrDefault() is { } parent and not RootCommand ? $"{parent.Name} " : "";
        var arguments = command.Arguments.Select(a => a.Arity.MinimumNumberOfValues == 0 || a.HasDefaultValue ? $" [{a.Name}]" : $" {a.Name}");
        var options = command.Options.Where(o => !o.Hidden).Select(o =>
        {
            string form = o.ValueType == typeof(bool) ? o.Name : $"{o.Name} {o.Name.TrimStart('-').ToUpperInvariant()}";
            return o.Required ? $" {form}" : $" [{form}]";
        });
        return $"{path}{command.Name}{string.Concat(arguments)}{string.Concat(options)}";
    }

    private sealed record Line(Verb Verb, ParseResult Parsed);

    private sealed record Answer(ReadOnlyMemory<byte> Out, string Err, int Code);
}
