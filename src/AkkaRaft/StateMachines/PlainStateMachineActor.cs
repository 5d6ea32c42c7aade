using Akka.Actor;
using Akka.Event;
using AkkaRaft.Remoting;
using AkkaRaft.Remoting.Threading;

namespace AkkaRaft.StateMachines;

/// <summary>A plain class as a member's child: what <see cref="PlainState"/> decides, between the member and the disk.</summary>
internal sealed class PlainStateMachineActor : ReceiveActor
{
    private static readonly TimeSpan SayEvery = TimeSpan.FromMinutes(1);

    private readonly string _name;
    private readonly Func<IPlainStateMachine> _create;
    private readonly RaftSettings _settings;
    private readonly IStateFile _file;
    private readonly QueryAnswers _answers;
    private readonly ILoggingAdapter _logger = Context.GetLogger();
    private PlainState _state;
    private (CheckImage Of, PlainState State)? _checked;
    private bool _isUnusable;
    private Task _writing = Task.CompletedTask;
    private long _syncedIndex;
    private TimeSpan? _saidAt;
    private long? _due;

    public PlainStateMachineActor(string name, Func<IPlainStateMachine> create, RaftSettings settings, IStateFile file)
    {
        _name = name;
        _create = create;
        _settings = settings;
        _file = file;
        _state = new PlainState(name, create());
        _answers = new QueryAnswers(Self, () => Now, why => ClientCommands.Wrong(why, overloaded: true));
        Receive<ApplyEntries>(Apply);
        Receive<Query>(query =>
        {
            if (_answers.MustWait(Sender)) _answers.TellLater(Sender, query.RequestId, () => _state.Answer(query.Payload));
            else _answers.Tell(Sender, query.RequestId, _state.Answer(query.Payload));
        });
        Receive<SyncState>(_ => Sync());
        Receive<Written>(written =>
        {
            if (written.Failure is { } failure) Hindered($"The state of '{_name}' cannot be kept: {failure}");
            else _syncedIndex = Math.Max(_syncedIndex, written.Index);
            written.Asker.Tell(new StateSynced(_syncedIndex));
        });
        Receive<SaveImage>(Save);
        Receive<ImageSaved>(saved => Context.Parent.Tell(saved));
        Receive<CheckImage>(check => Sender.Tell(new ImageChecked(check.Index, Check(check))));
        Receive<LoadImage>(Load);
        Receive<Loaded>(loaded => TakeOver(loaded));
        Receive<ForgetState>(_ => Forget());
        Receive<Forgotten>(forgotten => ForgottenAs(forgotten));
        Receive<AnswerWindow.Reopened>(_answers.GoOn);
        Receive<ConnectionLost>(lost => _answers.Remove(lost.Address));
    }

    /// <param name="name">The state machine's.</param>
    /// <param name="create">Makes an empty one.</param>
    /// <param name="settings">The member's.</param>
    /// <param name="file">Where the state is kept.</param>
    /// <param name="created">Gets the actor, for a simulation.</param>
    public static Props Props(string name, Func<IPlainStateMachine> create, RaftSettings settings, IStateFile file, Action<PlainStateMachineActor>? created = null) =>
        Akka.Actor.Props.CreateBy(new Producer<PlainStateMachineActor>(() =>
        {
            var actor = new PlainStateMachineActor(name, create, settings, file);
            created?.Invoke(actor);
            return actor;
        }));

    /// <summary>The state, for a comparison with others of the same index.</summary>
    internal PlainState State => _state;

    private TimeSpan Now => Context.System.Scheduler.MonotonicClock;

