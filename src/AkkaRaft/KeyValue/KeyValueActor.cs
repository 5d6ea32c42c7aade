using System.Runtime.ExceptionServices;
using Akka.Actor;
using Akka.Event;
using AkkaRaft.Protocol.Wire;
using AkkaRaft.Remoting;
using AkkaRaft.Remoting.Threading;
using AkkaRaft.StateMachines;

namespace AkkaRaft.KeyValue;

/// <summary>The key-value state machine as a member's child. Failures to write stop it, by exception, before anything is answered.</summary>
internal sealed class KeyValueActor : ReceiveActor, IWithTimers
{
    // A commit writes each key and each page that changed, however often it did: the longer between them, the less is written. What a crash takes the log brings again.
    private const long MaxUncommittedBytes = 8 * 1024 * 1024;
    // What needs the file waits for a commit under way, and keys at random, in a file larger than memory, cost a read each.
    private const int MaxUncommittedPuts = 16 * 1024;
    private static readonly TimeSpan CommitInterval = TimeSpan.FromSeconds(1);

    private const string PlainMessages = "plain messages";

    private readonly RaftSettings _settings;
    private readonly ActorPath _plainMessages = Context.Self.Path.Parent.Parent / "client";
    private readonly string? _stateFile;
    private readonly ParkedWatches _watches = new();
    private readonly QueryAnswers _answers;
    private readonly ReadTurns _turns;
    private readonly StoreLimits _ownLimits;
    private readonly DamagedState? _damaged;
    private CheckImage? _checked;
    private readonly ILoggingAdapter _logger = Context.GetLogger();
    private KeyValueStore? _store;
    private StoreLimits? _comparedLimits;
    private bool _beginsAnew;
    private long? _due;

    public KeyValueActor(RaftSettings settings, string? stateFile)
    {
        _settings = settings;
        _stateFile = stateFile;
        _answers = new QueryAnswers(Self, () => Now, why => Store.Wrong(why, overloaded: true));
        _turns = new ReadTurns(() => Store.Work, () => Self.Tell(NextTurn.Instance));
        _ownLimits = StoreLimits.Of(settings);
        _damaged = stateFile is null || KeyValueStore.IsGoneWhenClosed(stateFile) ? null : new DamagedState(stateFile);
        Receive<ApplyEntries>(apply =>
        {
            var before = Store.Revision;
            IReadOnlyList<ReadOnlyMemory<byte>> results;
            try
            {
                results = Store.Apply(apply.Entries, apply.JournalSequenceNr);
            }
            catch (StateMachineMismatchException e)
            {
                Context.Parent.Tell(new StateMachineFailed(e.Message) { LogIsOf = e.LogIsOf });
                Context.Stop(Self);
                return;
            }
            // Before there is more to do here, the clients are answered.
            using (SerialExecutor.Visit()) Sender.Tell(new EntriesApplied(apply.Entries[results.Count - 1].Index, results));
            TellDue();
            CompareLimits();
            if (_watches.Count > 0 && Store.Revision > before) TellWatches(before + 1);
            if (HasMuchToCommit) StopIfItFails(Store.CommitAside());
            else CommitLater();
        });
        Receive<CommitDue>(_ =>
        {
            if (Store.IsCommitting) CommitLater();
            else StopIfItFails(Store.CommitAside());
        });
        Receive<SyncState>(_ => Sync());
        Receive<CommitFailed>(failed => ExceptionDispatchInfo.Throw(failed.Cause));
        Receive<SaveImage>(save => Save(save));
        Receive<ImageSaved>(saved => Context.Parent.Tell(saved));
        Receive<CheckImage>(check =>
        {
            var wrong = KeyValueStore.WhatIsWrongWith(check);
            _checked = wrong is null ? check : null;
            Sender.Tell(new ImageChecked(check.Index, wrong));
        });
        Receive<LoadImage>(load =>
        {
            var image = new CheckImage(load.File, load.Index, load.Term);
            // Each row is read: once is enough.
            if (_checked != image && KeyValueStore.WhatIsWrongWith(image) is { } wrong)
            {
                Sender.Tell(new ImageLoaded(load.Index, wrong));
                return;
            }
            _checked = null;
            Store.Load(load.File, load.JournalSequenceNr);
            Synced();
            Sender.Tell(new ImageLoaded(load.Index));
            TellDue();
            CompareLimits();
            ParkAnew();
        });
        Receive<Query>(query =>
        {
            var before = Store.Work;
            if (!_turns.MustWait(before))
            {
                Answer(query, Sender);
                _turns.WasRead(Sender, Store.Work - before);
            }
            else if (!_turns.TryAdd(query, Sender)) _answers.Tell(Sender, query.RequestId, Store.Wrong("Too many reads wait at this member, of this process or in all; ask for less at once, another member, or later.", overloaded: true));
        });
        Receive<NextTurn>(_ => _turns.Begin(Answer));
        Receive<AnswerWindow.Reopened>(reopened => _answers.GoOn(reopened));
        Receive<WatchesDue>(_ => EndWatches());
        Receive<ConnectionLost>(lost =>
        {
            _watches.RemoveOf(lost.Address);
            WakeForWatches();
            _answers.Remove(lost.Address);
            _turns.Remove(lost.Address);
        });
    }

