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

/// <summary>A change of a text key, read as a type.</summary>
/// <param name="Key">The key.</param>
/// <param name="Value">Its new value; the default when it was removed.</param>
/// <param name="Version">The store's revision with this change.</param>
/// <param name="Deleted">Whether it was removed: by a delete, or with its lease.</param>
/// <param name="Lease">The lease with which it ends; 0 for none.</param>
public sealed record Change<TValue>(string Key, TValue? Value, long Version, bool Deleted, long Lease);

/// <summary>
/// Calls for keys and values of any type. Text is UTF-8 and bytes are as they are, so that they sort, scan by prefix and can be read by other tools;
/// everything else goes through <see cref="IRaftClient.Codec"/>, on this side: members see bytes.
/// </summary>
public static class RaftClientExtensions
{
    /// <summary>Sets a text key; ends once the change is committed and applied.</summary>
    /// <param name="client">The client.</param>
    /// <param name="key">One to 4 096 bytes of UTF-8 by default.</param>
    /// <param name="value">Up to 1 MiB of UTF-8 by default.</param>
    /// <param name="cancellationToken">Ends the wait; the change may take effect all the same.</param>
    /// <exception cref="RaftException">It got no result; the type says whether it may have taken effect.</exception>
    public static Task<PutReply> PutAsync(this IRaftClient client, string key, string value, CancellationToken cancellationToken = default) =>
        client.PutAsync(Utf8.Bytes(key), Utf8.Bytes(value), lease: 0, cancellationToken);

    /// <summary>Reads a key as text. <c>GetAsync&lt;string&gt;(key)</c> tells its version too.</summary>
    /// <param name="client">The client.</param>
    /// <param name="key">The key.</param>
    /// <param name="consistency">How fresh the answer must be.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The value, or null when the key is not there.</returns>
    /// <exception cref="CodecException">What it holds is no UTF-8.</exception>
    /// <exception cref="RaftException">It could not be read.</exception>
    public static async Task<string?> GetAsync(this IRaftClient client, string key, ReadConsistency consistency = ReadConsistency.Linearizable, CancellationToken cancellationToken = default)
    {
        var reply = await client.GetAsync(Utf8.Bytes(key), consistency, cancellationToken).ConfigureAwait(false);
        return reply.Found ? Utf8.Text(reply.Value) : null;
    }

    /// <summary>Removes a text key; ends once the change is committed and applied.</summary>
    /// <param name="client">The client.</param>
    /// <param name="key">The key.</param>
    /// <param name="cancellationToken">Ends the wait; the change may take effect all the same.</param>
    /// <returns>Whether the key was there.</returns>
    /// <exception cref="RaftException">It got no result; the type says whether it may have taken effect.</exception>
    public static Task<DeleteReply> DeleteAsync(this IRaftClient client, string key, CancellationToken cancellationToken = default) => client.DeleteAsync(Utf8.Bytes(key), cancellationToken);

    /// <summary>Sets a text key if it has the expected version.</summary>
    /// <param name="client">The client.</param>
    /// <param name="key">The key.</param>
    /// <param name="value">Its new value.</param>
    /// <param name="expectedVersion">The version that it must have; 0 when it must not be there.</param>
    /// <param name="cancellationToken">Ends the wait; the change may take effect all the same.</param>
    /// <returns>Whether it was set, and the version that the key has now.</returns>
    /// <exception cref="RaftException">It got no result; the type says whether it may have taken effect.</exception>
    public static Task<CompareAndSetReply> CompareAndSetAsync(this IRaftClient client, string key, string value, long expectedVersion, CancellationToken cancellationToken = default) =>
        client.CompareAndSetAsync(Utf8.Bytes(key), Utf8.Bytes(value), expectedVersion, lease: 0, cancellationToken);

