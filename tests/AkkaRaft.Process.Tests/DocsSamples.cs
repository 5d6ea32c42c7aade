using System.Text;
using Akka.Actor;
using Akka.Streams;
using Akka.Streams.Dsl;
using AkkaRaft.Client;
using AkkaRaft.KeyValue;
using AkkaRaft.Node;
using AkkaRaft.Protocol;

namespace AkkaRaft.Process.Tests;

/// <summary>The code of docs/client.md, watch.md, leases.md and transactions.md, which is run here against three members.</summary>
public sealed class DocsSamples(RunningCluster running) : IClassFixture<RunningCluster>
{
    [Fact(Timeout = 120_000)] // ends a hang; says nothing about speed
    public async Task Client()
    {
        var members = ClientOptions.ParseMembers(running.Cluster.Members);

        await using var client = RaftClient.Create(new RaftClientSettings { ClusterId = "akkaraft", Members = members });

        PutReply put = await client.PutAsync("greeting", "hello");
        string? text = await client.GetAsync("greeting");                        // null: there is no such key
        string? old = await client.GetAsync("greeting", ReadConsistency.Local);  // some member's own state, which may be behind

        CompareAndSetReply set = await client.CompareAndSetAsync("greeting", "hi", expectedVersion: put.Version);
        if (!set.Succeeded) Console.WriteLine($"Somebody else was first: version {set.Version}.");

        await foreach (Row row in client.ScanAsync("greet"))
            Console.WriteLine($"{Encoding.UTF8.GetString(row.Key.Span)} has version {row.Version}.");

        await client.WithTimeout(TimeSpan.FromSeconds(30)).DeleteAsync("greeting");

        Assert.Equal("hello", text);
        Assert.True(old is null or "hello");
        Assert.True(set.Succeeded);

        try
        {
            await client.PutAsync("balance", "100");
        }
        catch (OutcomeUnknownException)
        {
            // It was sent, and may have taken effect: read, or repeat it if twice does no harm.
        }
        catch (RaftException e)
        {
            // Every other exception: it was surely not executed, and its message says what to do.
            Console.WriteLine(e.Message);
        }
        Assert.Equal("100", await client.GetAsync("balance"));
    }

    [Fact(Timeout = 120_000)] // ends a hang; says nothing about speed
    public async Task Watch()
    {
        await using var client = RaftClient.Create(new RaftClientSettings { ClusterId = "akkaraft", Members = ClientOptions.ParseMembers(running.Cluster.Members) });
        using var stop = new CancellationTokenSource();
        var told = new List<string>();
        void Tell(string what)
        {
            told.Add(what);
            if (told.Count == 3) stop.Cancel();
        }

        await client.PutAsync("users/ann", "1");
        var state = new Dictionary<string, string>();
        var page = await client.PageAsync(new GetRange(KeyRange.Prefix("users/").From, KeyRange.Prefix("users/").To));
        foreach (Row row in page.Rows) state[Encoding.UTF8.GetString(row.Key.Span)] = Encoding.UTF8.GetString(row.Value.Span);
        Assert.Equal("1", state["users/ann"]);
        await client.PutAsync("users/ann", "2");
        await client.PutAsync("users/bob", "1");
        await client.DeleteAsync("users/bob");

        try
        {
            await foreach (Change change in client.WatchAsync(KeyRange.Prefix("users/"), fromRevision: page.Revision + 1, stop.Token))
                Tell($"{Encoding.UTF8.GetString(change.Key.Span)} {(change.Deleted ? "is gone" : Encoding.UTF8.GetString(change.Value.Span))} ({change.Version})");
        }
        catch (CompactedException)
        {
            // Too old: read the keys anew, and watch from that page's revision plus one.
        }
        catch (FutureRevisionException)
        {
            // The store has not come that far: it was restored from an older backup. Read the keys anew, and watch from there.
        }
        catch (OperationCanceledException)
        {
            // The watch was ended by its token.
        }
        Assert.Equal(["users/ann 2", "users/bob 1", "users/bob is gone"], told.Select(t => t[..t.LastIndexOf(' ')]));

        var system = ActorSystem.Create("streams");
        var materializer = system.Materializer();
        IReadOnlyList<Change> first = await client.WatchSource(KeyRange.Prefix("users/"), fromRevision: page.Revision + 1)
            .Where(change => !change.Deleted)
            .Take(2)
            .RunWith(Sink.Seq<Change>(), materializer);

        Assert.Equal(2, first.Count);
        await system.Terminate();
    }

