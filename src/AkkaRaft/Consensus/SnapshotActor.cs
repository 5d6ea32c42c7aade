using Akka.Actor;
using Akka.Event;
using AkkaRaft.Log;
using AkkaRaft.Protocol;
using AkkaRaft.Remoting;
using AkkaRaft.Storage;

namespace AkkaRaft.Consensus;

/// <summary>The member's child that reads and writes images, so that no heartbeat waits for a file.</summary>
internal sealed class SnapshotActor : ReceiveActor
{
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(20);

    private readonly ILoggingAdapter _logger = Context.GetLogger();
    private readonly SnapshotFiles _files;
    private readonly int _chunkBytes;
    private readonly long _bytesPerSecond;
    private TimeSpan _paidUntil;
    private Snapshot? _own;
    private Snapshot? _incoming;
    private bool _soughtOwn;

    public SnapshotActor(RaftSettings settings)
    {
        _files = FilesOf(settings);
        _chunkBytes = settings.SnapshotChunkBytes;
        _bytesPerSecond = settings.SnapshotBytesPerSecond;

        Receive<Prepare>(prepare => Guard("an image cannot be prepared", () =>
        {
            if (Usable(prepare.UsableFrom) is { } own)
            {
                Sender.Tell(new Own(own, IsNew: false));
                return;
            }
            _files.Prepare();
            Sender.Tell(new Prepared(_files.NewImage));
        }, new Own(null)));
        Receive<Seal>(seal => Guard("an image cannot be kept", () =>
        {
            _own = _files.Seal(seal.Base);
            Sender.Tell(new Own(_own));
        }, new Own(null)));
        Receive<Fetch>(Serve);
        Receive<Verify>(verify =>
        {
            if (_own is { } own && own.IsSameImage(verify.Snapshot)) Verified(own);
        });
        Receive<BeginFetching>(begin => Guard("an image cannot be received", () =>
        {
            _incoming = begin.Snapshot;
            Progressed(_files.Begin(begin.Snapshot), 0);
        }, new Failed()));
        Receive<Chunk>(chunk => Guard("an image cannot be received", () => Write(chunk), new Failed()));
        Receive<FindLatest>(find => Guard("an image cannot be read", () =>
            Sender.Tell(_files.Latest(find.Index) is var (snapshot, file) ? new Found(snapshot, file) : new NoneFound()), new NoneFound()));
        Receive<DropOwn>(_ => Guard("an image cannot be removed", () =>
        {
            _own = null;
            _files.DeleteOwn();
            Sender.Tell(new OwnDropped());
        }, null));
        Receive<DropIncoming>(_ => Guard("an image cannot be removed", () =>
        {
            _incoming = null;
            _files.DeleteIncoming();
        }, null));
    }

    public static Props Props(RaftSettings settings) => Akka.Actor.Props.CreateBy(new Producer<SnapshotActor>(() => new SnapshotActor(settings)));

    public static SnapshotFiles FilesOf(RaftSettings settings) => new(Path.Combine(settings.DataDirectory, settings.Id.ToString(), "snapshots"));

    /// <summary>The image of the run before is not believed until it is measured, and is measured only once it is of use.</summary>
    private Snapshot? Usable(long from)
    {
        if (!_soughtOwn && _own is null && _files.DescribedOwn() is { } described && described.Base.Index >= from)
        {
            _soughtOwn = true;
            _own = _files.Own();
        }
        return _own is { } own && own.Base.Index >= from ? own : null;
    }

    /// <summary>Measures the image anew, and gives it up if it is not what it was.</summary>
    private void Verified(Snapshot own)
    {
        _own = null;
        Guard("an image cannot be read", () => _own = _files.Own(), null);
        if (_own is not null) return;
        _logger.Error("The image to {0} in {1} is damaged; another is made when it is needed.", own.Base.Index, _files.OwnImage);
        Context.Parent.Tell(new Lost(own));
    }

    private void Serve(Fetch fetch)
    {
        if (_own is not { } own || own.Base.Index != fetch.Index || own.Checksum != fetch.Checksum || fetch.Offset < 0 || fetch.Offset > own.Length)
        {
            Sender.Tell(new Served(fetch, default, 0));
            return;
        }
        Guard("an image cannot be read", () =>
        {
            var bytes = _files.Read(fetch.Offset, _chunkBytes);
            Sender.Tell(new Served(fetch, bytes, Crc.Of(bytes)));
        }, new Lost(own));
    }

