using AkkaRaft.StateMachine;
using BenchmarkDotNet.Attributes;

namespace AkkaRaft.Benchmarks.Micro;

/// <summary>Applying one client batch in a transaction of its own, and the session table alone.</summary>
[MemoryDiagnoser]
public class StateMachineBenchmarks
{
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
        _session = ++_index;
        _store.Apply([Inputs.Entry(_session, KeyValueCodec.EncodeOpenSession("micro"))], 1);
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        _store.Dispose();
        foreach (var file in new[] { _file, $"{_file}-wal", $"{_file}-shm" }) File.Delete(file);
    }

    /// <summary>To the file, as a member does it.</summary>
    [Benchmark]
    public object ApplyBatch()
    {
        var payload = Inputs.Batch(_session, _serial, Operations);
        _serial += Operations;
        return _store.Apply([Inputs.Entry(++_index, payload)], 1);
    }
}

/// <summary>The session table by itself: one batch executed, the one before acknowledged.</summary>
[MemoryDiagnoser]
public class SessionBenchmarks
{
    private Sessions _sessions = null!;
    private long _serial = 1;

    /// <summary>Sessions that are there.</summary>
    [Params(1, 10_000)]
    public int Others { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        _sessions = new Sessions(new SessionLimits(600_000, 10_000, 20_000), new Nowhere());
        for (var i = 1; i <= Others; i++) _sessions.Open(i, 1_000 + i);
    }

    [Benchmark(OperationsPerInvoke = 100)]
    public object ExecuteHundred()
    {
        var outcome = _sessions.Execute(Others, _serial, _serial - 1, 100, 20_000, i => new OperationResult(false, i));
        _serial += 100;
        _sessions.Save();
        return outcome;
    }

    private sealed class Nowhere : ISessionStorage
    {
        public void SaveSession(long session, long lastUsedMs, long nextSerial, long acked) { }

        public void RemoveSession(long session) { }

        public void SaveResult(long session, long serial, OperationResult result) { }

        public void RemoveResults(long session, long upToSerial) { }
    }
}
