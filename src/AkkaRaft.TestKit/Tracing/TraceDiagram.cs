using System.Globalization;
using System.Text;
using System.Text.Json;

namespace AkkaRaft.TestKit.Tracing;

/// <summary>What a trace is of.</summary>
/// <param name="Title">For the page's head.</param>
/// <param name="Seed">The seed.</param>
/// <param name="Members">The members' numbers.</param>
/// <param name="Violation">What did not hold; null when all did.</param>
/// <param name="Replay">The command or the test that runs it again.</param>
public sealed record TraceHeader(string Title, ulong Seed, IReadOnlyList<int> Members, string? Violation, string? Replay);

/// <summary>Writes a trace as one page that needs nothing else: members as columns, time downwards, messages as arrows, terms as colours.</summary>
public static class TraceDiagram
{
    // A page stays usable so far; of a longer trace the end matters.
    private const int MaxEvents = 40_000;

    private static readonly string Page = ReadPage();

    /// <summary>Writes the page.</summary>
    /// <param name="writer">Where to.</param>
    /// <param name="header">What the trace is of.</param>
    /// <param name="events">The trace, in order; of more than 40 000 events the last ones are shown, and the page says so.</param>
    public static void Write(TextWriter writer, TraceHeader header, IReadOnlyList<TraceEvent> events)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(header);
        ArgumentNullException.ThrowIfNull(events);
        var data = new
        {
            header.Title,
            Seed = header.Seed.ToString(CultureInfo.InvariantCulture),
            header.Members,
            header.Violation,
            header.Replay,
            Left = Math.Max(0, events.Count - MaxEvents),
            // Short rows: step, microseconds, kind, member, peer, term, message, text.
            Events = events.Skip(Math.Max(0, events.Count - MaxEvents)).Select(e => new object?[]
            {
                e.Step, (long)e.At.TotalMicroseconds, e.Kind.ToString(), e.Member, e.Peer, e.Term, e.MessageId, e.Text,
            }),
        };
        // The serializer writes < as <, so that no text can end the script.
        writer.Write(Page.Replace("/*DATA*/null", JsonSerializer.Serialize(data), StringComparison.Ordinal));
    }

    private static string ReadPage()
    {
        using var stream = typeof(TraceDiagram).Assembly.GetManifestResourceStream("AkkaRaft.TestKit.TraceDiagram.html")
            ?? throw new InvalidOperationException("The page is not in the assembly.");
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}

/// <summary>Writes a trace as text, one event a line, the same for the same run.</summary>
public static class TraceText
{
    /// <summary>Writes the lines.</summary>
    /// <param name="writer">Where to.</param>
    /// <param name="events">The trace.</param>
    public static void Write(TextWriter writer, IReadOnlyList<TraceEvent> events)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(events);
        foreach (var e in events)
        {
            var who = (e.Member, e.Peer) switch
            {
                (null, _) => "",
                ({ } member, null) => Name(member),
                ({ } member, { } peer) => e.Kind == TraceKind.Sent ? $"{Name(member)}->{Name(peer)}" : $"{Name(peer)}->{Name(member)}",
            };
            var message = e.MessageId > 0 ? string.Create(CultureInfo.InvariantCulture, $"#{e.MessageId} ") : "";
            writer.Write(string.Create(CultureInfo.InvariantCulture, $"{e.Step,8} {e.At.TotalMilliseconds,12:0.000} {e.Kind,-9} {who,-7} {(e.Term > 0 ? $"t{e.Term}" : ""),-5} {message}{e.Text}\n"));
        }
    }

    private static string Name(int endpoint) =>
        endpoint < 0 ? string.Create(CultureInfo.InvariantCulture, $"c{-endpoint}") : endpoint.ToString(CultureInfo.InvariantCulture);
}
