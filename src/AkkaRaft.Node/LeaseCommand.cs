using System.Globalization;

namespace AkkaRaft.Node;

/// <summary>Leases: keys put with one are removed once it expires.</summary>
internal static class LeaseCommand
{
    private const double TenDays = 864_000;

    public static Verb Create() => new(new Command("lease", "Leases, with which keys end: grant one, keep it alive, revoke it, list them"))
    {
        Subverbs = [Grant(), KeepAlive(), Revoke(), List()],
    };

    private static Verb Grant()
    {
        Argument<double> seconds = new("SECONDS") { Description = "How long it lives without being kept alive: 1 s to 10 days" };
        return new Verb(new Command("grant", "Ask for a lease, and print its number") { seconds }, async (parsed, call) =>
        {
            double ttl = ClientOptions.Within("SECONDS", parsed.GetValue(seconds), 1, TenDays);
            Print(call, "grant", await call.Client.GrantLeaseAsync(TimeSpan.FromSeconds(ttl), call.Cancel).ConfigureAwait(false), lease => $"{lease.Lease}");
            return ExitCodes.Ok;
        });
    }

    private static Verb KeepAlive()
    {
        var id = Id();
        Option<bool> once = new("--once") { Description = "Keep it alive once, and end" };
        return new Verb(new Command("keep-alive", "Keep a lease alive until Ctrl-C") { id, once }, async (parsed, call) =>
        {
            while (true)
            {
                var lease = await call.Client.KeepLeaseAliveAsync(parsed.GetValue(id), call.Cancel).ConfigureAwait(false);
                Print(call, "keep-alive", lease, l => Invariant($"lease {l.Lease} lives for {l.TimeToLive.TotalSeconds:0.###} s"));
                if (parsed.GetValue(once))
                {
                    return ExitCodes.Ok;
                }

                await Task.Delay(lease.TimeToLive / 3, call.Cancel).ConfigureAwait(false);
            }
        })
        {
            Stays = true,
        };
    }

    private static Verb Revoke()
    {
        var id = Id();
        return new Verb(new Command("revoke", "End a lease, and remove its keys") { id }, async (parsed, call) =>
        {
            Print(call, "revoke", await call.Client.RevokeLeaseAsync(parsed.GetValue(id), call.Cancel).ConfigureAwait(false), l => $"lease {l.Lease} is revoked, and {l.Keys} keys with it");
            return ExitCodes.Ok;
        });
    }

    private static Verb List()
    {
        var consistency = ClientOptions.Consistency();
        return new Verb(new Command("list", "List the leases") { consistency }, async (parsed, call) =>
        {
            var leases = await call.Client.LeasesAsync(call.Consistency(parsed.GetRequiredValue(consistency)), call.Cancel).ConfigureAwait(false);
            foreach (var lease in leases)
            {
                call.Out.WriteLine(call.Json ? Output.Lease(lease) : Invariant($"lease {lease.Lease}: {lease.Remaining.TotalSeconds:0.0} of {lease.TimeToLive.TotalSeconds:0.###} s left, {lease.Keys} keys"));
            }

            if (call is { Json: true, InShell: true })
            {
                call.Out.WriteLine(Output.Listed("lease list", leases.Length));
            }

            return ExitCodes.Ok;
        });
    }

    private static Argument<long> Id() => new("ID") { Description = "The lease's number" };

    private static void Print(Call call, string op, LeaseStatus lease, Func<LeaseStatus, string> text) =>
        call.Out.WriteLine(call.Json ? Output.Lease($"lease {op}", lease) : text(lease));

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
