using System.Globalization;

namespace AkkaRaft.Node;

internal static class TransferCommand
{
    public static Verb Create()
    {
        Argument<int?> id = new("ID") { Description = "The voter that is to lead; the one whose log is furthest when nothing is said", Arity = ArgumentArity.ZeroOrOne };
        return new Verb(new Command("transfer", "Hand leadership over, and print who leads then") { id }, async (parsed, call) =>
        {
            MemberId? target = parsed.GetValue(id) is { } wanted ? new MemberId(wanted) : null;
            var leader = await call.Client.TransferLeadershipAsync(target, call.Cancel).ConfigureAwait(false);
            call.Out.WriteLine(call.Json ? Output.Transferred(leader) : leader.Value.ToString(CultureInfo.InvariantCulture));
            return ExitCodes.Ok;
        });
    }
}
