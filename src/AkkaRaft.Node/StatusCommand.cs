using System.Globalization;
using Spectre.Console;

namespace AkkaRaft.Node;

internal static class StatusCommand
{
    // In order of what can be done without where a window is narrow: the last goes first.
    private static readonly (string Name, Func<RaftStatus, string> Text)[] Columns =
    [
        ("id", s => s.Id.ToString()),
        ("address", s => s.Address),
        ("role", s => s.SnapshotLength > 0 ? $"{s.Role} {100 * s.SnapshotReceived / s.SnapshotLength}%" : s.Role.ToString()),
        ("term", s => Figure(s, s.Term)),
        ("leader", s => s.Leader?.ToString() ?? "-"),
        ("commit", s => Figure(s, s.CommitIndex)),
        ("applied", s => Figure(s, s.AppliedIndex)),
        ("last", s => Figure(s, s.LastIndex)),
        ("pid", s => Figure(s, s.ProcessId)),
    ];

    public static Verb Create() => new(new Command("status", "Show how each member stands, and whether the cluster serves; when it does not, end with 2"), async (_, call) =>
    {
        var all = await call.Client.StatusAsync(call.Cancel).ConfigureAwait(false);
        var verdict = Verdict.Of(all);
        if (call.Json)
        {
            foreach (var status in all)
            {
                call.Out.WriteLine(Output.Status(status));
            }

            call.Out.WriteLine(Output.Verdict("status", all.Count, verdict));
        }
        else
        {
            Terminal.Write(Table(all, Terminal.Width));
            call.Out.WriteLine(verdict);
        }

        if (verdict.Answering == 0)
        {
            call.Note($"none of the members {string.Join(", ", call.Session.Members.Values)} answered.");
        }

        return verdict.IsHealthy ? ExitCodes.Ok : ExitCodes.Unavailable;
    });

    /// <summary>As many columns as fit; an address cut in two is none.</summary>
    public static Table Table(IReadOnlyCollection<RaftStatus> all, int width)
    {
        const int Border = 1;
        const int Padding = 1;
        var shown = new List<(string Name, Func<RaftStatus, string> Text)>();
        int used = 2 * Border;
        foreach (var column in Columns)
        {
            used += all.Select(s => column.Text(s).Length).Append(column.Name.Length).Max() + Padding + Border;
            if (used > width && shown.Count > 0)
            {
                break;
            }

            shown.Add(column);
        }

        var table = new Table().Border(TableBorder.Simple);
        shown.ForEach(c => table.AddColumn(new TableColumn(c.Name).NoWrap().PadLeft(0)));
        foreach (var s in all)
        {
            table.AddRow([.. shown.Select(c => Markup.Escape(c.Text(s)))]);
        }

        return table;
    }

    private static string Figure(RaftStatus status, long value) =>
        status.Role == RaftRole.Unreachable ? "-" : value.ToString(CultureInfo.InvariantCulture);
}
