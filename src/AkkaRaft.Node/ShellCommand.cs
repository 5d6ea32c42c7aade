using System.Globalization;
using System.Text;
using System.Threading.Channels;

namespace AkkaRaft.Node;

internal static class ShellCommand
{
    /// <summary>Most commands under way at once when lines come from a pipe.</summary>
    private const int Window = 1_000;

    private sealed record Result(string Out, string Err, int Code);

    public static Command Create()
    {
        var options = new ClientOptions();
        var command = new Command("shell", "Read commands from a prompt, or line by line from a pipe");
        options.AddTo(command);
        command.SetAction((parsed, cancel) => ClientCommand.RunAsync(options, parsed, (session, json) => RunAsync(session, json, cancel)));
        return command;
    }

    private static async Task<int> RunAsync(ClientSession session, bool json, CancellationToken cancel)
    {
        bool prompt = !Console.IsInputRedirected && !json;
        var results = Channel.CreateBounded<Task<Result>>(Window);
        Task<int> printer = PrintAsync(results.Reader);
        var writes = new Dictionary<string, Task>(StringComparer.Ordinal);
        try
        {
            while (true)
            {
                if (prompt)
                {
                    Console.Out.Write("akkaraft> ");
                }

                if (await Console.In.ReadLineAsync(cancel).ConfigureAwait(false) is not { } line)
                {
                    break;
                }

                List<string>? words = null;
                string? wrong = null;
                try
                {
                    words = Split(line);
                }
                catch (UsageException e)
                {
                    wrong = e.Message;
                }

                if (words is [])
                {
                    continue;
                }

                if (words is ["exit" or "quit"])
                {
                    break;
                }

                if (words is ["help"] && prompt)
                {
                    Console.Out.WriteLine("put KEY VALUE | get KEY [--consistency LEVEL] | del KEY | status | exit");
                    continue;
                }

                Task<Result> task;
                if (words is ["put", _, _] or ["del", _])
                {
                    string putKey = words[1];
                    // Writes of one key stay in order; of different keys, they are under way together.
                    task = AfterAsync(writes.GetValueOrDefault(putKey), () => GuardAsync(() => CarryOutAsync(session, words, json, cancel), json));
                    writes[putKey] = task;
                    if (writes.Count > 4 * Window)
                    {
                        foreach (string done in writes.Where(w => w.Value.IsCompleted).Select(w => w.Key).ToList())
                        {
                            writes.Remove(done);
                        }
                    }
                }
                else
                {
                    // Anything that reads sees every write above it.
                    await Task.WhenAll(writes.Values).ConfigureAwait(false);
                    writes.Clear();
                    task = GuardAsync(() => wrong is null ? CarryOutAsync(session, words!, json, cancel) : throw new UsageException(wrong), json);
                }

                await results.Writer.WriteAsync(task, cancel).ConfigureAwait(false);
                if (prompt)
                {
                    await task.ConfigureAwait(false);
                    await Task.Delay(20, cancel).ConfigureAwait(false);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Stopped: what is under way is still told below.
        }

        results.Writer.Complete();
        return await printer.ConfigureAwait(false);
    }

    private static async Task<Result> AfterAsync(Task? before, Func<Task<Result>> run)
    {
        if (before is not null)
        {
            await before.ConfigureAwait(false);
        }

        return await run().ConfigureAwait(false);
    }

    private static async Task<Result> CarryOutAsync(ClientSession session, List<string> words, bool json, CancellationToken cancel)
    {
        switch (words)
        {
            case ["put", var key, var value]:
                var put = await session.Client.PutAsync(ClientOptions.Key(key), ClientOptions.Bytes(value), cancel).ConfigureAwait(false);
                return Ok(json ? Output.Put(key, put) : put.Version.ToString(CultureInfo.InvariantCulture));
            case ["del", var key]:
                var deleted = await session.Client.DeleteAsync(ClientOptions.Key(key), cancel).ConfigureAwait(false);
                return json ? Ok(Output.Delete(key, deleted)) : deleted.Deleted ? Ok("deleted") : new("", $"there is no key {key}.", ExitCodes.NotFound);
            case ["get", var key]:
                return await GetAsync(session, key, ReadConsistency.Linearizable, json, cancel).ConfigureAwait(false);
            case ["get", var key, "--consistency", var level]:
                return await GetAsync(session, key, ClientOptions.ParseConsistency(level), json, cancel).ConfigureAwait(false);
            case ["status"]:
                var all = await session.Client.StatusAsync(cancel).ConfigureAwait(false);
                return Ok(string.Join(Environment.NewLine, all.Select(Output.Status)));
            default:
                throw new UsageException($"'{words[0]}' with {words.Count - 1} arguments is no command: put KEY VALUE, get KEY, del KEY, status, exit.");
        }
    }

    private static async Task<Result> GetAsync(ClientSession session, string key, ReadConsistency level, bool json, CancellationToken cancel)
    {
        var got = await session.Client.GetAsync(ClientOptions.Key(key), level, cancel).ConfigureAwait(false);
        string note = level == ReadConsistency.Local ? "a local read: the value is one member's own and may be old." : "";
        return json ? new(Output.Get(key, got), note, ExitCodes.Ok)
            : got.Found ? new(Encoding.UTF8.GetString(got.Value.Span), note, ExitCodes.Ok)
            : new("", $"there is no key {key}.", ExitCodes.NotFound);
    }

    private static Result Ok(string text) => new(text, "", ExitCodes.Ok);

    private static async Task<Result> GuardAsync(Func<Task<Result>> run, bool json)
    {
        try
        {
            return await run().ConfigureAwait(false);
        }
        catch (Exception e) when (ExitCodes.Of(e) is { } known)
        {
            return new(json ? Output.Error(known.Error, e.Message) : "", e.Message, known.Code);
        }
    }

    /// <summary>Prints in the order of the lines; ends with the code of the first command that failed.</summary>
    private static async Task<int> PrintAsync(ChannelReader<Task<Result>> results)
    {
        int code = ExitCodes.Ok;
        await foreach (var task in results.ReadAllAsync().ConfigureAwait(false))
        {
            Result result;
            try
            {
                result = await task.ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                continue;
            }

            if (result.Out.Length > 0 || result.Code == ExitCodes.Ok)
            {
                Console.Out.WriteLine(result.Out);
            }

            if (result.Err.Length > 0)
            {
                Console.Error.WriteLine($"akkaraft: {result.Err}");
            }

            code = code == ExitCodes.Ok ? result.Code : code;
        }

        return code;
    }

    /// <summary>Words between blanks; '…' is taken as it is, "…" knows \" \\ \n \t.</summary>
    internal static List<string> Split(string line)
    {
        var words = new List<string>();
        StringBuilder? word = null;
        for (int i = 0; i < line.Length; i++)
        {
            char c = line[i];
            if (c is '\'' or '"')
            {
                word ??= new();
                for (i++; ; i++)
                {
                    if (i >= line.Length)
                    {
                        throw new UsageException($"A {c} is not closed.");
                    }

                    if (line[i] == c)
                    {
                        break;
                    }

                    if (c == '"' && line[i] == '\\' && i + 1 < line.Length)
                    {
                        i++;
                        word.Append(line[i] switch { 'n' => '\n', 't' => '\t', var other => other });
                    }
                    else
                    {
                        word.Append(line[i]);
                    }
                }
            }
            else if (char.IsWhiteSpace(c))
            {
                if (word is not null)
                {
                    words.Add(word.ToString());
                    word = null;
                }
            }
            else
            {
                (word ??= new()).Append(c);
            }
        }

        if (word is not null)
        {
            words.Add(word.ToString());
        }

        return words;
    }
}
