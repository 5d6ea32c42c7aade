using System.Collections.Immutable;
using System.Text;
using AkkaRaft.KeyValue;
using AkkaRaft.Log;
using AkkaRaft.Protocol;
using Microsoft.Data.Sqlite;

namespace AkkaRaft.Tests.StateMachine;

/// <summary>A store with a file of its own, to which entries are applied one at a time.</summary>
public abstract class StoreTest : IDisposable
{
    private long _session;
    private long _serial;
    private IKeyValueWrite?[] _last = [];

    protected StoreTest()
    {
        Store = KeyValueStore.Open(Settings, StateFile);
        Propose();
    }

    internal KeyValueStore Store { get; private set; }

    /// <summary>The log's clock.</summary>
    protected long Now { get; set; } = 1_000_000;

    protected string Folder { get; } = Directory.CreateTempSubdirectory("akkaraft-kv-").FullName;

    protected string StateFile => Path.Combine(Folder, "kv.db");

    public RaftSettings Settings { get; private set; } = new()
    {
        ClusterId = "test",
        Id = new MemberId(1),
        Members = ImmutableSortedDictionary<MemberId, RaftEndpoint>.Empty,
        MaxSessions = 2,
        MaxResultsPerSession = 4,
        SessionTimeToLive = TimeSpan.FromSeconds(1),
    };

    public void Dispose()
    {
        GC.SuppressFinalize(this);
        Store.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    protected static Put Put(string key, string value, long lease = 0) => new(Bytes(key), Bytes(value)) { Lease = lease };

    protected static Delete Delete(string key) => new(Bytes(key));

    /// <summary>A compare-and-set.</summary>
    protected static CompareAndSet Change(string key, string value, long version) => new(Bytes(key), Bytes(value), version);

    protected static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);

    protected static string Text(ReadOnlyMemory<byte> bytes) => Encoding.UTF8.GetString(bytes.Span);

    /// <summary>As another process would, over a connection of its own.</summary>
    internal static object? Run(string file, string sql)
    {
        using var connection = new SqliteConnection($"Data Source={file};Pooling=False");
        connection.Open();
        using var command = new SqliteCommand(sql, connection);
        return command.ExecuteScalar();
    }

    protected void Reopen(RaftSettings? settings = null, bool commits = true)
    {
        if (commits) Store.Commit();
        Store.Dispose();
        Settings = settings ?? Settings;
        Store = KeyValueStore.Open(Settings, StateFile);
        if (settings is not null) Propose();
    }

    protected LogEntry Entry(long index, ReadOnlyMemory<byte> payload, EntryKind kind = EntryKind.Command) => new(index, 7, Now, kind, payload);

    /// <summary>As a leader with the test's settings does when it begins to lead.</summary>
    private void Propose() => Store.Apply([Entry(Store.AppliedIndex + 1, StoreLimits.Of(Settings).Encode(), EntryKind.NoOp)], 1);

    /// <summary>An entry that changes nothing but the time.</summary>
    protected void Pass(TimeSpan time)
    {
        Now += (long)time.TotalMilliseconds;
        Store.Apply([Entry(Store.AppliedIndex + 1, default, EntryKind.NoOp)], 1);
    }

    internal SessionOutcome Submit(ReadOnlyMemory<byte> payload)
    {
        var index = Store.AppliedIndex + 1;
        return SessionCodec.DecodeResult(Store.Apply([Entry(index, payload)], index * 10)[0]);
    }

    protected long OpenSession() => Assert.IsType<SessionOpened>(Submit(SessionCodec.EncodeOpen("", "test", (ulong)Store.AppliedIndex))).Session;

    internal SessionOutcome Batch(long session, long firstSerial, long ackedUpTo, params IKeyValueWrite?[] requests)
    {
        _last = requests;
        return Submit(StoreCommands.Batch(session, firstSerial, ackedUpTo, requests));
    }

    /// <summary>The replies to the last batch; null for what asked for none. An array: immutable arrays compare by reference.</summary>
    internal IKeyValueReply?[] Executed(SessionOutcome outcome, params IKeyValueWrite?[] requests)
    {
        var asked = requests.Length > 0 ? requests : _last;
        var executed = Assert.IsType<BatchExecuted>(outcome);
        Assert.Equal(asked.Length, executed.Forgotten + executed.Results.Count);
        return [.. asked.Select((request, i) => request is null ? null : StoreCommands.Reply(request, executed, i))];
    }

    /// <summary>Executes requests with a session of the test's own, each batch acknowledged.</summary>
    protected IKeyValueReply[] Do(params IKeyValueWrite[] requests)
    {
        if (_session == 0) _session = OpenSession();
        var outcome = Batch(_session, _serial + 1, _serial, requests);
        _serial += requests.Length;
        return Executed(outcome)!;
    }

    protected T Do<T>(IKeyValueWrite request) where T : IKeyValueReply => Assert.IsType<T>(Do([request])[0]);

    protected T Ask<T>(IKeyValueRead request) where T : IKeyValueReply =>
        Assert.IsType<T>(KeyValueCodec.Replies([request], Store.Query(KeyValueCodec.EncodeQuery([request])))[0]);

    protected string? Get(string key) => Get([key])[0]?.Value;

    protected (string Value, long Version)?[] Get(params string[] keys)
    {
        var requests = keys.Select(key => (IKeyValueRead)new Get(Bytes(key))).ToList();
        return
        [
            .. KeyValueCodec.Replies(requests, Store.Query(KeyValueCodec.EncodeQuery(requests))).Cast<GetReply>()
                .Select(reply => reply.Found ? (Text(reply.Value), reply.Version) : ((string, long)?)null),
        ];
    }
}
