using System.Globalization;

namespace AkkaRaft.Node;

internal static class TxnCommand
{
    private const string StepForms = "put KEY VALUE [--lease ID], del KEY, get KEY, or scan PREFIX [--limit N]";

    public static Verb Create()
    {
        Option<string[]> compares = new("--if") { Description = "A condition, such as 'k version = 3', 'k version > 0' or 'k value = x'; =, !=, < or >" };
        Option<string[]> then = new("--then") { Description = $"A step when all conditions hold: {StepForms}" };
        Option<string[]> otherwise = new("--else") { Description = "A step otherwise" };
        return new Verb(new Command("txn", "Compare, and then take one of two branches, all in one moment. Prints SUCCESS or FAILURE, and what each step of that branch came to") { compares, then, otherwise }, async (parsed, call) =>
        {
            var branches = (Then: Steps(parsed.GetValue(then)), Else: Steps(parsed.GetValue(otherwise)));
            var transaction = new KeyValueTransaction([.. (parsed.GetValue(compares) ?? []).Select(ReadCompare)], [.. branches.Then.Select(s => s.Step)], [.. branches.Else.Select(s => s.Step)]);
            if (transaction.Then.IsEmpty && transaction.Else.IsEmpty)
            {
                throw new UsageException($"txn needs a step: --then '{StepForms}'.");
            }

            var reply = await call.Client.CommitAsync(transaction, call.Cancel).ConfigureAwait(false);
            var taken = reply.Succeeded ? branches.Then : branches.Else;
            if (call.Json)
            {
                call.Out.WriteLine(Output.Transaction(reply, taken));
                return ExitCodes.Ok;
            }

            call.Out.WriteLine(reply.Succeeded ? "SUCCESS" : "FAILURE");
            for (int i = 0; i < taken.Count; i++)
            {
                Print(taken[i], reply.Steps[i], reply.Version, call);
            }

            return ExitCodes.Ok;
        });
    }

    private static void Print(NamedStep step, StepResult result, long version, Call call)
    {
        switch (step.Verb)
        {
            case "put":
                call.Out.WriteLine(version.ToString(CultureInfo.InvariantCulture));
                break;
            case "del":
                call.Out.WriteLine(result.Existed ? "deleted" : $"there is no key {step.Key}");
                break;
            case "get":
                if (result.Rows.IsEmpty)
                {
                    call.Out.WriteLine($"there is no key {step.Key}");
                }
                else
                {
                    call.WriteLine(result.Rows[0].Value);
                }

                break;
            default:
                foreach (var row in result.Rows)
                {
                    call.Out.WriteLine($"{Output.Printable(row.Key)}  {row.Version}  {Output.Printable(row.Value)}");
                }

                break;
        }
    }

    internal static Compare ReadCompare(string text) => Words.Split(text) switch
    {
        [var key, "version", var sign, var version] when long.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out long number) =>
            new Compare(ClientOptions.Key(key), Sign(sign, text), number),
        [var key, "value", var sign, var value] => new Compare(ClientOptions.Key(key), Sign(sign, text), null, ClientOptions.Bytes(value)),
        _ => throw new UsageException($"--if '{text}' is none of 'KEY version = NUMBER' and 'KEY value = VALUE'."),
    };

    private static Comparison Sign(string sign, string text) => sign switch
    {
        "=" or "==" => Comparison.Equal,
        "!=" => Comparison.NotEqual,
        "<" => Comparison.Less,
        ">" => Comparison.Greater,
        _ => throw new UsageException($"--if '{text}': '{sign}' is none of =, !=, <, >."),
    };

    private static List<NamedStep> Steps(string[]? texts) => [.. (texts ?? []).Select(ReadStep)];

    internal static NamedStep ReadStep(string text)
    {
        var words = Words.Split(text);
        return words switch
        {
            ["put", var key, var value] => new("put", key, new PutStep(ClientOptions.Key(key), ClientOptions.Bytes(value))),
            ["put", var key, var value, "--lease", var lease] => new("put", key, new PutStep(ClientOptions.Key(key), ClientOptions.Bytes(value), Number(lease))),
            ["del", var key] => new("del", key, new DeleteStep(ClientOptions.Key(key))),
            ["get", var key] => new("get", key, Range(KeyRange.Key(ClientOptions.Key(key)), 1)),
            ["scan", var prefix] => new("scan", prefix, Range(KeyRange.Prefix(ClientOptions.Bytes(prefix)), 0)),
            ["scan", var prefix, "--limit", var limit] => new("scan", prefix, Range(KeyRange.Prefix(ClientOptions.Bytes(prefix)), (int)Math.Min(Number(limit), int.MaxValue))),
            _ => throw new UsageException($"'{text}' is no step of a transaction: {StepForms}."),
        };

        long Number(string number) => long.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out long value)
            ? value
            : throw new UsageException($"'{text}': '{number}' is no number.");
    }

    private static RangeStep Range(KeyRange range, int limit) => new(range.From, range.To, limit);
}

/// <summary>A step as it was written, for what is said of it.</summary>
internal sealed record NamedStep(string Verb, string Key, TransactionStep Step);
