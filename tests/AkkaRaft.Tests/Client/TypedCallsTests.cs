using System.Collections.Immutable;
using System.Text;
using AkkaRaft.Client;
using AkkaRaft.Hosting;
using AkkaRaft.Protocol;

namespace AkkaRaft.Tests.Client;

/// <summary>Calls with keys and values of any type, on a cluster of one.</summary>
public sealed class TypedCallsTests : IAsyncLifetime
{
    private readonly string _data = Directory.CreateTempSubdirectory("akkaraft-").FullName;
    private RaftNode _node = null!;
    private RaftClient _client = null!;

    public sealed record Person(string Name, int Born);

    public sealed record Unnamed(int X);

    public async Task InitializeAsync()
    {
        var members = ImmutableSortedDictionary<MemberId, RaftEndpoint>.Empty.Add(new(0), new(new(0), $"127.0.0.1:{TcpPort.Free()}"));
        _node = await RaftNode.StartAsync(new RaftSettings { ClusterId = "typed", Id = new(0), Members = members, DataDirectory = _data });
        _client = RaftClient.Create(_node.System, new RaftClientSettings
        {
            ClusterId = "typed", Members = members, RequestTimeout = TimeSpan.FromMinutes(1), Codec = new HyperionCodec(typeof(Person)),
        });
    }

    public async Task DisposeAsync()
    {
        await _client.DisposeAsync();
        await _node.DisposeAsync();
        Directory.Delete(_data, recursive: true);
    }

    [Fact]
    public async Task S36_an_object_is_stored_as_what_it_is_and_never_as_object_Object()
    {
        var put = await _client.PutAsync("person/1", new Person("Ada", 1815));
        var entry = await _client.GetAsync<Person>("person/1");
        Assert.Equal(new Entry<Person>(new Person("Ada", 1815), put.Version, 0), entry);
        Assert.Null(await _client.GetAsync<Person>("person/2"));
        var stored = (await _client.GetAsync("person/1"u8.ToArray())).Value;
        Assert.DoesNotContain("[object", System.Text.Encoding.Latin1.GetString(stored.Span), StringComparison.OrdinalIgnoreCase);
        await Assert.ThrowsAsync<CodecException>(() => _client.GetAsync("person/1"));

        await _client.PutAsync("text", "[object Object]");
        await Assert.ThrowsAsync<CodecException>(() => _client.GetAsync<Person>("text"));
    }

    [Fact]
    public async Task A_type_that_was_not_named_is_refused_and_nothing_is_written()
    {
        await Assert.ThrowsAsync<CodecException>(async () => await _client.PutAsync("unnamed", new Unnamed(1)));
        await Assert.ThrowsAsync<CodecException>(async () => await _client.PutAsync("unnamed", (object?)null));
        Assert.Null(await _client.GetAsync("unnamed"));
    }

    [Fact]
    public async Task Text_and_bytes_go_as_they_are_whatever_call_they_come_by()
    {
        byte[] bytes = Encoding.UTF8.GetBytes("v");
        await _client.PutAsync("text", "v");
        await _client.PutAsync("bytes"u8.ToArray(), bytes);
        await _client.PutAsync("mixed", bytes);
        await _client.PutAsync((object)"object", (object)"v");
        foreach (var key in new[] { "text", "bytes", "mixed", "object" })
        {
            Assert.Equal("v", await _client.GetAsync(key));
            Assert.Equal("v", (await _client.GetAsync<string>(key))!.Value);
            Assert.Equal(bytes, (await _client.GetAsync<byte[]>(key))!.Value);
            Assert.Equal(bytes, (await _client.GetAsync<ReadOnlyMemory<byte>>(key))!.Value.ToArray());
            Assert.True((await _client.GetAsync(Encoding.UTF8.GetBytes(key))).Found);
        }
        Assert.True((await _client.DeleteAsync("bytes"u8.ToArray())).Deleted);
        Assert.Null(await _client.GetAsync("bytes"));
    }