    public ITimerScheduler Timers { get; set; } = null!;

    private TimeSpan Now => Context.System.Scheduler.MonotonicClock;

    /// <summary>There is one commit at a time: where the disk does not keep up, it is waited for.</summary>
    private bool HasMuchToCommit
    {
        get
        {
            var times = Store.IsCommitting ? 2 : 1;
            return Store.UncommittedBytes >= times * MaxUncommittedBytes || Store.UncommittedPuts >= times * MaxUncommittedPuts;
        }
    }

    private void CommitLater()
    {
        if (!Timers.IsTimerActive(nameof(CommitDue))) Timers.StartSingleTimer(nameof(CommitDue), CommitDue.Instance, CommitInterval);
    }

    private void Sync()
    {
        if (!Store.IsInMemory)
        {
            StopIfItFails(Answer(Sender, Self, Store.SyncAside()));
            return;
        }
        var synced = Store.Sync();
        if (synced > 0) Synced();
        Sender.Tell(new StateSynced(synced));

        static async Task Answer(IActorRef asker, IActorRef self, Task<long> synced) => asker.Tell(new StateSynced(await synced.ConfigureAwait(false)), self);
    }

    private void StopIfItFails(Task aside) => aside.PipeTo(Self, failure: e => new CommitFailed(e));

    /// <summary>A file is read over a connection of its own, so that no command waits; a state in memory has only the one.</summary>
    private void Save(SaveImage save)
    {
        Store.Commit();
        if (Store.IsInMemory) Self.Tell(KeyValueStore.SaveImage(Store, save.File));
        else Task.Run(() => KeyValueStore.SaveImage(_stateFile!, save.File)).PipeTo(Self, failure: e => new CommitFailed(e));
    }

    private void Answer(Query query, IActorRef asker)
    {
        if (_answers.MustWait(asker)) AnswerLater(query, asker);
        else _answers.Tell(asker, query.RequestId, Read(query, asker));
    }

    // What it keeps for later is allocated here, and not for each query.
    private void AnswerLater(Query query, IActorRef asker) => _answers.TellLater(asker, query.RequestId, () => Read(query, asker));

    /// <returns>Empty for a watch that is parked.</returns>
    private ReadOnlyMemory<byte> Read(Query query, IActorRef asker) =>
        Store.Read(query.Payload, out var read) is { } wrong ? Store.Wrong(wrong)
        : read.Watch is null ? Store.Answer(read)
        : Store.ChangesFor(read.Watch, read.Watch.FromRevision) is { } told ? Store.Told(told)
        : Park(query.RequestId, read.Watch, asker);

    // ---- watches -------------------------------------------------------------------------------------------------

    /// <returns>Empty, or what is said at once because too many wait.</returns>
    private ReadOnlyMemory<byte> Park(long requestId, KvWatch watch, IActorRef asker)
    {
        if (_watches.Count >= _settings.MaxWatches)
            return Store.Wrong($"{_watches.Count} watches wait at this member already (akkaraft.max-watches); ask another one, or later.", overloaded: true);
        // Of plain messages nobody knows here whose they are: they are one process together.
        var client = asker.Path.Equals(_plainMessages) ? PlainMessages : Addresses.Join(asker.Path.Address);
        // Another process leaves room for others.
        if (client.Length > 0 && _watches.CountOf(client) >= Math.Max(1, _settings.MaxWatches / 2))
            return Store.Wrong($"{_watches.CountOf(client)} watches of one process wait at this member already, half of akkaraft.max-watches; ask another one, or later.", overloaded: true);
        _watches.Add(
            watch, Math.Max(watch.FromRevision, Store.Revision + 1), Now + TimeSpan.FromMilliseconds(watch.WaitMs), client,
            told =>
            {
                if (_answers.MustWait(asker)) _answers.TellLater(asker, requestId, () => Store.Told(told));
                else _answers.Tell(asker, requestId, Store.Told(told));
            });
        WakeForWatches();
        return default;
    }

    private void TellWatches(long fromRevision)
    {
        if (Store.ChangesSince(fromRevision) is not { } changes)
        {
            ParkAnew();
            return;
        }
        foreach (var (watch, told) in _watches.TakeChanged(changes, Store.Limits.PageBytes, Store.Revision)) watch.Answer(told);
        WakeForWatches();
    }

    /// <summary>What an image brought, or what came and went within one Apply, is not among the changes that were just made.</summary>
    private void ParkAnew()
    {
        foreach (var watch in _watches.TakeAll())
        {
            if (Store.ChangesFor(watch.Watch, watch.NextRevision) is { } told) watch.Answer(told);
            else _watches.Add(watch.Watch, Math.Max(watch.NextRevision, Store.Revision + 1), watch.Deadline, watch.Client, watch.Answer);
        }
        WakeForWatches();
    }

