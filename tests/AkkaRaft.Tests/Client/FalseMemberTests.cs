using System.Collections.Immutable;
using Akka.Actor;
using Akka.Configuration;
using AkkaRaft.Client;
using AkkaRaft.Protocol;
using Google.Protobuf;
using Wire = AkkaRaft.Protocol.Wire;

namespace AkkaRaft.Tests.Client;

/// <summary>What stands at a member's address and is none: whatever it answers, a call ends, and says nothing that is not so.</summary>
public sealed class FalseMemberTests : IAsyncLifetime
{
    private readonly ActorSystem _member;
    private readonly RaftClient _client;
    private readonly string _directory = Directory.CreateTempSubdirectory("akkaraft-").FullName;
    private Func<object, object?> _answer = _ => null;

    public FalseMemberTests()
    {
        var port = TcpPort.Free();
        _member = ActorSystem.Create("akkaraft", ConfigurationFactory.ParseString($$"""
            akka { loggers = [], stdout-loglevel = OFF }
            akka.remote.dot-netty.tcp.port = {{port}}
            """).WithFallback(RaftClient.Configuration("127.0.0.1")));
        var member = new RaftEndpoint(new MemberId(0), $"127.0.0.1:{port}");
        _client = RaftClient.Create(new RaftClientSettings
        {
            ClusterId = "cluster", Members = ImmutableSortedDictionary<MemberId, RaftEndpoint>.Empty.Add(member.Id, member),
            RequestTimeout = TimeSpan.FromSeconds(3), AttemptTimeout = TimeSpan.FromSeconds(3), RetryDelay = TimeSpan.FromMilliseconds(5),
        });
        _member.ActorOf(Props.Create(() => new FalseLeader(member, this)), "raft");
    }

    private string Backup => Path.Combine(_directory, "backup.db");

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        await _client.DisposeAsync();
        await _member.Terminate();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task A_change_that_is_said_to_be_done_each_time_and_never_is_has_an_unknown_outcome() =>
        Assert.Contains("other members than were asked for", (await Assert.ThrowsAsync<OutcomeUnknownException>(() => _client.ChangeMembersAsync(MembershipChange.Add, [new RaftEndpoint(new MemberId(1), "host:1")]))).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData(0)]
    [InlineData(-5)]
    public async Task An_image_without_a_byte_is_no_backup(long length)
    {
        _answer = message => message is BeginBackup begin ? new BackupBegun(begin.RequestId, 5, length, 0) : null;
        Assert.Contains($"{length} bytes", (await Assert.ThrowsAsync<BadAnswerException>(() => _client.BackupAsync(Backup))).Message, StringComparison.Ordinal);
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
        await Assert.ThrowsAsync<BadAnswerException>(() => _client.BackupAsync(Backup));
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
        await Assert.ThrowsAsync<BadAnswerException>(() => _client.BackupAsync(Backup));
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
            await foreach (var _ in _client.ScanAsync("")) told++;
        });
        Assert.Equal(1, told);
    }

    [Fact]
    public async Task What_it_says_is_one_line_of_bounded_length()
    {
        _answer = message => message is GetMembership get ? new Refused(get.RequestId, RefusalReason.NotReady, null, "no\r\nakkaraft: all is well\u001b[2J" + new string('x', 100_000)) : null;
        var said = (await Assert.ThrowsAsync<NoLeaderException>(() => _client.MembersAsync())).Message;
        Assert.Contains("no\\u000d\\u000aakkaraft: all is well\\u001b[2Jxxx", said, StringComparison.Ordinal);
        Assert.InRange(said.Length, 4_000, 5_000);
    }

    private sealed class FalseLeader : ReceiveActor
    {
        public FalseLeader(RaftEndpoint self, FalseMemberTests test) => ReceiveAny(message =>
        {
            var answer = test._answer(message) ?? message switch
            {
                GetMembership get => Members(get.RequestId),
                ChangeMembers change => Members(change.RequestId),
                _ => null,
            };
            if (answer is not null) Sender.Tell(answer);

            Membership Members(long id) => new(
                1, IsCommitted: true, FromLeader: true, MembershipPhase.Stable, null, [new ConfiguredMember(self, MembershipRole.Voter, 1, 0, 0)]) { RequestId = id };
        });
    }
}
