using System.Collections.Immutable;
using Akka.TestKit;
using Akka.TestKit.Xunit2;
using AkkaRaft.Protocol;
using AkkaRaft.StateMachine;
using Microsoft.Data.Sqlite;

namespace AkkaRaft.Tests.StateMachine;

/// <summary>When what was applied is in the file, in the scheduler's time.</summary>
public sealed class CommitIntervalTests() : TestKit("akka.scheduler.implementation = \"Akka.TestKit.TestScheduler, Akka.TestKit\"")
{
    private const int IntervalMs = 100;

    private static readonly RaftSettings Settings = new()
    {
        ClusterId = "test",
        Id = new MemberId(1),
        Members = ImmutableSortedDictionary<MemberId, Member>.Empty,
    };

    [Theory]
    [InlineData(1, 5)]
    [InlineData(100_000, 1)]
    public void Few_changes_wait_for_more_and_many_are_written_with_the_next_interval(int bytes, int intervals)
    {
        var folder = Directory.CreateTempSubdirectory("akkaraft-commit-");
        var file = Path.Combine(folder.FullName, "kv.db");
        var actor = ChildActorOf(KeyValueActor.Props(Settings, file));
        ExpectMsg<StateMachineReady>();
        actor.Tell(new ApplyEntries([new LogEntry(1, 1, 1, EntryKind.Command, KeyValueCodec.EncodeOpenSession("x"))], 1), TestActor);
        actor.Tell(new ApplyEntries([new LogEntry(2, 1, 1, EntryKind.Command, KeyValueCodec.EncodeBatch(1, 1, 0, [new Put("k"u8.ToArray(), new byte[bytes])]))], 2), TestActor);
        ExpectMsg<EntriesApplied>();
        ExpectMsg<EntriesApplied>();
        for (var passed = 1; passed <= intervals; passed++)
        {
            Assert.Equal(0, AppliedIn(file));
            ((TestScheduler)Sys.Scheduler).Advance(TimeSpan.FromMilliseconds(IntervalMs));
            actor.Tell(new Query(passed, KeyValueCodec.EncodeQuery([new Get("k"u8.ToArray())])), TestActor);
            ExpectMsg<QueryReply>();
        }
        Assert.Equal(2, AppliedIn(file));
        Watch(actor);
        Sys.Stop(actor);
        ExpectTerminated(actor);
        folder.Delete(recursive: true);
    }

    private static long AppliedIn(string file)
    {
        using var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Pooling = false, Mode = SqliteOpenMode.ReadOnly }.ToString());
        connection.Open();
        using var applied = connection.CreateCommand();
        applied.CommandText = "SELECT applied_index FROM progress";
        return (long)applied.ExecuteScalar()!;
    }
}