    [Fact]
    public async Task Keys_may_be_of_any_type_too()
    {
        await _client.PutAsync(17, "seventeen");
        await _client.PutAsync(new Person("Ada", 1815), new[] { 1, 2, 3 });
        Assert.Equal("seventeen", (await _client.GetAsync<int, string>(17))!.Value);
        Assert.Equal(new[] { 1, 2, 3 }, (await _client.GetAsync<Person, int[]>(new Person("Ada", 1815)))!.Value);
        Assert.Null(await _client.GetAsync<Person, int[]>(new Person("Ada", 1816)));
        Assert.True((await _client.DeleteAsync(17)).Deleted);
        Assert.False((await _client.DeleteAsync(17)).Deleted);
    }

    [Fact]
    public async Task An_object_is_set_if_it_has_the_expected_version_and_otherwise_told()
    {
        var first = await _client.CompareAndSetAsync("cas/1", new Person("Ada", 1815), 0);
        Assert.True(first.Succeeded);
        var conflict = await _client.CompareAndSetAsync("cas/1", new Person("Eve", 1900), 0);
        Assert.Equal(new CompareAndSetResult<Person>(false, first.Version, new Person("Ada", 1815)), conflict);
        var second = await _client.CompareAndSetAsync("cas/1", conflict.Current! with { Born = 1816 }, conflict.Version);
        Assert.True(second.Succeeded);
        Assert.Equal(1816, (await _client.GetAsync<Person>("cas/1"))!.Value.Born);
        Assert.Equal(new CompareAndSetResult<Person>(false, 0, null), await _client.CompareAndSetAsync("cas/none", new Person("Eve", 1900), 7));
    }

    [Fact]
    public async Task Text_keys_scan_by_prefix_in_order_with_values_of_a_type()
    {
        foreach (var i in (List<int>)[3, 1, 2]) await _client.PutAsync($"people/{i}", new Person($"p{i}", i));
        await _client.PutAsync("people", "no object");
        await _client.PutAsync("people0", "no object");
        var rows = new List<Row<Person>>();
        await foreach (var row in _client.ScanAsync<Person>("people/", pageSize: 2)) rows.Add(row);
        Assert.Equal(["people/1", "people/2", "people/3"], rows.Select(r => r.Key));
        Assert.Equal([1, 2, 3], rows.Select(r => r.Value.Born));
        Assert.All(rows, r => Assert.True(r.Version > 0));
    }

    [Fact]
    public async Task An_object_ends_with_its_lease()
    {
        var lease = await _client.GrantLeaseAsync(TimeSpan.FromMinutes(10));
        await _client.PutAsync("leased", new Person("Ada", 1815), lease.Lease);
        Assert.Equal(lease.Lease, (await _client.GetAsync<Person>("leased"))!.Lease);
        await _client.RevokeLeaseAsync(lease.Lease);
        Assert.Null(await _client.GetAsync<Person>("leased"));
    }

    /// <summary>What docs/codecs.md shows.</summary>
    [Fact]
    public async Task The_sample_of_the_docs_runs()
    {
        var client = _client;
        await client.PutAsync("person/ada", new Person("Ada", 1815));
        Entry<Person>? ada = await client.GetAsync<Person>("person/ada");        // null: there is no such key
        CompareAndSetResult<Person> set = await client.CompareAndSetAsync("person/ada", ada!.Value with { Born = 1816 }, ada.Version);
        if (!set.Succeeded) Console.WriteLine($"Somebody else was first: {set.Current}");

        await foreach (Row<Person> row in client.ScanAsync<Person>("person/"))
            Console.WriteLine($"{row.Key}: {row.Value.Name}, version {row.Version}");

        await client.PutAsync(17, new[] { 1, 2, 3 });                            // keys may be of any type too
        Entry<int[]>? numbers = await client.GetAsync<int, int[]>(17);

        Assert.True(set.Succeeded);
        Assert.Equal(new[] { 1, 2, 3 }, numbers!.Value);
    }
}
