namespace AkkaRaft.Client;

/// <summary>
/// Turns an application's own keys and values into bytes and back, on the client's side: members only ever see bytes.
/// Strings and byte arrays never reach it. Thread-safe.
/// </summary>
public interface IRaftCodec
{
    /// <summary>Writes a key or value as bytes. As keys, two values are one key if, and only if, their bytes are the same.</summary>
    /// <exception cref="CodecException">It refuses the type, or cannot write it.</exception>
    ReadOnlyMemory<byte> Encode<T>(T value);

    /// <summary>Reads what <see cref="Encode"/> wrote, perhaps with an earlier version of the type.</summary>
    /// <exception cref="CodecException">It refuses the type, or the bytes are none of its own.</exception>
    T Decode<T>(ReadOnlyMemory<byte> bytes);
}
