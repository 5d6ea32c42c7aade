using System.Runtime.Serialization;
using System.Text;
using Akka.Actor;
using Akka.Configuration;
using Akka.TestKit.Xunit2;
using AkkaRaft.Hosting;
using AkkaRaft.Remoting;
using AkkaRaft.Serialization;
using AkkaRaft.Tests.Protocol;
using Google.Protobuf;

namespace AkkaRaft.Tests.Hosting;

/// <summary>What passes before it is decoded. The frames are put together by hand, as whoever means no good does it.</summary>
public sealed class FrameFilterTests() : TestKit(ConfigurationFactory.ParseString("akka.remote.dot-netty.tcp.maximum-frame-size = 4MiB").WithFallback(RaftSerializer.Configuration))
{
    private const string Member = "akka.tcp://akkaraft@127.0.0.1:4100";
    private const string Client = "akka.tcp://app@0123.client.invalid:1";

    private static readonly FrameFilter Filter = new(new Address("tcp", "akkaraft", "127.0.0.1", 4100));
    private readonly FramePeer _peer = new() { Prefix = FrameFilter.Prefix(new Address("tcp", "app", "0123.client.invalid", 1)) };

    private static readonly byte[] Message = [0, .. Number(1, 1)];

    public static TheoryData<string, byte[]> Ours => new()
    {
        { nameof(FrameKind.RaftMessage), Envelope("/user/raft", 7447, "r1", sender: null) },
        { nameof(FrameKind.ClientMessage), Envelope("/user/raft", 7447, "c1") },
        { nameof(FrameKind.ClientMessage), Envelope("/user/raft/client#123", 7447, "c1") },
        { nameof(FrameKind.ClientMessage), Envelope("/user/$a#123", 7447, "c1") },
        { nameof(FrameKind.ClientMessage), Envelope("/temp/$b", 7447, "c1") },
        { nameof(FrameKind.ClientMessage), Selection(Payload(7447, "c1", Message), "user", "raft") },
        { nameof(FrameKind.Associate), AkkaFrame.Associate(new Address("akka.tcp", "app", "host", 1), 1)[4..] },
        { nameof(FrameKind.Heartbeat), Field(2, Number(1, 3)) },
        { nameof(FrameKind.Heartbeat), Field(1, Field(1, Fixed(1, ulong.MaxValue))) },
        { nameof(FrameKind.ClientMessage), Field(1, [.. Field(1, Fixed(1, ulong.MaxValue)), .. Enveloped("/user/raft", 7447, "c1")]) },
        { nameof(FrameKind.Disassociate), Field(2, Number(1, 2)) },
        { nameof(FrameKind.Disassociate), Field(2, Number(1, 4)) },
        { nameof(FrameKind.Disassociate), Field(2, Number(1, 5)) },
    };

    public static TheoryData<string, byte[]> NotOurs => new()
    {
        { "no frame", [] },
        { "no frame", [0xFF] },
        { "no frame", Field(3, []) },
        { "no frame", [.. Field(1, []), .. Field(1, [])] },
        { "no frame", Field(2, Number(1, 9)) },
        { "no frame", Field(2, Number(1, 1)) },
        { "no frame", [.. Envelope("/user/raft", 7447, "c1"), 0] },
        { "acknowledgement", Field(1, Field(1, Fixed(1, 7))) },
        { "acknowledgement", Field(1, Field(1, [.. Fixed(1, ulong.MaxValue), .. Field(2, [0])])) },
        { "sequence number", Envelope("/user/raft", 7447, "c1", sequenceNumber: 300_000_000) },
        { "sequence number", Field(1, Field(2, [.. Field(1, Field(1, Text(Member + "/user/raft"))), .. Field(2, Payload(7447, "c1", Message))])) },
        { "another serializer", Envelope("/user/raft", 22, "Akka.Dispatch.SysMsg.Suspend, Akka") },
        { "another serializer", Envelope("/user/raft", 1, "System.IO.FileInfo") },
        { "another serializer", Envelope("/user/raft", 6, "c1") },
        { "of a kind", Envelope("/user/raft", 7447, "e1") },
        { "not open to it", Envelope("/user/raft/member", 7447, "c1") },
        { "not open to it", Envelope("/user/raft/member", 7447, "r1") },
        { "not open to it", Envelope("/user/raft/client/x", 7447, "c1") },
        { "not open to it", Envelope("/system/endpointManager", 7447, "c1") },
        { "not open to it", Envelope("/", 7447, "c1") },
        { "another process", Envelope("/user/../system/endpointManager", 7447, "c1") },
        { "another process", Envelope("/user/raft\r\n", 7447, "c1") },
        { "another process", Envelope("/user/raft#", 7447, "c1") },
        { "another process", Envelope("/user/raft#x", 7447, "c1") },
        { "another process", Envelope("/user/raft#1#2", 7447, "c1") },
        { "another process", Envelope("/user/raft#-1", 7447, "c1") },
        { "another process", Envelope("/user/raft#1 ", 7447, "c1") },
        { "another process", Envelope("/user/raft#99999999999999999999", 7447, "c1") },
        { "another ActorSystem", Envelope("/user/raft", 7447, "c1", sender: $"{Client}/user/$a#xxxxxxxxxx") },
        { "another process", Field(1, Field(2, [.. Field(1, Field(1, Text("akka.tcp://akkaraft@127.0.0.1:4101/user/raft"))), .. Fixed(5, ulong.MaxValue)])) },
        { "no frame", Field(1, Field(2, [.. Field(2, Payload(7447, "c1", Message)), .. Fixed(5, ulong.MaxValue)])) },
        { "another ActorSystem", Envelope("/user/raft", 7447, "c1", sender: "akka.tcp://app@10.0.0.1:80/user/a") },
        { "another ActorSystem", Envelope("/user/raft", 7447, "c1", sender: "/user/a") },
        { "no frame", Envelope("/user/raft", 7447, "c1", sender: $"{Client}/{new string('a', 2_000)}") },
        { "selection of other", Selection(Payload(7447, "c1", Message), "user", "raft", "member") },
        { "selection of other", Selection(Payload(7447, "c1", Message), "system", "x") },
        { "selection with a message", Selection(Payload(16, "K", []), "user", "raft") },
        { "selection with a message", Selection(Payload(6, "", []), "user", "raft") },
        { "selection with a message", Selection(Payload(7447, "r1", Message), "user", "raft") },
    };