    /// <summary>Reads a range of keys in order of their bytes, page by page. Each page is of one moment, later pages of later ones.</summary>
    /// <param name="client">The client.</param>
    /// <param name="range">Which keys.</param>
    /// <param name="consistency">How fresh each page must be.</param>
    /// <param name="pageSize">Most rows in a page; 0 for as many as a page holds.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="RaftException">It could not be read.</exception>
    public static async IAsyncEnumerable<Row> RangeAsync(
        this IRaftClient client, KeyRange range, ReadConsistency consistency = ReadConsistency.Linearizable, int pageSize = 0,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var from = range.From;
        while (true)
        {
            var page = await client.PageAsync(new GetRange(from, range.To, pageSize, consistency), cancellationToken).ConfigureAwait(false);
            // More of them without end is no range.
            if (page.More && (page.Rows.IsDefaultOrEmpty || page.Rows[^1].Key.Span.SequenceCompareTo(from.Span) < 0))
                throw new BadAnswerException("A page of the range has more rows behind it, and none that goes on from the page before: what was asked is no member, or its answer is damaged.");
            foreach (var row in page.Rows) yield return row;
            if (!page.More) yield break;
            from = KeyValueCodec.After(page.Rows[^1].Key);
        }
    }

    /// <summary>Reads all keys that begin with a prefix; otherwise as <see cref="RangeAsync(IRaftClient, KeyRange, ReadConsistency, int, CancellationToken)"/>.</summary>
    /// <param name="client">The client.</param>
    /// <param name="prefix">The prefix; empty for all keys.</param>
    /// <param name="consistency">How fresh each page must be.</param>
    /// <param name="pageSize">Most rows in a page; 0 for as many as a page holds.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="RaftException">It could not be read.</exception>
    public static IAsyncEnumerable<Row> ScanAsync(
        this IRaftClient client, ReadOnlyMemory<byte> prefix, ReadConsistency consistency = ReadConsistency.Linearizable, int pageSize = 0, CancellationToken cancellationToken = default) =>
        client.RangeAsync(KeyRange.Prefix(prefix), consistency, pageSize, cancellationToken);

    /// <inheritdoc cref="ScanAsync(IRaftClient, ReadOnlyMemory{byte}, ReadConsistency, int, CancellationToken)" />
    public static IAsyncEnumerable<Row> ScanAsync(this IRaftClient client, string prefix, ReadConsistency consistency = ReadConsistency.Linearizable, int pageSize = 0, CancellationToken cancellationToken = default) =>
        client.ScanAsync(Utf8.Bytes(prefix), consistency, pageSize, cancellationToken);

    /// <summary>Asks for a lease, and keeps it alive until it is disposed of.</summary>
    /// <param name="client">The client.</param>
    /// <param name="timeToLive">How long it lives when it cannot be kept alive; one second to ten days. The longer, the later others see that its holder is gone.</param>
    /// <param name="cancellationToken">Ends the wait; the lease may be granted all the same, and expire.</param>
    /// <exception cref="RaftException">It got no result; the type says whether it may have taken effect.</exception>
    public static Task<HeldLease> HoldLeaseAsync(this IRaftClient client, TimeSpan timeToLive, CancellationToken cancellationToken = default) =>
        HeldLease.HoldAsync(client, timeToLive, cancellationToken);

    /// <summary>Sets a key; ends once the change is committed and applied.</summary>
    /// <param name="client">The client.</param>
    /// <param name="key">Text, bytes, or what the codec takes.</param>
    /// <param name="value">Text, bytes, or what the codec takes.</param>
    /// <param name="cancellationToken">Ends the wait; the change may take effect all the same.</param>
    /// <exception cref="CodecException">The codec refuses a type; nothing was sent.</exception>
    /// <exception cref="RaftException">It got no result; the type says whether it may have taken effect.</exception>
    public static Task<PutReply> PutAsync<TKey, TValue>(
        this IRaftClient client, TKey key, TValue value, CancellationToken cancellationToken = default) =>
        client.PutAsync(client.Encode(key), client.Encode(value), lease: 0, cancellationToken);

