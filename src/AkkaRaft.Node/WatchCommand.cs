namespace AkkaRaft.Node;

internal static class WatchCommand
{
    public static Verb Create()
    {
        Argument<string> prefix = new("PREFIX") { Description = "With what the keys begin; all keys when nothing is said", DefaultValueFactory = _ => "" };
        Option<long?> from = new("--from") { Description = "The first revision whose changes are wanted; those that come from now on when nothing is said" };
        Option<int> count = new("--count") { Description = "End after so many changes" };
        return new Verb(new Command("watch", "Print each change of the keys that begin with PREFIX, in order and without gap, until Ctrl-C") { prefix, from, count }, async (parsed, call) =>
        {
            long? first = parsed.GetValue(from) is { } given ? ClientOptions.Within("--from", given, 1, long.MaxValue) : null;
            long left = ClientOptions.Within("--count", parsed.GetValue(count), parsed.GetResult(count) is null ? 0 : 1, int.MaxValue);
            await foreach (var change in call.Client.WatchAsync(KeyRange.Prefix(ClientOptions.Bytes(parsed.GetValue(prefix)!)), first, call.Cancel).ConfigureAwait(false))
            {
                call.Out.WriteLine(call.Json ? Output.Change(change) : Text(change));
                if (--left == 0)
                {
                    break;
                }
            }

            if (call is { Json: true, InShell: true })
            {
                call.Out.WriteLine(Output.Listed("watch", parsed.GetValue(count)));
            }

            return ExitCodes.Ok;
        })
        {
            Stays = true,
        };
    }

    private static string Text(Change change)
    {
        string key = Output.Printable(change.Key);
        return change.Deleted ? $"{change.Version} del {key}" : $"{change.Version} put {key} {Output.Printable(change.Value)}";
    }
}
