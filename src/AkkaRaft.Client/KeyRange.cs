using AkkaRaft.KeyValue;

namespace AkkaRaft.Client;

/// <summary>Keys in a row, in order of their bytes.</summary>
/// <param name="From">The first key; empty for the first there is.</param>
/// <param name="To">The first key that no longer belongs to it; empty for no end.</param>
public readonly record struct KeyRange(ReadOnlyMemory<byte> From, ReadOnlyMemory<byte> To)
{
    /// <summary>All keys.</summary>
    public static KeyRange All => default;

    /// <summary>One key.</summary>
    /// <param name="key">The key.</param>
    public static KeyRange Key(ReadOnlyMemory<byte> key) => new(key, KeyValueCodec.After(key));

    /// <inheritdoc cref="Key(ReadOnlyMemory{byte})" />
    public static KeyRange Key(string key) => Key(Utf8.Bytes(key));

    /// <summary>All keys that begin with the prefix.</summary>
    /// <param name="prefix">The prefix; empty for all keys.</param>
    public static KeyRange Prefix(ReadOnlyMemory<byte> prefix) => new(prefix, KeyValueCodec.AfterPrefix(prefix));

    /// <inheritdoc cref="Prefix(ReadOnlyMemory{byte})" />
    public static KeyRange Prefix(string prefix) => Prefix(Utf8.Bytes(prefix));
}
