using AkkaRaft.Log;
using AkkaRaft.Protocol;
using AkkaRaft.Storage;
using AkkaRaft.TestKit.Engine;

namespace AkkaRaft.TestKit.Journaling;

/// <summary>An event as bytes on a virtual disk, and as the checks see it.</summary>
internal sealed record StoredEvent(long SequenceNr, string Manifest, byte[] Bytes, string WriterGuid, IRaftEvent Event);

/// <summary>The journals of all members.</summary>
internal sealed class VirtualDisks
{
    private readonly SortedDictionary<string, VirtualDisk> _byPersistenceId = [];

    public VirtualDisk this[string persistenceId] => _byPersistenceId[persistenceId];

    public void Add(string persistenceId, VirtualDisk disk) => _byPersistenceId.Add(persistenceId, disk);
}

/// <summary>What the next write meets.</summary>
internal enum WriteFault
{
    None,

    /// <summary>An error, and nothing is written.</summary>
    Fails,

    /// <summary>An error, though it is written: what was said and what is true differ.</summary>
    FailsButLands,

    /// <summary>An error, and it is written later, if its place is still free then.</summary>
    FailsAndLandsLate,
}

/// <summary>
/// One member's journal file: writes take virtual time and come one after the other; what was confirmed stays whatever happens,
/// and what was not may or may not be there after a crash.
/// </summary>
internal sealed class VirtualDisk(VirtualClock clock, Random random, DiskTiming timing)
{
    private const int EventsPerStep = 3;

    private readonly List<PendingWrite> _pending = [];
    private SortedDictionary<long, StoredEvent> _events = [];
    private TimeSpan _busyUntil;
    private bool _hasLost;
    private long _lowWater;

    /// <summary>Whose it is now: nobody else is told how a write ended.</summary>
    public SimulatedProcess Owner { get; set; } = new("nobody", null);

    /// <summary>Is told of each write that ended other than well, for the trace.</summary>
    public Action<string> Tell { get; set; } = _ => { };

    /// <summary>From the low-water mark on: what a delete that was cut short has left before it is gone for whoever reads.</summary>
    public IEnumerable<StoredEvent> Events => _events.Values.SkipWhile(e => e.SequenceNr < _lowWater);

    public long HighestSequenceNr { get; private set; }

    /// <summary>Times as slow as usual.</summary>
    public double Slowness { get; set; } = 1;

    /// <summary>Writes neither end nor fail while this is on.</summary>
    public bool Hangs { get; private set; }

    public WriteFault NextFault { get; set; }

    /// <summary>The next recovery reads nothing, and is told an error.</summary>
    public bool NextReplayFails { get; set; }

    /// <summary>A deletion takes a few events at a time, each time durably.</summary>
    public bool DeletesInSteps { get; init; }

    /// <summary>Is told what a recovery would find otherwise than it was told to be written.</summary>
    public Action<string> Violated { get; init; } = _ => { };

    /// <summary>What a recovery would find, for the checks.</summary>
    public DurableState State { get; private set; } = new();

    /// <summary>Begins a write; <paramref name="ended"/> is told null, or the failure, within its owner.</summary>
    public void Write(IReadOnlyList<StoredEvent> events, Action<Exception?> ended)
    {
        var pending = new PendingWrite(Owner, events, ended);
        _pending.Add(pending);
        var takes = timing.Shortest + (timing.Longest - timing.Shortest) * random.NextDouble();
        _busyUntil = (_busyUntil > clock.Now ? _busyUntil : clock.Now) + takes * Slowness;
        clock.At(_busyUntil, () => End(pending));
    }

    public void Hang() => Hangs = true;

    public void Unhang()
    {
        Hangs = false;
        foreach (var pending in _pending.Where(p => p.Due).ToArray()) End(pending);
    }

    /// <summary>The process is gone: each write under way, in order, was either done or not, and after the first that was not, none was.</summary>
    public void Crash(bool loseUnsynced)
    {
        foreach (var pending in _pending)
        {
            if (loseUnsynced || random.Next(2) == 0 || !Fits(pending.Events)) break;
            Land(pending.Events);
        }
        _pending.Clear();
        _busyUntil = clock.Now;
        Hangs = false;
        NextFault = WriteFault.None;
    }