    protected override void PreStart()
    {
        if (_file.Read() is { } image)
        {
            try
            {
                _state = PlainState.FromImage(_name, _create(), image);
                _syncedIndex = _state.AppliedIndex;
            }
            catch (InvalidDataException e)
            {
                // It may be the only copy: it stays until there is something to begin anew from.
                _isUnusable = true;
                _logger.Error("Member {0}'s saved state cannot be used: {1}. It begins anew, from its log or from another member's snapshot.", _settings.Id, e.Message.TrimEnd('.'));
            }
        }
        Context.Parent.Tell(new StateMachineReady(_state.AppliedIndex, _state.AppliedTerm, _state.JournalSequenceNr)
        {
            LeaderProposal = Google.Protobuf.MessageExtensions.ToByteArray(ClientCommands.ProposalOf(_name, _settings)),
            HashesState = true,
        });
        TellDue();
    }

    private void Apply(ApplyEntries apply)
    {
        BeginAnew();
        _checked = null;
        IReadOnlyList<ReadOnlyMemory<byte>> results;
        try
        {
            results = _state.Apply(apply.Entries, apply.JournalSequenceNr);
        }
        catch (StateMachineMismatchException e)
        {
            Context.Parent.Tell(new StateMachineFailed(e.Message) { LogIsOf = e.LogIsOf });
            Context.Stop(Self);
            return;
        }
        catch (Exception e) when (e is OutOfMemoryException or InsufficientExecutionStackException)
        {
            _logger.Error("Member {0}'s state machine '{1}' threw {2} for entry {3}: the member starts anew, and applies it again.", _settings.Id, _name, e.GetType().Name, _state.AppliedIndex + 1);
            throw;
        }
        using (SerialExecutor.Visit()) Sender.Tell(new EntriesApplied(apply.Entries[results.Count - 1].Index, results));
        TellDue();
    }

    /// <summary>Only once the member asks for something: it then has a log to go through from the start, or a snapshot.</summary>
    private void BeginAnew()
    {
        if (!_isUnusable) return;
        _logger.Info("Member {0}'s state begins anew; the file that could not be used is now {1}.", _settings.Id, _file.PutAside());
        _isUnusable = false;
    }

    private void TellDue()
    {
        if (_state.NextDueMs == _due) return;
        _due = _state.NextDueMs;
        Context.Parent.Tell(new TimeDue(_due));
    }

    // ---- the disk ------------------------------------------------------------------------------------------------

    private void Sync()
    {
        if (_isUnusable || ImageOrNothing() is not { } image)
        {
            Sender.Tell(new StateSynced(_syncedIndex));
            return;
        }
        var (index, asker) = (_state.AppliedIndex, Sender);
        WriteInOrder(image, CheckOf(image)).PipeTo(Self, success: () => new Written(index, asker), failure: e => new Written(index, asker, e.Message));
    }

    /// <summary>The log goes on the strength of what is written: only that it can be loaded tells that it can. The instance is made here, and loads it aside.</summary>
    private Action CheckOf(byte[] image)
    {
        var machine = _create();
        return () => PlainState.FromImage(_name, machine, image);
    }

    /// <summary>An older state never takes the place of a newer one.</summary>
    private Task WriteInOrder(byte[] image, Action check)
    {
        return _writing = After(_writing);

        async Task After(Task before)
        {
            await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await _file.WriteAsync(image, check).ConfigureAwait(false);
        }
    }

    /// <summary>Whoever comes next finds the disk at rest.</summary>
    protected override void PostStop() => Task.WhenAny(_writing).Wait();

    /// <summary>What is on its way to the disk is there first, and nothing comes after it.</summary>
    private void Forget()
    {
        _isUnusable = true;
        var asker = Sender;
        Aside(_writing, ImageOrNothing()).PipeTo(Self, success: name => new Forgotten(asker, name), failure: e => new Forgotten(asker, "", e));

        // What was written last may be of before it went wrong: people want to see what it is now.
        async Task<string> Aside(Task before, byte[]? image)
        {
            await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (image is not null) await _file.WriteAsync(image, static () => { }).ConfigureAwait(false);
            return _file.PutAside();
        }
    }

