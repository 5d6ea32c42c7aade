using System.Globalization;
using Spectre.Console;

namespace AkkaRaft.Node;

/// <summary>Loads a cluster, and measures what its clients see.</summary>
internal static class LoadCommand
{
    private const double DefaultSeconds = 10;

    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(50);

    // What the ancestor did at a key press, per 50 ms or once.
    private static readonly Dictionary<string, (int Pairs, string Meaning)> Modes = new()
    {
        ["trickle"] = (1, "1 put and 1 get each 50 ms"),
        ["100"] = (5, "5 of each"),
        ["1000"] = (50, "50 of each"),
        ["burst"] = (0, "10000 requests at once"),
    };

    public static Verb Create()
    {
        Argument<string?> mode = new("MODE")
        {
            Description = string.Join("; ", Modes.Select(m => $"{m.Key}: {m.Value.Meaning}")) + "; without one, clients that each wait for an answer before they go on",
            Arity = ArgumentArity.ZeroOrOne,
        };
        mode.CompletionSources.Add([.. Modes.Keys]);
        Option<int> clients = new("--clients") { Description = "How many requests are under way together, without a MODE", DefaultValueFactory = _ => 8 };
        Option<double?> seconds = new("--seconds") { Description = "For how long, 10 when nothing is said; Ctrl-C ends it too" };
        Option<long?> requests = new("--requests") { Description = "So many requests instead of a time, over the keys in order, without a MODE" };
        Option<string> mix = new("--mix") { Description = "Shares of put, get, del and cas, without a MODE", DefaultValueFactory = _ => "put=50,get=50" };
        Option<int> valueSize = new("--value-size") { Description = "Bytes of each value", DefaultValueFactory = _ => 100 };
        Option<int> keys = new("--keys") { Description = "Over how many keys, load/0 and following", DefaultValueFactory = _ => 1_000 };
        return new Verb(new Command("load", "Load the cluster, and print what its clients see: rates, latencies, errors") { mode, clients, seconds, requests, mix, valueSize, keys }, async (parsed, call) =>
        {
            string? named = parsed.GetValue(mode);
            if (named is not null && !Modes.ContainsKey(named))
            {
                throw new UsageException($"MODE: '{named}' is none of {string.Join(", ", Modes.Keys)}.");
            }

            var shares = Shares(parsed.GetRequiredValue(mix));
            int together = ClientOptions.Within("--clients", parsed.GetValue(clients), 1, 100_000);
            double duration = ClientOptions.Within("--seconds", parsed.GetValue(seconds) ?? DefaultSeconds, 0.001, 86_400);
            long? count = parsed.GetValue(requests) is { } given ? ClientOptions.Within("--requests", given, 1, 1_000_000_000_000) : null;
            if (named is not null && ((Option[])[clients, mix]).FirstOrDefault(o => parsed.GetResult(o) is { Implicit: false }) is { } unused)
            {
                throw new UsageException($"{unused.Name} cannot be given together with the mode '{named}'.");
            }

            if (count is not null && (named is not null || parsed.GetValue(seconds) is not null))
            {
                throw new UsageException($"--requests cannot be given together with {(named is null ? "--seconds" : $"the mode '{named}'")}.");
            }

            var load = new Load(call.Client, ClientOptions.Within("--keys", parsed.GetValue(keys), 1, 100_000_000), ClientOptions.Within("--value-size", parsed.GetValue(valueSize), 0, 64 * 1024 * 1024));
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(call.Cancel);
            using var report = new CancellationTokenSource();
            Task reporter = ReportAsync(load, call, report.Token);
            Task run = named switch
            {
                null => load.ClientsAsync(together, shares, count, stop.Token),
                "burst" => load.BurstAsync(stop.Token),
                _ => load.PacedAsync(Modes[named].Pairs, Pace, stop.Token),
            };
            var limit = named == "burst" ? Timeout.InfiniteTimeSpan : TimeSpan.FromSeconds(duration);
            Task over = count is null ? Task.Delay(limit, stop.Token) : load.SilentForAsync(call.Session.RequestTimeout, stop.Token);
            await Task.WhenAny(run, over).ConfigureAwait(false);
            bool isSilent = !run.IsCompleted && count is not null && !call.Cancel.IsCancellationRequested;
            // Requests that are given up now are not counted, and neither is the time that this takes.
            load.End();
            await stop.CancelAsync().ConfigureAwait(false);
            await run.ConfigureAwait(false);
            await report.CancelAsync().ConfigureAwait(false);
            await reporter.ConfigureAwait(false);
            int ended = Summarize(load, call);
            if (!isSilent)
            {
                return ended;
            }

            call.Note($"given up: nothing was answered for {SettingsCheck.Text(call.Session.RequestTimeout)}. {load.LastFailure?.Message}");
            return Unanswered(load);
        })
        {
            Stays = true,
        };
    }