    private void Write(Chunk chunk)
    {
        if (_incoming is not { } incoming || incoming.Base.Index != chunk.Index || incoming.Checksum != chunk.SnapshotChecksum || Crc.Of(chunk.Bytes.Span) != chunk.Checksum)
        {
            _logger.Warning("A piece of the snapshot to {0} came damaged; it is fetched again.", chunk.Index);
            Context.Parent.Tell(new Failed());
            return;
        }
        Progressed(_files.Write(chunk.Offset, chunk.Bytes.Span), chunk.Bytes.Length);
    }

    private void Progressed(long received, int bytes)
    {
        var incoming = _incoming!;
        var member = Context.Parent;
        if (received < incoming.Length)
        {
            var pause = Pause(bytes);
            if (pause < ShortestPause) member.Tell(new Received(incoming, received));
            else Context.System.Scheduler.ScheduleTellOnce(pause, member, new Received(incoming, received), Self);
            return;
        }
        _incoming = null;
        if (_files.Complete(incoming))
        {
            member.Tell(new Complete(incoming, _files.IncomingImage));
            return;
        }
        _logger.Warning("The snapshot to {0} is damaged as a whole; it is fetched anew.", incoming.Base.Index);
        member.Tell(new Failed(incoming));
    }

    /// <summary>How long to wait so that the rate is kept over all pieces; a timer's coarseness is made up for by those that follow.</summary>
    private TimeSpan Pause(int bytes)
    {
        if (_bytesPerSecond == 0) return TimeSpan.Zero;
        var now = Context.System.Scheduler.MonotonicClock;
        _paidUntil = (_paidUntil > now - ShortestPause ? _paidUntil : now) + TimeSpan.FromSeconds((double)bytes / _bytesPerSecond);
        return _paidUntil - now;
    }

    /// <summary>A full disk stops a snapshot, and not the member.</summary>
    private void Guard(string what, Action action, object? answer)
    {
        try
        {
            action();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _logger.Error(e, "{0}: {1}", Self.Path.Parent.Name, what);
            if (answer is not null) Context.Parent.Tell(answer);
        }
    }

    /// <summary>The image made here; null when it could not be made.</summary>
    /// <param name="Snapshot">What it is of.</param>
    /// <param name="IsNew">Whether it was made for the <see cref="Prepare"/> that is answered.</param>
    public sealed record Own(Snapshot? Snapshot, bool IsNew = true);

    /// <summary>The image made here cannot be read, or is damaged.</summary>
    public sealed record Lost(Snapshot Snapshot);

    /// <summary>A follower has received the image made here, and says that it is damaged.</summary>
    public sealed record Verify(Snapshot Snapshot);

    /// <summary>Asks where a state machine may write an image; answered with <see cref="Prepared"/>, or with <see cref="Own"/> when there is one of the index or a later one.</summary>
    public sealed record Prepare(long UsableFrom);

    public sealed record Prepared(string File);

    /// <summary>The image is written; answered with <see cref="Own"/>.</summary>
    public sealed record Seal(LogBase Base);

    /// <summary>A member or a client asks for a piece of the image made here.</summary>
    /// <param name="To">The member, or null for a client.</param>
    /// <param name="Client">Who asked.</param>
    /// <param name="RequestId">The client's own number.</param>
    /// <param name="Index">Of the snapshot.</param>
    /// <param name="Checksum">Of the whole image.</param>
    /// <param name="Offset">Where the piece begins.</param>
    public sealed record Fetch(MemberId? To, IActorRef Client, long RequestId, long Index, uint Checksum, long Offset)
    {
        public CountedAnswer Counted { get; init; }
    }

    /// <summary>The piece; empty when there is no such image.</summary>
    public sealed record Served(Fetch Fetch, ReadOnlyMemory<byte> Bytes, uint Checksum);

    public sealed record BeginFetching(Snapshot Snapshot);

    public sealed record Chunk(long Index, uint SnapshotChecksum, long Offset, ReadOnlyMemory<byte> Bytes, uint Checksum);

    /// <summary>So much of the image is there; more may be fetched.</summary>
    public sealed record Received(Snapshot Snapshot, long Bytes);

    /// <summary>The image is there, verified and on the disk.</summary>
    public sealed record Complete(Snapshot Snapshot, string File);

    /// <summary>What was received is of no use.</summary>
    /// <param name="Damaged">The snapshot whose image came whole, and is another than described; null when there was another cause.</param>
    public sealed record Failed(Snapshot? Damaged = null);

    /// <summary>Asks for an image with which a log that begins after the index can go on.</summary>
    public sealed record FindLatest(long Index);

    /// <summary>Verified, and on the disk.</summary>
    public sealed record Found(Snapshot Snapshot, string File);

    public sealed record NoneFound;

    public sealed record DropIncoming;

    /// <summary>The image made here is of a state that is wrong; answered with <see cref="OwnDropped"/>.</summary>
    public sealed record DropOwn;

    public sealed record OwnDropped;
}
