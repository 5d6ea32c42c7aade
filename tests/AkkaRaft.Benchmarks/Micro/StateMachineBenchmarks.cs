using AkkaRaft.Protocol;
using AkkaRaft.KeyValue;
using AkkaRaft.Protocol.Wire;
using AkkaRaft.Log;
using AkkaRaft.StateMachines;
using BenchmarkDotNet.Attributes;
using Google.Protobuf;
using Microsoft.Data.Sqlite;

namespace AkkaRaft.Benchmarks.Micro;

/// <summary>Applying one client batch, and the session table alone.</summary>
[MemoryDiagnoser]
public class StateMachineBenchmarks
{
    private const int PutsPerCommit = 5_000;

    private string _file = null!;
    private KeyValueStore _store = null!;
    private long _session;
    private long _index;
    private long _serial = 1;

    /// <summary>Puts in the batch.</summary>
    [Params(1, 100, 1000)]
    public int Operations { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _file = Path.Combine(Path.GetTempPath(), $"akkaraft-micro-{Environment.ProcessId}-{Operations}.db");
        _store = KeyValueStore.Open(Inputs.Settings, _file);
        var opened = _store.Apply([Inputs.Entry(++_index, SessionCodec.EncodeOpen("", "micro", 1))], 1)[0];
        _session = ((Protocol.SessionOpened)SessionCodec.DecodeResult(opened)).Session;
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _store.Dispose();
        foreach (var file in new[] { _file, $"{_file}-wal", $"{_file}-shm" }) File.Delete(file);
    }

    /// <summary>To the file, with a commit for as many puts as a busy member has between two.</summary>
    [Benchmark]
    public object ApplyBatch()
    {
        var payload = Inputs.Batch(_session, _serial, Operations);
        _serial += Operations;
        var results = _store.Apply([Inputs.Entry(++_index, payload)], 1);
        if (_serial % PutsPerCommit < Operations) _store.Commit();
        return results;
    }
}

/// <summary>The session table by itself, in memory: one batch executed, the one before acknowledged.</summary>
[MemoryDiagnoser]
public class SessionBenchmarks
{
    private StateConnection _file = null!;
    private SessionTables _tables = null!;
    private Sessions _sessions = null!;
    private readonly ByteString _operation = ByteString.CopyFromUtf8("x");
    private long _serial = 1;

    /// <summary>Sessions that are there.</summary>
    [Params(1, 10_000)]
    public int Others { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        var connection = new SqliteConnection("Data Source=:memory:");
        connection.Open();
        using (var schema = connection.CreateCommand())
        {
            schema.CommandText = SessionTables.Schema;
            schema.ExecuteNonQuery();
        }
        _file = new StateConnection(connection, ":memory:");
        _tables = new SessionTables(_file);
        _sessions = new Sessions("", _tables) { Limits = StoreLimits.BeforeTheFirst.OfSessions };
        for (var i = 1; i <= Others; i++) _sessions.Open(i, 1_000 + i);
    }

    [GlobalCleanup]
    public void Cleanup() => _file.Dispose();

    [Benchmark(OperationsPerInvoke = 100)]
    public object ExecuteHundred()
    {
        var batch = SessionCodec.EncodeBatch(Others, _serial, _serial - 1, Enumerable.Repeat(_operation, 100));
        var outcome = _sessions.Execute(new LogEntry(1, 1, 20_000, EntryKind.Command, batch), _ => null, i => new KvOperationResult { Version = i }.ToByteString());
        _serial += 100;
        _file.Commit(_tables.Take(_sessions));
        return outcome;
    }
}