    /// <summary>A line per second, on standard error so that the summary stands alone; rewritten in place on a terminal.</summary>
    private static async Task ReportAsync(Load load, Call call, CancellationToken stop)
    {
        bool rewrites = !Console.IsErrorRedirected;
        string leader = "?";
        Task<string> asked = LeaderAsync(call, stop);
        try
        {
            while (true)
            {
                await Task.Delay(TimeSpan.FromSeconds(1), stop).ConfigureAwait(false);
                if (asked.IsCompleted)
                {
                    leader = await asked.ConfigureAwait(false);
                    asked = LeaderAsync(call, stop);
                }

                var now = load.Interval();
                string line = string.Create(
                    CultureInfo.InvariantCulture,
                    $"{load.Elapsed.TotalSeconds,5:0} s  {now.Count,8} ops/s  p50 {now.Ms(50),8:0.00} ms  p99 {now.Ms(99),8:0.00} ms  errors {load.Errors,6}  leader {leader}");
                await call.Err.WriteAsync(rewrites ? $"\r{line,-100}" : line + Environment.NewLine).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            if (rewrites)
            {
                await call.Err.WriteLineAsync().ConfigureAwait(false);
            }
        }
    }

    private static async Task<string> LeaderAsync(Call call, CancellationToken stop)
    {
        try
        {
            return (await call.Client.StatusAsync(stop).ConfigureAwait(false)).FirstOrDefault(s => s.Role == RaftRole.Leader)?.Id.ToString() ?? "none";
        }
        catch (Exception e) when (e is RaftException or OperationCanceledException)
        {
            return "?";
        }
    }

    private static int Summarize(Load load, Call call)
    {
        var operations = load.Operations().Where(o => o.Count > 0 || o.Errors.Count > 0).ToList();
        var total = load.Total();
        if (call.Json)
        {
            call.Out.WriteLine(Output.Load(load, operations, total));
        }
        else
        {
            var table = new Table().Border(TableBorder.Simple);
            foreach (string name in new[] { "op", "count", "ops/s", "p50 ms", "p99 ms", "max ms", "errors" })
            {
                table.AddColumn(new TableColumn(name).NoWrap().PadLeft(0));
            }

            foreach (var o in operations.Append(total))
            {
                table.AddRow(
                    o.Operation, o.Count.ToString(CultureInfo.InvariantCulture), Figure(o.Count / load.Elapsed.TotalSeconds), Figure(o.Ms(50)), Figure(o.Ms(99)), Figure(o.Ms(100)),
                    Markup.Escape(o.Errors.Count == 0 ? "0" : string.Join(", ", o.Errors.Select(e => $"{e.Value} {e.Key}"))));
            }

            Terminal.Write(table);
            call.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"longest time without an answer: {load.LongestGap.TotalMilliseconds:0.00} ms"));
        }

        return total.Count > 0 ? ExitCodes.Ok : Unanswered(load);
    }

    private static int Unanswered(Load load) => load.LastFailure is { } failure ? ExitCodes.Of(failure)!.Value.Code : ExitCodes.Unavailable;

    private static string Figure(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);

    internal static IReadOnlyList<(LoadOperation Operation, int Share)> Shares(string text)
    {
        var shares = text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(part =>
            part.Split('=') is [var name, var share] && char.IsAsciiLetter(name.FirstOrDefault()) && Enum.TryParse(name, ignoreCase: true, out LoadOperation operation)
            && int.TryParse(share, NumberStyles.None, CultureInfo.InvariantCulture, out int weight)
                ? (Operation: operation, Share: weight)
                : throw new UsageException($"--mix: '{part}' is not of the form put=50; known are put, get, del and cas.")).ToList();
        if (shares.CountBy(s => s.Operation).FirstOrDefault(c => c.Value > 1) is { Value: > 1, Key: var twice })
        {
            throw new UsageException($"--mix: {twice.ToString().ToLowerInvariant()} is there twice.");
        }

        return shares.Sum(s => (long)s.Share) is > 0 and <= int.MaxValue ? shares : throw new UsageException("--mix has no share above 0.");
    }
}
