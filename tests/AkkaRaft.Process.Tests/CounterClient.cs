using System.Globalization;
using System.Text;
using System.Text.Json;
using AkkaRaft.Client;
using AkkaRaft.Node;

namespace AkkaRaft.Process.Tests;

/// <summary>What one client process did: each call ended with a result, or with an error that says which of the two it is.</summary>
internal sealed record Tally(long SetsDone, long SetsUnknown, long PutsDone, long PutsUnknown, long NotExecuted, double LongestCallSeconds);

/// <summary>
/// A client as a process of its own, which counts until its standard input ends, and then prints its <see cref="Tally"/>: this assembly's entry point.
/// Some of it counts up one key by compare-and-set, the rest puts its own key again and again.
/// </summary>
internal static class CounterClient
{
    public const string Counter = "counter";
    public const string PutPrefix = "puts/";
    private const int Loops = 4;

    private static long _setsDone, _setsUnknown, _putsDone, _putsUnknown, _notExecuted, _longestTicks;

    public static async Task<int> Main(string[] args)
    {
        await using var client = RaftClient.Create(new RaftClientSettings { ClusterId = "akkaraft", Members = ClientOptions.ParseMembers(args[0]) });
        using var stop = new CancellationTokenSource();
        var loops = Enumerable.Range(0, Loops).Select(i => i % 2 == 0 ? CountAsync(client, stop.Token) : PutAsync(client, $"{PutPrefix}{args[1]}-{i}", stop.Token)).ToList();
        await Console.In.ReadToEndAsync();
        await stop.CancelAsync();
        await Task.WhenAll(loops);
        Console.WriteLine(JsonSerializer.Serialize(new Tally(_setsDone, _setsUnknown, _putsDone, _putsUnknown, _notExecuted, TimeSpan.FromTicks(_longestTicks).TotalSeconds)));
        return 0;
    }

    private static async Task CountAsync(RaftClient client, CancellationToken stop)
    {
        var key = Encoding.UTF8.GetBytes(Counter);
        while (!stop.IsCancellationRequested)
        {
            try
            {
                var now = await Timed(client.GetAsync(key));
                var next = (now.Found ? long.Parse(Encoding.UTF8.GetString(now.Value.Span), CultureInfo.InvariantCulture) : 0) + 1;
                if ((await Timed(client.CompareAndSetAsync(key, Encoding.UTF8.GetBytes(next.ToString(CultureInfo.InvariantCulture)), now.Version))).Succeeded) Interlocked.Increment(ref _setsDone);
            }
            catch (OutcomeUnknownException)
            {
                Interlocked.Increment(ref _setsUnknown);
            }
            catch (RaftException)
            {
                Interlocked.Increment(ref _notExecuted);
            }
        }
    }

    private static async Task PutAsync(RaftClient client, string key, CancellationToken stop)
    {
        for (var i = 1; !stop.IsCancellationRequested; i++)
        {
            try
            {
                await Timed(client.PutAsync(key, i.ToString(CultureInfo.InvariantCulture)));
                Interlocked.Increment(ref _putsDone);
            }
            catch (OutcomeUnknownException)
            {
                Interlocked.Increment(ref _putsUnknown);
            }
            catch (RaftException)
            {
                Interlocked.Increment(ref _notExecuted);
            }
        }
    }

    private static async Task<T> Timed<T>(Task<T> call)
    {
        var began = TimeProvider.System.GetTimestamp();
        try
        {
            return await call;
        }
        finally
        {
            var took = TimeProvider.System.GetElapsedTime(began).Ticks;
            while (Interlocked.Read(ref _longestTicks) is var longest && took > longest && Interlocked.CompareExchange(ref _longestTicks, took, longest) != longest) { }
        }
    }
}
