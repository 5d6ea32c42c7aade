using Akka.Actor;
using Akka.Event;
using Akka.Persistence;
using AkkaRaft.Log;
using AkkaRaft.StateMachines;
using AkkaRaft.Storage;

namespace AkkaRaft.Consensus;

/// <summary>
/// Compaction (Raft dissertation §5.1): once the state machine's disk has what entries did, a checkpoint stands for them, and then the events
/// that held them are deleted. A crash between any two of these steps leaves what the step before it left.
/// </summary>
internal sealed partial class RaftActor
{
    /// <summary>The events that hold the log, each with the index it appends after: no later one appends before an earlier one.</summary>
    private readonly List<(long SequenceNr, long PrevLogIndex, uint PreviousChecksum)> _appends = [];

    private bool _syncing;
    private bool _checkpointing;
    private LogBase? _compactTo;
    private LogBase? _installed;

    /// <summary>Asks the state machine for its disk once enough entries could go.</summary>
    private void Compact()
    {
        if (_syncing || _checkpointing || _compactTo is not null || _imagePending || _installing is not null) return;
        // Each time costs the state's file a commit and a sync.
        var step = _log.Bytes > 3L * _settings.RetainBytes / 2 ? 1 : Math.Max(1, _settings.RetainEntries / 10);
        if (CompactionTarget(_appliedIndex) - _log.BaseIndex < step) return;
        _syncing = true;
        _stateMachine.Tell(new SyncState());
    }

    /// <summary>
    /// The last entry that need not be held, given what is durably applied: some are kept for followers that were away for a while,
    /// and a leader keeps what a follower lacks; but neither beyond the bounds of the log. For a follower that catches up after a snapshot only the bound in bytes holds.
    /// </summary>
    private long CompactionTarget(long synced)
    {
        var lacked = _leading is { Progress.Count: > 0 } ? _leading.Progress.Values.Min(progress => progress.KeepsFrom) : long.MaxValue;
        var wanted = synced - _settings.RetainEntries;
        if (lacked > _log.BaseIndex) wanted = Math.Max(wanted, _log.LowestBaseWithin(int.MaxValue, _settings.RetainBytes));
        var catchesUp = _leading is { } leading && leading.Progress.Values.Any(progress => progress.CatchesUp && Now - progress.LastContact < _settings.ElectionTimeoutMax);
        var mostEntries = catchesUp ? int.MaxValue : _settings.MaxLogEntries;
        return Math.Min(synced, Math.Max(Math.Min(wanted, lacked), _log.LowestBaseWithin(mostEntries, _settings.MaxLogBytes)));
    }

    private void Synced(StateSynced synced)
    {
        _syncing = false;
        var index = CompactionTarget(Math.Min(synced.AppliedIndex, Math.Min(_appliedIndex, _log.DurableIndex)));
        if (_imagePending || _installing is not null || index <= _log.BaseIndex) return;
        _compactTo = _log.BaseAt(index);
        Flush();
    }

    private Checkpoint CheckpointAt(LogBase logBase)
    {
        // The event that holds the entry after the base holds all between, too; when there is no such entry the checkpoint needs no other event.
        var holds = _log.TermAt(logBase.Index) == logBase.Term && _log.WrittenIndex > logBase.Index;
        var first = holds ? _appends.FindLast(a => a.PrevLogIndex <= logBase.Index) : default;
        return new Checkpoint(logBase, Origin, new TermAndVote(_term, _votedFor), first.SequenceNr, first.PreviousChecksum);
    }

    /// <summary>The checkpoint is on the disk: what it stands for goes from memory, then from the disk.</summary>
    private void Checkpointed(Checkpoint checkpoint, long sequenceNr)
    {
        _log.StartFrom(checkpoint.Base);
        _log.MarkDurable(checkpoint.Base.Index);
        var first = checkpoint.FirstRetained > 0 ? checkpoint.FirstRetained : sequenceNr;
        _appends.RemoveAll(a => a.SequenceNr < first);
        DeleteMessages(first - 1);
    }

    private void Appended(long sequenceNr, long prevLogIndex, uint previousChecksum)
    {
        while (_appends.Count > 0 && _appends[^1].PrevLogIndex >= prevLogIndex) _appends.RemoveAt(_appends.Count - 1);
        _appends.Add((sequenceNr, prevLogIndex, previousChecksum));
    }

    private bool HandledByCompaction(object message)
    {
        switch (message)
        {
            case StateSynced synced:
                Synced(synced);
                return true;
            case DeleteMessagesSuccess:
                return true;
            case DeleteMessagesFailure failure:
                _logger.Warning("Member {0}'s journal could not delete events up to {1}, and tries again with the next: {2}", Me, failure.ToSequenceNr, failure.Cause.Message);
                return true;
            default:
                return false;
        }
    }

    // ---- recovery ------------------------------------------------------------------------------------------------

    private long _firstSequenceNr;
    private uint _firstPreviousChecksum;
    private bool _vouched;

    private void ReplayCheckpoint(Checkpoint checkpoint)
    {
        if (_firstSequenceNr == LastSequenceNr) _log = new RaftLog(checkpoint.Base);
        // Whoever deleted what was before the first event said so in a checkpoint that is still there.
        _vouched |= checkpoint.FirstRetained == 0
            ? _firstSequenceNr == LastSequenceNr
            : checkpoint.FirstRetained == _firstSequenceNr && checkpoint.PreviousChecksum == _firstPreviousChecksum;
        _log.StartFrom(checkpoint.Base);
        _log.MarkDurable(checkpoint.Base.Index);
        ReplayOrigin(checkpoint.Origin);
        (_term, _votedFor) = (checkpoint.TermAndVote.Term, checkpoint.TermAndVote.VotedFor);
        var first = checkpoint.FirstRetained > 0 ? checkpoint.FirstRetained : LastSequenceNr;
        _appends.RemoveAll(a => a.SequenceNr < first);
    }
}