    [Theory]
    [MemberData(nameof(Ours))]
    public void What_AkkaRaft_sends_passes(string kind, byte[] frame) => Assert.Equal(kind, Filter.Judge(frame, _peer).Kind.ToString());

    [Theory]
    [MemberData(nameof(NotOurs))]
    public void What_it_does_not_send_is_refused_and_said_to_be(string said, byte[] frame)
    {
        var verdict = Filter.Judge(frame, _peer);
        Assert.Equal(FrameKind.Refused, verdict.Kind);
        Assert.Contains(said, verdict.Refusal, StringComparison.Ordinal);
    }

    [Fact]
    public void Paths_that_were_good_once_leave_others_to_be_judged()
    {
        Assert.Equal(FrameKind.ClientMessage, Filter.Judge(Envelope("/user/raft", 7447, "c1"), _peer).Kind);
        foreach (var (_, frame) in NotOurs.Select(row => ((string)row[0], (byte[])row[1])))
        {
            Assert.Equal(FrameKind.Refused, Filter.Judge(frame, _peer).Kind);
            Assert.Equal(FrameKind.ClientMessage, Filter.Judge(Envelope("/user/raft", 7447, "c1"), _peer).Kind);
        }
    }

    [Fact]
    public void Whatever_path_passes_Akka_parses_it()
    {
        const int Paths = 300_000;
        var random = new Random(21);
        string[] beginnings = ["/user/raft", "/user/raft/client", "/user/$a", "/temp/$b", "/user/a"];
        var passed = 0;
        for (var i = 0; i < Paths; i++)
        {
            var path = beginnings[random.Next(beginnings.Length)] + (random.Next(2) == 0 ? "#" : "");
            for (var length = random.Next(12); length > 0; length--)
                path += random.Next(2) == 0 ? (char)random.Next('0', '9' + 1) : (char)random.Next(256);
            foreach (var (recipient, sender) in new[] { (path, Client + "/user/$a#7"), ("/user/raft", Client + path) })
            {
                if (Filter.Judge(Envelope(recipient, 7447, "c1", sender: sender), _peer).Kind == FrameKind.Refused) continue;
                passed++;
                Assert.True(ActorPath.TryParse(Member + recipient, out _), recipient);
                Assert.True(ActorPath.TryParse(sender, out _), sender);
            }
        }
        Assert.True(passed > 1_000, $"only {passed} passed");
    }

    [Fact]
    public void A_handshake_names_an_ActorSystem_and_nothing_else()
    {
        var origin = new Address("tcp", "app", "host", 4711);
        Assert.Equal(origin, AkkaPdu.Origin(AkkaFrame.Associate(origin, 1)[4..]));
        foreach (var host in new[] { "ho\nst", "", new string('a', 256), "a/b", "a@b" })
            Assert.Null(AkkaPdu.Origin(AkkaFrame.Associate(new Address("tcp", "app", host, 4711), 1).AsSpan(4)));
        Assert.Null(AkkaPdu.Origin(Envelope("/user/raft", 7447, "c1")));
    }

