namespace AkkaRaft.Node;

internal static class ScanCommand
{
    private const int PageRows = 500;

    public static Verb Create()
    {
        Argument<string> prefix = new("PREFIX") { Description = "With what the keys begin; all keys when nothing is said", DefaultValueFactory = _ => "" };
        Option<int> limit = new("--limit") { Description = "Most keys; 0 for all" };
        var consistency = ClientOptions.Consistency();
        return new Verb(new Command("scan", "Print the keys that begin with PREFIX, in order, with value and version") { prefix, limit, consistency }, async (parsed, call) =>
        {
            string from = parsed.GetValue(prefix)!;
            int most = ClientOptions.Within("--limit", parsed.GetValue(limit), 0, int.MaxValue);
            var level = call.Consistency(parsed.GetRequiredValue(consistency));
            int size = most == 0 ? PageRows : Math.Min(PageRows, most);
            var page = new List<Row>();
            int count = 0;
            await foreach (var row in call.Client.ScanAsync(ClientOptions.Bytes(from), level, size, call.Cancel).ConfigureAwait(false))
            {
                page.Add(row);
                count++;
                if (page.Count == size || count == most)
                {
                    Print(page, call, first: count <= size);
                    page.Clear();
                }

                if (count == most)
                {
                    break;
                }
            }

            Print(page, call, first: count <= size);
            if (call is { Json: true, InShell: true })
            {
                call.Out.WriteLine(Output.Scanned(from, count));
            }

            return ExitCodes.Ok;
        });
    }

    /// <summary>Columns as wide as this page needs, up to a bound; nothing is cut off.</summary>
    private static void Print(List<Row> rows, Call call, bool first)
    {
        const int Widest = 40;
        if (rows.Count == 0)
        {
            return;
        }

        if (call.Json)
        {
            rows.ForEach(row => call.Out.WriteLine(Output.Row(row)));
            return;
        }

        var texts = rows.ConvertAll(r => (Key: Output.Printable(r.Key), Value: Output.Printable(r.Value), Version: $"{r.Version}"));
        int key = Math.Max(3, texts.Where(t => t.Key.Length <= Widest).Select(t => t.Key.Length).DefaultIfEmpty().Max());
        int version = Math.Max(7, texts.Max(t => t.Version.Length));
        if (first)
        {
            call.Out.WriteLine($"{"KEY".PadRight(key)}  {"VERSION".PadRight(version)}  VALUE");
        }

        texts.ForEach(t => call.Out.WriteLine($"{t.Key.PadRight(key)}  {t.Version.PadRight(version)}  {t.Value}"));
    }
}
