using System.Text;

namespace AkkaRaft.Client;

/// <summary>Text as bytes and back, or not at all: two keys never become one.</summary>
internal static class Utf8
{
    private static readonly UTF8Encoding _strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <exception cref="BadInputException">The text is no Unicode.</exception>
    public static ReadOnlyMemory<byte> Bytes(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        try
        {
            return _strict.GetBytes(text);
        }
        catch (EncoderFallbackException e)
        {
            throw new BadInputException($"The text has half of a surrogate pair at position {e.Index} and is no Unicode; give it as bytes. Nothing was sent.");
        }
    }

    /// <exception cref="CodecException">The bytes are no UTF-8.</exception>
    public static string Text(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            return _strict.GetString(bytes.Span);
        }
        catch (DecoderFallbackException e)
        {
            throw new CodecException($"The {bytes.Length} bytes are no UTF-8 from position {e.Index} on; read them as bytes.");
        }
    }
}
