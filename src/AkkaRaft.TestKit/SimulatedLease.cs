using System.Globalization;
using AkkaRaft.KeyValue;
using AkkaRaft.TestKit.Checking;

namespace AkkaRaft.TestKit;

/// <summary>A client's lease, and how long it must have lived at least.</summary>
public sealed class SimulatedLease
{
    private readonly SimulatedClient _client;
    private readonly ClusterSimulation _simulation;
    private readonly List<(string Key, SimulatedWatch Watch)> _keys = [];
    private bool _isRevoked;
    private TimeSpan _keptAlive;

    internal SimulatedLease(ClusterSimulation simulation, SimulatedClient client, TimeSpan timeToLive, Action<SimulatedLease>? then)
    {
        _simulation = simulation;
        _client = client;
        TimeToLive = timeToLive;
        simulation.Granted(this);
        client.Call(OperationKind.Lease, "", null, new GrantLease(timeToLive), call =>
        {
            if (call.Reply is LeaseReply granted)
            {
                Id = granted.Status.Lease;
                _keptAlive = call.CalledAt;
            }
            then?.Invoke(this);
        });
    }

    /// <summary>Its number; 0 when it is not known to be granted.</summary>
    public long Id { get; private set; }

    /// <summary>How long it lives without being kept alive.</summary>
    public TimeSpan TimeToLive { get; }

    /// <summary>It must not have expired before: its time to live, by the fastest clock, after the last call that kept it alive.</summary>
    public TimeSpan AliveUntil => _keptAlive + _simulation.AtLeast(TimeToLive);

    /// <summary>When it was found to be gone, too early, and how; null when it was not.</summary>
    internal string? Violation { get; private set; }

    /// <summary>Sets a key that goes with it.</summary>
    public SimulatedCall Put(string key, string value) => _client.Call(OperationKind.Put, key, value, new Put(SimulatedClient.Bytes(key), SimulatedClient.Bytes(value)) { Lease = Id }, call =>
    {
        if (call.Reply is PutReply put) _keys.Add((key, _client.Watch(key, put.Version)));
        else Look(call.Reply!);
    });

    /// <summary>Lets its time begin anew.</summary>
    public SimulatedCall KeepAlive() => KeepAlive(null);

    internal SimulatedCall KeepAlive(Action? then) => _client.Call(OperationKind.Lease, "", null, new KeepLeaseAlive(Id), call =>
    {
        if (call.Reply is LeaseReply && call.CalledAt > _keptAlive) _keptAlive = call.CalledAt;
        else Look(call.Reply!);
        then?.Invoke();
    });

    /// <summary>Ends it.</summary>
    public SimulatedCall Revoke()
    {
        _isRevoked = true;
        return _client.Call(OperationKind.Lease, "", null, new RevokeLease(Id), null);
    }

    private void Look(IKeyValueReply reply)
    {
        if (reply is RequestFailed { Kind: FailureKind.LeaseNotFound } && !_isRevoked && _simulation.Now < AliveUntil) Violation ??= Early(_simulation.Now, "it was not found");
    }

    /// <summary>What is wrong with when its keys went; null when nothing is. To be asked once it must be gone.</summary>
    internal string? Check()
    {
        if (Violation is not null) return Violation;
        foreach (var (key, watch) in _keys)
        {
            if (watch.Seen is not [.., { Value: null } gone]) return string.Create(CultureInfo.InvariantCulture, $"key {key} is there long after its lease {Id} has expired, at {AliveUntil.TotalSeconds:0.000} s at the earliest");
            if (!_isRevoked && gone.At < AliveUntil) return Early(gone.At, $"its key {key} went");
        }
        return null;
    }

    private string Early(TimeSpan at, string how) =>
        string.Create(CultureInfo.InvariantCulture, $"lease {Id} of {TimeToLive.TotalSeconds} s was alive until {AliveUntil.TotalSeconds:0.000} s at least, and at {at.TotalSeconds:0.000} s {how}");
}
