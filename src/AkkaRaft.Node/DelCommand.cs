namespace AkkaRaft.Node;

internal static class DelCommand
{
    public static Command Create()
    {
        var options = new ClientOptions();
        Argument<string> key = new("KEY") { Description = "The key" };

        var command = new Command("del", "Remove KEY");
        command.Arguments.Add(key);
        options.AddTo(command);
        command.SetAction((parsed, cancel) => ClientCommand.RunAsync(options, parsed, async (session, json) =>
        {
            string k = parsed.GetRequiredValue(key);
            var reply = await session.Client.DeleteAsync(ClientOptions.Key(k), cancel).ConfigureAwait(false);
            if (json)
            {
                Console.Out.WriteLine(Output.Delete(k, reply));
            }
            else if (!reply.Deleted)
            {
                Console.Error.WriteLine($"akkaraft: there is no key {k}.");
            }

            return reply.Deleted ? ExitCodes.Ok : ExitCodes.NotFound;
        }));
        return command;
    }
}
