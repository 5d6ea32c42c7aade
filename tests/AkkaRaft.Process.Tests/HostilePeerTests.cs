using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using AkkaRaft.Client;
using AkkaRaft.Node;
using AkkaRaft.Protocol;
using Snappier;
using static AkkaRaft.Process.Tests.HostilePeer;

namespace AkkaRaft.Process.Tests;

/// <summary>Three members that may have few files open, and a client that puts and gets all the time.</summary>
public sealed class AttackedCluster : IAsyncLifetime
{
    private const int LargeBytes = 1_000_000;

    private readonly CancellationTokenSource _end = new();
    private readonly ConcurrentQueue<(int Member, string Line)> _lines = [];
    private Task _load = Task.CompletedTask;
    private long _calls;

    internal Cluster Cluster { get; } = new();

    internal RaftClient Client { get; private set; } = null!;

    /// <summary>The most memory that a member, by its process, took while its own client kept it busy with large values.</summary>
    internal Dictionary<int, long> BusyBytes { get; } = [];

    /// <summary>Puts and gets that were answered.</summary>
    internal long Calls => Interlocked.Read(ref _calls);

    public async Task InitializeAsync()
    {
        if (OperatingSystem.IsWindows()) return;
        Cluster.Printed = (id, line) => _lines.Enqueue((id, line));
        // Attackers and members share the machine's processors with all else that runs there: a heartbeat that waits for its turn is no success of the attack, one that never comes is.
        string config = File.ReadAllText(Cluster.Config);
        File.WriteAllText(Cluster.Config, config.Replace("akkaraft {", "akkaraft {\n  election-timeout-min = 3s\n  election-timeout-max = 6s\n", StringComparison.Ordinal));
        for (int id = 0; id < 3; id++)
        {
            Cluster.StartBy(id, "sh", "-c", "ulimit -n 400; exec \"$@\"", "sh");
        }

        await Cluster.LeaderAsync();
        Client = RaftClient.Create(new RaftClientSettings { ClusterId = "akkaraft", Members = ClientOptions.ParseMembers(Cluster.Members), RequestTimeout = TimeSpan.FromSeconds(30) });
        // What a busy member has been through grows no more by it.
        for (int i = 0; i < 30; i++)
        {
            await PutLargeAsync();
            await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => Client.GetAsync("large"u8.ToArray())));
        }

        foreach (var member in await Client.StatusAsync())
        {
            BusyBytes.Add(member.ProcessId, MostBytes(member.ProcessId));
        }

        _load = Task.Run(async () =>
        {
            for (int i = 0; !_end.IsCancellationRequested; i++)
            {
                await Client.PutAsync("calm", $"{i}");
                Assert.Equal($"{i}", await Client.GetAsync("calm"));
                Interlocked.Increment(ref _calls);
            }
        });
    }

    /// <summary>Lets the leader make an image, which it keeps.</summary>
    internal Task BackUpAsync() => Client.BackupAsync(Path.Combine(Cluster.Data, "backup.db"));

    /// <summary>What cannot be compressed.</summary>
    internal Task PutLargeAsync()
    {
        byte[] large = new byte[LargeBytes];
        new Random(1).NextBytes(large);
        return Client.PutAsync("large"u8.ToArray(), large);
    }

    /// <summary>The most memory that a process has taken, since it began or since <see cref="ForgetMostBytes"/>.</summary>
    internal static long MostBytes(int process) =>
        1024 * long.Parse(File.ReadLines($"/proc/{process}/status").First(l => l.StartsWith("VmHWM:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);

    internal static void ForgetMostBytes(int process) => File.WriteAllText($"/proc/{process}/clear_refs", "5");

    /// <summary>Lines of a member's log with this text.</summary>
    internal List<string> Lines(int member, string text) => [.. _lines.Where(l => l.Member == member && l.Line.Contains(text, StringComparison.Ordinal)).Select(l => l.Line)];

    /// <summary>Waits until the client has done more, or fails as it did.</summary>
    internal async Task ServesAsync()
    {
        long before = Calls;
        await Patience.UntilAsync("20 puts and gets", async () =>
        {
            if (_load.IsCompleted) await _load;
            return (Calls >= before + 20, Calls);
        });
    }

    public async Task DisposeAsync()
    {
        _end.Cancel();
        await _load;
        if (Client is not null) await Client.DisposeAsync();
        await Cluster.DisposeAsync();
    }
}

/// <summary>Whatever one connection without credentials sends: the member lives and serves, nothing of it is left, and the log has one line for it.</summary>
public sealed class HostilePeerTests(AttackedCluster running) : IClassFixture<AttackedCluster>
{
    private const long MaxGrowthBytes = 64 << 20;

    private static readonly Dictionary<string, Attack> Attacks = new()
    {
        ["C1 Suspend to the gateway"] = Tells("a system message", (22, "Akka.Dispatch.SysMsg.Suspend, Akka", []), "/user/raft", sequenceNumber: 1),
        ["C1 Suspend without a sequence number"] = Tells("another serializer", (22, "Akka.Dispatch.SysMsg.Suspend, Akka", []), "/user/raft"),
        ["C1 Suspend to Akka.Remote itself"] = Tells("another serializer", (22, "Akka.Dispatch.SysMsg.Suspend, Akka", []), "/system/endpointManager"),
        ["C2 IntentionalRestart to the guardian"] = Tells("another serializer", (16, "IR", []), "/user"),
        ["C3 a sequence number far ahead"] = Tells("a system message", Status(1), "/user/raft", sequenceNumber: 300_000_000),
        ["C3 nacks"] = new("an acknowledgement", (peer, _) => peer.SendAsync(Frame(Bytes(1, Bytes(1, [.. Fixed(1, 300_000_000), .. Fixed(2, 1)]))))),
        ["C4 HOCON that never closes"] = Tells("another serializer", (16, "CF", Encoding.UTF8.GetBytes(string.Concat(Enumerable.Repeat("a={", 300_000)))), "/user/raft"),
        ["a Status.Failure whose exception is looked up"] = Tells("another serializer", (16, "STF", Bytes(1, Bytes(1, "System.IO.FileNotFoundException, Evil.Assembly"))), "/user/raft"),
        ["a type name of a megabyte"] = Tells("another serializer", (1, new string('a', 1_000_000), []), "/user/raft"),
        ["payloads nested deeply"] = Tells("another serializer", (16, "STS", Nested(20_000)), "/user/raft"),
        ["a selection of an actor that is not open"] = Tells("a selection of other actors", (6, "", [.. Bytes(1, Payload(RaftSerializer, "c1", Status(1).Message)), .. Child("system"), .. Child("endpointManager")]), "/"),
        ["a selection of a message of Akka's"] = Tells("a selection with a message", (6, "", [.. Bytes(1, Payload(16, "K", [])), .. Child("user"), .. Child("raft")]), "/"),
        ["a message to an actor below the gateway"] = Tells("not open to it", Status(1), "/user/raft/member"),
        ["an actor's number that is none"] = Tells("another process", Status(1), "/user/raft#x"),
        ["a way round the gateway"] = Tells("another process", Status(1), "/user/x/../raft/member"),
        ["C9 thirty million entries in 2.8 MB"] = Tells("once uncompressed, above the limit", (RaftSerializer, "r1", Compressed(Bytes(10, Repeated(30_000_000, 3)))), "/user/raft"),
        ["C9 a million entries within a frame"] = Tells("parts", (RaftSerializer, "r1", Compressed(Bytes(10, Repeated(1_000_000, 3)))), "/user/raft"),
        ["C9 a message of 12 bytes that claims 64 MB"] = Tells("once uncompressed", (RaftSerializer, "c1", [1, 0x80, 0x80, 0x80, 0x20, 0, 0, 0, 0, 0, 0, 0]), "/user/raft"),
        ["bytes that are no message, with a forged line"] = Tells("cannot be read", (RaftSerializer, "c1", Encoding.UTF8.GetBytes("\0\r\n[ERROR] the disk is full")), "/user/raft"),
        ["bytes that are no frame"] = new("no frame", (peer, _) => peer.SendAsync(Frame([0xFF, 0xFF, 0xFF, 0xFF]))),
        ["a forged line in a manifest"] = Tells("a message of a kind that is not sent", (RaftSerializer, "e1\r\n[ERROR] the disk is full", []), "/user/raft"),
        ["a sender elsewhere"] = new("another ActorSystem", SendsFromElsewhereAsync),
    };

    public static TheoryData<string> Names => [.. Attacks.Keys];

    private sealed record Attack(string Line, Func<HostilePeer, AttackedCluster, Task> Run);

    [UnixTheory(Timeout = Patience.TestMs)]
    [MemberData(nameof(Names))]
    public Task One_frame_ends_its_own_connection_and_nothing_else(string name) => UnderAttackAsync(Attacks[name].Line, $"127.1.1.{1 + Array.IndexOf([.. Attacks.Keys], name)}", async (member, from) =>
    {
        using var peer = await IntroduceAsync(member, from);
        await Attacks[name].Run(peer, running);
        await peer.EndsAsync();
    });

    /// <summary>As any actor may ask for a value, and as a client does: at the leader, and at whoever is asked.</summary>
    public static TheoryData<string> Asking => ["a get", "a read", "a local read", "a watch", "a backup"];

    [UnixTheory(Timeout = Patience.TestMs)]
    [MemberData(nameof(Asking))]
    public Task C10_answers_that_are_not_taken_are_held_up_to_a_bound(string by) => UnderAttackAsync("does not take what it is sent", $"127.1.3.{1 + Array.IndexOf([.. Asking], by)}", async (member, from) =>
    {
        using var peer = await IntroduceAsync(member, from);
        if (by == "a backup") await running.BackUpAsync();
        ulong since = (ulong)(await running.Client.PutAsync("watched", "now")).Version;
        byte[] ask = by switch
        {
            "a get" => Bytes(14, Bytes(1, "large")),
            "a backup" => Number(24, 0),
            "a watch" => Bytes(5, [.. Number(1, 2), .. Bytes(2, Bytes(4, [.. Bytes(1, "large"), .. Bytes(2, "large!"), .. Number(3, since), .. Number(4, 60_000)]))]),
            _ => Bytes(5, [.. Number(1, by == "a read" ? 0u : 2u), .. Bytes(2, Bytes(1, Bytes(1, "large")))]),
        };
        var asks = new List<byte>();
        for (ulong i = 1; i <= 6_000; i++)
        {
            asks.AddRange(Frame(peer.Message("/user/raft", RaftSerializer, "c1", [0, .. Number(1, i), .. Bytes(2, "akkaraft"), .. ask])));
        }

        try
        {
            await peer.SendAsync(asks.ToArray());
            if (by == "a watch") await running.PutLargeAsync();
        }
        catch (SocketException)
        {
            // Closed before it had sent all.
        }

        await Patience.UntilAsync("the end of the slow consumer", () => Task.FromResult((running.Lines(_attacked, $"{from}:").Count > 0, "")));
        // Nothing is read for it any more.
        for (int i = 0; i < 20; i++)
        {
            await running.ServesAsync();
        }
    });

    [UnixFact(Timeout = Patience.TestMs)]
    public Task Connections_that_say_nothing_leave_room_for_others_and_go() => UnderAttackAsync("did not say who it is", "127.1.2.2", async (member, from) =>
    {
        var silent = new List<HostilePeer>();
        try
        {
            for (int i = 0; i < 4_000; i++)
            {
                silent.Add(await ConnectAsync(member, from));
                if (i % 2 == 1) await silent[^1].SendAsync(new byte[] { 60, 0 });
            }

            await running.ServesAsync();
            await Task.WhenAll(silent.Select(peer => peer.EndsAsync()));
        }
        finally
        {
            silent.ForEach(peer => peer.Dispose());
        }
    });

    [UnixFact(Timeout = Patience.TestMs)]
    public Task Connections_that_introduce_themselves_are_bounded() => UnderAttackAsync("one too many", "127.1.2.3", async (member, from) =>
    {
        var peers = new List<HostilePeer>();
        try
        {
            for (int i = 0; i < 200; i++)
            {
                peers.Add(await IntroduceAsync(member, from));
            }

            await running.ServesAsync();
            // Akka.Remote gives up those that say nothing more, and would say so of each.
            await Task.WhenAll(peers.Select(peer => peer.EndsAsync()));
        }
        finally
        {
            peers.ForEach(peer => peer.Dispose());
        }

        Assert.Empty(running.Lines(_attacked, "No response from remote"));
    });

    [UnixFact(Timeout = Patience.TestMs)]
    public Task Whoever_connects_without_end_is_taken_up_so_often_and_no_more() => UnderAttackAsync("connects too often", "127.1.2.6", async (member, from) =>
    {
        int connects = 0;
        async Task Storm()
        {
            while (Interlocked.Increment(ref connects) <= 2_000 || running.Lines(_attacked, $"{from}:").Count == 0)
            {
                try
                {
                    using var peer = await IntroduceAsync(member, from);
                }
                catch (SocketException)
                {
                    // It was too often.
                }
            }
        }

        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Storm()));
    });

    [UnixFact(Timeout = Patience.TestMs)]
    public async Task C5_to_C8_whoever_speaks_as_a_member_without_its_incarnation_is_not_heard()
    {
        var before = await running.Client.StatusAsync();
        string place = "127.1.2.4";
        byte[] snapshot = Bytes(8, [.. Bytes(1, [.. Bytes(1, [.. Number(1, 1_000_000), .. Number(2, 5)]), .. Number(2, 3), .. Number(3, 7)])]);
        (ulong Term, byte[] Body)[] said =
        [
            (long.MaxValue, Bytes(13, [])), (long.MaxValue, Bytes(12, [])), (long.MaxValue, Bytes(10, [])), (long.MaxValue, Bytes(7, Number(1, 1_000_000))),
            (1_000, Bytes(13, [])), (1_000, snapshot), (1_000, Bytes(12, [])), (1_000, Bytes(10, Number(4, 1_000_000))),
            (1_000, Bytes(11, [.. Number(1, 1), .. Number(3, 1_000_000)])), (1_000, Bytes(9, Number(1, 1))),
            .. Enumerable.Range(0, 4).Select(reason => (1_000ul, Number(19, (ulong)reason))),
        ];
        foreach (var member in before)
        {
            var peer = await IntroduceAsync(member.Address, place);
            int closed = 0;
            // As each of the others, as the member itself, and as nobody.
            foreach (ulong from in new ulong[] { 0, 1, 2, 7, ulong.MaxValue - 4 })
            {
                foreach (var (term, body) in said)
                {
                    byte[] message =
                    [
                        0, .. Bytes(1, "akkaraft"), .. Number(2, from), .. Number(3, (ulong)member.Id.Value), .. Number(4, term), .. body,
                        .. Bytes(14, "127.0.0.1:9"), .. Fixed(15, 4711), .. Number(21, 1_000_000), .. Number(22, 1_000),
                    ];
                    try
                    {
                        await peer.TellAsync("/user/raft", RaftSerializer, "r1", message);
                    }
                    catch (SocketException e)
                    {
                        // Whoever is in earnest comes again.
                        peer.Dispose();
                        Assert.True(++closed < 5, $"Member {member.Id} closes the connection: {e.Message}. {string.Join(Environment.NewLine, running.Lines(member.Id.Value, $"{place}:"))}");
                        peer = await IntroduceAsync(member.Address, place);
                        await peer.TellAsync("/user/raft", RaftSerializer, "r1", message);
                    }
                }
            }

            peer.Dispose();
        }

        await running.ServesAsync();
        var after = await NothingMovedAsync(before);
        Assert.All(after, status => Assert.Null(status.Problem));
        foreach (var member in after)
        {
            // One for each reason in a minute: none can have the id, none knows it, one began anew, one was not added.
            await Patience.UntilAsync("a word of it", () => Task.FromResult((running.Lines(member.Id.Value, "drops what is sent in the name of").Count >= 3, "")));
            Assert.InRange(running.Lines(member.Id.Value, "drops what is sent in the name of").Count, 3, 8);
        }
    }

    /// <summary>Small ones, whose answers, if there are any, are not taken: nothing else is bounded by their bytes.</summary>
    public static TheoryData<string> Small => ["a status", "a local get", "another cluster's", "a stranger's Hello", "a stranger's AppendEntries", "a large put", "a stranger's large AppendEntries"];

    [UnixTheory(Timeout = Patience.TestMs)]
    [MemberData(nameof(Small))]
    public async Task Messages_that_come_faster_than_they_are_handled_wait_at_their_sender(string kind)
    {
        const int AtOnce = 500;
        const int Rounds = 1_000;
        string from = $"127.1.4.{1 + Array.IndexOf([.. Small], kind)}";
        var before = await running.Client.StatusAsync();
        var leader = before.Single(s => s.Role == RaftRole.Leader);
        long usual = UsualBytes(leader.ProcessId);
        bool isLarge = kind.Contains("large", StringComparison.Ordinal);
        byte[] large = new byte[isLarge ? 900_000 : 0];
        new Random(1).NextBytes(large);
        string cluster = kind == "another cluster's" ? "another" : "akkaraft";
        byte[] request = [0, .. Number(1, 5), .. Bytes(2, cluster), .. kind switch
        {
            "a local get" => Bytes(14, [.. Bytes(1, "calm"), .. Number(2, 2)]),
            "a large put" => Bytes(12, [.. Bytes(1, "large"), .. Bytes(2, large)]),
            _ => Bytes(8, []),
        }];
        byte[] told = [0, .. Bytes(1, "akkaraft"), .. Number(2, 1), .. Number(3, (ulong)leader.Id.Value), .. Number(4, 1), .. Bytes(kind == "a stranger's Hello" ? 13 : 10, isLarge ? Bytes(3, Bytes(5, large)) : []), .. Fixed(15, 4711)];
        var peer = await IntroduceAsync(leader.Address, from);
        // As many bytes, about, of either.
        int atOnce = isLarge ? 1 : AtOnce;
        for (int i = 0; i < (isLarge ? Rounds / 4 : Rounds); i++)
        {
            byte[] message = kind.StartsWith("a stranger's", StringComparison.Ordinal) ? peer.Message("/user/raft", RaftSerializer, "r1", told) : peer.Message("/user/raft", RaftSerializer, "c1", request);
            byte[] frame = Frame(message);
            byte[] frames = new byte[atOnce * frame.Length];
            for (int k = 0; k < atOnce; k++)
            {
                frame.CopyTo(frames, k * frame.Length);
            }

            try
            {
                await peer.SendAsync(frames);
            }
            catch (SocketException)
            {
                // It was closed as one that takes nothing, and comes again.
                peer.Dispose();
                peer = await IntroduceAsync(leader.Address, from);
            }
        }

        await running.ServesAsync();
        peer.Dispose();
        // Puts that were taken wait for their turn, up to what a leader takes of anybody's.
        long most = kind == "a large put" ? MaxGrowthBytes + new RaftSettings { ClusterId = "a", Id = default, Members = ImmutableSortedDictionary<MemberId, RaftEndpoint>.Empty }.MaxPendingBytes * 2L : MaxGrowthBytes;
        Assert.InRange(AttackedCluster.MostBytes(leader.ProcessId) - usual, long.MinValue, most);
        await NothingMovedAsync(before);
    }

    /// <summary>What members tell one another names their incarnations: whoever hears one message can speak as any of them.</summary>
    [UnixFact(Timeout = Patience.TestMs)]
    public async Task Whoever_calls_itself_a_member_hears_nothing_that_is_for_it()
    {
        var before = await running.Client.StatusAsync();
        using var enough = new CancellationTokenSource();
        async Task<byte[]> ImpersonateAsync(string member, string at)
        {
            var heard = new List<byte>();
            while (!enough.IsCancellationRequested)
            {
                try
                {
                    using var peer = await IntroduceAsync(member, "127.1.2.8", at);
                    using var soon = CancellationTokenSource.CreateLinkedTokenSource(enough.Token);
                    soon.CancelAfter(TimeSpan.FromSeconds(1));
                    heard.AddRange(await peer.HearAsync(soon.Token));
                }
                catch (SocketException)
                {
                    // It was closed, or there are too many.
                }
            }

            return [.. heard];
        }

        // As many as push out those that a member holds with another.
        var impersonators = before.SelectMany(member => before.Where(other => other != member).SelectMany(other => Enumerable.Range(0, 12).Select(_ => Task.Run(() => ImpersonateAsync(member.Address, other.Address))))).ToList();
        for (int i = 0; i < 20; i++)
        {
            await running.ServesAsync();
        }

        await enough.CancelAsync();
        foreach (byte[] heard in await Task.WhenAll(impersonators))
        {
            Assert.Equal(-1, heard.AsSpan().IndexOf("/user/raft"u8));
        }

        await NothingMovedAsync(before);
    }

    /// <summary>The answers would go to the member, before all that Raft has to tell it.</summary>
    [UnixFact(Timeout = Patience.TestMs)]
    public Task What_is_asked_in_the_name_of_a_member_that_is_elsewhere_is_not_answered() => UnderAttackAsync("calls itself a member that is reached at 127.0.0.1", "127.1.2.9", async (member, from) =>
    {
        string other = (await running.Client.StatusAsync()).First(s => s.Address != member).Address;
        using var peer = await IntroduceAsync(member, from, at: other);
        byte[] ask = Frame(peer.Message("/user/raft", RaftSerializer, "c1", [0, .. Number(1, 1), .. Bytes(2, "akkaraft"), .. Bytes(14, [.. Bytes(1, "large"), .. Number(2, 2)])]));
        for (int i = 0; i < 2_000; i++)
        {
            await peer.SendAsync(ask);
        }

        for (int i = 0; i < 20; i++)
        {
            await running.ServesAsync();
        }
    });

    [UnixFact(Timeout = Patience.TestMs)]
    public async Task Twenty_thousand_damaged_frames_end_nothing_but_their_connections()
    {
        const int Connections = 400;
        const int FramesOfEach = 50;
        var before = await running.Client.StatusAsync();
        var random = new Random(20);
        var usual = before.ToDictionary(s => s.Id, s => UsualBytes(s.ProcessId));

        byte[] header = [0, .. Number(1, 5), .. Bytes(2, "akkaraft")];
        byte[][] client =
        [
            [.. header, .. Bytes(8, [])], [.. header, .. Bytes(12, [.. Bytes(1, "damaged"), .. Bytes(2, "value")])], [.. header, .. Bytes(14, Bytes(1, "damaged"))],
            [.. header, .. Bytes(16, "damaged")], [.. header, .. Bytes(26, [.. Bytes(1, Bytes(1, "damaged")), .. Number(2, 7)])], [.. header, .. Bytes(28, Bytes(1, Bytes(1, "damaged")))],
            [.. header, .. Bytes(32, Bytes(1, "damaged"))], [.. header, .. Bytes(34, Number(1, 60_000))], [.. header, .. Number(35, 9)], [.. header, .. Bytes(3, Bytes(1, "damaged"))],
        ];
        byte[][] raft = [.. new byte[][]
        {
            Bytes(5, Number(1, 7)), Bytes(7, Number(1, 7)), Bytes(10, [.. Number(1, 7), .. Bytes(3, [.. Number(1, 8), .. Number(2, 3)])]), Bytes(11, Number(1, 1)), Bytes(12, []), Bytes(13, []),
            Bytes(8, Bytes(1, Bytes(1, Number(1, 7)))), Bytes(16, Number(1, 1)), Bytes(17, Number(1, 7)), Bytes(18, Bytes(4, "piece")), Bytes(20, []), Number(19, 1),
        }.Select(body => (byte[])[0, .. Bytes(1, "akkaraft"), .. Number(2, 1), .. Number(3, 0), .. Number(4, 3), .. body, .. Fixed(15, 4711)])];
        for (int c = 0; c < Connections; c++)
        {
            var member = before[c % before.Count];
            using var peer = await IntroduceAsync(member.Address, "127.1.2.5");
            var frames = new List<byte>();
            for (int i = 0; i < FramesOfEach; i++)
            {
                var (manifest, bytes) = random.Next(2) == 0 ? ("c1", client[random.Next(client.Length)]) : ("r1", raft[random.Next(raft.Length)]);
                // Most are damaged where they have passed the filter, so that one connection carries many.
                byte[] damaged = (byte[])bytes.Clone();
                if (i % 5 > 0) damaged[random.Next(1, damaged.Length)] = (byte)random.Next(256);
                byte[] frame = peer.Message("/user/raft", RaftSerializer, manifest, damaged);
                if (i == FramesOfEach - 1) frame[random.Next(frame.Length)] ^= (byte)(1 << random.Next(8));
                frames.AddRange(Frame(frame));
            }

            try
            {
                await peer.SendAsync(frames.ToArray());
            }
            catch (SocketException)
            {
                // Closed at one of them.
            }
        }

        await running.ServesAsync();
        Assert.Equal(before.Select(s => (s.Id, s.ProcessId)), (await running.Client.StatusAsync()).Select(s => (s.Id, s.ProcessId)));
        foreach (var member in before)
        {
            Assert.InRange(AttackedCluster.MostBytes(member.ProcessId) - usual[member.Id], long.MinValue, MaxGrowthBytes);
            // One for its address and minute, and one for each of the member's reasons.
            Assert.InRange(running.Lines(member.Id.Value, "127.1.2.5").Count, 1, 20);
            Assert.Empty(running.Lines(member.Id.Value, "   at "));
        }
    }

    [Fact(Timeout = 300_000)] // ends a hang; says nothing about speed
    public Task Messages_that_never_end_take_no_more_room_than_there_is_for_them() => UnderAttackAsync("has begun a message and not ended it", "127.1.2.7", async (member, from) =>
    {
        byte[] most = new byte[3 << 20];
        BitConverter.TryWriteBytes(most, most.Length + 1_000);
        var peers = new List<HostilePeer>();
        for (int i = 0; i < 300; i++)
        {
            var peer = await HostilePeer.IntroduceAsync(member, from);
            peers.Add(peer);
            try
            {
                await peer.SendAsync(most);
            }
            catch (SocketException)
            {
                // Others came later, and it was closed for them.
            }
        }

        await running.ServesAsync();
        peers.ForEach(p => p.Dispose());
    });

    /// <summary>Queries, by what they are; each of some bytes, and with much to do.</summary>
    public static TheoryData<string> Laborious => ["watches that end within moments of each other", "ranges that stop before a large row", "watches of all changes that are kept"];

    [Theory(Timeout = Patience.TestMs)]
    [MemberData(nameof(Laborious))]
    public async Task Queries_with_much_to_do_keep_nobody_waiting_and_stop_nothing(string kind)
    {
        if (OperatingSystem.IsWindows()) return;
        var before = await running.Client.StatusAsync();
        await running.ServesAsync();
        var usual = before.ToDictionary(s => s.Id, s => UsualBytes(s.ProcessId));
        var (query, times) = kind switch
        {
            // Of the key "large", of 1 MB, nothing is told.
            "ranges that stop before a large row" => (_ => Enumerable.Repeat(Bytes(2, [.. Bytes(1, "large"), .. Number(3, 1)]), 5_000).SelectMany(range => range).ToArray(), 20),
            "watches of all changes that are kept" => (_ => Bytes(4, [.. Bytes(1, "none"), .. Bytes(2, "none\0"), .. Number(3, 1), .. Number(4, 0)]), 2_000),
            _ => ((Func<int, byte[]>)(i => Bytes(4, [.. Bytes(1, "none"), .. Bytes(2, "none\0"), .. Number(3, 1_000_000_000), .. Number(4, (ulong)(20 + (i * 7 % 200)))])), 40_000),
        };
        await Task.WhenAll(before.Select(async member =>
        {
            using var peer = await IntroduceAsync(member.Address, "127.1.2.8");
            using var end = new CancellationTokenSource();
            var heard = peer.HearAsync(end.Token);
            foreach (var some in Enumerable.Range(0, times).Chunk(200))
            {
                byte[] frames = [.. some.SelectMany(i => Frame(peer.Message("/user/raft", RaftSerializer, "c1", [0, .. Number(1, (ulong)i), .. Bytes(2, "akkaraft"), .. Bytes(5, [.. Number(1, 2), .. Bytes(2, query(i))])])))];
                try
                {
                    await peer.SendAsync(frames);
                }
                catch (SocketException)
                {
                    // It sends no heartbeats.
                    break;
                }
            }

            await running.ServesAsync();
            await end.CancelAsync();
            await heard;
        }));
        await NothingMovedAsync(before);
        foreach (var member in before)
        {
            Assert.InRange(AttackedCluster.MostBytes(member.ProcessId) - usual[member.Id], long.MinValue, 2 * MaxGrowthBytes);
            Assert.Empty(running.Lines(member.Id.Value, "   at "));
        }
    }

    /// <summary>The members are the same processes, in the same term and the same roles.</summary>
    private async Task<IReadOnlyList<RaftStatus>> NothingMovedAsync(IReadOnlyList<RaftStatus> before)
    {
        var after = await running.Client.StatusAsync();
        Assert.Equal(before.Select(s => (s.Id, s.ProcessId, s.Term, s.Role)), after.Select(s => (s.Id, s.ProcessId, s.Term, s.Role)));
        return after;
    }

    private int _attacked;

    /// <param name="line">What the one line of the log says.</param>
    /// <param name="from">Whence the attack comes.</param>
    /// <param name="attack">With the member's address, and whence to come.</param>
    private async Task UnderAttackAsync(string line, string from, Func<string, string, Task> attack)
    {
        var before = await running.Client.StatusAsync();
        var leader = before.Single(s => s.Role == RaftRole.Leader);
        _attacked = leader.Id.Value;
        await running.ServesAsync();
        int files = Files(leader.ProcessId);
        long usual = UsualBytes(leader.ProcessId);

        await attack(leader.Address, from);
        await running.ServesAsync();
        await Patience.UntilAsync("a line in the log", () => Task.FromResult((running.Lines(_attacked, $"{from}:").Count > 0, "")));
        await Patience.UntilAsync("the files that were open before", () => Task.FromResult((Files(leader.ProcessId) <= files + 3, $"{Files(leader.ProcessId)}, before {files}")));

        Assert.InRange(AttackedCluster.MostBytes(leader.ProcessId) - usual, long.MinValue, MaxGrowthBytes);
        string said = Assert.Single(running.Lines(_attacked, $"{from}:"));
        Assert.Contains(line, said, StringComparison.Ordinal);
        Assert.Empty(running.Lines(_attacked, "   at "));
        Assert.DoesNotContain(running.Lines(_attacked, "[ERROR] the disk"), l => l.StartsWith("[ERROR]", StringComparison.Ordinal));
        var after = await running.Client.StatusAsync();
        Assert.Equal(before.Select(s => (s.Id, s.ProcessId, s.Term)), after.Select(s => (s.Id, s.ProcessId, s.Term)));
    }

    /// <summary>What a member takes before an attack, or took when its own client kept it busy, whichever is more: how much the collector leaves lying differs by machine, and by what it did last.</summary>
    private long UsualBytes(int process)
    {
        AttackedCluster.ForgetMostBytes(process);
        return Math.Max(running.BusyBytes[process], AttackedCluster.MostBytes(process));
    }

    // Code is opened when it is first run, and stays open.
    private static int Files(int process) => new DirectoryInfo($"/proc/{process}/fd").GetFileSystemInfos().Count(f => f.LinkTarget?.EndsWith(".dll", StringComparison.Ordinal) != true);

    // ---- what is sent --------------------------------------------------------------------------------------------

    private static Attack Tells(string line, (int Serializer, string Manifest, byte[] Message) payload, string path, ulong sequenceNumber = NoSequenceNumber) =>
        new(line, (peer, _) => peer.TellAsync(path, payload.Serializer, payload.Manifest, payload.Message, sequenceNumber));

    private static (int Serializer, string Manifest, byte[] Message) Status(ulong id) => (RaftSerializer, "c1", [0, .. Number(1, id), .. Bytes(2, "akkaraft"), .. Bytes(7, [])]);

    private static byte[] Child(string name) => Bytes(2, [.. Number(1, 2), .. Bytes(2, name)]);

    private static byte[] Compressed(byte[] message) => [1, .. Snappy.CompressToArray(message)];

    private static byte[] Repeated(int count, int field)
    {
        byte[] bytes = new byte[2 * count];
        for (int i = 0; i < count; i++)
        {
            bytes[2 * i] = (byte)((field << 3) | 2);
        }

        return bytes;
    }

    private static byte[] Nested(int depth)
    {
        // From the inside out, at the end of one array: a level is a Status.Success in a payload in a Status.Success.
        byte[] all = new byte[depth * 24];
        int at = all.Length;
        for (int i = 0; i < depth; i++)
        {
            byte[] tail = [.. Number(2, 16), .. Bytes(3, "STS")];
            int inner = all.Length - at;
            byte[] head = Bytes(1, new byte[inner])[..^inner];
            int payload = head.Length + inner + tail.Length;
            byte[] status = Bytes(1, new byte[payload])[..^payload];
            Buffer.BlockCopy(all, at, all, at - tail.Length, inner);
            at -= tail.Length;
            tail.CopyTo(all, at + inner);
            at -= head.Length;
            head.CopyTo(all, at);
            at -= status.Length;
            status.CopyTo(all, at);
        }

        return all[at..];
    }

    private static async Task SendsFromElsewhereAsync(HostilePeer peer, AttackedCluster running)
    {
        using var elsewhere = new TcpListener(IPAddress.Loopback, 0);
        elsewhere.Start();
        await peer.TellAsync("/user/raft", RaftSerializer, "c1", Status(1).Message, sender: $"akka.tcp://evil@127.0.0.1:{((IPEndPoint)elsewhere.LocalEndpoint).Port}/user/$a");
        await peer.EndsAsync();
        await running.ServesAsync();
        Assert.False(elsewhere.Pending(), "The member has connected to where the sender's path said.");
    }
}