    private void End(PendingWrite pending)
    {
        if (!_pending.Contains(pending)) return;
        pending.Due = true;
        if (Hangs) return;
        pending.Owner.Within(() =>
        {
            if (!_pending.Remove(pending)) return;
            var fault = NextFault;
            NextFault = WriteFault.None;
            // As a primary key refuses a sequence number that is there already.
            if (fault == WriteFault.None && !Fits(pending.Events)) fault = WriteFault.Fails;
            if (fault is WriteFault.None or WriteFault.FailsButLands && Fits(pending.Events)) Land(pending.Events);
            if (fault == WriteFault.None)
            {
                pending.Ended(null);
                return;
            }
            Tell($"write of event {pending.Events[0].SequenceNr} {fault}");
            if (fault == WriteFault.FailsAndLandsLate) clock.After(timing.Longest * (1 + 50 * random.NextDouble()), () => LandLate(pending));
            pending.Ended(new InjectedFaultException($"The disk {fault}."));
        });
    }

    private void LandLate(PendingWrite pending)
    {
        if (pending.Owner.IsDead || !Fits(pending.Events)) return;
        Tell($"write of event {pending.Events[0].SequenceNr} lands late");
        Land(pending.Events);
    }

    private bool Fits(IReadOnlyList<StoredEvent> events) => events[0].SequenceNr == HighestSequenceNr + 1;

    public void Land(IReadOnlyList<StoredEvent> events)
    {
        foreach (var stored in events)
        {
            _events.Add(stored.SequenceNr, stored);
            HighestSequenceNr = stored.SequenceNr;
            State.Replay(stored.Event);
        }
    }

    /// <summary>Begins a deletion, which a crash leaves done or not.</summary>
    public void Delete(long toSequenceNr, Action ended)
    {
        var (owner, disk) = (Owner, _events);
        clock.After(timing.Shortest + (timing.Longest - timing.Shortest) * random.NextDouble() * Slowness, () =>
        {
            if (disk != _events || (owner.IsDead && random.Next(2) == 0)) return;
            _lowWater = Math.Max(_lowWater, Math.Min(toSequenceNr, HighestSequenceNr) + 1);
            if (DeletesInSteps)
            {
                DeleteSome(owner, toSequenceNr, ended);
                return;
            }
            foreach (var gone in _events.Keys.TakeWhile(k => k <= toSequenceNr).ToArray()) _events.Remove(gone);
            Recover();
            owner.Within(ended);
        });
    }

    private void DeleteSome(SimulatedProcess owner, long toSequenceNr, Action ended)
    {
        if (owner.IsDead) return;
        foreach (var gone in _events.Keys.TakeWhile(k => k <= toSequenceNr).Take(EventsPerStep).ToArray()) _events.Remove(gone);
        Recover();
        if (_events.Keys.FirstOrDefault(long.MaxValue) > toSequenceNr) owner.Within(ended);
        else clock.After(timing.Longest * random.NextDouble(), () => DeleteSome(owner, toSequenceNr, ended));
    }

    /// <summary>What is left, read at once as a recovery would, is what was told to be written.</summary>
    private void Recover()
    {
        var recovered = DurableState.Of(Events.Select(e => e.Event));
        // A disk that has lost what it said was written may have lost the checkpoint for which this goes.
        if (_hasLost) State = recovered ?? new DurableState();
        else if (recovered is not null && !recovered.Agrees(State)) Violated($"a recovery would find {recovered}, and what was written is {State}");
    }

    public void FlipBit(int before)
    {
        var stored = _events.Values.Reverse().Take(before + 1).Last();
        var bytes = (byte[])stored.Bytes.Clone();
        bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
        _events[stored.SequenceNr] = stored with { Bytes = bytes };
    }

    public void LoseTail(int events)
    {
        _hasLost = true;
        foreach (var gone in _events.Keys.Reverse().Take(events).ToArray()) _events.Remove(gone);
        HighestSequenceNr = _events.Keys.LastOrDefault();
        State = DurableState.Of(Events.Select(e => e.Event)) ?? new DurableState();
    }

