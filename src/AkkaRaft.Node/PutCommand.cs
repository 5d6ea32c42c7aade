using System.Globalization;

namespace AkkaRaft.Node;

internal static class PutCommand
{
    public static Verb Create()
    {
        Argument<string> key = new("KEY") { Description = "The key" };
        var value = new ValueArgument();
        Option<long> lease = new("--lease") { Description = "The lease with which the key ends" };
        return new Verb(new Command("put", "Set KEY to VALUE and print its version") { key, value.Argument, lease, value.Raw }, async (parsed, call) =>
        {
            string k = parsed.GetRequiredValue(key);
            var reply = await call.Client.PutAsync(ClientOptions.Key(k), await value.ReadAsync(parsed, call).ConfigureAwait(false), parsed.GetValue(lease), call.Cancel).ConfigureAwait(false);
            call.Out.WriteLine(call.Json ? Output.Put(k, reply) : reply.Version.ToString(CultureInfo.InvariantCulture));
            return ExitCodes.Ok;
        })
        {
            Key = key,
        };
    }
}
