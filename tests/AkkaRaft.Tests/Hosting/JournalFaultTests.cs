using System.Collections.Immutable;
using System.Globalization;
using Akka.Actor;
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

    private RaftSettings Settings()
    {
        var member = new Member(new MemberId(0), $"127.0.0.1:{TcpPort.Free()}");
        return new RaftSettings
        {
            ClusterId = "faults", Id = member.Id, DataDirectory = _directory, Members = ImmutableSortedDictionary<MemberId, Member>.Empty.Add(member.Id, member), IsQuiet = true,
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
