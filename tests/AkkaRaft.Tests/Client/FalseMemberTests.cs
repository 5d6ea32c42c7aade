using AkkaRaft.Client;
using AkkaRaft.Protocol;
using Google.Protobuf;
using Wire = AkkaRaft.Protocol.Wire;

namespace AkkaRaft.Tests.Client;

/// <summary>What stands at a member's address and is none: whatever it answers, a call ends, and says nothing that is not so.</summary>
public sealed class FalseMemberTests : IAsyncLifetime
{
    private readonly FalseMember _member;
    private readonly string _directory = Directory.CreateTempSubdirectory("akkaraft-").FullName;
    private Func<object, object?> _answer = _ => null;

    public FalseMemberTests() => _member = new FalseMember(
        settings => settings with { RequestTimeout = TimeSpan.FromSeconds(3), AttemptTimeout = TimeSpan.FromSeconds(3), RetryDelay = TimeSpan.FromMilliseconds(5) },
        (message, members) => _answer(message) ?? (message is ChangeMembers change ? members with { RequestId = change.RequestId } : null));

    private RaftClient Client => _member.Client;

    private string Backup => Path.Combine(_directory, "backup.db");

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _member.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task A_change_that_is_said_to_be_done_each_time_and_never_is_has_an_unknown_outcome() =>
        Assert.Contains("other members than were asked for", (await Assert.ThrowsAsync<OutcomeUnknownException>(() => Client.ChangeMembersAsync(MembershipChange.Add, [new RaftEndpoint(new MemberId(1), "host:1")]))).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(0)]
    [InlineData(-5)]
    public async Task An_image_without_a_byte_is_no_backup(long length)
    {
        _answer = message => message is BeginBackup begin ? new BackupBegun(begin.RequestId, 5, length, 0) : null;
        Assert.Contains($"{length} bytes", (await Assert.ThrowsAsync<BadAnswerException>(() => Client.BackupAsync(Backup))).Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(_directory));
    }

    [Fact]
    public async Task Pieces_of_an_image_that_are_damaged_each_time_end_a_backup()
    {
        var asked = 0;
        _answer = message =>
        {
            if (message is BeginBackup begin) return new BackupBegun(begin.RequestId, 5, 1_000, 7);
            asked++;
            return message is FetchBackup fetch ? new BackupChunk(fetch.RequestId, fetch.Offset, new byte[100], Checksum: 8) : null;
        };
        await Assert.ThrowsAsync<BadAnswerException>(() => Client.BackupAsync(Backup));
        Assert.Empty(Directory.GetFiles(_directory));
        // It pauses between them.
        Assert.InRange(asked, 2, 1_000);
    }

    [Fact]
    public async Task More_of_an_image_than_it_has_ends_a_backup()
    {
        _answer = message => message switch
        {
            BeginBackup begin => new BackupBegun(begin.RequestId, 5, 10, 7),
            FetchBackup fetch => new BackupChunk(fetch.RequestId, fetch.Offset, new byte[100], Crc.Of(new byte[100])),
            _ => null,
        };
        await Assert.ThrowsAsync<BadAnswerException>(() => Client.BackupAsync(Backup));
        Assert.Empty(Directory.GetFiles(_directory));
    }

    [Fact]
    public async Task A_range_that_goes_on_with_what_it_has_told_already_ends()
    {
        _answer = message => message is Read read
            ? new QueryReply(read.RequestId, new Wire.KvQueryResult { Ranges = { new Wire.KvRangeResult { More = true, Rows = { new Wire.KvRow { Key = ByteString.CopyFromUtf8("k") } } } } }.ToByteArray())
            : null;
        var told = 0;
        await Assert.ThrowsAsync<BadAnswerException>(async () =>
        {
            await foreach (var _ in Client.ScanAsync("")) told++;
        });
        Assert.Equal(1, told);
    }

    [Fact]
    public async Task What_it_says_is_one_line_of_bounded_length()
    {
        _answer = message => message is GetMembership get ? new Refused(get.RequestId, RefusalReason.NotReady, null, "no\r\nakkaraft: all is well\u001b[2J" + new string('x', 100_000)) : null;
        var said = (await Assert.ThrowsAsync<NoLeaderException>(() => Client.MembersAsync())).Message;
        Assert.Contains("no\\u000d\\u000aakkaraft: all is well\\u001b[2Jxxx", said, StringComparison.Ordinal);
        Assert.InRange(said.Length, 4_000, 5_000);
    }
}
