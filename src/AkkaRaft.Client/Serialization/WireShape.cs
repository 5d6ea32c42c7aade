using AkkaRaft.Protocol.Wire;
using AkkaRaft.Remoting;
using Google.Protobuf.Reflection;

namespace AkkaRaft.Serialization;

/// <summary>
/// Which parts a kind of message has, so that they are counted before any of it is parsed: a part of two bytes becomes an object of a hundred.
/// </summary>
internal sealed class WireShape
{
    // Our own messages nest five deep.
    private const int MaxDepth = 16;
    // More than the largest batch of the smallest operations has.
    private const int SmallestBound = 250_000;
    // An entry is counted with more bytes by those who send it.
    private const int BytesPerPart = 32;

    private readonly Field[] _fields;

    private WireShape(MessageDescriptor descriptor, Dictionary<MessageDescriptor, WireShape> known, (FieldDescriptor Field, MessageDescriptor Message)? bytes)
    {
        known.Add(descriptor, this);
        _fields = new Field[descriptor.Fields.InFieldNumberOrder().Select(f => f.FieldNumber).DefaultIfEmpty().Max() + 1];
        foreach (var field in descriptor.Fields.InFieldNumberOrder())
        {
            var message = field.FieldType == FieldType.Message ? field.MessageType : bytes?.Field == field ? bytes.Value.Message : null;
            _fields[field.FieldNumber] = message is not null
                ? new Field(true, true, known.GetValueOrDefault(message) ?? new WireShape(message, known, bytes))
                : new Field(true, field is { IsRepeated: true, FieldType: FieldType.String or FieldType.Bytes }, null);
        }
    }

    public static WireShape Client { get; } = Of(WireClientMessage.Descriptor);

    /// <summary>A command to the key-value store, whose operations are messages.</summary>
    public static WireShape StoreCommand { get; } =
        new(SessionCommand.Descriptor, [], (SessionBatch.Descriptor.FindFieldByNumber(SessionBatch.OperationsFieldNumber), KvOperation.Descriptor));

    public static WireShape StoreQuery { get; } = Of(KvQuery.Descriptor);

    /// <summary>A command to an application's own state machine, whose operations are whatever its codec writes.</summary>
    public static WireShape OwnCommand { get; } = Of(SessionCommand.Descriptor);

    public static WireShape OwnQuery { get; } = Of(StateQuery.Descriptor);

    /// <summary>Most parts of a message in frames of so many bytes.</summary>
    public static int MaxParts(int frameBytes) => Math.Max(SmallestBound, frameBytes / BytesPerPart);

    /// <summary>Whether a message of so many bytes cannot have more parts than so many: each has a tag and a length.</summary>
    public static bool IsBounded(int bytes, int maxParts) => bytes / 2 <= maxParts;

    /// <summary>What is wrong with the message, or null: it is well-formed, and has no more parts than so many.</summary>
    public string? Fault(ReadOnlySpan<byte> message, int maxParts)
    {
        var left = maxParts;
        if (IsSound(message, ref left, 0)) return null;
        return left < 0 ? $"more than {maxParts} parts" : "bytes that are no message";
    }

    /// <summary>The parts of a kind of message.</summary>
    public static WireShape Of(MessageDescriptor descriptor) => new(descriptor, [], null);

    private bool IsSound(ReadOnlySpan<byte> message, ref int left, int depth)
    {
        if (depth == MaxDepth) return false;
        var fields = new WireFields(message);
        while (fields.Next())
        {
            var field = fields.Number < _fields.Length ? _fields[fields.Number] : default;
            // What is unknown is kept by the parser too.
            if ((field.IsPart || !field.IsKnown) && --left < 0) return false;
            if (field.Shape is { } shape && (!fields.HasBytes || !shape.IsSound(fields.Bytes, ref left, depth + 1))) return false;
        }
        return !fields.IsMalformed;
    }

    private readonly record struct Field(bool IsKnown, bool IsPart, WireShape? Shape);
}