    [Fact]
    public void A_million_damaged_frames_are_judged_and_read_without_any_exception_but_the_declared_and_judging_allocates_nothing()
    {
        const int Frames = 1_000_000;
        var serializer = new RaftSerializer((ExtendedActorSystem)Sys);
        var recorded = Samples.Messages.Select(m => (Bytes: serializer.ToBinary(m.Message), Manifest: serializer.Manifest(m.Message)))
            .Where(m => m.Manifest != "e1")
            .Select(m => (m.Bytes, m.Manifest, Frame: Envelope("/user/raft", 7447, m.Manifest, m.Bytes))).ToList();
        var random = new Random(20);
        int refused = 0, unreadable = 0, read = 0;
        long allocated = 0;
        for (var i = 0; i < Frames; i++)
        {
            var (bytes, manifest, frame) = recorded[i % recorded.Count];
            var damaged = (byte[])frame.Clone();
            for (var flips = random.Next(1, 4); flips > 0; flips--) damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            var before = GC.GetAllocatedBytesForCurrentThread();
            var isRefused = Filter.Judge(random.Next(8) == 0 ? damaged.AsSpan(0, random.Next(damaged.Length)) : damaged, _peer).Kind == FrameKind.Refused;
            allocated += GC.GetAllocatedBytesForCurrentThread() - before;
            if (isRefused) refused++;
            if (i % 8 != 0) continue;
            var body = (byte[])bytes.Clone();
            if (body.Length > 0) body[random.Next(body.Length)] = (byte)random.Next(256);
            try
            {
                Assert.NotNull(serializer.FromBinary(body, manifest));
                read++;
            }
            catch (SerializationException)
            {
                unreadable++;
            }
        }
        // The runtime allocates a little of its own while it compiles; one object a frame would be 24 bytes or more of each.
        Assert.InRange(allocated, 0, Frames / 10);
        Assert.All([refused, unreadable, read], count => Assert.True(count > 1_000, $"{refused} refused, {unreadable} unreadable, {read} read"));
    }

    [Fact]
    public void Parts_are_counted_before_they_are_parsed()
    {
        var serializer = new RaftSerializer((ExtendedActorSystem)Sys);
        var entries = new byte[2 * 300_000];
        for (var i = 0; i < entries.Length; i += 2) entries[i] = 3 << 3 | 2;
        byte[] message = [0, .. Field(10, entries)];
        var before = GC.GetAllocatedBytesForCurrentThread();
        var error = Assert.Throws<SerializationException>(() => serializer.FromBinary(message, "r1"));
        Assert.Contains("more than", error.Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
        Assert.NotNull(WireShape.StoreCommand.Fault(Field(3, [.. Enumerable.Repeat(new byte[] { 4 << 3 | 2, 0 }, 300_000).SelectMany(b => b)]), WireShape.MaxParts(0)));
        Assert.Null(WireShape.StoreCommand.Fault(Field(3, [.. Enumerable.Repeat(new byte[] { 4 << 3 | 2, 0 }, 200_000).SelectMany(b => b)]), WireShape.MaxParts(0)));
    }

    [Fact]
    public void A_message_that_claims_more_than_Snappy_can_hold_is_refused_before_anything_is_made_for_it()
    {
        var serializer = new RaftSerializer((ExtendedActorSystem)Sys);
        // 2 MiB in eleven bytes.
        byte[] message = [1, 0x80, 0x80, 0x80, 0x01, 0, 0, 0, 0, 0, 0];
        var before = GC.GetAllocatedBytesForCurrentThread();
        Assert.Throws<SerializationException>(() => serializer.FromBinary(message, "c1"));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1_000_000);
    }

    // ---- what is sent --------------------------------------------------------------------------------------------

    private static byte[] Envelope(string path, int serializer, string manifest, byte[]? message = null, ulong sequenceNumber = ulong.MaxValue, string? sender = Client + "/user/$a") =>
        Field(1, Enveloped(path, serializer, manifest, message, sequenceNumber, sender));

    private static byte[] Enveloped(string path, int serializer, string manifest, byte[]? message = null, ulong sequenceNumber = ulong.MaxValue, string? sender = Client + "/user/$a") => Field(2,
    [
        .. Field(1, Field(1, Text(Member + path))),
        .. Field(2, Payload(serializer, manifest, message ?? Message)),
        .. sender is null ? [] : Field(4, Field(1, Text(sender))),
        .. Fixed(5, sequenceNumber),
    ]);

    private static byte[] Selection(byte[] payload, params string[] path) =>
        Envelope("/", 6, "", [.. Field(1, payload), .. path.SelectMany(name => Field(2, [.. Number(1, 2), .. Field(2, Text(name))]))]);

    private static byte[] Payload(int serializer, string manifest, byte[] message) => [.. Field(1, message), .. Number(2, (ulong)serializer), .. manifest == "" ? [] : Field(3, Text(manifest))];

    private static byte[] Text(string text) => Encoding.UTF8.GetBytes(text);

    private static byte[] Field(int number, byte[] bytes) => Written(output =>
    {
        output.WriteTag(number, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(ByteString.CopyFrom(bytes));
    });

    private static byte[] Number(int number, ulong value) => Written(output =>
    {
        output.WriteTag(number, WireFormat.WireType.Varint);
        output.WriteUInt64(value);
    });

    private static byte[] Fixed(int number, ulong value) => Written(output =>
    {
        output.WriteTag(number, WireFormat.WireType.Fixed64);
        output.WriteFixed64(value);
    });

    private static byte[] Written(Action<CodedOutputStream> write)
    {
        using var bytes = new MemoryStream();
        using (var output = new CodedOutputStream(bytes, leaveOpen: true)) write(output);
        return bytes.ToArray();
    }
}
