using System.Globalization;
using Spectre.Console;

namespace AkkaRaft.Node;

internal static class StatusCommand
{
    public static Verb Create() => new(new Command("status", "Show how each member stands"), async (_, call) =>
    {
        var all = await call.Client.StatusAsync(call.Cancel).ConfigureAwait(false);
        Write(all, call.Json);
        if (all.Any(s => s.Role != MemberRole.Unreachable))
        {
            return ExitCodes.Ok;
        }

        call.Note($"none of the members {string.Join(", ", call.Session.Members.Values)} answered.");
        return ExitCodes.Unavailable;
    });

    public static void Write(IEnumerable<MemberStatus> all, bool json)
    {
        if (json)
        {
            foreach (var status in all)
            {
                Console.Out.WriteLine(Output.Status(status));
            }
        }
        else
        {
            AnsiConsole.Write(Table(all));
        }
    }

    public static Table Table(IEnumerable<MemberStatus> all)
    {
        var table = new Table().Border(TableBorder.Simple);
        foreach (string name in new[] { "id", "address", "role", "term", "leader", "last", "commit", "applied", "pid" })
        {
            // An address cut in two is none.
            table.AddColumn(new TableColumn(name).NoWrap().PadLeft(0));
        }

        foreach (var s in all)
        {
            bool known = s.Role != MemberRole.Unreachable;
            string Figure(long value) => known ? value.ToString(CultureInfo.InvariantCulture) : "-";
            table.AddRow(
                s.Id.ToString(), Markup.Escape(s.Address), s.SnapshotLength > 0 ? $"{s.Role} {100 * s.SnapshotReceived / s.SnapshotLength}%" : s.Role.ToString(), Figure(s.Term), s.Leader?.ToString() ?? "-",
                Figure(s.LastIndex), Figure(s.CommitIndex), Figure(s.AppliedIndex), Figure(s.ProcessId));
        }

        return table;
    }
}
