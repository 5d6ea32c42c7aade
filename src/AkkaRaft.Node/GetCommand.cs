namespace AkkaRaft.Node;

internal static class GetCommand
{
    public static Verb Create()
    {
        Argument<string> key = new("KEY") { Description = "The key" };
        var consistency = ClientOptions.Consistency();
        return new Verb(new Command("get", "Print the value of KEY and nothing else") { key, consistency }, async (parsed, call) =>
        {
            string k = parsed.GetRequiredValue(key);
            var reply = await call.Client.GetAsync(ClientOptions.Key(k), call.Consistency(parsed.GetRequiredValue(consistency)), call.Cancel).ConfigureAwait(false);
            if (call.Json)
            {
                call.Out.WriteLine(Output.Get(k, reply));
            }
            else if (reply.Found)
            {
                call.WriteLine(reply.Value);
            }
            else
            {
                call.Note($"there is no key {k}.");
            }

            return reply.Found ? ExitCodes.Ok : ExitCodes.NotFound;
        })
        {
            Key = key,
            Reads = true,
        };
    }
}
