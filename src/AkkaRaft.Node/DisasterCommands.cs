namespace AkkaRaft.Node;

/// <summary>What an operator does with members that do not run.</summary>
internal static class DisasterCommands
{
    public static Command CreateRestore()
    {
        Argument<string> file = new("FILE") { Description = "A backup" };
        Argument<int?> id = new("ID") { Description = "The member; all of the file's when nothing is said", Arity = ArgumentArity.ZeroOrOne };
        var (config, data) = Options();
        var command = new Command("restore", "Let the members of a new cluster begin with the state of a backup") { file, id, config, data };
        command.SetAction(async (parsed, _) =>
        {
            string path = ClientOptions.FindConfig(parsed.GetValue(config));
            var members = parsed.GetValue(id) is { } one ? [new MemberId(one)] : RaftSettings.FromFile(path).Members.Keys;
            foreach (var member in members)
            {
                long index = await Disaster.RestoreAsync(Settings(path, member, parsed.GetValue(data)), parsed.GetRequiredValue(file), Said).ConfigureAwait(false);
                Console.Out.WriteLine($"Member {member} has the state up to entry {index}.");
            }

            return ExitCodes.Ok;
        });
        return command;
    }

    public static Command CreateRecover()
    {
        Argument<int> id = new("ID") { Description = "The member that is left, with the longest log where several are" };
        Option<bool> force = new("--force-single") { Description = "Make a cluster of one out of it" };
        var (config, data) = Options();
        var command = new Command("recover", "Go on from one member when the majority is lost for ever") { id, force, config, data };
        command.SetAction(async (parsed, _) =>
        {
            const string Meaning = "Writes that only the lost members had are gone, some of them acknowledged; writes that were never acknowledged may appear. None of the other members may ever be started again; add new ones, with new ids.";
            var member = new MemberId(parsed.GetValue(id));
            if (!parsed.GetValue(force))
            {
                throw new UsageException($"recover makes a cluster of one out of member {member}. {Meaning} Say --force-single to go on.");
            }

            Console.Error.WriteLine($"akkaraft: member {member} is to go on alone. Once it does: {Meaning}");
            long index = await Disaster.ForceSingleAsync(Settings(ClientOptions.FindConfig(parsed.GetValue(config)), member, parsed.GetValue(data)), Said).ConfigureAwait(false);
            Console.Out.WriteLine($"Member {member} is the only one, from entry {index} on. Start it, and add others with 'members add'.");
            return ExitCodes.Ok;
        });
        return command;
    }

    private static readonly Told<string> Said = new(text => Console.Error.WriteLine($"akkaraft: {text}"));

    private static (Option<string?> Config, Option<string?> Data) Options() => (
        new("--config") { Description = "The cluster's file; hocon/cluster.conf when nothing is said (AKKARAFT_CONFIG)" },
        new("--data") { Description = "Where members keep their files (AKKARAFT_DATA)" });

    private static RaftSettings Settings(string config, MemberId member, string? data)
    {
        var settings = RaftSettings.FromFile(config, member);
        return (data ?? ClientOptions.FromEnvironment("AKKARAFT_DATA")) is { } directory ? settings with { DataDirectory = directory } : settings;
    }
}
