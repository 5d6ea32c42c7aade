using AkkaRaft.KeyValue;
using AkkaRaft.Protocol.Wire;
using BenchmarkDotNet.Attributes;
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
        var opened = _store.Apply([Inputs.Entry(++_index, KeyValueCodec.EncodeOpenSession("micro", 1))], 1)[0];
        _session = ((AkkaRaft.KeyValue.KvSessionOpened)KeyValueCodec.DecodeResult(opened)).Session;
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
    private Sessions _sessions = null!;
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
            schema.CommandText = Sessions.Schema;
            schema.ExecuteNonQuery();
        }
        _file = new StateConnection(connection, ":memory:");
        _sessions = new Sessions(_file);
        for (var i = 1; i <= Others; i++) _sessions.Open(i, 1_000 + i);
    }

    [GlobalCleanup]
    public void Cleanup() => _file.Dispose();

    [Benchmark(OperationsPerInvoke = 100)]
    public object ExecuteHundred()
    {
        var outcome = _sessions.Execute(Others, _serial, _serial - 1, 100, 20_000, i => new KvOperationResult { Version = i });
        _serial += 100;
        _file.Commit(_sessions.Take());
        return outcome;
    }
}
