namespace AkkaRaft.Node;

internal static class DelCommand
{
    public static Verb Create()
    {
        Argument<string> key = new("KEY") { Description = "The key" };
        return new Verb(new Command("del", "Remove KEY") { key }, async (parsed, call) =>
        {
            string k = parsed.GetRequiredValue(key);
            var reply = await call.Client.DeleteAsync(ClientOptions.Key(k), call.Cancel).ConfigureAwait(false);
            if (call.Json)
            {
                call.Out.WriteLine(Output.Delete(k, reply));
            }
            else if (!reply.Deleted)
            {
                call.Note($"there is no key {k}.");
            }
            else if (call.InShell)
            {
                call.Out.WriteLine("deleted");
            }

            return reply.Deleted ? ExitCodes.Ok : ExitCodes.NotFound;
        })
        {
            Key = key,
        };
    }
}