    [Fact(Timeout = 120_000)] // ends a hang; says nothing about speed
    public async Task Leases()
    {
        await using var client = RaftClient.Create(new RaftClientSettings { ClusterId = "akkaraft", Members = ClientOptions.ParseMembers(running.Cluster.Members) });
        var worked = false;
        Task WorkAsync(CancellationToken until)
        {
            worked = !until.IsCancellationRequested;
            return Task.CompletedTask;
        }

        await using (HeldLease lease = await client.HoldLeaseAsync(TimeSpan.FromSeconds(10)))
        {
            byte[] key = Encoding.UTF8.GetBytes("locks/report");
            CompareAndSetReply locked = await client.CompareAndSetAsync(key, Encoding.UTF8.GetBytes("me"), expectedVersion: 0, lease.Id);
            if (locked.Succeeded) await WorkAsync(until: lease.Lost);
        }
        // The lease was revoked, and the key went with it.

        Assert.True(worked);
        Assert.Null(await client.GetAsync("locks/report"));

        LeaseStatus granted = await client.GrantLeaseAsync(TimeSpan.FromSeconds(30));
        await client.PutAsync(Encoding.UTF8.GetBytes("seen/ann"), Encoding.UTF8.GetBytes("now"), granted.Lease);
        await client.KeepLeaseAliveAsync(granted.Lease);  // its 30 s begin anew
        await client.RevokeLeaseAsync(granted.Lease);     // its keys are removed

        Assert.Null(await client.GetAsync("seen/ann"));
        await Assert.ThrowsAsync<LeaseNotFoundException>(() => client.KeepLeaseAliveAsync(granted.Lease));
    }

    [Fact(Timeout = 120_000)] // ends a hang; says nothing about speed
    public async Task Transactions()
    {
        await using var client = RaftClient.Create(new RaftClientSettings { ClusterId = "akkaraft", Members = ClientOptions.ParseMembers(running.Cluster.Members) });
        static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

        PutReply ann = await client.PutAsync("accounts/ann", "100");
        PutReply bob = await client.PutAsync("accounts/bob", "0");

        TransactionReply moved = await client.CommitAsync(new KeyValueTransaction(
            Compares:
            [
                new Compare(Bytes("accounts/ann"), Comparison.Equal, ann.Version),
                new Compare(Bytes("accounts/bob"), Comparison.Equal, bob.Version),
            ],
            Then: [new PutStep(Bytes("accounts/ann"), Bytes("70")), new PutStep(Bytes("accounts/bob"), Bytes("30"))],
            Else: [new RangeStep(KeyRange.Prefix("accounts/").From, KeyRange.Prefix("accounts/").To)]));
        if (!moved.Succeeded)
            foreach (Row row in moved.Steps[0].Rows) Console.WriteLine($"{Encoding.UTF8.GetString(row.Key.Span)} has version {row.Version} now.");

        Assert.True(moved.Succeeded);
        Assert.Equal(("70", "30"), (await client.GetAsync("accounts/ann"), await client.GetAsync("accounts/bob")));
    }

    public static TheoryData<string> Pages => ["client.md", "watch.md", "leases.md", "transactions.md"];

    [Theory]
    [MemberData(nameof(Pages))]
    public void A_page_quotes_only_what_is_run_here(string page)
    {
        var run = Lines(File.ReadAllText(Path.Combine(Cli.Root, "tests", "AkkaRaft.Process.Tests", "DocsSamples.cs")));
        var blocks = File.ReadAllText(Path.Combine(Cli.Root, "docs", page)).Split("```csharp\n").Skip(1).Select(b => b[..b.IndexOf("```", StringComparison.Ordinal)]).ToList();
        Assert.NotEmpty(blocks);
        Assert.All(blocks, block => Assert.Contains(Lines(block), run, StringComparison.Ordinal));
    }

    private static string Lines(string text) => string.Join('\n', text.Split('\n').Select(l => l.Trim()).Where(l => l.Length > 0));
}
