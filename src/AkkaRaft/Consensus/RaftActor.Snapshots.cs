using Akka.Actor;
using Akka.Event;
using AkkaRaft.Log;
using AkkaRaft.Protocol;
using AkkaRaft.Remoting;
using AkkaRaft.StateMachines;

namespace AkkaRaft.Consensus;

/// <summary>
/// Snapshots for followers that are behind the leader's log (Raft dissertation §5): the leader offers an image of its state machine, the follower
/// fetches it piece by piece, and its old state stays until the new one is complete and verified.
/// </summary>
internal sealed partial class RaftActor
{
    private readonly List<(IActorRef Asker, long RequestId)> _backupAskers = [];
    private readonly AnswerWindows _chunks;
    private Snapshot? _image;
    private bool _imagePending;
    private Fetching? _fetching;
    private (Snapshot Snapshot, string File)? _checking;
    private readonly GrowingPause _fetchPause;
    private readonly GrowingPause _savePause;
    private (Snapshot Snapshot, string File)? _installing;

    /// <summary>
    /// The state machine has not applied all of what the log no longer has: its file was lost, or was of another version, or is given up, or a snapshot is being taken over.
    /// Nothing is read from it, and nothing is applied.
    /// </summary>
    private bool IsStateBehindLog => _appliedIndex < _log.BaseIndex || _forgetsState;

    /// <summary>Only a snapshot helps the state machine. Votes, acknowledgements and the log do not depend on it.</summary>
    internal bool LacksSnapshot => IsStateBehindLog && _installing is null;

    /// <summary>A client asks for one chunk after the other; whoever asks for all at once waits for those before.</summary>
    private void Serve(FetchBackup fetch, IActorRef client)
    {
        if (!_chunks.IsFull(client)) Read(fetch, client);
        else if (!_chunks.TryAdd(client, () => Read(fetch, client)))
            client.Tell(new Refused(fetch.RequestId, RefusalReason.Overloaded, null, "Too many pieces of a backup were asked for at once."));
    }

    private void Read(FetchBackup fetch, IActorRef client)
    {
        if (_image is not { } image)
        {
            client.Tell(new BackupChunk(fetch.RequestId, fetch.Offset, default, 0));
            return;
        }
        Fetched(image, fetch.Offset);
        _snapshots.Tell(new SnapshotActor.Fetch(null, client, fetch.RequestId, image.Base.Index, image.Checksum, fetch.Offset) { Counted = _chunks.Count(client, _settings.SnapshotChunkBytes) });
    }

    // An image that another one replaces is fetched from the start again, and a member that lags behind would never have one.
    private static readonly TimeSpan HeldBetweenPieces = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan HeldAtMost = TimeSpan.FromMinutes(5);
    private TimeSpan _imageMadeAt;
    private TimeSpan? _imageFetchedAt;

    private bool IsImageHeld => Now - _imageFetchedAt < HeldBetweenPieces && Now - _imageMadeAt < HeldAtMost;

    private void Fetched(Snapshot image, long offset) => _imageFetchedAt = offset + _settings.SnapshotChunkBytes >= image.Length ? null : Now;

