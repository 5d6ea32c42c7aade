using AkkaRaft.KeyValue;
using AkkaRaft.TestKit.Checking;

namespace AkkaRaft.TestKit;

/// <summary>What the store's own history of changes tells: exactly-once, watches, leases.</summary>
public sealed partial class ClusterSimulation
{
    private readonly List<SimulatedWatch> _watches = [];
    private readonly List<SimulatedLease> _leases = [];

    private readonly List<SimulatedScan> _scans = [];

    internal void Scanned(SimulatedScan scan) => _scans.Add(scan);

    internal void Watched(SimulatedWatch watch) => _watches.Add(watch);

    internal void Granted(SimulatedLease lease) => _leases.Add(lease);

    /// <summary>
    /// Lets all leases expire, reads all changes that were ever made, and checks: each write took effect once, or not at all where that was said; each watch
    /// told all changes of its keys, in order and once; each read found what was there; no lease ended early, and each ended. To be called after <see cref="EndFaultsAndConverge"/>,
    /// once no client calls any more.
    /// </summary>
    /// <exception cref="SimulationViolationException">One of these does not hold.</exception>
    public void CheckChanges()
    {
        if (!_settings.IsStore) return;
        if (_leases.Count > 0) RunFor(_leases.Max(l => l.TimeToLive) + TimeSpan.FromSeconds(1));
        var client = AddClient();
        var last = client.Put("after-all", "1");
        RunUntil(() => last.IsDone, what: "an answer to the last put");
        if (last.Reply is not PutReply { Version: var revision }) throw Failed($"the last put fails: {last}");
        var all = client.Watch("");
        RunUntil(() => all.IsCompacted || all.NextRevision > revision, what: "all changes, from the first revision on");
        if (all.IsCompacted) throw Failed("changes from revision 1 on are no longer kept, so that nothing can be compared with them");
        foreach (var watch in _watches) watch.GoOnIfStranded();
        RunUntil(() => _watches.TrueForAll(w => w.IsCompacted || w.NextRevision > revision), what: "that each watch has told all");

        var operations = _calls.SelectMany(c => c.ToOperations()).ToList();
        if (HistoryChecker.Check(all.Seen, operations) is { } wrong) throw Failed(wrong);
        if (ScanChecker.Check(all.Seen, _scans, operations) is { } torn) throw Failed(torn);
        if (ScanChecker.CheckLocal(all.Seen, _calls.Where(c => c.IsLocal).SelectMany(c => c.ToOperations())) is { } stray) throw Failed(stray);
        foreach (var watch in _watches)
            if (HistoryChecker.CheckWatch(all.Seen, watch.Seen, watch.Prefix, watch.FromRevision, watch.NextRevision) is { } difference) throw Failed(difference);
        foreach (var lease in _leases)
            if (lease.Check() is { } violation) throw Failed(violation);
    }
}
