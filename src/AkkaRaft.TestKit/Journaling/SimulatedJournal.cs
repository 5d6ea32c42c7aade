using System.Collections.Immutable;
using System.Runtime.Serialization;
using Akka.Actor;
using Akka.Persistence;
using AkkaRaft.Hosting;
using AkkaRaft.Log;
using AkkaRaft.Protocol;
using AkkaRaft.Storage;
using AkkaRaft.TestKit.Engine;

namespace AkkaRaft.TestKit.Journaling;

/// <summary>What a journal says when the simulation made it fail.</summary>
internal sealed class InjectedFaultException(string message) : Exception(message);

/// <summary>Speaks Akka.Persistence's journal protocol over the virtual disks. Events go through their production bytes.</summary>
internal sealed class SimulatedJournal : UntypedActor
{
    private readonly VirtualDisks _disks;
    private readonly RaftSerializer _serializer;

    public SimulatedJournal()
    {
        _disks = Context.System.Settings.Setup.Get<SimulationSetup>().Value.Disks;
        _serializer = new RaftSerializer((ExtendedActorSystem)Context.System);
    }

    protected override void OnReceive(object message)
    {
        switch (message)
        {
            case WriteMessages write:
                Write(write);
                break;
            case ReplayMessages replay:
                Replay(replay);
                break;
            case DeleteMessagesTo delete:
                _disks[delete.PersistenceId].Delete(delete.ToSequenceNr, () => delete.PersistentActor.Tell(new DeleteMessagesSuccess(delete.ToSequenceNr)));
                break;
            default:
                Unhandled(message);
                break;
        }
    }

    private void Write(WriteMessages write)
    {
        List<IPersistentRepresentation> written = [];
        foreach (var envelope in write.Messages)
        {
            if (envelope is AtomicWrite atomic) written.AddRange((IEnumerable<IPersistentRepresentation>)atomic.Payload);
        }
        if (written.Count == 0) return;

        var events = written.ConvertAll(Store);
        var (actor, instance, self) = (write.PersistentActor, write.ActorInstanceId, Self);
        _disks[written[0].PersistenceId].Write(events, failure =>
        {
            if (failure is null)
            {
                actor.Tell(WriteMessagesSuccessful.Instance, self);
                foreach (var one in written) actor.Tell(new WriteMessageSuccess(one, instance), one.Sender);
            }
            else
            {
                actor.Tell(new WriteMessagesFailed(failure, written.Count), self);
                foreach (var one in written) actor.Tell(new WriteMessageFailure(one, failure, instance), one.Sender);
            }
        });
    }

    private StoredEvent Store(IPersistentRepresentation representation)
    {
        var sealedEvent = (SealedEvent)representation.Payload;
        return new StoredEvent(
            representation.SequenceNr, _serializer.Manifest(sealedEvent), _serializer.ToBinary(sealedEvent), representation.WriterGuid, EventChain.Decode(sealedEvent));
    }

    /// <summary>The journal of a member whose log has entries of these terms.</summary>
    public static IReadOnlyList<StoredEvent> Log(ActorSystem system, string clusterId, MemberId id, IEnumerable<RaftEndpoint> members, long highestTerm, IReadOnlyList<long> terms)
    {
        var serializer = new RaftSerializer((ExtendedActorSystem)system);
        var chain = new EventChain();
        // Entries of one index and term are the same entry in every log.
        var entries = terms.Select((term, i) => new LogEntry(i + 1, term, 1, EntryKind.NoOp, default)).ToList();
        var configuration = Configuration.Of(members);
        IRaftEvent[] events =
        [
            new Bootstrapped(clusterId, id, configuration, IncarnationOf(id)),
            new ClusterBegun(configuration.Voters.Keys.ToImmutableSortedDictionary(voter => voter, IncarnationOf)),
            new TermAndVote(highestTerm, null),
            .. entries.Select((entry, i) => new EntriesAppended(i, i == 0 ? 0 : terms[i - 1], [entry])),
        ];
        return [.. events.Select((e, i) =>
        {
            var sealedEvent = chain.Seal(e);
            return new StoredEvent(i + 1, serializer.Manifest(sealedEvent), serializer.ToBinary(sealedEvent), "", e);
        })];
    }

    private static ulong IncarnationOf(MemberId id) => (ulong)id.Value + 1;

    private void Replay(ReplayMessages replay)
    {
        var disk = _disks[replay.PersistenceId];
        if (disk.NextReplayFails)
        {
            disk.NextReplayFails = false;
            replay.PersistentActor.Tell(new ReplayMessagesFailure(new InjectedFaultException("The disk does not read.")), ActorRefs.NoSender);
            return;
        }
        foreach (var stored in disk.Events.Where(e => e.SequenceNr >= replay.FromSequenceNr && e.SequenceNr <= replay.ToSequenceNr).Take((int)Math.Min(replay.Max, int.MaxValue)))
        {
            object payload;
            try
            {
                payload = _serializer.FromBinary(stored.Bytes, stored.Manifest);
            }
            catch (SerializationException e)
            {
                replay.PersistentActor.Tell(new ReplayMessagesFailure(new JournalCorruptException($"Event {stored.SequenceNr} of the journal cannot be read: {e.Message}", e)), ActorRefs.NoSender);
                return;
            }
            replay.PersistentActor.Tell(
                new ReplayedMessage(new Persistent(payload, stored.SequenceNr, replay.PersistenceId, stored.Manifest, isDeleted: false, ActorRefs.NoSender, stored.WriterGuid)),
                ActorRefs.NoSender);
        }
        replay.PersistentActor.Tell(new RecoverySuccess(disk.HighestSequenceNr));
    }
}

/// <summary>Has no snapshots: a member's events are its state.</summary>
internal sealed class NoSnapshots : UntypedActor
{
    protected override void OnReceive(object message)
    {
        if (message is LoadSnapshot load) Sender.Tell(new LoadSnapshotResult(null, load.ToSequenceNr));
        else Unhandled(message);
    }
}
