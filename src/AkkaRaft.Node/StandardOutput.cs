using System.Text;

namespace AkkaRaft.Node;

/// <summary>What commands answer with: text, and bytes that are none, in the order in which they are written.</summary>
internal static class StandardOutput
{
    public static StreamWriter Writer { get; } = new(Console.OpenStandardOutput(), new UTF8Encoding(false)) { AutoFlush = true };
}