    /// <summary>Someone has replaced the disk by an empty one.</summary>
    public void Wipe()
    {
        _events = [];
        HighestSequenceNr = _lowWater = 0;
        _hasLost = false;
        State = new DurableState();
    }

    private sealed class PendingWrite(SimulatedProcess owner, IReadOnlyList<StoredEvent> events, Action<Exception?> ended)
    {
        public SimulatedProcess Owner { get; } = owner;

        public IReadOnlyList<StoredEvent> Events { get; } = events;

        public Action<Exception?> Ended { get; } = ended;

        public bool Due { get; set; }
    }
}

/// <summary>How long a write takes, drawn evenly between the two.</summary>
internal sealed record DiskTiming(TimeSpan Shortest, TimeSpan Longest);

/// <summary>A member's Raft state as its disk has it.</summary>
internal sealed class DurableState
{
    private readonly List<long> _terms = [0];
    private long _base;
    private bool _hasGap;

    public long Term { get; private set; }

    public MemberId? VotedFor { get; private set; }

    public long LastIndex => _terms.Count - 1;

    public long LastTerm => _terms[^1];

    /// <summary>What a recovery of these events finds; null when there are none.</summary>
    public static DurableState? Of(IEnumerable<IRaftEvent> events)
    {
        DurableState? state = null;
        foreach (var each in events)
        {
            if (state is null)
            {
                state = new DurableState();
                // Where the journal's beginning is gone, its first event says after which entry it goes on.
                if (each is EntriesAppended { PrevLogIndex: > 0 } first)
                {
                    while (state.LastIndex < first.PrevLogIndex - 1) state._terms.Add(0);
                    state._terms.Add(first.PrevLogTerm);
                    state._base = first.PrevLogIndex;
                }
            }
            state.Replay(each);
        }
        return state;
    }

    /// <summary>Whether both are one term, one vote and one log, as far as both know it.</summary>
    public bool Agrees(DurableState other)
    {
        if (_hasGap || other._hasGap || (Term, VotedFor, LastIndex) != (other.Term, other.VotedFor, other.LastIndex)) return false;
        for (var index = Math.Max(_base, other._base); index <= LastIndex; index++)
            if (_terms[(int)index] != other._terms[(int)index]) return false;
        return true;
    }

    /// <summary>Term, vote, and where the log ends.</summary>
    public override string ToString() => $"term {Term}, vote {VotedFor?.ToString() ?? "none"}, log to {LastIndex} of term {_terms[^1]}{(_hasGap ? ", and a gap behind it" : "")}";

    public bool Has(long index, long term) => index <= _base || (index < _terms.Count && _terms[(int)index] == term);

    public void Replay(IRaftEvent raftEvent)
    {
        switch (raftEvent)
        {
            case TermAndVote vote:
                Term = vote.Term;
                VotedFor = vote.VotedFor;
                break;
            case EntriesAppended { PrevLogIndex: var prev } when prev > LastIndex:
                _hasGap = true;
                break;
            case EntriesAppended appended:
                _terms.RemoveRange((int)appended.PrevLogIndex + 1, _terms.Count - (int)appended.PrevLogIndex - 1);
                foreach (var entry in appended.Entries) _terms.Add(entry.Term);
                break;
            case LogCompacted compacted:
                Replay(compacted.Checkpoint);
                break;
            case SnapshotInstalled installed:
                Replay(installed.Checkpoint);
                break;
        }
    }

    private void Replay(Checkpoint checkpoint)
    {
        Term = checkpoint.TermAndVote.Term;
        VotedFor = checkpoint.TermAndVote.VotedFor;
        StartFrom(checkpoint.Base);
    }

    private void StartFrom(LogBase logBase)
    {
        // An earlier checkpoint may lie behind the first event that a later one keeps.
        if (logBase.Index < _base) return;
        if (LastIndex < logBase.Index || _terms[(int)logBase.Index] != logBase.Term)
        {
            _terms.RemoveRange((int)Math.Min(logBase.Index, _terms.Count), (int)Math.Max(0, _terms.Count - logBase.Index));
            // What is before the base is known to be committed, and is not asked for.
            while (_terms.Count < logBase.Index) _terms.Add(0);
            _terms.Add(logBase.Term);
        }
        _base = logBase.Index;
    }
}
