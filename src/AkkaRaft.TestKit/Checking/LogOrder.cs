using AkkaRaft.Client;
using AkkaRaft.Log;
using AkkaRaft.StateMachines;
using Google.Protobuf;
using Wire = AkkaRaft.Protocol.Wire;

namespace AkkaRaft.TestKit.Checking;

/// <summary>In which order the cluster has applied the commands of clients: its log, gone through once more. The search for an order of all calls begins with it, and believes none of it.</summary>
/// <param name="stateMachine">The name of the class.</param>
internal sealed class LogOrder(string stateMachine)
{
    private readonly Dictionary<int, List<PendingCall>> _open = [];
    private readonly Dictionary<(long Session, long Serial), PendingCall> _calls = [];
    private readonly Dictionary<long, LogEntry> _entries = [];
    private Dictionary<PendingCall, long>? _places;

    /// <summary>A client has a command to send.</summary>
    public void Asks(int client, PendingCall call)
    {
        if (!_open.TryGetValue(client, out var open)) _open.Add(client, open = []);
        open.RemoveAll(c => c.IsAnswered);
        open.Add(call);
    }

    /// <summary>A client sends a batch, whose serials are those of the calls that it is made of.</summary>
    public void Sent(int client, ReadOnlyMemory<byte> payload)
    {
        if (BatchOf(payload) is not { } batch || !_open.TryGetValue(client, out var open)) return;
        foreach (var call in open)
        {
            if (call.Flight is { } flight && flight.FirstSerial >= batch.FirstSerial && flight.Calls.IndexOf(call) is >= 0 and var at && flight.FirstSerial + at < batch.FirstSerial + batch.Operations.Count)
                _calls.TryAdd((batch.Session, flight.FirstSerial + at), call);
        }
    }

    /// <summary>The entry is committed. After the loss of a majority another may be in its place.</summary>
    public void Committed(LogEntry entry)
    {
        _places = null;
        _entries[entry.Index] = entry;
    }

    /// <returns><see cref="long.MaxValue"/> when it was not applied.</returns>
    public long PlaceOf(PendingCall call) => (_places ??= Places()).GetValueOrDefault(call, long.MaxValue);

    private Dictionary<PendingCall, long> Places()
    {
        var places = new Dictionary<PendingCall, long>();
        var applied = new Counter();
        // Sessions decide which of them are applied, once each, and which are refused.
        var state = new PlainState(stateMachine, applied);
        for (var index = 1L; _entries.TryGetValue(index, out var entry); index++)
        {
            applied.Count = 0;
            state.Apply([entry], 0);
            if (applied.Count == 0 || BatchOf(entry.Payload) is not { } batch) continue;
            for (var i = 0; i < batch.Operations.Count; i++)
            {
                // One that was given up goes as a no-op.
                if (!batch.Operations[i].IsEmpty && _calls.TryGetValue((batch.Session, batch.FirstSerial + i), out var call)) places.TryAdd(call, places.Count);
            }
        }
        return places;
    }

    /// <summary>Counts what is applied to it.</summary>
    private sealed class Counter : IPlainStateMachine
    {
        public int Count { get; set; }

        public ReadOnlyMemory<byte> Apply(ReadOnlyMemory<byte> command, ApplyContext context)
        {
            Count++;
            return default;
        }

        public ReadOnlyMemory<byte> Query(ReadOnlyMemory<byte> query) => default;

        public void Save(Stream destination)
        {
        }

        public void Load(Stream source)
        {
        }

        public void OnTimer(string timer, ApplyContext context)
        {
        }
    }

    private static Wire.SessionBatch? BatchOf(ReadOnlyMemory<byte> payload)
    {
        try
        {
            return Wire.SessionCommand.Parser.ParseFrom(payload.Span).Batch;
        }
        catch (InvalidProtocolBufferException)
        {
            return null;
        }
    }
}
