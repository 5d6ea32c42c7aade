using Spectre.Console;

namespace AkkaRaft.Node;

/// <summary>Who the members are, and how they change while the cluster runs.</summary>
internal static class MembersCommand
{
    public static Verb Create()
    {
        Option<bool> learner = new("--learner") { Description = "Receive the log, and do not vote" };
        var add = Change("add", "Add members, as ID=host:port,…, each started with 'node ID --join …'", (parsed, text) =>
            (parsed.GetValue(learner) ? MembershipChange.AddLearner : MembershipChange.Add, ClientOptions.ParseNamed(text)));
        add.Command.Options.Add(learner);
        return new Verb(new Command("members", "List the members, or change them while the cluster runs"), async (_, call) =>
        {
            Write("members", await call.Client.MembersAsync(call.Cancel).ConfigureAwait(false), call);
            return ExitCodes.Ok;
        })
        {
            Subverbs =
            [
                add,
                Change("set", "Let these members vote, and no others: ids, and ID=host:port for new ones", (_, text) => (MembershipChange.Set, ClientOptions.ParseNamed(text))),
                Change("update", "Give members another address, as ID=host:port,…; each is what it was otherwise", (_, text) => (MembershipChange.Update, ClientOptions.ParseNamed(text))),
                Change("remove", "Remove members, by id; their ids are never used again", (_, text) => (MembershipChange.Remove, ClientOptions.ParseNamed(text))),
                new Verb(new Command("cancel", "Give up the change under way, if it does not yet take effect"), (_, call) => RunAsync(call, MembershipChange.Cancel, [])),
            ],
        };
    }

    private static Verb Change(string name, string description, Func<ParseResult, string, (MembershipChange Kind, IReadOnlyList<RaftEndpoint> Members)> read)
    {
        Argument<string> members = new("MEMBERS") { Description = "The members, with commas between them" };
        return new Verb(new Command(name, description) { members }, (parsed, call) =>
        {
            var (kind, named) = read(parsed, parsed.GetRequiredValue(members));
            return RunAsync(call, kind, named);
        });
    }

    private static async Task<int> RunAsync(Call call, MembershipChange kind, IReadOnlyList<RaftEndpoint> members)
    {
        var said = "";
        var progress = new Told<Membership>(now =>
        {
            string line = now.Phase switch
            {
                MembershipPhase.CatchingUp => "Catching up: " + string.Join(", ", now.Members.Where(m => m.Role == MembershipRole.Joining).Select(CaughtUp)),
                MembershipPhase.Joint => "Old and new voters decide together.",
                _ => "",
            };
            if (line.Length == 0 || line == said)
            {
                return;
            }

            said = line;
            call.Err.WriteLine(line);
        });
        Write($"members {kind switch { MembershipChange.AddLearner => "add", var other => other.ToString().ToLowerInvariant() }}", await call.Client.ChangeMembersAsync(kind, members, progress, call.Cancel).ConfigureAwait(false), call);
        return ExitCodes.Ok;
    }

    internal static string CaughtUp(ConfiguredMember member) => member.SnapshotLength > 0
        ? $"member {member.Endpoint.Id} has {100 * member.SnapshotReceived / member.SnapshotLength} % of the snapshot"
        : member.MatchIndex > 0 ? $"member {member.Endpoint.Id} has the log to {member.MatchIndex}"
        : $"member {member.Endpoint.Id} is not heard yet";

    private static void Write(string op, Membership now, Call call)
    {
        if (call.Json)
        {
            foreach (var member in now.Members)
            {
                call.Out.WriteLine(Output.Member(member));
            }

            if (call.InShell)
            {
                call.Out.WriteLine(Output.Listed(op, now.Members.Length));
            }

            return;
        }

        var table = new Table().Border(TableBorder.Simple);
        foreach (string name in new[] { "id", "address", "role", "match" })
        {
            table.AddColumn(new TableColumn(name).NoWrap().PadLeft(0));
        }

        foreach (var m in now.Members)
        {
            table.AddRow(m.Endpoint.Id.ToString(), Markup.Escape(m.ReachedAt is { } elsewhere ? $"{m.Endpoint.Address}, reached at {elsewhere}" : m.Endpoint.Address), m.Role.ToString(), m.MatchIndex > 0 ? m.MatchIndex.ToString(System.Globalization.CultureInfo.InvariantCulture) : "-");
        }

        Terminal.Write(table);
    }
}

/// <summary>Progress that is told at once, in order, and not on some other thread later.</summary>
internal sealed class Told<T>(Action<T> tell) : IProgress<T>
{
    public void Report(T value) => tell(value);
}
