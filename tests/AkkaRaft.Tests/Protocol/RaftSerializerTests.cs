using System.Runtime.Serialization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Akka.Actor;
using Akka.Serialization;
using Akka.TestKit.Xunit2;
using AkkaRaft.Hosting;
using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;
using AkkaRaft.Remoting;
using AkkaRaft.Serialization;
using AkkaRaft.Storage;
using CsCheck;
using Snappier;

namespace AkkaRaft.Tests.Protocol;

public sealed class RaftSerializerTests() : TestKit(RaftSerializer.Configuration)
{
    private static readonly string Golden = Path.Combine(AppContext.BaseDirectory, "Protocol", "golden-1.txt");

    public static TheoryData<string> Names => [.. Samples.Messages.Select(m => m.Name)];

    private RaftSerializer Serializer => new((ExtendedActorSystem)Sys);

    [Theory]
    [MemberData(nameof(Names))]
    public void A_message_comes_back_as_it_was(string name)
    {
        var message = Samples.Messages.Single(m => m.Name == name).Message;
        var serializer = Assert.IsType<RaftSerializer>(Sys.Serialization.FindSerializerFor(message));
        var back = serializer.FromBinary(serializer.ToBinary(message), serializer.Manifest(message));
        Assert.Equal(Text(message), Text(back));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_client_and_a_member_in_one_ActorSystem_have_one_serializer_for_all_whosever_settings_come_first(bool clientFirst)
    {
        var config = clientFirst ? ClientSerializer.Configuration.WithFallback(RaftSerializer.Configuration) : RaftSerializer.Configuration.WithFallback(ClientSerializer.Configuration);
        using var system = ActorSystem.Create("both", config.WithFallback("akka { loggers = [], stdout-loglevel = OFF }"));
        foreach (var (_, message) in Samples.Messages)
        {
            var serializer = Assert.IsAssignableFrom<SerializerWithStringManifest>(system.Serialization.FindSerializerFor(message));
            Assert.Equal(Serializer.Manifest(message), serializer.Manifest(message));
            Assert.Equal(Serializer.ToBinary(message), serializer.ToBinary(message));
            Assert.Equal(Text(message), Text(serializer.FromBinary(serializer.ToBinary(message), serializer.Manifest(message))));
        }
        await system.Terminate();
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Its_bytes_are_those_of_version_1(string name)
    {
        var message = Samples.Messages.Single(m => m.Name == name).Message;
        var bytes = Serializer.ToBinary(message);
        var line = $"{name} {Serializer.Manifest(message)} {Convert.ToHexString(bytes)}";
        Assert.True(File.ReadLines(Golden).Contains(line), $"The golden file has no line\n{line}");
    }

    [Fact]
    public void Bytes_of_version_1_are_read()
    {
        foreach (var line in File.ReadLines(Golden).Select(l => l.Split(' ')).Where(l => l is [_, not "event", _]))
            Assert.Equal(Text(Samples.Messages.Single(m => m.Name == line[0]).Message), Text(Serializer.FromBinary(Convert.FromHexString(line[2]), line[1])));
    }

    [Fact]
    public void A_large_message_is_compressed()
    {
        var put = new Put("k"u8.ToArray(), new byte[100_000], 1);
        var bytes = Serializer.ToBinary(put);
        Assert.True(bytes.Length < 20_000, $"{bytes.Length} bytes");
        Assert.Equal(100_000, Assert.IsType<Put>(Serializer.FromBinary(bytes, "c1")).Value.Length);
    }

    [Theory]
    [InlineData(5_000)]
    [InlineData(500_000)]
    public void What_does_not_shrink_is_sent_as_it_is(int length)
    {
        var noise = new byte[length];
        new Random(1).NextBytes(noise);
        var bytes = Serializer.ToBinary(new Put("k"u8.ToArray(), noise, 1));
        Assert.Equal(0, bytes[0]);
        Assert.Equal(noise, Assert.IsType<Put>(Serializer.FromBinary(bytes, "c1")).Value.ToArray());
    }

    [Theory]
    [InlineData("", "r1")]
    [InlineData("02", "r1")]
    [InlineData("00FFFFFF", "r1")]
    [InlineData("00", "r1")]
    [InlineData("00", "c1")]
    [InlineData("00", "zz")]
    [InlineData("01FFFFFFFF7F00", "r1")]
    public void What_is_no_message_is_refused(string hex, string manifest) =>
        Assert.Throws<SerializationException>(() => Serializer.FromBinary(Convert.FromHexString(hex), manifest));

    [Fact]
    public void A_bomb_is_refused_before_it_is_unpacked()
    {
        var bomb = Snappy.CompressToArray(new byte[70 * 1024 * 1024]);
        var error = Assert.Throws<SerializationException>(() => Serializer.FromBinary([1, .. bomb], "r1"));
        Assert.Contains("limit", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_bytes_give_a_message_or_a_refusal_and_nothing_else()
    {
        var serializer = Serializer;
        Gen.Select(Gen.Int[0, Samples.Messages.Count - 1].Select(i => Samples.Messages[i].Message), Gen.Int[0, 200], Gen.Byte).Sample((message, at, value) =>
        {
            var bytes = serializer.ToBinary(message);
            bytes[at % bytes.Length] = value;
            try
            {
                return serializer.FromBinary(bytes, serializer.Manifest(message)) is not null;
            }
            catch (SerializationException)
            {
                return true;
            }
        }, threads: 1);
    }

    [Fact]
    public void Nothing_but_the_protocols_own_messages_crosses_the_wire()
    {
        var refusing = new RefusingSerializer((ExtendedActorSystem)Sys, Akka.Configuration.Config.Empty);
        Assert.Throws<SerializationException>(() => refusing.ToBinary(new object()));
        Assert.Throws<SerializationException>(() => refusing.FromBinary([], typeof(FileInfo)));
    }

    [Fact]
    public void Events_are_read_as_version_1_wrote_them()
    {
        var lines = File.ReadLines(Golden).Select(l => l.Split(' ')).Where(l => l is [_, "event", _]).ToDictionary(l => l[0], l => l[2]);
        var chain = new EventChain();
        var missing = Samples.Events.Select(e => $"{e.Name} event {Convert.ToHexString(Serializer.ToBinary(chain.Seal(e.Event)))}")
            .Except(lines.Select(l => $"{l.Key} event {l.Value}")).ToList();
        Assert.True(missing.Count == 0, $"The golden file has no line\n{string.Join('\n', missing)}");
        var reader = new EventChain();
        var sequenceNr = 0;
        foreach (var (name, sample) in Samples.Events)
            Assert.Equal(Body(sample), Body(reader.Open((SealedEvent)Serializer.FromBinary(Convert.FromHexString(lines[name]), "e1"), ++sequenceNr)));
    }

    private static string Body(IRaftEvent raftEvent) => raftEvent.GetType().Name + Convert.ToHexString(new EventChain().Seal(raftEvent).Body.Span);

    // Records compare memory and lists by reference; their JSON does not.
    private static string Text(object message) => message.GetType().Name + JsonSerializer.Serialize(message, message.GetType(), Json);

    private static readonly JsonSerializerOptions Json = new() { Converters = { new MemberIdConverter() } };

    private sealed class MemberIdConverter : JsonConverter<MemberId>
    {
        public override MemberId Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => throw new NotSupportedException();

        public override void Write(Utf8JsonWriter writer, MemberId value, JsonSerializerOptions options) => writer.WriteStringValue(value.ToString());

        public override void WriteAsPropertyName(Utf8JsonWriter writer, MemberId value, JsonSerializerOptions options) => writer.WritePropertyName(value.ToString());
    }
}
