using System.Runtime.CompilerServices;
using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;

namespace AkkaRaft.Client;

/// <summary>What a key holds, read as a type.</summary>
/// <param name="Value">Its value.</param>
/// <param name="Version">Store revision of the key's last change.</param>
/// <param name="Lease">The lease with which the key ends; 0 for none.</param>
public sealed record Entry<TValue>(TValue Value, long Version, long Lease);

/// <summary>A text key with what it holds, read as a type.</summary>
/// <param name="Key">The key.</param>
/// <param name="Value">Its value.</param>
/// <param name="Version">Store revision of the key's last change.</param>
/// <param name="Lease">The lease with which the key ends; 0 for none.</param>
public sealed record Row<TValue>(string Key, TValue Value, long Version, long Lease);

/// <summary>How a compare-and-set ended.</summary>
/// <param name="Succeeded">Whether the key had the expected version, and has the new value now.</param>
/// <param name="Version">The key's version now: the new one after success; otherwise the one it has, 0 when it is not there.</param>
/// <param name="Current">After a conflict the value that the key has; the default when it is not there, or after success.</param>
public sealed record CompareAndSetResult<TValue>(bool Succeeded, long Version, TValue? Current);

/// <summary>
/// Calls for keys and values of any type. Text is UTF-8 and bytes are as they are, so that they sort, scan by prefix and can be read by other tools;
/// everything else goes through <see cref="RaftClientSettings.Codec"/>, on this side: members see bytes.
/// </summary>
public sealed partial class RaftClient
{
    /// <summary>Sets a key; ends once the change is committed and applied.</summary>
    /// <param name="key">Text, bytes, or what the codec takes.</param>
    /// <param name="value">Text, bytes, or what the codec takes.</param>
    /// <param name="cancellationToken">Ends the wait; the change may take effect all the same.</param>
    /// <exception cref="CodecException">The codec refuses a type; nothing was sent.</exception>
    /// <exception cref="RaftException">It got no result; the type says whether it may have taken effect.</exception>
    public Task<PutReply> PutAsync<TKey, TValue>(TKey key, TValue value, CancellationToken cancellationToken = default) =>
        PutAsync(Encode(key), Encode(value), cancellationToken);

    /// <summary>Sets a key that ends with a lease.</summary>
    /// <param name="key">Text, bytes, or what the codec takes.</param>
    /// <param name="value">Text, bytes, or what the codec takes.</param>
    /// <param name="lease">The lease's number; 0 for none.</param>
    /// <param name="cancellationToken">Ends the wait; the change may take effect all the same.</param>
    /// <exception cref="CodecException">The codec refuses a type; nothing was sent.</exception>
    /// <exception cref="LeaseNotFoundException">The lease has expired, or was revoked; nothing was changed.</exception>
    /// <exception cref="RaftException">It got no result; the type says whether it may have taken effect.</exception>
    public Task<PutReply> PutAsync<TKey, TValue>(TKey key, TValue value, long lease, CancellationToken cancellationToken = default) =>
        PutAsync(Encode(key), Encode(value), lease, cancellationToken);

    /// <summary>Reads a text key as a value of a type.</summary>
    /// <inheritdoc cref="GetAsync{TKey, TValue}(TKey, ReadConsistency, CancellationToken)" />
    public Task<Entry<TValue>?> GetAsync<TValue>(string key, ReadConsistency consistency = ReadConsistency.Linearizable, CancellationToken cancellationToken = default) =>
        GetAsync<string, TValue>(key, consistency, cancellationToken);

    /// <summary>Reads a key as a value of a type.</summary>
    /// <param name="key">Text, bytes, or what the codec takes.</param>
    /// <param name="consistency">How fresh the answer must be.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>What it holds, or null when it is not there.</returns>
    /// <exception cref="CodecException">The codec refuses the key's type, or what the key holds is none of <typeparamref name="TValue"/>.</exception>
    /// <exception cref="RaftException">It could not be read.</exception>
    public async Task<Entry<TValue>?> GetAsync<TKey, TValue>(
        TKey key, ReadConsistency consistency = ReadConsistency.Linearizable, CancellationToken cancellationToken = default)
    {
        var reply = await GetAsync(Encode(key), consistency, cancellationToken).ConfigureAwait(false);
        return reply.Found ? new Entry<TValue>(Decode<TValue>(reply.Value), reply.Version, reply.Lease) : null;
    }