    /// <summary>Sets a key that ends with a lease.</summary>
    /// <param name="client">The client.</param>
    /// <param name="key">Text, bytes, or what the codec takes.</param>
    /// <param name="value">Text, bytes, or what the codec takes.</param>
    /// <param name="lease">The lease's number; 0 for none.</param>
    /// <param name="cancellationToken">Ends the wait; the change may take effect all the same.</param>
    /// <exception cref="CodecException">The codec refuses a type; nothing was sent.</exception>
    /// <exception cref="LeaseNotFoundException">The lease has expired, or was revoked; nothing was changed.</exception>
    /// <exception cref="RaftException">It got no result; the type says whether it may have taken effect.</exception>
    public static Task<PutReply> PutAsync<TKey, TValue>(
        this IRaftClient client, TKey key, TValue value, long lease, CancellationToken cancellationToken = default) =>
        client.PutAsync(client.Encode(key), client.Encode(value), lease, cancellationToken);

    /// <summary>Reads a text key as a value of a type.</summary>
    /// <inheritdoc cref="GetAsync{TKey, TValue}(IRaftClient, TKey, ReadConsistency, CancellationToken)" />
    public static Task<Entry<TValue>?> GetAsync<TValue>(
        this IRaftClient client, string key, ReadConsistency consistency = ReadConsistency.Linearizable, CancellationToken cancellationToken = default) =>
        client.GetAsync<string, TValue>(key, consistency, cancellationToken);

    /// <summary>Reads a key as a value of a type.</summary>
    /// <param name="client">The client.</param>
    /// <param name="key">Text, bytes, or what the codec takes.</param>
    /// <param name="consistency">How fresh the answer must be.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>What it holds, or null when it is not there.</returns>
    /// <exception cref="CodecException">The codec refuses the key's type, or what the key holds is none of <typeparamref name="TValue"/>.</exception>
    /// <exception cref="RaftException">It could not be read.</exception>
    public static async Task<Entry<TValue>?> GetAsync<TKey, TValue>(
        this IRaftClient client, TKey key, ReadConsistency consistency = ReadConsistency.Linearizable, CancellationToken cancellationToken = default)
    {
        var reply = await client.GetAsync(client.Encode(key), consistency, cancellationToken).ConfigureAwait(false);
        return reply.Found ? new Entry<TValue>(client.Decode<TValue>(reply.Value), reply.Version, reply.Lease) : null;
    }

    /// <summary>Removes a key; ends once the change is committed and applied.</summary>
    /// <param name="client">The client.</param>
    /// <param name="key">Text, bytes, or what the codec takes.</param>
    /// <param name="cancellationToken">Ends the wait; the change may take effect all the same.</param>
    /// <returns>Whether the key was there.</returns>
    /// <exception cref="CodecException">The codec refuses the type; nothing was sent.</exception>
    /// <exception cref="RaftException">It got no result; the type says whether it may have taken effect.</exception>
    public static Task<DeleteReply> DeleteAsync<TKey>(
        this IRaftClient client, TKey key, CancellationToken cancellationToken = default) => client.DeleteAsync(client.Encode(key), cancellationToken);

    /// <summary>Sets a key if it has the expected version.</summary>
    /// <param name="client">The client.</param>
    /// <param name="key">Text, bytes, or what the codec takes.</param>
    /// <param name="value">Text, bytes, or what the codec takes.</param>
    /// <param name="expectedVersion">The version that it must have; 0 when it must not be there.</param>
    /// <param name="cancellationToken">Ends the wait; the change may take effect all the same.</param>
    /// <returns>Whether it was set, and otherwise what the key holds.</returns>
    /// <exception cref="CodecException">The codec refuses a type, and nothing was sent; or it conflicts, and the codec cannot read what the key holds.</exception>
    /// <exception cref="RaftException">It got no result; the type says whether it may have taken effect.</exception>
    public static async Task<CompareAndSetResult<TValue>> CompareAndSetAsync<TKey, TValue>(
        this IRaftClient client, TKey key, TValue value, long expectedVersion, CancellationToken cancellationToken = default)
    {
        var reply = await client.CompareAndSetAsync(client.Encode(key), client.Encode(value), expectedVersion, lease: 0, cancellationToken).ConfigureAwait(false);
        return new CompareAndSetResult<TValue>(reply.Succeeded, reply.Version, reply.Succeeded || reply.Version == 0 ? default : client.Decode<TValue>(reply.Value));
    }

