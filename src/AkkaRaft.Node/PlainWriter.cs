using System.Text;

namespace AkkaRaft.Node;

/// <summary>What people are told may repeat what somebody gave: no control character of that is to reach their terminal.</summary>
internal sealed class PlainWriter(TextWriter writer) : TextWriter
{
    public override Encoding Encoding => writer.Encoding;

    public override void Write(char value) => Write([value]);

    public override void Write(string? value) => Write((value ?? "").AsSpan());

    public override void WriteLine(string? value) => Write(string.Concat(value, Environment.NewLine));

    public override void Write(char[] buffer, int index, int count) => Write(buffer.AsSpan(index, count));

    public override void Write(ReadOnlySpan<char> buffer)
    {
        var plain = new StringBuilder(buffer.Length);
        foreach (char c in buffer)
        {
            plain.Append(c is '\n' or '\r' or '\t' ? $"{c}" : SettingsCheck.Shown(c));
        }

        writer.Write(plain.ToString());
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            writer.Dispose();
        }

        base.Dispose(disposing);
    }
}