    private void EndWatches()
    {
        foreach (var watch in _watches.TakeExpired(Now)) watch.Answer(Store.NothingFor(watch.NextRevision));
        WakeForWatches();
    }

    private void WakeForWatches()
    {
        if (_watches.NextDeadline is not { } at)
        {
            Timers.Cancel(nameof(WatchesDue));
            return;
        }
        // Read once: it goes on meanwhile.
        var left = at - Now;
        Timers.StartSingleTimer(nameof(WatchesDue), WatchesDue.Instance, left > TimeSpan.Zero ? left : TimeSpan.Zero);
    }

    private sealed class NextTurn
    {
        public static readonly NextTurn Instance = new();
    }

    private sealed class WatchesDue
    {
        public static readonly WatchesDue Instance = new();
    }

    /// <summary>A commit, or the making of an image.</summary>
    private sealed record CommitFailed(Exception Cause);

    private sealed class CommitDue
    {
        public static readonly CommitDue Instance = new();
    }

    // ---- time ----------------------------------------------------------------------------------------------------

    private void TellDue()
    {
        if (Store.NextExpiryMs == _due) return;
        _due = Store.NextExpiryMs;
        Context.Parent.Tell(new TimeDue(_due));
    }

    // ---- the end -------------------------------------------------------------------------------------------------

    private KeyValueStore Store => _store ??= BeginAnew();

    /// <summary>Only once the member asks for something: it then has a log to go through from the start, or a snapshot.</summary>
    private KeyValueStore BeginAnew()
    {
        if (!_beginsAnew) throw new InvalidOperationException("The key-value store is not open.");
        _damaged!.PutAside();
        _logger.Info("Member {0}'s state begins anew; the file that could not be used is now {1}.", _settings.Id, _damaged.PutAsideAs);
        return KeyValueStore.Open(_settings, _stateFile);
    }

    /// <summary>Damage is noted before the member starts anew, and does not open the same file again.</summary>
    protected override bool AroundReceive(Receive receive, object message)
    {
        try
        {
            return base.AroundReceive(receive, message);
        }
        catch (Exception e) when (_damaged is not null && KeyValueStore.IsDamage(e))
        {
            Close();
            _damaged.Note(e.Message);
            throw;
        }
    }

    private void CompareLimits()
    {
        if (ReferenceEquals(Store.Limits, _comparedLimits)) return;
        _comparedLimits = Store.Limits;
        if (Store.Limits.DifferencesFrom(_ownLimits) is { Length: > 0 } differences)
            _logger.Warning("Member {0} goes by the limits that the leader proposed when it began to lead, not by its own settings: {1}. Give all members the same.", _settings.Id, differences);
    }

    /// <summary>Called whenever all of the state is on the disk; a simulation takes its copy then.</summary>
    internal Action Synced { get; init; } = () => { };

    /// <summary>Props of the state machine.</summary>
    /// <param name="settings">The member's.</param>
    /// <param name="stateFile">Its file; null or <c>:memory:</c> for a state that is gone when the actor stops.</param>
    public static Props Props(RaftSettings settings, string? stateFile) =>
        Akka.Actor.Props.CreateBy(new Producer<KeyValueActor>(() => new KeyValueActor(settings, stateFile)));

    protected override void PreStart()
    {
        try
        {
            if (_damaged?.Noted is { } noted)
            {
                Unusable(noted);
                return;
            }
            _store = KeyValueStore.Open(_settings, _stateFile);
        }
        catch (KeyValueStoreException e)
        {
            Context.Parent.Tell(new StateMachineFailed(e.Message));
            return;
        }
        catch (UnusableStateException e) when (_damaged is not null)
        {
            _damaged.Note(e.Message);
            Unusable(e.Message);
            return;
        }

        Context.Parent.Tell(Ready(_store.AppliedIndex, _store.AppliedTerm, _store.JournalSequenceNr));
        TellDue();
        if (_store.AppliedIndex > 0) CompareLimits();
    }

    private void Unusable(string found)
    {
        _beginsAnew = true;
        _logger.Error(
            "{0} Member {1}'s state begins anew, from its log or from another member's snapshot; the file is then kept as {2}. Where there is neither, take the state from a backup (akkaraft restore).",
            found, _settings.Id, _damaged!.PutAsideAs);
        Context.Parent.Tell(Ready(0, 0, 0));
    }

    private StateMachineReady Ready(long index, long term, long journalSequenceNr) => new(index, term, journalSequenceNr) { LeaderProposal = _ownLimits.Encode() };

    /// <summary>What was applied whole need not be applied again; what was not is left to the log.</summary>
    protected override void PostStop()
    {
        try
        {
            if (_store is { IsWhole: true }) Commit();
        }
        finally
        {
            Close();
        }
    }

    /// <summary>So that another connection sees all that was applied.</summary>
    internal void Commit() => _store?.Commit();

    /// <summary>As an operator's backup does; for a simulation.</summary>
    internal void BackUp(string file) => KeyValueStore.SaveImage(Store, file);

    internal void Close()
    {
        _store?.Dispose();
        _store = null;
    }
}
