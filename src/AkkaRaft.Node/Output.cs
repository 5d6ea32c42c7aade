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
            w.WriteString("value", Encoding.UTF8.GetString(reply.Value.Span));
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

    public static string Status(MemberStatus status) => Write(w =>
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
    });

    public static string Member(MembershipMember member) => Write(w =>
    {
        w.WriteNumber("id", member.Member.Id.Value);
        w.WriteString("address", member.Member.Address);
        w.WriteString("role", member.Role.ToString());
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