    private bool HandledBySnapshots(object message)
    {
        switch (message)
        {
            case FetchSnapshot fetch:
                if (_image is { } asked && asked.Base.Index == fetch.Index && asked.Checksum == fetch.SnapshotChecksum) Fetched(asked, fetch.Offset);
                _snapshots.Tell(new SnapshotActor.Fetch(fetch.Header.From, ActorRefs.Nobody, 0, fetch.Index, fetch.SnapshotChecksum, fetch.Offset));
                return true;
            case SnapshotActor.Served { Fetch.To: { } to } served:
                // Nothing is said of an image that is gone: the next offer names another.
                if (served.Bytes.Length > 0)
                    Send(to, h => new SnapshotChunk(h, served.Fetch.Index, served.Fetch.Checksum, served.Fetch.Offset, served.Bytes, served.Checksum));
                return true;
            case SnapshotActor.Served served:
                served.Fetch.Client.Tell(new BackupChunk(served.Fetch.RequestId, served.Fetch.Offset, served.Bytes, served.Checksum) { Counted = served.Fetch.Counted });
                return true;
            case SnapshotActor.Prepared prepared:
                _stateMachine.Tell(new SaveImage(prepared.File));
                return true;
            case ImageSaved saved:
                Saved(saved);
                return true;
            case SnapshotActor.Own { IsNew: false } own:
                _image = own.Snapshot;
                _imagePending = false;
                // A backup is of the state as it is when it is asked for.
                if (_backupAskers.Count > 0) MakeImage(long.MaxValue);
                else Compact();
                return true;
            case SnapshotActor.Lost lost:
                if (_image?.IsSameImage(lost.Snapshot) == true) _image = null;
                return true;
            case SnapshotActor.Own own:
                _image = own.Snapshot;
                (_imageMadeAt, _imageFetchedAt) = (Now, null);
                ImageDone("The image could not be kept; the member's log says why.");
                return true;
            case BeginBackup begin when IsStateBehindLog:
                Refuse(begin.RequestId, RefusalReason.NotReady, "The member's state machine lacks a snapshot; ask another member.");
                return true;
            case BeginBackup begin when IsImageHeld && _image is { } held && held.Base.Index == _appliedIndex:
                Sender.Tell(new BackupBegun(begin.RequestId, held.Base.Index, held.Length, held.Checksum));
                return true;
            case BeginBackup begin when IsImageHeld:
                Refuse(begin.RequestId, RefusalReason.NotReady, "A member, or another backup, fetches the image that there is; another one can be made when it has it.");
                return true;
            case BeginBackup begin:
                _backupAskers.Add((Sender, begin.RequestId));
                MakeImage(long.MaxValue);
                return true;
            case FetchBackup fetch:
                Serve(fetch, Sender);
                return true;
            case AnswerWindow.Reopened reopened:
                _chunks.GoOn(reopened);
                return true;
            case SnapshotChunk chunk:
                Receive(chunk);
                return true;
            case SnapshotActor.Received received when _fetching is { } fetching && fetching.Snapshot == received.Snapshot:
                fetching.Received = received.Bytes;
                fetching.Writes = false;
                Fetch(fetching);
                return true;
            case SnapshotActor.Complete complete when _fetching is { } fetching && fetching.Snapshot == complete.Snapshot:
                // Its checksum is its giver's; whether it is an image, and of what, only the state machine can tell.
                _checking = (complete.Snapshot, complete.File);
                _stateMachine.Tell(new CheckImage(complete.File, complete.Snapshot.Base.Index, complete.Snapshot.Base.Term));
                return true;
            case ImageChecked result:
                Checked(result);
                return true;
            case SnapshotActor.Failed failed:
                GiveUp(failed.Damaged);
                return true;
            case SnapshotActor.Received or SnapshotActor.Complete:
                return true;
            case ImageLoaded loaded:
                Loaded(loaded);
                return true;
            default:
                return false;
        }
    }

    // ---- the leader, and whoever gives a backup -------------------------------------------------------------------

    private bool IsBehindLog(Progress progress) => progress.NextIndex - 1 < _log.BaseIndex;

    /// <summary>Stands for a heartbeat too.</summary>
    private void OfferSnapshot(LeaderState leading, MemberId id, Progress progress)
    {
        // What is after the image must still be in the log.
        var image = ImageFrom(Math.Max(_log.BaseIndex, progress.LacksStateTo));
        progress.NeedsSnapshot(image, _log.BaseIndex);
        Send(id, h => new InstallSnapshot(h, image, leading.Reads.Round));
    }

    /// <summary>The follower's log is whole, and goes on; its state machine alone needs the snapshot.</summary>
    private void OfferState(LeaderState leading, MemberId id, Progress progress)
    {
        if (ImageFrom(progress.LacksStateTo) is { } image) Send(id, h => new InstallSnapshot(h, image, leading.Reads.Round));
    }

    /// <summary>An image of the index or a later one; null while there is none, and one is made if it can be.</summary>
    private Snapshot? ImageFrom(long index)
    {
        if (_image is { } made && made.Base.Index >= index) return made;
        if (_appliedIndex >= index && !_savePause.IsOn(Now)) MakeImage(index);
        return null;
    }

