using System.Text;
using AkkaRaft.Client;

namespace AkkaRaft.Tests.Client;

/// <summary>An application's own types as bytes, and back.</summary>
public sealed class CodecTests
{
    private static readonly Order1 Sample = new("o-1", [new Line("tea", 2), new Express("ink", 1, TimeSpan.FromHours(2))], DateTimeOffset.UnixEpoch) { Paid = true };

    public enum Colour
    {
        Red,
        Green,
    }

    public record Line(string Product, int Quantity);

    public sealed record Express(string Product, int Quantity, TimeSpan Within) : Line(Product, Quantity);

    public sealed record Order1(string Id, List<Line> Lines, DateTimeOffset At)
    {
        public bool Paid { get; init; }
    }

    /// <summary><see cref="Order1"/> as it might be a year later.</summary>
    public sealed record Order2(string Id, List<Line> Lines, DateTimeOffset At)
    {
        public bool Paid { get; init; }

        public string? Note { get; init; }
    }

    public sealed record Secret(string Text);

    public sealed record Envelope(object Content);

    public sealed record Box<T>(T Content);

    public sealed class Node
    {
        public Node? Next { get; set; }
    }

    [Fact]
    public void Hyperion_gives_an_object_back_with_its_subclasses_and_private_state()
    {
        var codec = new HyperionCodec(typeof(Order1), typeof(Line), typeof(Express));
        var back = codec.Decode<Order1>(codec.Encode(Sample));
        Assert.Equal(Sample.Lines, back.Lines);
        Assert.IsType<Express>(back.Lines[1]);
        Assert.Equal((Sample.Id, Sample.At, true), (back.Id, back.At, back.Paid));
    }

    [Fact]
    public void Json_gives_an_object_back()
    {
        var codec = new JsonCodec();
        Assert.Equal("""{"Product":"tea","Quantity":2}""", Encoding.UTF8.GetString(codec.Encode(new Line("tea", 2)).Span));
        Assert.Equal(new Line("tea", 2), codec.Decode<Line>(codec.Encode(new Line("tea", 2))));
    }

    [Fact]
    public void Numbers_times_and_collections_of_them_need_no_naming()
    {
        var codec = new HyperionCodec();
        RoundTrip(5);
        RoundTrip(-1L);
        RoundTrip(1.5m);
        RoundTrip(true);
        RoundTrip(Guid.NewGuid());
        RoundTrip(DateTimeOffset.UnixEpoch);
        RoundTrip(TimeSpan.FromSeconds(3));
        RoundTrip(new DateOnly(2020, 2, 29));
        RoundTrip((1, "two", 3.0));
        RoundTrip(new[] { 1, 2 });
        RoundTrip(new List<string> { "a", "b" });
        RoundTrip(new Dictionary<string, List<int>> { ["a"] = [1] });
        RoundTrip(new HashSet<long> { 7 });
        RoundTrip(System.Collections.Immutable.ImmutableDictionary<string, int>.Empty.Add("a", 1));

        void RoundTrip<T>(T value) => Assert.Equal(value, codec.Decode<T>(codec.Encode(value)));
    }

    [Fact]
    public void A_type_that_was_not_named_is_refused_when_it_is_written()
    {
        Assert.Contains("new HyperionCodec(typeof(CodecTests.Secret))", Refused(new HyperionCodec(typeof(Line)), new Secret("s")), StringComparison.Ordinal);
        Refused(new HyperionCodec(typeof(Envelope)), new Envelope(new Secret("s")));
        Refused(new HyperionCodec(typeof(Envelope)), new Envelope(new[] { new Secret("s") }));
        Refused(new HyperionCodec(), new List<Secret> { new("s") });
        Refused(new HyperionCodec(typeof(Box<>)), new Box<Secret>(new("s")));
        Refused(new HyperionCodec(), Colour.Red);
        Assert.Contains("System.IO.FileInfo", Assert.Throws<CodecException>(() => new HyperionCodec(typeof(Envelope)).Encode(new Envelope(new FileInfo("x")))).Message, StringComparison.Ordinal);

        static string Refused<T>(HyperionCodec codec, T value)
        {
            var message = Assert.Throws<CodecException>(() => codec.Encode(value)).Message;
            Assert.Contains(value is Colour ? "Colour" : "CodecTests+Secret is not among", message, StringComparison.Ordinal);
            return message;
        }
    }

