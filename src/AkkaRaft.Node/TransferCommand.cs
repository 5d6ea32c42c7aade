using System.Globalization;

namespace AkkaRaft.Node;

internal static class TransferCommand
{
    public static Command Create()
    {
        var options = new ClientOptions();
        Argument<int?> id = new("ID") { Description = "The voter that is to lead; the one whose log is furthest when nothing is said", Arity = ArgumentArity.ZeroOrOne };
        var command = new Command("transfer", "Hand leadership over, and print who leads then") { id };
        options.AddTo(command);
        command.SetAction((parsed, cancel) => ClientCommand.RunAsync(options, parsed, async (session, json) =>
        {
            MemberId? target = parsed.GetValue(id) is { } wanted ? new MemberId(wanted) : null;
            var leader = await session.Client.TransferLeadershipAsync(target, cancel).ConfigureAwait(false);
            Console.Out.WriteLine(json ? Output.Transferred(leader) : leader.Value.ToString(CultureInfo.InvariantCulture));
            return ExitCodes.Ok;
        }));
        return command;
    }
}