    /// <summary>Reads all text keys that begin with a prefix, in order of their bytes, page by page. Each page is of one moment, later pages of later ones.</summary>
    /// <param name="client">The client.</param>
    /// <param name="prefix">The prefix; empty for all keys.</param>
    /// <param name="consistency">How fresh each page must be.</param>
    /// <param name="pageSize">Most rows in a page; 0 for as many as a page holds.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="CodecException">What a key holds is none of <typeparamref name="TValue"/>.</exception>
    /// <exception cref="RaftException">It could not be read.</exception>
    public static async IAsyncEnumerable<Row<TValue>> ScanAsync<TValue>(
        this IRaftClient client, string prefix, ReadConsistency consistency = ReadConsistency.Linearizable, int pageSize = 0, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await foreach (var row in client.RangeAsync<TValue>(KeyRange.Prefix(prefix), consistency, pageSize, cancellationToken).ConfigureAwait(false)) yield return row;
    }

    /// <summary>Reads a range of text keys, in order of their bytes, page by page. Each page is of one moment, later pages of later ones.</summary>
    /// <param name="client">The client.</param>
    /// <param name="range">Which keys.</param>
    /// <param name="consistency">How fresh each page must be.</param>
    /// <param name="pageSize">Most rows in a page; 0 for as many as a page holds.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="CodecException">What a key holds is none of <typeparamref name="TValue"/>.</exception>
    /// <exception cref="RaftException">It could not be read.</exception>
    public static async IAsyncEnumerable<Row<TValue>> RangeAsync<TValue>(
        this IRaftClient client, KeyRange range, ReadConsistency consistency = ReadConsistency.Linearizable, int pageSize = 0, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await foreach (var row in client.RangeAsync(range, consistency, pageSize, cancellationToken).ConfigureAwait(false))
            yield return new Row<TValue>(Utf8.Text(row.Key), client.Decode<TValue>(row.Value), row.Version, row.Lease);
    }

    /// <summary>Tells the changes of a range of text keys, read as a type; otherwise as <see cref="RaftClient.WatchAsync"/>.</summary>
    /// <param name="client">The client.</param>
    /// <param name="range">Which keys.</param>
    /// <param name="fromRevision">The first revision whose changes are wanted; null for those made after the watch has begun.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="CodecException">A value is none of <typeparamref name="TValue"/>.</exception>
    /// <exception cref="RaftException">As of <see cref="RaftClient.WatchAsync"/>.</exception>
    public static async IAsyncEnumerable<Change<TValue>> WatchAsync<TValue>(
        this IRaftClient client, KeyRange range, long? fromRevision = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await foreach (var change in client.WatchAsync(range, fromRevision, cancellationToken).ConfigureAwait(false))
            yield return new Change<TValue>(Utf8.Text(change.Key), change.Deleted ? default : client.Decode<TValue>(change.Value), change.Version, change.Deleted, change.Lease);
    }

    private static ReadOnlyMemory<byte> Encode<T>(this IRaftClient client, T item) => item switch
    {
        string text => Utf8.Bytes(text),
        byte[] bytes => bytes,
        ReadOnlyMemory<byte> bytes => bytes,
        Memory<byte> bytes => bytes,
        null => throw new CodecException("null is no key and no value; delete the key instead."),
        _ => client.Codec.Encode(item),
    };

    private static T Decode<T>(this IRaftClient client, ReadOnlyMemory<byte> bytes) =>
        typeof(T) == typeof(string) ? (T)(object)Utf8.Text(bytes)
        : typeof(T) == typeof(byte[]) ? (T)(object)bytes.ToArray()
        : typeof(T) == typeof(ReadOnlyMemory<byte>) ? (T)(object)bytes
        : client.Codec.Decode<T>(bytes);
}
