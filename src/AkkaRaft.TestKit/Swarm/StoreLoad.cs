using System.Globalization;
using AkkaRaft.Hosting;
using AkkaRaft.Protocol;
using AkkaRaft.TestKit.Checking;

namespace AkkaRaft.TestKit.Swarm;

/// <summary>The key-value store, whose clients put, get and delete, hold leases and watch.</summary>
internal sealed class StoreSubject : ISwarmSubject
{
    public RaftStateMachine? Runs => null;

    public ISwarmLoad Begin(ClusterSimulation simulation, SwarmPlan plan) => new StoreLoad(simulation, plan);
}

/// <summary>Clients of the store that call until told to stop.</summary>
internal sealed class StoreLoad : ISwarmLoad
{
    private readonly ClusterSimulation _simulation;
    private readonly SwarmPlan _plan;
    private readonly Random _random;
    private readonly Random _shape;
    private bool _stopped;
    private readonly Dictionary<string, long> _versions = [];
    private int _values;

    public StoreLoad(ClusterSimulation simulation, SwarmPlan plan)
    {
        _simulation = simulation;
        _plan = plan;
        _random = new Random(unchecked((int)plan.Seed) ^ 0x5EED);
        _shape = new Random(unchecked((int)plan.Seed) ^ 0x5AFE);
        for (var i = 0; i < plan.Clients; i++) Live();
        for (var i = 0; i < plan.Watches; i++) simulation.AddClient().Watch(i == 0 ? "" : "k0");
        for (var i = 0; i < plan.LeaseHolders; i++) Hold(simulation.AddClient());
    }

    public int Served => _simulation.Calls.Count(c => c.Succeeded);

    public bool HasEnded => _simulation.Calls.All(c => c.IsDone || c.IsAbandoned);

    public void Stop() => _stopped = true;

    public Func<ISwarmCall> AddCaller(string key)
    {
        var client = _simulation.AddClient();
        var calls = 0;
        return () => client.Put(key, string.Create(CultureInfo.InvariantCulture, $"{_simulation.Now.Ticks} {calls++}"));
    }

    public void Check()
    {
        _simulation.Check();
        _simulation.CheckChanges();
    }

    private void Live()
    {
        if (_stopped) return;
        var client = _simulation.AddClient();
        for (var i = 0; i < _plan.CallsAtOnce; i++) Think(client);
        if (_plan.ClientsLive is not { } longest) return;
        _simulation.After(longest * _shape.NextDouble(), () =>
        {
            if (_stopped) return;
            client.Crash();
            Live();
        });
    }

    private void Think(SimulatedClient client)
    {
        var thought = _plan.LongestThought * _random.NextDouble();
        // What was answered together is often followed by calls that go together.
        if (_plan.CallsAtOnce > 1 && _shape.Next(2) == 0) thought = TimeSpan.Zero;
        _simulation.After(thought, () => Call(client));
    }

    private ReadConsistency Consistency() => _plan.ReadsOfAllKinds ? (ReadConsistency)_shape.Next(3) : ReadConsistency.Linearizable;

    private string Value()
    {
        var value = string.Create(CultureInfo.InvariantCulture, $"v{++_values}");
        return _plan.LargestValue > 0 ? value + new string('-', _shape.Next(_plan.LargestValue)) : value;
    }

    private void Call(SimulatedClient client)
    {
        if (_stopped || client.IsDead) return;
        if (_plan.Scans && _shape.Next(6) == 0)
        {
            client.Scan("", Consistency(), () => Think(client));
            return;
        }
        var at = _random.Next(_plan.Keys);
        var key = Key(at);
        var kind = _random.Next(20) switch
        {
            < 7 => OperationKind.Put,
            < 10 => OperationKind.CompareAndSet,
            < 11 => OperationKind.Transaction,
            < 18 => OperationKind.Get,
            _ => OperationKind.Delete,
        };
        var value = kind is OperationKind.Get or OperationKind.Delete ? null : Value();
        var called = kind switch
        {
            OperationKind.CompareAndSet => client.CompareAndSet(key, value!, _versions.GetValueOrDefault(key), Answered),
            OperationKind.Transaction => client.Transaction(key, Key(at + 1), value!, _versions.GetValueOrDefault(key), Answered),
            _ => client.Call(kind, key, value, Answered, kind == OperationKind.Get ? Consistency() : ReadConsistency.Linearizable),
        };
        if (!_plan.Cancels || _shape.Next(3) != 0) return;
        // Before it is sent, on its way, or while its answer is.
        _simulation.After(TimeSpan.FromMilliseconds(20) * Math.Pow(_shape.NextDouble(), 3), () =>
        {
            if (called.IsDone || called.IsAbandoned) return;
            client.Cancel(called);
            Think(client);
        });

        void Answered(SimulatedCall call)
        {
            // What is expected next is what was last heard of, which is mostly right.
            foreach (var operation in call.ToOperations().Where(o => !call.IsLocal && o.Outcome == OperationOutcome.Done))
                _versions[operation.Key] = operation.Kind == OperationKind.Delete ? 0 : operation.Version;
            Think(client);
        }
    }

    private static string Key(int at) => string.Create(CultureInfo.InvariantCulture, $"k{at}");

    private void Hold(SimulatedClient client)
    {
        if (_stopped) return;
        client.GrantLease(TimeSpan.FromMilliseconds(_random.Next(1_000, 2_000)), lease =>
        {
            if (_stopped) return;
            if (lease.Id == 0)
            {
                Hold(client);
                return;
            }
            lease.Put(string.Create(CultureInfo.InvariantCulture, $"lease-{lease.Id}"), string.Create(CultureInfo.InvariantCulture, $"v{++_values}"));
            Keep(client, lease, _random.Next(4));
        });
    }

    private void Keep(SimulatedClient client, SimulatedLease lease, int times) => _simulation.After(lease.TimeToLive * _random.NextDouble(), () =>
    {
        if (_stopped) return;
        if (times > 0)
        {
            lease.KeepAlive(() => Keep(client, lease, times - 1));
            return;
        }
        if (_random.Next(3) == 0) lease.Revoke();
        Hold(client);
    });
}
