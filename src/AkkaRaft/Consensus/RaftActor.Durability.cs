using Akka.Actor;
using Akka.Event;
using AkkaRaft.Storage;

namespace AkkaRaft.Consensus;

/// <summary>Writing to the journal: one write in flight, everything gathered meanwhile goes with the next, and what depends on it waits.</summary>
internal sealed partial class RaftActor
{
    private static readonly TimeSpan SayEvery = TimeSpan.FromMinutes(1);

    private readonly List<Waiter> _waiters = [];
    private long _hardStateVersion;
    private long _durableHardStateVersion;
    private long _durableSequenceNr;
    private TimeSpan? _flushStarted;
    private (long Term, Protocol.MemberId? VotedFor) _writtenTermAndVote;
    private bool _originWritten;
    private bool _originDurable;

    private readonly WriteTime _writeTime;
    private int _slowWrites;
    private TimeSpan? _saidSlow;

    /// <summary>A journal that has been silent for an election timeout, and for longer than it is known to take: its member neither leads nor campaigns.</summary>
    private bool JournalStuck => _flushStarted is { } started && Now - started > _settings.ElectionTimeoutMax + 2 * _writeTime.Longest;

    /// <summary>Term and vote are being written: until they are, nothing that an election needs can be said.</summary>
    private bool WritesHardState => _durableHardStateVersion < _hardStateVersion;

    private void SetTermAndVote(long term, Protocol.MemberId? votedFor)
    {
        _term = term;
        _votedFor = votedFor;
        _hardStateVersion++;
    }

    /// <summary>
    /// Does <paramref name="action"/> once the present term and vote, and the log up to <paramref name="index"/>, are durable;
    /// never if the term has changed by then.
    /// </summary>
    private void AfterDurable(long index, Action action)
    {
        var waiter = new Waiter(_term, _hardStateVersion, index, action);
        if (IsDurable(waiter))
        {
            action();
            return;
        }
        _waiters.Add(waiter);
        Flush();
    }

    private bool IsDurable(Waiter waiter) =>
        _durableHardStateVersion >= waiter.HardStateVersion && _log.DurableIndex >= waiter.Index;

    private void Flush()
    {
        if (_flushStarted is not null) return;
        var events = new List<SealedEvent>(3);
        if (!_originWritten)
        {
            events.Add(_chain.Seal(Origin));
            _originWritten = true;
        }
        if (_begun is not null)
        {
            events.Add(_chain.Seal(_begun));
            _begun = null;
        }
        var ends = _beganAnew is not null && !_beganAnewWritten;
        if (ends)
        {
            events.Add(_chain.Seal(_beganAnew!));
            _beganAnewWritten = true;
        }
        if (_writtenTermAndVote != (_term, _votedFor)) events.Add(_chain.Seal(new TermAndVote(_term, _votedFor)));
        _writtenTermAndVote = (_term, _votedFor);
        var checkpoint = NextCheckpoint();
        if (checkpoint is not null) events.Add(_chain.Seal(checkpoint));
        var checkpointSequenceNr = LastSequenceNr + events.Count;
        var entries = _log.Unwritten(_settings.MaxAppendBytes);
        if (entries.Count > 0)
        {
            var prev = entries[0].Index - 1;
            Appended(LastSequenceNr + events.Count + 1, prev, _chain.LastChecksum);
            events.Add(_chain.Seal(new EntriesAppended(prev, _log.TermAt(prev) ?? 0, entries)));
            _log.MarkWritten(entries[^1].Index);
        }
        if (events.Count == 0) return;

        _flushStarted = Now;
        var version = _hardStateVersion;
        var lastIndex = entries.Count > 0 ? entries[^1].Index : 0;
        var left = events.Count;
        PersistAllAsync(events, _ =>
        {
            if (--left > 0) return;
            if (ends)
            {
                Fail(WhatBeganAnew(_beganAnew!));
                return;
            }
            _originDurable = true;
            Noted(checkpoint, checkpointSequenceNr);
            Flushed(version, lastIndex);
        });
    }

    /// <summary>Made when it is written: it must have the term and vote that the event before it has.</summary>
    private IRaftEvent? NextCheckpoint()
    {
        IRaftEvent? checkpoint = _installed is { } installed ? new SnapshotInstalled(CheckpointAt(installed))
            : _compactTo is { } compacted ? new LogCompacted(CheckpointAt(compacted))
            : null;
        _installed = _compactTo = null;
        _checkpointing = checkpoint is not null;
        return checkpoint;
    }

    private void Noted(IRaftEvent? checkpoint, long sequenceNr)
    {
        _checkpointing = false;
        switch (checkpoint)
        {
            case LogCompacted c:
                Checkpointed(c.Checkpoint, sequenceNr);
                break;
            case SnapshotInstalled s:
                Checkpointed(s.Checkpoint, sequenceNr);
                if (_installing is { } installing) Load(installing.Snapshot, installing.File);
                break;
        }
    }

    private void Flushed(long hardStateVersion, long lastIndex)
    {
        if (_flushStarted is { } started)
        {
            _writeTime.Add(Now - started);
            _slowWrites = IsSlow(Now - started) ? _slowWrites + 1 : 0;
        }
        // One alone may be a process that was paused.
        if (_slowWrites > 1) SayIfSlow();
        _flushStarted = null;
        _durableHardStateVersion = hardStateVersion;
        _durableSequenceNr = LastSequenceNr;
        _log.MarkDurable(lastIndex);
        Flush();

        var ready = _waiters.Where(IsDurable).ToList();
        _waiters.RemoveAll(w => ready.Contains(w) || w.Term != _term);
        foreach (var waiter in ready)
            if (waiter.Term == _term) waiter.Action();

        if (_leading is not null) AdvanceCommit(_leading);
        Apply();
    }

    // An election is two writes, one after the other, and the heartbeats' way.
    private bool IsSlow(TimeSpan write) => write * 3 > _settings.ElectionTimeoutMin;

    private void SayIfSlow()
    {
        if (!IsSlow(_writeTime.Longest) || !MaySay(ref _saidSlow)) return;
        _logger.Warning(
            "Member {0}'s journal takes {1:0} ms to write. Elections and hand-overs take several times as long; set akkaraft.election-timeout-min to {2:0} ms or more on all members, or use a faster disk.",
            Me, _writeTime.Longest.TotalMilliseconds, 3 * _writeTime.Longest.TotalMilliseconds);
    }

    /// <summary>Whether a line that is said once a minute at most may be said now; then it is.</summary>
    private bool MaySay(ref TimeSpan? saidAt)
    {
        if (Now - saidAt < SayEvery) return false;
        saidAt = Now;
        return true;
    }

    protected override void OnPersistFailure(Exception cause, object @event, long sequenceNr)
    {
        // The base class stops the actor; only recovery can tell whether the write landed.
        _logger.Error(cause, "Member {0}'s journal failed to write event {1}; the member stops and recovers from what is stored.", Me, sequenceNr);
        Context.Parent.Tell(new MemberHindered($"Member {Me} cannot write its journal in {DataDirectory.PathOf(_settings)} now: {cause.Message}"));
    }

    protected override void OnPersistRejected(Exception cause, object @event, long sequenceNr)
    {
        _logger.Error(cause, "Member {0}'s journal refused event {1}; the member stops.", Me, sequenceNr);
        Context.Stop(Self);
    }

    private sealed record Waiter(long Term, long HardStateVersion, long Index, Action Action);
}
