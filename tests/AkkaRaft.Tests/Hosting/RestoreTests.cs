using System.Collections.Immutable;
using AkkaRaft.Client;
using AkkaRaft.Hosting;
using AkkaRaft.KeyValue;
using AkkaRaft.Log;
using AkkaRaft.Protocol;
using AkkaRaft.Storage;

namespace AkkaRaft.Tests.Hosting;

public sealed class RestoreTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("akkaraft-").FullName;
    private readonly RaftSettings _settings;

    public RestoreTests()
    {
        var member = new RaftEndpoint(new MemberId(0), $"127.0.0.1:{TcpPort.Free()}");
        _settings = new RaftSettings
        {
            ClusterId = "new", Id = member.Id, DataDirectory = Path.Combine(_directory, "data"), RetainEntries = 10,
            Members = ImmutableSortedDictionary<MemberId, RaftEndpoint>.Empty.Add(member.Id, member),
        };
    }

    private string Backup => Path.Combine(_directory, "backup");

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private void MakeBackup(int entries = 1)
    {
        var file = Path.Combine(_directory, $"old{entries}.db");
        using var store = KeyValueStore.Open(_settings with { ClusterId = "old" }, file);
        for (var i = 1; i <= entries; i++) store.Apply([new LogEntry(i, 1, 1, EntryKind.Command, SessionCodec.EncodeOpen("", "x", (ulong)i))], i);
        store.Commit();
        Assert.Null(KeyValueStore.SaveImage(file, Backup).Failure);
    }

    [Fact]
    public async Task A_member_does_not_start_beside_an_unfinished_restore_and_a_second_run_finishes_it()
    {
        MakeBackup();
        // As a run that was killed leaves it, at any time before the member's directory takes its place.
        var left = Path.Combine(_settings.DataDirectory, "restoring-0", "0");
        Directory.CreateDirectory(left);
        await Refused();
        await File.WriteAllBytesAsync(Path.Combine(left, "journal.db"), [1, 2, 3]);
        await Refused();
        Assert.Equal(1, await Disaster.RestoreAsync(_settings, Backup));
        // As a run over all members that was killed between two of them does it again.
        Assert.Equal(1, await Disaster.RestoreAsync(_settings, Backup));
        // As a run that was killed right after its last step but one.
        Directory.CreateDirectory(Path.Combine(_settings.DataDirectory, "restoring-0"));
        await using (await RaftNode.StartAsync(_settings))
        {
        }
        await Assert.ThrowsAsync<DataDirectoryException>(() => Disaster.RestoreAsync(_settings, Backup));
    }

    [Fact]
    public async Task A_member_of_another_machine_is_restored_and_made_a_cluster_of_one_here()
    {
        MakeBackup();
        var elsewhere = new RaftEndpoint(new MemberId(0), "192.0.2.1:4100");
        var members = _settings.Members.SetItem(elsewhere.Id, elsewhere).Add(new MemberId(1), new RaftEndpoint(new MemberId(1), "192.0.2.2:4100"));
        Assert.Equal(1, await Disaster.RestoreAsync(_settings with { Members = members }, Backup));
        Assert.Equal(2, await Disaster.ForceSingleAsync(_settings with { Members = members }));
    }

    [Fact]
    public async Task Members_of_one_cluster_begin_with_one_backup()
    {
        MakeBackup();
        var other = new RaftEndpoint(new MemberId(1), "192.0.2.2:4100");
        var settings = _settings with { Members = _settings.Members.Add(other.Id, other) };
        Assert.Equal(1, await Disaster.RestoreAsync(settings, Backup));
        File.Delete(Backup);
        MakeBackup(entries: 2);
        var e = await Assert.ThrowsAsync<DataDirectoryException>(() => Disaster.RestoreAsync(settings with { Id = other.Id }, Backup));
        Assert.Contains("another backup", e.Message, StringComparison.Ordinal);
    }

    private async Task Refused() =>
        Assert.Contains("restore", (await Assert.ThrowsAsync<DataDirectoryException>(() => RaftNode.StartAsync(_settings))).Message, StringComparison.Ordinal);

    [Fact]
    public async Task A_backup_that_lacks_a_row_is_refused_before_anything_is_made()
    {
        MakeBackup();
        StateMachine.StoreTest.Run(Backup, "DELETE FROM progress");
        await Assert.ThrowsAsync<KeyValueStoreException>(() => Disaster.RestoreAsync(_settings, Backup));
        Assert.False(Directory.Exists(_settings.DataDirectory));
    }

    [Fact]
    public async Task A_backup_has_its_name_only_when_it_is_whole()
    {
        await using var node = await RaftNode.StartAsync(_settings);
        await using var client = RaftClient.Create(new RaftClientSettings { ClusterId = "new", Members = _settings.Members, RequestTimeout = TimeSpan.FromMinutes(1) });
        await client.PutAsync("k", "v");
        var seen = new List<bool>();
        await client.BackupAsync(Backup, progress: new Seen(() => seen.Add(File.Exists(Backup))));
        Assert.True(File.Exists(Backup));
        Assert.NotEmpty(seen);
        Assert.DoesNotContain(true, seen);
        Assert.Empty(Directory.GetFiles(_directory, "*.part"));
        await Assert.ThrowsAsync<IOException>(() => client.BackupAsync(Backup));
    }

    [Fact]
    public async Task The_only_member_says_how_to_restore_when_its_state_is_gone()
    {
        await using (await RaftNode.StartAsync(_settings))
        {
            await using var client = RaftClient.Create(new RaftClientSettings { ClusterId = "new", Members = _settings.Members, RequestTimeout = TimeSpan.FromMinutes(1) });
            for (var i = 0; i < 60; i++) await client.PutAsync("k", $"{i}");
        }
        foreach (var file in Directory.GetFiles(Path.Combine(_settings.DataDirectory, "0"), "kv.db*")) File.Delete(file);
        await using var again = await RaftNode.StartAsync(_settings);
        var (end, reason) = await again.Completion.WaitAsync(TimeSpan.FromMinutes(1));
        Assert.Equal(MemberEnd.Failed, end);
        Assert.Contains("akkaraft restore FILE", reason, StringComparison.Ordinal);
    }

    private sealed class Seen(Action see) : IProgress<BackupProgress>
    {
        public void Report(BackupProgress value) => see();
    }
}
