using System.Collections.Immutable;
using System.Text;
using Akka.Actor;
using Akka.Persistence;
using AkkaRaft.Hosting;
using AkkaRaft.Protocol;
using AkkaRaft.Storage;
using Microsoft.Data.Sqlite;

namespace AkkaRaft.Tests.Storage;

public sealed class SqliteJournalTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly string _directory = Directory.CreateTempSubdirectory("akkaraft-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task What_was_written_is_recovered_in_its_order()
    {
        await Run(async system =>
        {
            var writer = Start(system, "a");
            await writer.Ask<string>(new Write(["1", "2", "3"]), Patience);
            await writer.Ask<string>(new Write(["4"]), Patience);
        });
        await Run(async system => Assert.Equal("1,2,3,4 up to 4", await Start(system, "a").Ask<string>(new Recall(), Patience)));
    }

    [Fact]
    public async Task Events_that_were_deleted_are_not_recovered_and_their_numbers_are_not_used_again()
    {
        await Run(async system =>
        {
            var writer = Start(system, "a");
            await writer.Ask<string>(new Write([.. Enumerable.Range(1, 100).Select(i => $"{i}")]), Patience);
            Assert.Equal("deleted", await writer.Ask<string>(new Delete(97), Patience));
        });
        await Run(async system =>
        {
            var writer = Start(system, "a");
            Assert.Equal("98,99,100 up to 100", await writer.Ask<string>(new Recall(), Patience));
            Assert.Equal("deleted", await writer.Ask<string>(new Delete(100), Patience));
        });
        await Run(async system =>
        {
            var writer = Start(system, "a");
            Assert.Equal(" up to 100", await writer.Ask<string>(new Recall(), Patience));
            Assert.Equal("101", await writer.Ask<string>(new Write(["next"]), Patience));
        });
        Assert.Equal(2, Scalar("SELECT count(*) FROM journal"));
    }

    [Fact]
    public async Task Writes_go_on_while_events_are_deleted()
    {
        await Run(async system =>
        {
            var writer = Start(system, "a");
            await writer.Ask<string>(new Write([.. Enumerable.Range(1, 1_000).Select(i => $"{i}")]), Patience);
            var delete = writer.Ask<string>(new Delete(1_000), Patience);
            for (var i = 0; i < 20; i++) await writer.Ask<string>(new Write(["more"]), Patience);
            Assert.Equal("deleted", await delete);
        });
        await Run(async system => Assert.EndsWith("up to 1020", await Start(system, "a").Ask<string>(new Recall(), Patience), StringComparison.Ordinal));
        Assert.Equal(20, Scalar("SELECT count(*) FROM journal"));
    }

    /// <summary>What a process leaves that is killed after a delete's mark, or between any two of its steps.</summary>
    [Theory]
    [InlineData(1, 1)]
    [InlineData(33, 33)]
    [InlineData(65, 65)]
    [InlineData(97, 97)]
    public async Task A_delete_that_was_cut_short_is_complete_for_whoever_reads(int failsAt, long firstLeft)
    {
        await Run(async system => await Start(system, "a").Ask<string>(new Write([.. Enumerable.Range(1, 100).Select(i => $"{i}")]), Patience));
        Execute($"CREATE TRIGGER full BEFORE DELETE ON journal WHEN OLD.sequence_number >= {failsAt} BEGIN SELECT RAISE(ABORT, 'disk full'); END");
        await Run(async system => Assert.Contains("disk full", await Start(system, "a").Ask<string>(new Delete(97), Patience), StringComparison.Ordinal));
        Assert.Equal(firstLeft, Scalar("SELECT min(sequence_number) FROM journal"));
        await Run(async system => Assert.Equal("98,99,100 up to 100", await Start(system, "a").Ask<string>(new Recall(), Patience)));
    }

    [Fact]
    public async Task A_delete_that_was_cut_short_is_finished_at_the_next_recovery()
    {
        await Run(async system => await Start(system, "a").Ask<string>(new Write([.. Enumerable.Range(1, 100).Select(i => $"{i}")]), Patience));
        Execute("CREATE TRIGGER full BEFORE DELETE ON journal WHEN OLD.sequence_number > 40 BEGIN SELECT RAISE(ABORT, 'disk full'); END");
        await Run(async system => Assert.Contains("disk full", await Start(system, "a").Ask<string>(new Delete(97), Patience), StringComparison.Ordinal));
        Assert.Equal(33, Scalar("SELECT min(sequence_number) FROM journal"));
        Execute("DROP TRIGGER full");
        await Run(async system =>
        {
            var writer = Start(system, "a");
            Assert.Equal("98,99,100 up to 100", await writer.Ask<string>(new Recall(), Patience));
            // Each step of the delete goes between two writes.
            for (var i = 0; i < 4; i++) await writer.Ask<string>(new Write(["more"]), Patience);
        });
        Assert.Equal(98, Scalar("SELECT min(sequence_number) FROM journal"));
    }

    [Fact]
    public async Task A_delete_that_failed_before_its_mark_deletes_nothing()
    {
        await Run(async system => await Start(system, "a").Ask<string>(new Write(["1", "2", "3"]), Patience));
        Execute("CREATE TRIGGER full BEFORE INSERT ON low_water BEGIN SELECT RAISE(ABORT, 'disk full'); END");
        await Run(async system => Assert.Contains("disk full", await Start(system, "a").Ask<string>(new Delete(2), Patience), StringComparison.Ordinal));
        await Run(async system => Assert.Equal("1,2,3 up to 3", await Start(system, "a").Ask<string>(new Recall(), Patience)));
    }

    [Fact]
    public async Task A_delete_that_failed_is_done_by_the_next_one()
    {
        await Run(async system =>
        {
            var writer = Start(system, "a");
            await writer.Ask<string>(new Write([.. Enumerable.Range(1, 100).Select(i => $"{i}")]), Patience);
            Execute("CREATE TRIGGER full BEFORE DELETE ON journal WHEN OLD.sequence_number > 40 BEGIN SELECT RAISE(ABORT, 'disk full'); END");
            Assert.Contains("disk full", await writer.Ask<string>(new Delete(97), Patience), StringComparison.Ordinal);
            Execute("DROP TRIGGER full");
            // An older one does not bring back what a newer one took.
            Assert.Equal("deleted", await writer.Ask<string>(new Delete(50), Patience));
        });
        Assert.Equal(98, Scalar("SELECT min(sequence_number) FROM journal"));
    }

    [Fact]
    public async Task A_write_that_fails_leaves_nothing_behind_and_the_next_is_stored()
    {
        await Run(async system =>
        {
            var writer = Start(system, "a");
            await writer.Ask<string>(new Write(["1"]), Patience);
            Execute("INSERT INTO journal (created, deleted, persistence_id, sequence_number, message) VALUES (0, 0, 'a', 3, x'00')");
            var watcher = system.ActorOf(Props.Create(() => new Watcher(writer)));
            // The second of these has the number that is taken.
            writer.Tell(new Write(["2", "3"]));
            Assert.Equal("stopped", await watcher.Ask<string>("wait", Patience));
            Assert.Equal(1, Scalar("SELECT count(*) FROM journal WHERE persistence_id = 'a' AND sequence_number < 3"));
            Assert.Equal("1", await Start(system, "b").Ask<string>(new Write(["1"]), Patience));
        });
    }

    /// <summary>What a failed sync left in the system's cache is written to the database itself before it is read.</summary>
    [Fact]
    public async Task A_recovery_reads_an_empty_write_ahead_log()
    {
        await Run(async system =>
        {
            var writer = Start(system, "a");
            await writer.Ask<string>(new Write(["1", "2"]), Patience);
            Assert.NotEqual(0, new FileInfo(Journal + "-wal").Length);
            Assert.Equal("1,2 up to 2", await Start(system, "a").Ask<string>(new Recall(), Patience));
            Assert.Equal(0, new FileInfo(Journal + "-wal").Length);
        });
    }

    [Fact]
    public async Task A_recovery_that_cannot_empty_the_write_ahead_log_fails_and_the_next_may_do_it()
    {
        await Run(async system =>
        {
            var writer = Start(system, "a");
            await writer.Ask<string>(new Write(["1"]), Patience);
            using (var reader = new SqliteConnection(JournalGuard.ConnectionString(Journal)))
            {
                reader.Open();
                using var begin = reader.CreateCommand();
                begin.CommandText = "BEGIN; SELECT count(*) FROM journal";
                begin.ExecuteScalar();
                await writer.Ask<string>(new Write(["2"]), Patience);
                var failed = Start(system, "a");
                Assert.Equal("stopped", await system.ActorOf(Props.Create(() => new Watcher(failed))).Ask<string>("wait", Patience));
            }
            Assert.Equal("1,2 up to 2", await Start(system, "a").Ask<string>(new Recall(), Patience));
        });
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_journal_that_ends_before_what_it_answered_is_damaged(bool isCut)
    {
        await Run(async system => await Start(system, "a").Ask<string>(new Write(["1", "2", "3"]), Patience));
        Execute(isCut ? "DELETE FROM journal WHERE sequence_number = 3" : "UPDATE journal SET message = x'00' WHERE sequence_number = 3");
        await Run(async system =>
        {
            var failed = Start(system, "a");
            Assert.Equal("stopped", await system.ActorOf(Props.Create(() => new Watcher(failed))).Ask<string>("wait", Patience));
        });
    }

    [Fact]
    public async Task A_mark_behind_the_journal_says_nothing_even_if_its_event_is_deleted()
    {
        await Run(async system => await Start(system, "a").Ask<string>(new Write(["1", "2"]), Patience));
        var mark = HighWaterMark.FileOf(Journal);
        var old = File.ReadAllBytes(mark);
        await Run(async system =>
        {
            var writer = Start(system, "a");
            await writer.Ask<string>(new Write(["3", "4"]), Patience);
            await writer.Ask<string>(new Delete(3), Patience);
        });
        File.WriteAllBytes(mark, old);
        await Run(async system => Assert.Equal("4 up to 4", await Start(system, "a").Ask<string>(new Recall(), Patience)));
        // Torn to pieces, it is as if there were none.
        File.WriteAllBytes(mark, [.. old.Select(b => (byte)(b ^ 0x55))]);
        await Run(async system => Assert.Equal("4 up to 4", await Start(system, "a").Ask<string>(new Recall(), Patience)));
    }

    /// <summary>One bit of what was synced, in each part of a write-ahead log: SQLite would begin with a shorter journal.</summary>
    [Theory]
    [InlineData(0, 16)]
    [InlineData(0, 24)]
    [InlineData(1, 4)]
    [InlineData(1, 9)]
    [InlineData(1, 20)]
    [InlineData(1, 200)]
    [InlineData(3, 4000)]
    public async Task A_flipped_bit_in_the_write_ahead_log_is_seen_before_sqlite_forgets_what_was_behind(int frame, int at)
    {
        await KilledAfter(10);
        File.Delete(HighWaterMark.FileOf(Journal));
        Flip((frame == 0 ? 0 : 32 + (frame - 1) * (24 + 4096)) + at);
        using var directory = DataDirectory.Open(Settings());
        var error = Assert.Throws<DataDirectoryException>(() => JournalGuard.Check(Settings(), directory));
        Assert.Contains("-wal is damaged", error.Message, StringComparison.Ordinal);
        Assert.Contains("members remove 0", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_last_transaction_that_a_power_cut_has_torn_is_as_if_it_had_not_been(bool isCut)
    {
        await KilledAfter(10);
        File.Delete(HighWaterMark.FileOf(Journal));
        var length = new FileInfo(Journal + "-wal").Length;
        if (isCut) using (var wal = File.OpenWrite(Journal + "-wal")) wal.SetLength(length - 100);
        else Flip(length - 100);
        await Run(async system => Assert.Equal("1,2,3,4,5,6,7,8,9 up to 9", await Start(system, "a").Ask<string>(new Recall(), Patience)));
    }

    /// <summary>The same, but the machine has not lost what the process wrote last: the event was answered.</summary>
    [Fact]
    public async Task A_last_transaction_that_is_torn_although_it_was_answered_is_damage()
    {
        await KilledAfter(10);
        Flip(new FileInfo(Journal + "-wal").Length - 100);
        await Run(async system =>
        {
            var failed = Start(system, "a");
            Assert.Equal("stopped", await system.ActorOf(Props.Create(() => new Watcher(failed))).Ask<string>("wait", Patience));
        });
    }

    [Fact]
    public async Task The_journal_of_a_killed_member_is_whole()
    {
        await KilledAfter(10);
        await Run(async system => Assert.Equal("1,2,3,4,5,6,7,8,9,10 up to 10", await Start(system, "a").Ask<string>(new Recall(), Patience)));
    }

    [Fact]
    public async Task The_table_of_an_older_version_is_taken_over_with_its_events()
    {
        await Run(async system => await Start(system, "a").Ask<string>(new Write(["1", "2"]), Patience));
        Execute(
            """
            ALTER TABLE journal RENAME TO written;
            DROP INDEX journal_uq;
            CREATE TABLE [journal] ([ordering] INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, [created] INTEGER NOT NULL, [deleted] Bit NOT NULL,
                [persistence_id] NVarChar(255) NOT NULL, [sequence_number] INTEGER NOT NULL, [message] VarBinary NOT NULL, [tags] NVarChar(100) NULL,
                [manifest] NVarChar(500) NULL, [identifier] INTEGER NULL, [writer_uuid] NVarChar(128) NULL);
            CREATE UNIQUE INDEX journal_uq ON journal (persistence_id, sequence_number);
            CREATE INDEX journal_created_idx ON journal (created);
            CREATE INDEX journal_sequence_number_idx ON journal (sequence_number);
            INSERT INTO journal SELECT * FROM written;
            DROP TABLE written;
            """);
        await Run(async system =>
        {
            var writer = Start(system, "a");
            Assert.Equal("3", await writer.Ask<string>(new Write(["3"]), Patience));
            Assert.Equal("1,2,3 up to 3", await writer.Ask<string>(new Recall(), Patience));
        });
        Assert.Equal(1, Scalar("SELECT count(*) FROM sqlite_master WHERE type = 'index' AND tbl_name = 'journal' AND sql IS NOT NULL"));
    }

    private string Journal => Path.Combine(_directory, "0", "journal.db");

    private RaftSettings Settings()
    {
        var member = new RaftEndpoint(new MemberId(0), $"127.0.0.1:{TcpPort.Free()}");
        return new RaftSettings
        {
            ClusterId = "journal", Id = member.Id, DataDirectory = _directory, Members = ImmutableSortedDictionary<MemberId, RaftEndpoint>.Empty.Add(member.Id, member),
        };
    }

    private async Task Run(Func<ActorSystem, Task> work)
    {
        var settings = Settings();
        using var directory = DataDirectory.Open(settings);
        JournalGuard.Check(settings, directory);
        using var system = ActorSystem.Create("journal", MemberConfiguration.For(settings));
        await work(system);
        await system.Terminate();
    }

    /// <summary>Writes events, one a transaction, and leaves the files as they are then.</summary>
    private async Task KilledAfter(int events)
    {
        var copies = new Dictionary<string, byte[]>();
        await Run(async system =>
        {
            var writer = Start(system, "a");
            for (var i = 1; i <= events; i++) await writer.Ask<string>(new Write([$"{i}"]), Patience);
            foreach (var file in new[] { Journal, Journal + "-wal", HighWaterMark.FileOf(Journal) })
            {
                using var bytes = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
                using var copy = new MemoryStream();
                await bytes.CopyToAsync(copy);
                copies[file] = copy.ToArray();
            }
        });
        foreach (var (file, bytes) in copies) File.WriteAllBytes(file, bytes);
        File.Delete(Journal + "-shm");
    }

    private void Flip(long at)
    {
        using var wal = new FileStream(Journal + "-wal", FileMode.Open, FileAccess.ReadWrite);
        wal.Position = at;
        var was = wal.ReadByte();
        wal.Position = at;
        wal.WriteByte((byte)(was ^ 1));
    }

    private static IActorRef Start(ActorSystem system, string id) => system.ActorOf(Props.Create(() => new Writer(id)));

    private void Execute(string sql) => Scalar(sql);

    private long Scalar(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={Path.Combine(_directory, "0", "journal.db")};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return Convert.ToInt64(command.ExecuteScalar(), System.Globalization.CultureInfo.InvariantCulture);
    }

    private sealed record Write(IReadOnlyList<string> Texts);

    private sealed record Delete(long ToSequenceNr);

    private sealed record Recall;

    /// <summary>Persists texts as members persist their events, and knows what it has recovered and persisted.</summary>
    private sealed class Writer : UntypedPersistentActor
    {
        private readonly List<string> _texts = [];
        private IActorRef _asker = ActorRefs.Nobody;

        public Writer(string id)
        {
            PersistenceId = id;
            JournalPluginId = MemberConfiguration.Journal;
        }

        public override string PersistenceId { get; }

        protected override void OnRecover(object message)
        {
            if (message is SealedEvent sealedEvent) _texts.Add(Encoding.UTF8.GetString(sealedEvent.Body.Span));
        }

        protected override void OnCommand(object message)
        {
            switch (message)
            {
                case Write write:
                    var (asker, left) = (Sender, write.Texts.Count);
                    PersistAllAsync(write.Texts.Select(t => new SealedEvent("text", Encoding.UTF8.GetBytes(t), 0, 0)), e =>
                    {
                        _texts.Add(Encoding.UTF8.GetString(e.Body.Span));
                        if (--left == 0) asker.Tell($"{LastSequenceNr}");
                    });
                    break;
                case Delete delete:
                    _asker = Sender;
                    DeleteMessages(delete.ToSequenceNr);
                    break;
                case DeleteMessagesSuccess:
                    _asker.Tell("deleted");
                    break;
                case DeleteMessagesFailure failure:
                    _asker.Tell(failure.Cause.Message);
                    break;
                case Recall:
                    Sender.Tell($"{string.Join(',', _texts)} up to {LastSequenceNr}");
                    break;
            }
        }
    }

    private sealed class Watcher : ReceiveActor
    {
        private readonly TaskCompletionSource<string> _stopped = new();

        public Watcher(IActorRef watched)
        {
            Context.Watch(watched);
            Receive<Terminated>(_ => _stopped.TrySetResult("stopped"));
            Receive<string>(_ => _stopped.Task.PipeTo(Sender));
        }
    }
}
