using System.Runtime.CompilerServices;
using Akka;
using Akka.Streams.Dsl;
using AkkaRaft.KeyValue;

namespace AkkaRaft.Client;

/// <summary>Changes as they come.</summary>
public sealed partial class RaftClient
{
    // How late it may be noticed that a member, asked for changes, is cut off from the others.
    private static readonly TimeSpan WatchWait = TimeSpan.FromSeconds(5);

    private static readonly byte[] NoKey = [0];

    /// <summary>
    /// Tells the changes of a range of keys: in order of revision, each once, none left out, across changes of leader and of the member asked.
    /// It goes on through elections and outages, and ends by cancellation or with an exception.
    /// </summary>
    /// <param name="range">Which keys.</param>
    /// <param name="fromRevision">
    /// The first revision whose changes are wanted; null for those made after the watch has begun. To go on after a change, name its version plus one;
    /// the changes of one transaction have one version and come one after the other.
    /// </param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="CompactedException">Changes that were asked for are no longer kept: read the range anew, and watch from its revision plus one.</exception>
    /// <exception cref="FutureRevisionException">The store has not come to the revision before that: it may have been restored from an older backup.</exception>
    /// <exception cref="BadInputException">The range or the revision is none.</exception>
    /// <exception cref="RaftException">Without <paramref name="fromRevision"/>: it could not be found out in time which changes are new.</exception>
    public async IAsyncEnumerable<Change> WatchAsync(KeyRange range, long? fromRevision = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var next = fromRevision ?? await RevisionAsync(cancellationToken).ConfigureAwait(false) + 1;
        // A revision that was named is looked at once without a wait: there may be no such yet.
        var wait = fromRevision is null ? WatchWait : TimeSpan.Zero;
        while (true)
        {
            if (await NextChangesAsync(new Watch(range.From, range.To, next, wait), cancellationToken).ConfigureAwait(false) is not { } reply) continue;
            wait = WatchWait;
            if (reply.OldestRevision is { } oldest)
                throw new CompactedException($"Changes from revision {next} on were asked for, and those before {oldest} are no longer kept. Read the keys anew, and watch from there; akkaraft.watch-retain-changes and akkaraft.watch-retain-bytes say how many are kept.", oldest);
            foreach (var change in reply.Changes) yield return change;
            next = reply.NextRevision;
        }
    }

    /// <summary><see cref="WatchAsync"/> as a source of Akka.Streams: demand from downstream is what fetches more.</summary>
    /// <param name="range">Which keys.</param>
    /// <param name="fromRevision">As of <see cref="WatchAsync"/>.</param>
    /// <returns>A source that fails as <see cref="WatchAsync"/> does, and ends when downstream cancels.</returns>
    public Source<Change, NotUsed> WatchSource(KeyRange range, long? fromRevision = null) => Source.From(() => WatchAsync(range, fromRevision));

    /// <returns>Null when it has to be asked again.</returns>
    private async Task<WatchReply?> NextChangesAsync(Watch watch, CancellationToken cancellationToken)
    {
        try
        {
            var reply = await Ask<WatchReply>(watch, cancellationToken).ConfigureAwait(false);
            // A member that is cut off has nothing to tell, for ever: whoever answers this leads, and is asked next.
            if (!reply.Changes.IsEmpty || reply.OldestRevision is not null) return reply;
            var revision = await RevisionAsync(cancellationToken).ConfigureAwait(false);
            return watch.FromRevision <= revision + 1 ? reply : throw new FutureRevisionException(
                $"Changes from revision {watch.FromRevision} on were asked for, and the store is at revision {revision}: it may have been restored from an older backup, or be another cluster's. Read the keys anew, and watch from there.",
                watch.FromRevision, revision);
        }
        catch (RaftException e) when (e is NoLeaderException or ClusterUnreachableException or OverloadedException)
        {
            await PauseAsync(cancellationToken).ConfigureAwait(false);
            return null;
        }
    }

    private async Task<long> RevisionAsync(CancellationToken cancellationToken) =>
        (await Ask<RangeReply>(new GetRange(NoKey, NoKey), cancellationToken).ConfigureAwait(false)).Revision;
}
