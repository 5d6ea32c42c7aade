using System.Text;
using AkkaRaft.KeyValue;
using AkkaRaft.TestKit.Checking;

namespace AkkaRaft.TestKit;

/// <summary>A client's watch, which goes on over changes of leader and of the member asked.</summary>
public sealed class SimulatedWatch
{
    private static readonly TimeSpan Wait = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    private readonly ClusterSimulation _simulation;
    private SimulatedClient _client;
    private readonly ReadOnlyMemory<byte> _from;
    private readonly ReadOnlyMemory<byte> _to;
    private readonly List<SeenChange> _seen = [];
    private bool _ended;

    internal SimulatedWatch(ClusterSimulation simulation, SimulatedClient client, string prefix, long fromRevision)
    {
        _simulation = simulation;
        _client = client;
        Prefix = prefix;
        FromRevision = NextRevision = fromRevision;
        _from = SimulatedClient.Bytes(prefix);
        _to = KeyValueCodec.AfterPrefix(_from);
        simulation.Watched(this);
        Ask();
    }

    /// <summary>What the watched keys begin with.</summary>
    public string Prefix { get; }

    /// <summary>The first revision whose changes were wanted.</summary>
    public long FromRevision { get; }

    /// <summary>The first revision whose changes have not been told.</summary>
    public long NextRevision { get; private set; }

    /// <summary>What was told, in the order in which it was told.</summary>
    public IReadOnlyList<SeenChange> Seen => _seen;

    /// <summary>Whether it was told that changes are no longer kept; it ends with that.</summary>
    public bool IsCompacted { get; private set; }

    /// <summary>Goes on from where it is, as an application does that is started anew with the addresses of those who are there now.</summary>
    internal void GoOnIfStranded()
    {
        if (_client.IsStranded) _client = _simulation.AddClient();
    }

    /// <summary>Ends it.</summary>
    public void End() => _ended = true;

    private void Ask()
    {
        if (!_ended) _client.Ask(new Watch(_from, _to, NextRevision, Wait), Told);
    }

    private void Told(IKeyValueReply reply)
    {
        switch (reply)
        {
            case WatchReply { OldestRevision: not null }:
                IsCompacted = _ended = true;
                return;
            case WatchReply told:
                foreach (var change in told.Changes)
                    _seen.Add(new SeenChange(change.Version, Encoding.UTF8.GetString(change.Key.Span), change.Deleted ? null : Encoding.UTF8.GetString(change.Value.Span), _simulation.Now));
                NextRevision = told.NextRevision;
                Ask();
                break;
            default:
                _simulation.After(Pause, Ask);
                break;
        }
    }
}
