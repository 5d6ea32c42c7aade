using System.Text.Json;

namespace AkkaRaft.Client;

/// <summary>System.Text.Json: readable by other tools, for any type that it takes. A missing property has its default, an unknown one is skipped.</summary>
/// <param name="options">How to write; the serializer's own defaults when nothing is said.</param>
public sealed class JsonCodec(JsonSerializerOptions? options = null) : IRaftCodec
{
    /// <inheritdoc />
    public ReadOnlyMemory<byte> Encode<T>(T value)
    {
        try
        {
            return JsonSerializer.SerializeToUtf8Bytes(value, options);
        }
        catch (Exception e) when (e is NotSupportedException or JsonException)
        {
            throw new CodecException($"{typeof(T)} cannot be written as JSON: {e.Message}");
        }
    }

    /// <inheritdoc />
    public T Decode<T>(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            return JsonSerializer.Deserialize<T>(bytes.Span, options) ?? throw new CodecException($"The {bytes.Length} bytes are the JSON null, and no {typeof(T)}.");
        }
        catch (Exception e) when (e is NotSupportedException or JsonException)
        {
            throw new CodecException($"The {bytes.Length} bytes are no JSON of {typeof(T)}: {e.Message} Were they written with another codec?");
        }
    }
}
