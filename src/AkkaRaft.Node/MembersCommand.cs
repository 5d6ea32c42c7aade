using Spectre.Console;

namespace AkkaRaft.Node;

/// <summary>Who the members are, and how they change while the cluster runs.</summary>
internal static class MembersCommand
{
    public static Command Create()
    {
        var options = new ClientOptions();
        var command = new Command("members", "List the members, or change them while the cluster runs");
        options.AddTo(command);
        command.SetAction((parsed, cancel) => ClientCommand.RunAsync(options, parsed, async (session, json) =>
        {
            Write(await session.Client.MembersAsync(cancel).ConfigureAwait(false), json);
            return ExitCodes.Ok;
        }));
        Option<bool> learner = new("--learner") { Description = "Receive the log, and do not vote" };
        var add = Change("add", "Add members, as ID=host:port,…, each started with 'node ID --join …'", (parsed, text) =>
            (parsed.GetValue(learner) ? MembershipChangeKind.AddLearner : MembershipChangeKind.Add, ClientOptions.ParseNamed(text)));
        add.Options.Add(learner);
        command.Subcommands.Add(add);
        command.Subcommands.Add(Change("set", "Let these members vote, and no others: ids, and ID=host:port for new ones", (_, text) =>
            (MembershipChangeKind.Set, ClientOptions.ParseNamed(text))));
        command.Subcommands.Add(Change("remove", "Remove members, by id; their ids are never used again", (_, text) =>
            (MembershipChangeKind.Remove, ClientOptions.ParseNamed(text))));
        command.Subcommands.Add(Cancel());
        return command;
    }

    private static Command Change(string name, string description, Func<ParseResult, string, (MembershipChangeKind Kind, IReadOnlyList<Member> Members)> read)
    {
        var options = new ClientOptions();
        Argument<string> members = new("MEMBERS") { Description = "The members, with commas between them" };
        var command = new Command(name, description) { members };
        options.AddTo(command);
        command.SetAction((parsed, cancel) => ClientCommand.RunAsync(options, parsed, (session, json) =>
        {
            var (kind, named) = read(parsed, parsed.GetRequiredValue(members));
            return RunAsync(session, kind, named, json, cancel);
        }));
        return command;
    }

    private static Command Cancel()
    {
        var options = new ClientOptions();
        var command = new Command("cancel", "Give up the change under way, if it does not yet take effect");
        options.AddTo(command);
        command.SetAction((parsed, cancel) => ClientCommand.RunAsync(options, parsed, (session, json) =>
            RunAsync(session, MembershipChangeKind.Cancel, [], json, cancel)));
        return command;
    }

    private static async Task<int> RunAsync(ClientSession session, MembershipChangeKind kind, IReadOnlyList<Member> members, bool json, CancellationToken cancel)
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
            Console.Error.WriteLine(line);
        });
        Write(await session.Client.ChangeMembersAsync(kind, members, progress, cancel).ConfigureAwait(false), json);
        return ExitCodes.Ok;
    }

    private static string CaughtUp(MembershipMember member) => member.SnapshotLength > 0
        ? $"member {member.Member.Id} has {100 * member.SnapshotReceived / member.SnapshotLength} % of the snapshot"
        : $"member {member.Member.Id} has the log to {member.MatchIndex}";

    private static void Write(Membership now, bool json)
    {
        if (json)
        {
            foreach (var member in now.Members)
            {
                Console.Out.WriteLine(Output.Member(member));
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
            table.AddRow(m.Member.Id.ToString(), Markup.Escape(m.Member.Address), m.Role.ToString(), m.MatchIndex.ToString(System.Globalization.CultureInfo.InvariantCulture));
        }

        AnsiConsole.Write(table);
    }
}

/// <summary>Progress that is told at once, in order, and not on some other thread later.</summary>
internal sealed class Told<T>(Action<T> tell) : IProgress<T>
{
    public void Report(T value) => tell(value);
}
