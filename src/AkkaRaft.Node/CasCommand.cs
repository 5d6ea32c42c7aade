using System.Globalization;

namespace AkkaRaft.Node;

internal static class CasCommand
{
    public static Verb Create()
    {
        Argument<string> key = new("KEY") { Description = "The key" };
        var value = new ValueArgument();
        Option<long> version = new("--version") { Description = "The version that the key must have; 0 when it must not be there", Required = true };
        return new Verb(new Command("cas", "Set KEY to VALUE if it has version V, and print its version; otherwise print the version that it has, and end with 4") { key, value.Argument, version, value.Raw }, async (parsed, call) =>
        {
            string k = parsed.GetRequiredValue(key);
            var reply = await call.Client.CompareAndSetAsync(
                ClientOptions.Key(k), await value.ReadAsync(parsed, call).ConfigureAwait(false), parsed.GetRequiredValue(version), call.Cancel).ConfigureAwait(false);
            call.Out.WriteLine(call.Json ? Output.CompareAndSet(k, reply) : reply.Version.ToString(CultureInfo.InvariantCulture));
            if (reply.Succeeded)
            {
                return ExitCodes.Ok;
            }

            if (!call.Json)
            {
                call.Note(reply.Version == 0 ? $"there is no key {k}." : $"{k} has version {reply.Version}.");
            }

            return ExitCodes.Conflict;
        })
        {
            Key = key,
        };
    }
}