    [Fact]
    public void A_type_that_was_not_named_is_refused_when_it_is_read()
    {
        var writer = new HyperionCodec(typeof(Envelope), typeof(Secret), typeof(Box<>));
        foreach (var bytes in new[] { writer.Encode(new Secret("s")), writer.Encode(new Envelope(new Secret("s"))), writer.Encode(new List<Secret> { new("s") }), writer.Encode(new Box<Secret>(new("s"))) })
        {
            var e = Assert.Throws<CodecException>(() => new HyperionCodec(typeof(Envelope), typeof(Box<>)).Decode<object>(bytes));
            Assert.Contains("CodecTests+Secret is not among", e.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_generic_type_is_named_once_for_all_arguments_that_are_allowed()
    {
        var codec = new HyperionCodec(typeof(Box<>), typeof(Line));
        Assert.Equal(new Box<Line>(new("tea", 1)), codec.Decode<Box<Line>>(codec.Encode(new Box<Line>(new("tea", 1)))));
        Assert.Equal(new Box<int>(3), codec.Decode<Box<int>>(codec.Encode(new Box<int>(3))));
    }

    [Fact]
    public void A_type_that_gained_a_property_is_an_error_to_Hyperion_and_read_by_Json()
    {
        var codec = new HyperionCodec(typeof(Order1), typeof(Order2), typeof(Line), typeof(Express));
        Assert.Throws<CodecException>(() => codec.Decode<Order2>(Renamed(codec.Encode(Sample), nameof(Order1), nameof(Order2))));

        var json = new JsonCodec();
        Assert.Equal((Sample.Id, null), json.Decode<Order2>(json.Encode(Sample)) is var read ? (read.Id, read.Note) : default);
    }

    [Fact]
    public void What_was_written_with_another_codec_is_an_error_and_not_a_value()
    {
        var codec = new HyperionCodec(typeof(Line), typeof(Order1));
        foreach (var bytes in new[] { "", "[object Object]", """{"Product":"tea"}""", "\t\uffff\uffff\uffff" })
            Assert.Throws<CodecException>(() => codec.Decode<Line>(Encoding.UTF8.GetBytes(bytes)));
        Assert.Contains("and not", Assert.Throws<CodecException>(() => codec.Decode<Order1>(codec.Encode(new Line("tea", 1)))).Message, StringComparison.Ordinal);
        Assert.Throws<CodecException>(() => new JsonCodec().Decode<Line>(codec.Encode(new Line("tea", 1))));
        Assert.Throws<CodecException>(() => new JsonCodec().Decode<Line>("null"u8.ToArray()));
    }

    [Fact]
    public void A_length_without_end_takes_no_memory() =>
        Assert.Throws<CodecException>(() => new HyperionCodec().Decode<byte[]>(new byte[] { 9, 255, 255, 255, 127 }));

    [Fact]
    public void An_object_that_holds_itself_is_refused_and_ends_no_process()
    {
        var node = new Node();
        node.Next = node;
        Assert.Contains("holds itself", Assert.Throws<CodecException>(() => new HyperionCodec(typeof(Node)).Encode(node)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Null_is_refused() => Assert.Throws<CodecException>(() => new HyperionCodec().Encode<string?>(null));

    private static byte[] Renamed(ReadOnlyMemory<byte> bytes, string from, string to) =>
        Encoding.Latin1.GetBytes(Encoding.Latin1.GetString(bytes.Span).Replace($"+{from}", $"+{to}", StringComparison.Ordinal));
}