    private void MakeImage(long usableFrom)
    {
        if (_imagePending || IsStateBehindLog) return;
        _imagePending = true;
        _snapshots.Tell(new SnapshotActor.Prepare(usableFrom));
    }

    private void Saved(ImageSaved saved)
    {
        if (saved.Failure is { } failure)
        {
            _savePause.Failed(Now);
            _logger.Error("Member {0}'s state machine could not write an image, and tries again in {1} where a member needs one: {2}", Me, SettingsCheck.Text(_savePause.Length), failure);
            _image = null;
            ImageDone(failure);
        }
        else if (_log.TermAt(saved.Index) != saved.Term)
        {
            // A leader's snapshot took the log beyond it meanwhile.
            ImageDone("The member took over a snapshot meanwhile; ask again.");
        }
        else
        {
            _savePause.Succeeded();
            _snapshots.Tell(new SnapshotActor.Seal(_log.BaseAt(saved.Index)));
        }
    }

    private void ImageDone(string otherwise)
    {
        var pending = _imagePending;
        _imagePending = false;
        if (!pending) return;
        foreach (var (asker, requestId) in _backupAskers)
            asker.Tell(_image is { } image ? new BackupBegun(requestId, image.Base.Index, image.Length, image.Checksum) : new Refused(requestId, RefusalReason.NotReady, LeaderMember, otherwise));
        // Whoever is told of it fetches it.
        if (_image is not null && _backupAskers.Count > 0) _imageFetchedAt = Now;
        _backupAskers.Clear();
        Compact();
    }

    private void Answered(LeaderState leading, Progress progress, InstallSnapshotReply reply)
    {
        if (MessageCheck.Complaint(reply, _commitIndex, leading.Reads.Round) is { } complaint)
        {
            Drop(DropReason.Impossible, reply.Header, complaint);
            return;
        }
        Heard(progress, reply.Header.From, reply.Round);
        if (reply.Damaged is { } checksum && _image is { } image && image.Checksum == checksum) _snapshots.Tell(new SnapshotActor.Verify(image));
        if (reply.Installed) progress.Installed(reply.MatchIndex, leading.Reads.Round, _log.LastIndex);
        else progress.Fetching(reply.Received);
        AfterAnswer(leading, reply.Header.From, progress);
    }

    // ---- the follower ---------------------------------------------------------------------------------------------

    private void Follow(FollowerState follower, InstallSnapshot install)
    {
        if (Contradicted(install) is { } committed)
        {
            Refuse(follower, install.Header, install.Round, committed);
            return;
        }
        HearLeader(follower, install.Header.From);
        var from = install.Header.From;
        if (install.Snapshot is { } snapshot)
        {
            var index = snapshot.Base.Index;
            var isLacking = LacksSnapshot && index >= _log.BaseIndex;
            if (!isLacking && (index <= _commitIndex || _log.TermAt(index) == snapshot.Base.Term))
            {
                AfterDurable(index, () => Send(from, h => new InstallSnapshotReply(h, Installed: true, index, snapshot.Length, install.Round)));
                return;
            }
            if (_installing is not null || _checking is not null || _fetchPause.IsOn(Now))
            {
                // Its file is still needed; or the state machine would refuse the next as it did the last.
            }
            else if (_fetching is not { } fetching || !fetching.Snapshot.IsSameImage(snapshot))
            {
                _logger.Info("Member {0} fetches the snapshot to entry {1} ({2} bytes) from {3}.", Me, index, snapshot.Length, from);
                _fetching = new Fetching(snapshot, from) { Writes = true };
                _snapshots.Tell(new SnapshotActor.BeginFetching(snapshot));
            }
            else if (!fetching.Writes && (fetching.From != from || Now - fetching.AskedAt > _settings.ElectionTimeoutMin))
            {
                fetching.From = from;
                Fetch(fetching);
            }
        }
        var received = _fetching?.Received ?? 0;
        AfterDurable(0, () => Send(from, h => new InstallSnapshotReply(h, Installed: false, 0, received, install.Round)));
    }