    private void ForgottenAs(Forgotten forgotten)
    {
        if (forgotten.Failure is { } failure) throw new IOException($"The state that is given up cannot be put aside: {failure.Message}", failure);
        _logger.Info("Member {0}'s state that was given up is now {1}.", _settings.Id, forgotten.As);
        forgotten.Asker.Tell(new StateForgotten());
    }

    private void Save(SaveImage save)
    {
        if (_isUnusable)
        {
            Context.Parent.Tell(new ImageSaved(0, 0, "The state has yet to begin anew."));
            return;
        }
        var (index, term) = (_state.AppliedIndex, _state.AppliedTerm);
        try
        {
            var image = _state.ToImage(_settings.ClusterId);
            _file.WriteImageAsync(image, save.File, CheckOf(image)).PipeTo(
                Self, success: () => new ImageSaved(index, term), failure: e => new ImageSaved(0, 0, $"{save.File} cannot be written: {e.Message.TrimEnd('.')}."));
        }
        catch (InvalidOperationException e)
        {
            Context.Parent.Tell(new ImageSaved(0, 0, e.Message));
        }
    }

    /// <summary>Null for a state that cannot be saved: the log that it is made from is kept.</summary>
    private byte[]? ImageOrNothing()
    {
        try
        {
            return _state.ToImage(_settings.ClusterId);
        }
        catch (InvalidOperationException e)
        {
            Hindered(e.Message);
            return null;
        }
    }

    private void Hindered(string why)
    {
        if (_saidAt is { } at && Now - at < SayEvery) return;
        _saidAt = Now;
        _logger.Error("Member {0}: {1}. Its log is kept whole meanwhile, and grows; it tries again.", _settings.Id, why.TrimEnd('.'));
    }

    // ---- images of others ----------------------------------------------------------------------------------------

    /// <summary>It is loaded into an instance of its own: only that tells whether the class can.</summary>
    private string? Check(CheckImage check)
    {
        _checked = null;
        try
        {
            var state = PlainState.FromImage(_name, _create(), File.ReadAllBytes(check.File));
            if ((state.AppliedIndex, state.AppliedTerm) != (check.Index, check.Term))
                return $"{check.File} is of entry {state.AppliedIndex} of term {state.AppliedTerm}, not of {check.Index} of term {check.Term}.";
            _checked = (check, state);
            return null;
        }
        catch (Exception e) when (e is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            return $"{check.File} cannot be taken over: {e.Message.TrimEnd('.')}.";
        }
    }

    private void Load(LoadImage load)
    {
        var image = new CheckImage(load.File, load.Index, load.Term);
        if (_checked?.Of != image && Check(image) is { } wrong)
        {
            Sender.Tell(new ImageLoaded(load.Index, wrong));
            return;
        }
        var state = _checked!.Value.State;
        _checked = null;
        state.CoveredBy(load.JournalSequenceNr);
        byte[] own;
        try
        {
            own = state.ToImage(_settings.ClusterId);
        }
        catch (InvalidOperationException e)
        {
            Sender.Tell(new ImageLoaded(load.Index, e.Message));
            return;
        }
        BeginAnew();
        var asker = Sender;
        // It was loaded just now.
        WriteInOrder(own, static () => { }).PipeTo(Self, success: () => new Loaded(state, asker), failure: e => new Loaded(state, asker, e));
    }

    /// <summary>It is this member's once it is on the disk; what fails there is tried again with the member.</summary>
    private void TakeOver(Loaded loaded)
    {
        if (loaded.Failure is { } failure) throw new IOException($"The state that was fetched cannot be written: {failure.Message}", failure);
        _state = loaded.State;
        _syncedIndex = _state.AppliedIndex;
        loaded.Asker.Tell(new ImageLoaded(_state.AppliedIndex));
        TellDue();
    }

    private sealed record Written(long Index, IActorRef Asker, string? Failure = null);

    private sealed record Forgotten(IActorRef Asker, string As, Exception? Failure = null);

    private sealed record Loaded(PlainState State, IActorRef Asker, Exception? Failure = null);
}
