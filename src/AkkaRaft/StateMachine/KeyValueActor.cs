using Akka.Actor;

namespace AkkaRaft.StateMachine;

/// <summary>The key-value state machine as a member's child. Failures to write stop it, by exception, before anything is answered.</summary>
internal sealed class KeyValueActor : ReceiveActor
{
    private readonly RaftSettings _settings;
    private readonly string? _stateFile;
    private KeyValueStore? _store;

    public KeyValueActor(RaftSettings settings, string? stateFile)
    {
        _settings = settings;
        _stateFile = stateFile;
        Receive<ApplyEntries>(apply =>
        {
            var results = Store.Apply(apply.Entries, apply.JournalSequenceNr);
            Sender.Tell(new EntriesApplied(apply.Entries[^1].Index, results));
        });
        Receive<SyncState>(_ =>
        {
            var synced = Store.Sync();
            if (synced > 0) Synced();
            Sender.Tell(new StateSynced(synced));
        });
        Receive<SaveImage>(save => Save(save));
        Receive<ImageSaved>(saved => Context.Parent.Tell(saved));
        Receive<LoadImage>(load =>
        {
            Store.Load(load.File, load.JournalSequenceNr);
            if ((Store.AppliedIndex, Store.AppliedTerm) != (load.Index, load.Term))
                throw new InvalidDataException($"The image {load.File} is of entry {Store.AppliedIndex} of term {Store.AppliedTerm}, not of {load.Index} of term {load.Term}.");
            Synced();
            Sender.Tell(new ImageLoaded(load.Index));
        });
        Receive<Query>(query => Sender.Tell(new QueryReply(query.RequestId, Store.Query(query.Payload))));
    }

    /// <summary>A file is read over a connection of its own, so that no command waits; a state in memory has only the one.</summary>
    private void Save(SaveImage save)
    {
        if (Store.IsInMemory) Self.Tell(KeyValueStore.SaveImage(Store, save.File));
        else Task.Run(() => KeyValueStore.SaveImage(_stateFile!, save.File)).PipeTo(Self);
    }

    private KeyValueStore Store => _store ?? throw new InvalidOperationException("The key-value store is not open.");

    /// <summary>Called whenever all of the state is on the disk; a simulation takes its copy then.</summary>
    internal Action Synced { get; init; } = () => { };

    /// <summary>Props of the state machine.</summary>
    /// <param name="settings">The member's.</param>
    /// <param name="stateFile">Its file; null or <c>:memory:</c> for a state that is gone when the actor stops.</param>
    public static Props Props(RaftSettings settings, string? stateFile) =>
        Akka.Actor.Props.Create(() => new KeyValueActor(settings, stateFile));

    protected override void PreStart()
    {
        try
        {
            _store = KeyValueStore.Open(_settings, _stateFile);
        }
        catch (KeyValueStoreException e)
        {
            Context.Parent.Tell(new StateMachineFailed(e.Message));
            return;
        }

        Context.Parent.Tell(new StateMachineReady(_store.AppliedIndex, _store.AppliedTerm, _store.JournalSequenceNr));
    }

    protected override void PostStop() => Close();

    internal void Close()
    {
        _store?.Dispose();
        _store = null;
    }
}