    private void Fetch(Fetching fetching)
    {
        fetching.AskedAt = Now;
        Send(fetching.From, h => new FetchSnapshot(h, fetching.Snapshot.Base.Index, fetching.Snapshot.Checksum, fetching.Received));
    }

    private void Receive(SnapshotChunk chunk)
    {
        // One piece at a time: what was asked for twice is not written twice.
        if (_fetching is not { Writes: false } fetching || chunk.Offset != fetching.Received || chunk.SnapshotChecksum != fetching.Snapshot.Checksum) return;
        fetching.Writes = true;
        _snapshots.Tell(new SnapshotActor.Chunk(chunk.Index, chunk.SnapshotChecksum, chunk.Offset, chunk.Bytes, chunk.Checksum));
    }

    private void Checked(ImageChecked result)
    {
        if (_checking is not { } received || received.Snapshot.Base.Index != result.Index) return;
        _checking = null;
        if (result.Failure is { } failure)
        {
            _fetchPause.Failed(Now);
            _logger.Error("Member {0} fetches another snapshot than that to entry {1}, in {2}; its state machine cannot take that over: {3}", Me, result.Index, SettingsCheck.Text(_fetchPause.Length), failure);
            _snapshots.Tell(new SnapshotActor.DropIncoming());
            GiveUp(received.Snapshot);
            return;
        }
        _fetching = null;
        Install(received.Snapshot, received.File);
    }

    /// <summary>What an operator has to know of the state machine; null for what passes by itself.</summary>
    private string? WhatStateLacks =>
        _fetchPause.Length > TimeSpan.Zero ? $"Member {Me}'s state machine refuses the snapshots that it is given, as the member's log says."
        : _leading is { MakesWay: true } ? WhyItMakesWay
        : null;

    /// <summary>Its giver may have it damaged, and would give it for ever. The next offer begins it anew.</summary>
    private void GiveUp(Snapshot? damaged)
    {
        if (damaged is not null && _fetching is { From: var giver })
            AfterDurable(0, () => Send(giver, h => new InstallSnapshotReply(h, Installed: false, 0, 0, 0) { Damaged = damaged.Checksum }));
        _fetching = null;
    }

    /// <summary>The image is on the disk: the log takes note of it, durably, before the state machine takes it over.</summary>
    private void Install(Snapshot snapshot, string file)
    {
        var index = snapshot.Base.Index;
        if (_leading is not null || _installing is not null || (LacksSnapshot ? index < _log.BaseIndex : index <= _commitIndex)) return;
        _installing = (snapshot, file);
        _log.StartFrom(snapshot.Base);
        _commitIndex = Math.Max(_commitIndex, index);
        _compactTo = null;
        _installed = snapshot.Base;
        // Whatever is said from now on waits for it.
        _hardStateVersion++;
        Flush();
    }

    private void Load(Snapshot snapshot, string file)
    {
        _installing = (snapshot, file);
        _stateMachine.Tell(new LoadImage(file, snapshot.Base.Index, snapshot.Base.Term, LastSequenceNr));
    }

    private void Loaded(ImageLoaded loaded)
    {
        _installing = null;
        _snapshots.Tell(new SnapshotActor.DropIncoming());
        if (loaded.Failure is { } failure)
        {
            _fetchPause.Failed(Now);
            _logger.Error("Member {0}'s state machine cannot take over the snapshot to entry {1}, and another is fetched in {2}: {3}", Me, loaded.Index, SettingsCheck.Text(_fetchPause.Length), failure);
            return;
        }
        _fetchPause.Succeeded();
        _logger.Info("Member {0} goes on from the snapshot to entry {1}.", Me, loaded.Index);
        _appliedIndex = loaded.Index;
        Apply();
        if (_leading is not null) ServeReads(_leading);
    }

    private sealed class Fetching(Snapshot snapshot, MemberId from)
    {
        public Snapshot Snapshot { get; } = snapshot;

        public MemberId From { get; set; } = from;

        public long Received { get; set; }

        public TimeSpan AskedAt { get; set; }

        /// <summary>A piece is on its way to the disk.</summary>
        public bool Writes { get; set; }
    }
}