    /// <summary>Removes a key; ends once the change is committed and applied.</summary>
    /// <param name="key">Text, bytes, or what the codec takes.</param>
    /// <param name="cancellationToken">Ends the wait; the change may take effect all the same.</param>
    /// <returns>Whether the key was there.</returns>
    /// <exception cref="CodecException">The codec refuses the type; nothing was sent.</exception>
    /// <exception cref="RaftException">It got no result; the type says whether it may have taken effect.</exception>
    public Task<DeleteReply> DeleteAsync<TKey>(TKey key, CancellationToken cancellationToken = default) => DeleteAsync(Encode(key), cancellationToken);

    /// <summary>Sets a key if it has the expected version.</summary>
    /// <param name="key">Text, bytes, or what the codec takes.</param>
    /// <param name="value">Text, bytes, or what the codec takes.</param>
    /// <param name="expectedVersion">The version that it must have; 0 when it must not be there.</param>
    /// <param name="cancellationToken">Ends the wait; the change may take effect all the same.</param>
    /// <returns>Whether it was set, and otherwise what the key holds.</returns>
    /// <exception cref="CodecException">The codec refuses a type, and nothing was sent; or it conflicts, and the codec cannot read what the key holds.</exception>
    /// <exception cref="RaftException">It got no result; the type says whether it may have taken effect.</exception>
    public async Task<CompareAndSetResult<TValue>> CompareAndSetAsync<TKey, TValue>(
        TKey key, TValue value, long expectedVersion, CancellationToken cancellationToken = default)
    {
        var reply = await CompareAndSetAsync(Encode(key), Encode(value), expectedVersion, cancellationToken).ConfigureAwait(false);
        return new CompareAndSetResult<TValue>(reply.Succeeded, reply.Version, reply.Succeeded || reply.Version == 0 ? default : Decode<TValue>(reply.Value));
    }

    /// <summary>Reads all text keys that begin with a prefix, in order of their bytes, page by page. Each page is of one moment, later pages of later ones.</summary>
    /// <param name="prefix">The prefix; empty for all keys.</param>
    /// <param name="consistency">How fresh each page must be.</param>
    /// <param name="pageSize">Most rows in a page; 0 for as many as a page holds.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="CodecException">What a key holds is none of <typeparamref name="TValue"/>.</exception>
    /// <exception cref="RaftException">It could not be read.</exception>
    public async IAsyncEnumerable<Row<TValue>> ScanAsync<TValue>(
        string prefix, ReadConsistency consistency = ReadConsistency.Linearizable, int pageSize = 0, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await foreach (var row in ScanAsync(Utf8.Bytes(prefix), consistency, pageSize, cancellationToken).ConfigureAwait(false))
            yield return new Row<TValue>(Utf8.Text(row.Key), Decode<TValue>(row.Value), row.Version, row.Lease);
    }

    private ReadOnlyMemory<byte> Encode<T>(T item) => item switch
    {
        string text => Utf8.Bytes(text),
        byte[] bytes => bytes,
        ReadOnlyMemory<byte> bytes => bytes,
        Memory<byte> bytes => bytes,
        null => throw new CodecException("null is no key and no value; delete the key instead."),
        _ => _settings.Codec.Encode(item),
    };

    private T Decode<T>(ReadOnlyMemory<byte> bytes) =>
        typeof(T) == typeof(string) ? (T)(object)Utf8.Text(bytes)
        : typeof(T) == typeof(byte[]) ? (T)(object)bytes.ToArray()
        : typeof(T) == typeof(ReadOnlyMemory<byte>) ? (T)(object)bytes
        : _settings.Codec.Decode<T>(bytes);
}
