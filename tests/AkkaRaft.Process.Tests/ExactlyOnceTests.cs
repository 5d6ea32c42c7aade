using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using AkkaRaft.Client;
using AkkaRaft.Node;
using Xunit.Abstractions;
using OsProcess = System.Diagnostics.Process;

namespace AkkaRaft.Process.Tests;

/// <summary>Client processes that count while leaders are killed. AKKARAFT_KILL_SECONDS makes it longer than the 20 s of the suite.</summary>
public sealed class ExactlyOnceTests(ITestOutputHelper output)
{
    private const int Clients = 8;
    private static readonly TimeSpan BetweenKills = TimeSpan.FromSeconds(5);

    [UnixFact(Timeout = 600_000)] // ends a hang; says nothing about speed
    public async Task Counters_add_up_exactly_and_a_watch_tells_each_change_once_while_leaders_are_killed()
    {
        var duration = TimeSpan.FromSeconds(int.Parse(Environment.GetEnvironmentVariable("AKKARAFT_KILL_SECONDS") ?? "20", CultureInfo.InvariantCulture));
        await using var cluster = new Cluster();
        cluster.StartAll();
        await cluster.LeaderAsync();
        await using var client = RaftClient.Create(new RaftClientSettings { ClusterId = "akkaraft", Members = ClientOptions.ParseMembers(cluster.Members), RequestTimeout = TimeSpan.FromSeconds(60) });
        using var stopWatch = new CancellationTokenSource();
        var seen = new Dictionary<string, List<string>>();
        var watching = WatchAsync(client, seen, stopWatch.Token);

        var clients = Enumerable.Range(0, Clients).Select(i => Start(cluster.Members, i)).ToList();
        var outputs = clients.Select(c => c.StandardOutput.ReadToEndAsync()).ToList();
        var errors = clients.Select(c => c.StandardError.ReadToEndAsync()).ToList();
        var kills = 0;
        for (var watch = Stopwatch.StartNew(); watch.Elapsed < duration; kills++)
        {
            if (BetweenKills * (kills + 1) - watch.Elapsed is { Ticks: > 0 } left) await Task.Delay(left);
            var leader = await cluster.LeaderAsync();
            await cluster.KillAsync(leader);
            await Task.Delay(TimeSpan.FromSeconds(1));
            cluster.Start(leader);
        }
        clients.ForEach(c => c.StandardInput.Close());
        var tallies = new List<Tally>();
        for (var i = 0; i < Clients; i++)
        {
            await clients[i].WaitForExitAsync();
            Assert.True(clients[i].ExitCode == 0, await errors[i]);
            tallies.Add(JsonSerializer.Deserialize<Tally>(await outputs[i])!);
            clients[i].Dispose();
        }

        var sum = new Tally(
            tallies.Sum(t => t.SetsDone), tallies.Sum(t => t.SetsUnknown), tallies.Sum(t => t.PutsDone), tallies.Sum(t => t.PutsUnknown), tallies.Sum(t => t.NotExecuted),
            tallies.Max(t => t.LongestCallSeconds));
        var counter = long.Parse((await client.GetAsync(CounterClient.Counter))!, CultureInfo.InvariantCulture);
        output.WriteLine($"{kills} kills, counter {counter}, {sum}");
        Assert.InRange(counter, sum.SetsDone, sum.SetsDone + sum.SetsUnknown);

        // The watch has told all once it tells this.
        await client.PutAsync(CounterClient.PutPrefix + "end", "end");
        await watching;
        var told = seen.Where(s => s.Key != CounterClient.PutPrefix + "end").ToList();
        Assert.All(told, s => Assert.Equal(s.Value.Distinct(), s.Value));
        Assert.All(told, s => Assert.Equal(s.Value.OrderBy(v => long.Parse(v, CultureInfo.InvariantCulture)), s.Value));
        Assert.InRange(told.Sum(s => s.Value.Count), sum.PutsDone, sum.PutsDone + sum.PutsUnknown);
        Assert.True(sum.SetsDone > 0 && sum.PutsDone > 0);
    }

    private static async Task WatchAsync(RaftClient client, Dictionary<string, List<string>> seen, CancellationToken stop)
    {
        await foreach (var change in client.WatchAsync(KeyRange.Prefix(CounterClient.PutPrefix), 1, stop))
        {
            var key = Encoding.UTF8.GetString(change.Key.Span);
            if (!seen.TryGetValue(key, out var values)) seen.Add(key, values = []);
            values.Add(Encoding.UTF8.GetString(change.Value.Span));
            if (key == CounterClient.PutPrefix + "end") return;
        }
    }

    private static OsProcess Start(string members, int id)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(typeof(CounterClient).Assembly.Location);
        start.ArgumentList.Add(members);
        start.ArgumentList.Add(id.ToString(CultureInfo.InvariantCulture));
        return OsProcess.Start(start)!;
    }
}
