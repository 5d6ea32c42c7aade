using System.Collections.Immutable;
using System.Globalization;
using Akka.Actor;
using Akka.Event;
using AkkaRaft.Client;
using AkkaRaft.Hosting;
using AkkaRaft.Protocol;
using Microsoft.Data.Sqlite;

namespace AkkaRaft.Tests.Hosting;

/// <summary>What a member does when its journal's disk fails for a while, or for good.</summary>
public sealed class JournalFaultTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly string _directory = Directory.CreateTempSubdirectory("akkaraft-").FullName;

    private string Journal => Path.Combine(_directory, "0", "journal.db");

    public void Dispose()
    {
        SqliteConnection.ClearAllPools();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task A_member_starts_from_a_journal_whose_delete_was_cut_short()
    {
        var settings = Settings() with { RetainEntries = 60 };
        await using (var node = await RaftNode.StartAsync(settings))
        {
            await using var client = Client(settings);
            await client.PutAsync("k", "0");
            // So that one delete has more events to do than one step takes, as with the default settings it always has.
            Sql("CREATE TRIGGER full BEFORE DELETE ON journal BEGIN SELECT RAISE(ABORT, 'disk full'); END");
            for (var i = 1; i < 106; i++) await client.PutAsync("k", $"{i}");
            Sql("DROP TRIGGER full; CREATE TRIGGER full BEFORE DELETE ON journal WHEN OLD.sequence_number > 40 BEGIN SELECT RAISE(ABORT, 'disk full'); END");
            for (var i = 1; i < 40 && Sql("SELECT min(sequence_number) FROM journal") == 1; i++) await client.PutAsync("k", $"{i}");
            Assert.Equal(33, Sql("SELECT min(sequence_number) FROM journal"));
        }
        Sql("DROP TRIGGER full");
        await StartsAndReads("k");
    }

    [Fact]
    public async Task Deletes_that_fail_for_a_while_do_not_end_a_member_that_starts_anew_after_them()
    {
        var settings = Settings() with { RetainEntries = 10 };
        await using var node = await RaftNode.StartAsync(settings);
        await using var client = Client(settings);
        await client.PutAsync("k", "0");
        Sql("CREATE TRIGGER busy BEFORE DELETE ON journal BEGIN SELECT RAISE(ABORT, 'disk full for a while'); END");
        for (var i = 0; i < 60; i++) await client.PutAsync("k", $"{i}");
        Sql("DROP TRIGGER busy");
        node.System.ActorSelection("/user/raft/member").Tell(PoisonPill.Instance);
        await GoesOn(node, client);
    }

    [Fact]
    public async Task A_member_whose_journal_cannot_be_read_for_a_while_starts_when_it_can()
    {
        var settings = Settings();
        await using var node = await RaftNode.StartAsync(settings);
        await using var client = Client(settings);
        await client.PutAsync("k", "0");
        var hindered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var listener = node.System.ActorOf(Props.Create(() => new Listener(hindered)));
        node.System.EventStream.Subscribe(listener, typeof(Warning));
        using (var reader = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = Journal, Pooling = false }.ToString()))
        {
            // Whoever reads from it keeps the write-ahead log from being written anew.
            reader.Open();
            using var begin = reader.CreateCommand();
            begin.CommandText = "BEGIN; SELECT count(*) FROM journal";
            begin.ExecuteScalar();
            await client.PutAsync("k", "1");
            node.System.ActorSelection("/user/raft/member").Tell(PoisonPill.Instance);
            await Task.WhenAny(hindered.Task, node.Completion);
            Assert.True(hindered.Task.IsCompleted);
        }
        await GoesOn(node, client);
    }

    [Fact]
    public async Task A_journal_that_is_damaged_ends_its_member_with_advice_that_forgets_no_vote()
    {
        var settings = Settings();
        await using (var node = await RaftNode.StartAsync(settings))
        {
            await using var client = Client(settings);
            await client.PutAsync("k", "0");
        }
        Sql("UPDATE journal SET message = x'00112233' WHERE sequence_number = 2");
        await using var again = await RaftNode.StartAsync(settings);
        var (end, reason) = await again.Completion;
        Assert.Equal(MemberEnd.Failed, end);
        Assert.Contains("members remove 0", reason, StringComparison.Ordinal);
        Assert.DoesNotContain("wipe", reason, StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("with blank")]
    [InlineData("semi;colon")]
    [InlineData("eq=ual, quote'd")]
    [InlineData("dou\"ble")]
    [InlineData("back\\slash")]
    [InlineData("new\nline\ttab")]
    [InlineData("Mode=Memory;Cache=Shared")]
    [InlineData(":memory:")]
    [InlineData("file:x?mode=memory")]
    [InlineData("|DataDirectory|x")]
    [InlineData("${HOME}%20#\u03a9")]
    [InlineData("trailing ")]
    public async Task A_data_directory_may_have_any_name(string name)
    {
        var settings = Settings() with { DataDirectory = Path.Combine(_directory, name) };
        foreach (var value in new[] { "1", "2" })
        {
            await using var node = await RaftNode.StartAsync(settings);
            await using var client = Client(settings);
            if (value == "2") Assert.Equal("1", await client.GetAsync("k"));
            await client.PutAsync("k", value);
        }
        foreach (var file in new[] { "journal.db", "kv.db" }) Assert.NotEqual(0, new FileInfo(Path.Combine(_directory, name, "0", file)).Length);
        Assert.Equal([name], Directory.EnumerateFileSystemEntries(_directory).Select(Path.GetFileName));
    }

    private async Task StartsAndReads(string key)
    {
        var settings = Settings();
        await using var node = await RaftNode.StartAsync(settings);
        await using var client = Client(settings);
        var read = client.GetAsync(key);
        await Task.WhenAny(read, node.Completion);
        Assert.False(node.Completion.IsCompleted, node.Completion.IsCompleted ? (await node.Completion).Reason : "");
        Assert.NotNull(await read);
    }

    private static async Task GoesOn(RaftNode node, RaftClient client)
    {
        var put = client.PutAsync("k", "after");
        await Task.WhenAny(put, node.Completion);
        Assert.False(node.Completion.IsCompleted, node.Completion.IsCompleted ? (await node.Completion).Reason : "");
        await put;
    }

    private sealed class Listener : ReceiveActor
    {
        public Listener(TaskCompletionSource hindered) => Receive<Warning>(warning =>
        {
            if (warning.ToString().Contains("cannot read its journal", StringComparison.Ordinal)) hindered.TrySetResult();
        });
    }

    private RaftSettings Settings()
    {
        var member = new RaftEndpoint(new MemberId(0), $"127.0.0.1:{TcpPort.Free()}");
        return new RaftSettings
        {
            ClusterId = "faults", Id = member.Id, DataDirectory = _directory, Members = ImmutableSortedDictionary<MemberId, RaftEndpoint>.Empty.Add(member.Id, member), IsQuiet = true,
        };
    }

    private static RaftClient Client(RaftSettings settings) =>
        RaftClient.Create(new RaftClientSettings { ClusterId = settings.ClusterId, Members = settings.Members, RequestTimeout = Patience });

    private long Sql(string sql)
    {
        using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = Journal, Pooling = false }.ToString());
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return Convert.ToInt64(command.ExecuteScalar() ?? 0L, CultureInfo.InvariantCulture);
    }
}
