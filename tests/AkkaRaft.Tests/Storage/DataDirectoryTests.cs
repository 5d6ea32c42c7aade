using System.Collections.Immutable;
using AkkaRaft.Protocol;
using AkkaRaft.Storage;

namespace AkkaRaft.Tests.Storage;

public sealed class DataDirectoryTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("akkaraft-").FullName;

    public void Dispose()
    {
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(_root, recursive: true);
    }

    [Fact]
    public void A_directory_belongs_to_one_process_at_a_time()
    {
        using (DataDirectory.Open(Settings()))
        {
            var error = Assert.Throws<DataDirectoryException>(() => DataDirectory.Open(Settings()));
            Assert.Contains("in use", error.Message, StringComparison.Ordinal);
        }
        DataDirectory.Open(Settings()).Dispose();
    }

    [Fact]
    public void A_directory_stays_its_holders_though_all_that_could_be_a_lock_is_removed()
    {
        if (OperatingSystem.IsWindows()) return;
        using var holder = DataDirectory.Open(Settings());
        JournalGuard.Check(Settings(), holder);
        foreach (var file in Directory.GetFiles(holder.Path)) File.Delete(file);
        Assert.Contains("in use", Assert.Throws<DataDirectoryException>(() => DataDirectory.Open(Settings())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_directory_that_cannot_be_made_is_named()
    {
        var file = Path.Combine(_root, "file");
        File.WriteAllText(file, "");
        Assert.Contains(file, Assert.Throws<DataDirectoryException>(() => DataDirectory.Open(Settings() with { DataDirectory = file })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_own_journal_is_taken_again()
    {
        using var directory = DataDirectory.Open(Settings());
        JournalGuard.Check(Settings(), directory);
        JournalGuard.Check(Settings(), directory);
    }

    [Theory]
    [InlineData("another", 0)]
    [InlineData("cluster", 1)]
    public void Anothers_journal_is_refused(string cluster, int member)
    {
        using var directory = DataDirectory.Open(Settings());
        JournalGuard.Check(Settings(), directory);
        var error = Assert.Throws<DataDirectoryException>(() => JournalGuard.Check(Settings() with { ClusterId = cluster, Id = new MemberId(member) }, directory));
        Assert.Contains("member 0 of cluster 'cluster'", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "bank", "the log of the key-value store, and the member is to run the state machine 'bank'")]
    [InlineData("bank", "", "the log of the state machine 'bank', and the member is to run the key-value store")]
    [InlineData("bank", "casino", "the log of the state machine 'bank', and the member is to run the state machine 'casino'")]
    public void Another_state_machine_s_log_is_refused(string first, string second, string said)
    {
        using var directory = DataDirectory.Open(Settings());
        JournalGuard.Check(Settings(), directory, first);
        JournalGuard.Check(Settings(), directory, first);
        Assert.Contains(said, Assert.Throws<DataDirectoryException>(() => JournalGuard.Check(Settings(), directory, second)).Message, StringComparison.Ordinal);
        JournalGuard.Check(Settings(), directory, first);
    }

    [Fact]
    public void A_file_that_is_no_database_is_named()
    {
        using var directory = DataDirectory.Open(Settings());
        File.WriteAllText(directory.JournalFile, new string('x', 5_000));
        var error = Assert.Throws<DataDirectoryException>(() => JournalGuard.Check(Settings(), directory));
        Assert.Contains(directory.JournalFile, error.Message, StringComparison.Ordinal);
    }

    private RaftSettings Settings() => new()
    {
        ClusterId = "cluster", Id = new MemberId(0), DataDirectory = _root, Members = ImmutableSortedDictionary<MemberId, RaftEndpoint>.Empty,
    };
}
