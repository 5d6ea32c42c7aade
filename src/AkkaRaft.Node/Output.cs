using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace AkkaRaft.Node;

/// <summary>The JSON forms, which are a contract: they are extended, never changed.</summary>
internal static class Output
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string Put(string key, PutReply reply) => Write(w =>
    {
        Head(w, "put", key);
        w.WriteNumber("version", reply.Version);
    });

    public static string Get(string key, GetReply reply) => Write(w =>
    {
        Head(w, "get", key);
        if (reply.Found)
        {
            Text(w, "value", reply.Value);
        }
        else
        {
            w.WriteNull("value");
        }

        w.WriteNumber("version", reply.Version);
    });

    public static string Delete(string key, DeleteReply reply) => Write(w =>
    {
        Head(w, "del", key);
        w.WriteBoolean("deleted", reply.Deleted);
        w.WriteNumber("version", reply.Version);
    });

    public static string Error(string error, string message) => Write(w =>
    {
        w.WriteBoolean("ok", false);
        w.WriteString("error", error);
        w.WriteString("message", message);
    });

    public static string Help(string text) => Write(w =>
    {
        w.WriteBoolean("ok", true);
        w.WriteString("op", "help");
        w.WriteString("text", text);
    });

    /// <summary>How many members were listed, and whether the cluster serves; <c>ok</c> says that the question was answered.</summary>
    public static string Verdict(string op, int count, Verdict verdict) => Write(w =>
    {
        w.WriteBoolean("ok", true);
        w.WriteString("op", op);
        w.WriteNumber("count", count);
        w.WriteBoolean("healthy", verdict.IsHealthy);
        w.WriteNumber("voters", verdict.Voters);
        w.WriteNumber("answering", verdict.Answering);
        w.WriteStartArray("reasons");
        foreach (string reason in verdict.Reasons)
        {
            w.WriteStringValue(reason);
        }

        w.WriteEndArray();
    });

    public static string Status(RaftStatus status) => Write(w =>
    {
        w.WriteNumber("id", status.Id.Value);
        w.WriteString("address", status.Address);
        w.WriteString("role", status.Role.ToString());
        w.WriteNumber("term", status.Term);
        if (status.Leader is { } leader)
        {
            w.WriteNumber("leader", leader.Value);
        }
        else
        {
            w.WriteNull("leader");
        }

        w.WriteNumber("lastIndex", status.LastIndex);
        w.WriteNumber("commitIndex", status.CommitIndex);
        w.WriteNumber("appliedIndex", status.AppliedIndex);
        w.WriteNumber("pid", status.ProcessId);
        if (status.SnapshotLength > 0)
        {
            w.WriteNumber("snapshotReceived", status.SnapshotReceived);
            w.WriteNumber("snapshotLength", status.SnapshotLength);
        }

        if (status.Problem is { } problem)
        {
            w.WriteString("problem", problem);
        }
    });

    public static string Member(ConfiguredMember member) => Write(w =>
    {
        w.WriteNumber("id", member.Endpoint.Id.Value);
        w.WriteString("address", member.Endpoint.Address);
        w.WriteString("role", member.Role.ToString());
        if (member.ReachedAt is { } reachedAt)
        {
            w.WriteString("reachedAt", reachedAt);
        }

        w.WriteNumber("matchIndex", member.MatchIndex);
        if (member.SnapshotLength > 0)
        {
            w.WriteNumber("snapshotReceived", member.SnapshotReceived);
            w.WriteNumber("snapshotLength", member.SnapshotLength);
        }
    });

    public static string Transferred(MemberId leader) => Write(w =>
    {
        w.WriteBoolean("ok", true);
        w.WriteString("op", "transfer");
        w.WriteNumber("leader", leader.Value);
    });

    public static string Backup(string file, long index, long bytes) => Write(w =>
    {
        w.WriteBoolean("ok", true);
        w.WriteString("op", "backup");
        w.WriteString("file", file);
        w.WriteNumber("index", index);
        w.WriteNumber("bytes", bytes);
    });

    public static string CompareAndSet(string key, CompareAndSetReply reply) => Write(w =>
    {
        Head(w, "cas", key);
        w.WriteBoolean("succeeded", reply.Succeeded);
        w.WriteNumber("version", reply.Version);
        if (!reply.Succeeded && reply.Version > 0)
        {
            Text(w, "value", reply.Value);
        }
    });

    public static string Row(Row row) => Write(w => Fields(w, row));

    public static string Scanned(string prefix, int rows) => Write(w =>
    {
        w.WriteBoolean("ok", true);
        w.WriteString("op", "scan");
        w.WriteString("prefix", prefix);
        w.WriteNumber("rows", rows);
    });

    public static string Listed(string op, int count) => Write(w =>
    {
        w.WriteBoolean("ok", true);
        w.WriteString("op", op);
        w.WriteNumber("count", count);
    });

    public static string Change(Change change) => Write(w =>
    {
        w.WriteString("op", change.Deleted ? "del" : "put");
        Text(w, "key", change.Key);
        if (!change.Deleted)
        {
            Text(w, "value", change.Value);
        }

        w.WriteNumber("version", change.Version);
        Lease(w, change.Lease);
    });

    public static string Lease(LeaseStatus lease) => Write(w => Fields(w, lease));

    public static string Lease(string op, LeaseStatus lease) => Write(w =>
    {
        w.WriteBoolean("ok", true);
        w.WriteString("op", op);
        Fields(w, lease);
    });

    public static string Transaction(TransactionReply reply, IReadOnlyList<NamedStep> steps) => Write(w =>
    {
        w.WriteBoolean("ok", true);
        w.WriteString("op", "txn");
        w.WriteBoolean("succeeded", reply.Succeeded);
        w.WriteNumber("version", reply.Version);
        w.WriteStartArray("results");
        for (int i = 0; i < steps.Count; i++)
        {
            w.WriteStartObject();
            w.WriteString("op", steps[i].Verb);
            w.WriteString(steps[i].Verb == "scan" ? "prefix" : "key", steps[i].Key);
            Fields(w, steps[i], reply.Steps[i], reply.Version);
            w.WriteEndObject();
        }

        w.WriteEndArray();
    });

    public static string Load(Load load, IEnumerable<LoadFigures> operations, LoadFigures total) => Write(w =>
    {
        w.WriteBoolean("ok", true);
        w.WriteString("op", "load");
        w.WriteNumber("seconds", Math.Round(load.Elapsed.TotalSeconds, 3));
        w.WriteNumber("longestGapMs", Math.Round(load.LongestGap.TotalMilliseconds, 3));
        foreach (var figures in operations.Append(total))
        {
            w.WriteStartObject(figures.Operation);
            w.WriteNumber("count", figures.Count);
            w.WriteNumber("opsPerSecond", Math.Round(figures.Count / load.Elapsed.TotalSeconds, 1));
            w.WriteNumber("p50Ms", figures.Ms(50));
            w.WriteNumber("p99Ms", figures.Ms(99));
            w.WriteNumber("maxMs", figures.Ms(100));
            w.WriteNumber("errors", figures.Errors.Values.Sum());
            foreach (var (kind, count) in figures.Errors)
            {
                w.WriteNumber($"errors{kind}", count);
            }

            w.WriteEndObject();
        }
    });

    private static void Fields(Utf8JsonWriter w, NamedStep step, StepResult result, long version)
    {
        switch (step.Verb)
        {
            case "put":
                w.WriteNumber("version", version);
                break;
            case "del":
                w.WriteBoolean("deleted", result.Existed);
                break;
            case "get" when result.Rows.IsEmpty:
                w.WriteNull("value");
                w.WriteNumber("version", 0);
                break;
            case "get":
                Text(w, "value", result.Rows[0].Value);
                w.WriteNumber("version", result.Rows[0].Version);
                break;
            default:
                w.WriteStartArray("rows");
                foreach (var row in result.Rows)
                {
                    w.WriteStartObject();
                    Fields(w, row);
                    w.WriteEndObject();
                }

                w.WriteEndArray();
                w.WriteBoolean("more", result.More);
                break;
        }
    }

    private static void Fields(Utf8JsonWriter w, Row row)
    {
        Text(w, "key", row.Key);
        Text(w, "value", row.Value);
        w.WriteNumber("version", row.Version);
        Lease(w, row.Lease);
    }

    private static void Fields(Utf8JsonWriter w, LeaseStatus lease)
    {
        w.WriteNumber("lease", lease.Lease);
        w.WriteNumber("ttlSeconds", lease.TimeToLive.TotalSeconds);
        w.WriteNumber("remainingSeconds", lease.Remaining.TotalSeconds);
        w.WriteNumber("keys", lease.Keys);
    }

    private static void Lease(Utf8JsonWriter w, long lease)
    {
        if (lease != 0)
        {
            w.WriteNumber("lease", lease);
        }
    }

    /// <summary>Bytes as a part of a line for people: what would break the line is escaped, and what is no text is in hexadecimal digits.</summary>
    public static string Printable(ReadOnlyMemory<byte> bytes) => System.Text.Unicode.Utf8.IsValid(bytes.Span)
        ? string.Concat(Encoding.UTF8.GetString(bytes.Span).Select(c => char.IsControl(c) ? $"\\u{(int)c:x4}" : c.ToString()))
        : $"0x{Convert.ToHexStringLower(bytes.Span)}";

    /// <summary>Bytes that are no text are given in Base64 too, under a name of their own.</summary>
    private static void Text(Utf8JsonWriter w, string name, ReadOnlyMemory<byte> bytes)
    {
        w.WriteString(name, Encoding.UTF8.GetString(bytes.Span));
        if (!System.Text.Unicode.Utf8.IsValid(bytes.Span))
        {
            w.WriteBase64String($"{name}Base64", bytes.Span);
        }
    }

    private static void Head(Utf8JsonWriter writer, string op, string key)
    {
        writer.WriteBoolean("ok", true);
        writer.WriteString("op", op);
        writer.WriteString("key", key);
    }

    private static string Write(Action<Utf8JsonWriter> fields)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, Options))
        {
            writer.WriteStartObject();
            fields(writer);
            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }
}
