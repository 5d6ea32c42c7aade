namespace AkkaRaft.Node;

internal static class GetCommand
{
    public static Command Create()
    {
        var options = new ClientOptions();
        Argument<string> key = new("KEY") { Description = "The key" };
        Option<string> consistency = new("--consistency") { Description = "linearizable, lease or local", DefaultValueFactory = _ => "linearizable" };
        var command = new Command("get", "Print the value of KEY and nothing else");
        command.Arguments.Add(key);
        command.Options.Add(consistency);
        options.AddTo(command);
        command.SetAction((parsed, cancel) => ClientCommand.RunAsync(options, parsed, async (session, json) =>
        {
            string k = parsed.GetRequiredValue(key);
            var level = ClientOptions.ParseConsistency(parsed.GetRequiredValue(consistency));
            if (level == ReadConsistency.Local)
            {
                Console.Error.WriteLine("akkaraft: a local read: the value is one member's own and may be old.");
            }

            var reply = await session.Client.GetAsync(ClientOptions.Key(k), level, cancel).ConfigureAwait(false);
            if (json)
            {
                Console.Out.WriteLine(Output.Get(k, reply));
            }
            else if (reply.Found)
            {
                Console.Out.WriteLine(System.Text.Encoding.UTF8.GetString(reply.Value.Span));
            }
            else
            {
                Console.Error.WriteLine($"akkaraft: there is no key {k}.");
            }

            return reply.Found ? ExitCodes.Ok : ExitCodes.NotFound;
        }));
        return command;
    }
}
