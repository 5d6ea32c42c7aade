using System.Globalization;

namespace AkkaRaft.Node;

internal static class PutCommand
{
    public static Command Create()
    {
        var options = new ClientOptions();
        Argument<string> key = new("KEY") { Description = "The key" };
        Argument<string> value = new("VALUE") { Description = "Its new value" };
        var command = new Command("put", "Set KEY to VALUE and print its version");
        command.Arguments.Add(key);
        command.Arguments.Add(value);
        options.AddTo(command);
        command.SetAction((parsed, cancel) => ClientCommand.RunAsync(options, parsed, async (session, json) =>
        {
            string k = parsed.GetRequiredValue(key);
            var reply = await session.Client.PutAsync(ClientOptions.Key(k), ClientOptions.Bytes(parsed.GetRequiredValue(value)), cancel).ConfigureAwait(false);
            Console.Out.WriteLine(json ? Output.Put(k, reply) : reply.Version.ToString(CultureInfo.InvariantCulture));
            return ExitCodes.Ok;
        }));
        return command;
    }
}
