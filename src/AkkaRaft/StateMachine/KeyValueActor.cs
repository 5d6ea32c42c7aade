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
        Receive<Query>(query => Sender.Tell(new QueryReply(query.RequestId, Store.Query(query.Payload))));
    }

    private KeyValueStore Store => _store ?? throw new InvalidOperationException("The key-value store is not open.");

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
