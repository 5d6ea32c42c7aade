using System.Diagnostics;
using System.Globalization;
using Akka.Actor;
using Akka.Event;
using AkkaRaft.KeyValue;
using AkkaRaft.Log;
using AkkaRaft.Protocol;
using AkkaRaft.Remoting;
using AkkaRaft.StateMachines;
using AkkaRaft.Storage;

namespace AkkaRaft.Hosting;

/// <summary>What an operator does with members that do not run: bring a backup back, or go on from one that is left.</summary>
public static class Disaster
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan PatienceWithErrors = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan SayEvery = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Lets a member of a new cluster begin with the state of a backup. Done for each member, with the same backup, before any of them is started.
    /// </summary>
    /// <param name="settings">The member's, with a cluster id of its own, and a directory that is empty or not there.</param>
    /// <param name="backup">The file; it stays as it is.</param>
    /// <param name="progress">Is told what is being waited for, in words.</param>
    /// <param name="stateMachine">What the new cluster's members run, and the old one's did; the key-value store when nothing is said.</param>
    /// <returns>Index of the last entry whose effect is in the state.</returns>
    /// <exception cref="DataDirectoryException">The member's directory is not empty, or the state could not be written.</exception>
    /// <exception cref="RaftConfigurationException">The cluster's id is that of the cluster that the backup is from; or the state machine is an actor, which brings its backups back by itself.</exception>
    /// <exception cref="KeyValueStoreException">The file is no backup of the store, or is damaged.</exception>
    /// <exception cref="InvalidDataException">The file is no backup of the plain class, or is damaged.</exception>
    /// <exception cref="FileNotFoundException">The file is not there.</exception>
    public static async Task<long> RestoreAsync(RaftSettings settings, string backup, IProgress<string>? progress = null, RaftStateMachine? stateMachine = null)
    {
        ArgumentNullException.ThrowIfNull(settings);
        if ((stateMachine ?? RaftStateMachine.KeyValueStore).Inspect is not { } inspect)
            throw new RaftConfigurationException($"The state machine '{stateMachine!.Name}' is an actor: what its backup is of, only it can tell, and it brings it back by itself.");
        uint checksum;
        // SQLite says of a file that is not there, or may not be read, that it cannot open it.
        using (var file = File.OpenRead(backup))
        {
            // Some have no end.
            if (!file.CanSeek || file.Length == 0) throw new InvalidDataException($"{backup} is no backup: it is empty, or no regular file.");
            checksum = Crc.Of(file);
        }
        var image = inspect(backup);
        if (image.ClusterId == settings.ClusterId)
            throw new RaftConfigurationException($"{backup} is of cluster '{image.ClusterId}', and so would be the new one: members of the old could disturb it. Set akkaraft.cluster-id to another name.");
        var length = new FileInfo(backup).Length;
        var name = string.Create(CultureInfo.InvariantCulture, $"{image.ClusterId} {image.Index} {image.Term} {length} {checksum:x8}");
        var restore = new RestoreDirectory(settings);
        if (restore.HasRestored(name) && !restore.IsUnfinished) return image.Index;

        restore.Create(name);
        // Kept as an image is: whoever takes it over does not change it.
        await RunAsync<RaftStatus>(
            settings with { DataDirectory = restore.Path, RestoreFrom = (BeginningWith(image, length, checksum, settings.Members.Values), Path.GetFullPath(backup)) },
            new GetMemberStatus(settings.ClusterId, 0), status => status.AppliedIndex >= image.Index, $"member {settings.Id} to take over the {length} bytes of the backup", progress, stateMachine).ConfigureAwait(false);
        restore.Complete(name);
        return image.Index;
    }

    /// <summary>What the log of a new cluster begins with: the same at each of its members.</summary>
    internal static Snapshot BeginningWith(ImageContent image, long length, uint checksum, IEnumerable<RaftEndpoint> founders) =>
        new(new LogBase(image.Index, image.Term, image.TimestampMs, Configuration.Of(founders)), length, checksum);

    /// <summary>
    /// Makes a cluster of one out of a member whose cluster has lost its majority for ever. Writes that only the lost members had are gone, some of them
    /// acknowledged; writes that were never acknowledged may appear. None of the others may ever be started again.
    /// </summary>
    /// <param name="settings">The member's, with its directory.</param>
    /// <param name="progress">Is told what is being waited for, in words.</param>
    /// <param name="stateMachine">What the cluster's members run; the key-value store when nothing is said.</param>
    /// <returns>Index of the last entry of its log.</returns>
    /// <exception cref="DataDirectoryException">The directory is in use or unreadable, or the member could not write to it, or it runs another state machine.</exception>
    public static async Task<long> ForceSingleAsync(RaftSettings settings, IProgress<string>? progress = null, RaftStateMachine? stateMachine = null)
    {
        ArgumentNullException.ThrowIfNull(settings);
        if (!File.Exists(Path.Combine(settings.DataDirectory, settings.Id.ToString(), "journal.db")))
            throw new DataDirectoryException($"There is no journal of member {settings.Id} in {settings.DataDirectory}.");
        var membership = await RunAsync<Membership>(
            settings with { ForcesSingle = true },
            new GetMembership(settings.ClusterId, 0), now => now is { FromLeader: true, IsCommitted: true, Members.Length: 1 },
            $"member {settings.Id} to read its journal and to lead alone", progress, stateMachine).ConfigureAwait(false);
        return membership.Index;
    }

    /// <summary>Runs the member until it has done what it was started for. An error that it does not get over is the end.</summary>
    private static async Task<T> RunAsync<T>(RaftSettings settings, object question, Func<T, bool> isDone, string awaited, IProgress<string>? progress, RaftStateMachine? stateMachine = null) where T : class
    {
        await using var node = await RaftNode.StartAsync(settings with { IsQuiet = true }, stateMachine).ConfigureAwait(false);
        var errors = new Errors();
        node.System.EventStream.Subscribe(node.System.ActorOf(Props.CreateBy(new Producer<ErrorListener>(() => new ErrorListener(errors)))), typeof(Error));
        var member = node.System.ActorSelection("/user/raft/member");
        var time = Stopwatch.StartNew();
        var sayAt = SayEvery;
        while (!node.Completion.IsCompleted)
        {
            try
            {
                if (await member.Ask<object>(question, TimeSpan.FromSeconds(2)).ConfigureAwait(false) is T answer && isDone(answer)) return answer;
            }
            catch (AskTimeoutException)
            {
                // It reads its journal, or starts anew: asked again.
            }
            var (error, since) = errors.Seen;
            if (error is not null && Stopwatch.GetElapsedTime(since) > PatienceWithErrors)
                throw new DataDirectoryException($"Waited for {awaited}, and it did not come: {error}");
            if (time.Elapsed > Patience) throw new DataDirectoryException($"Waited for {awaited}, and it did not come within {Patience.TotalMinutes:0} minutes.");
            if (time.Elapsed >= sayAt)
            {
                sayAt = time.Elapsed + SayEvery;
                progress?.Report($"Waiting for {awaited}, for {time.Elapsed.TotalSeconds:0} s now." + (error is null ? "" : $" {error}"));
            }
            await Task.Delay(Poll).ConfigureAwait(false);
        }
        throw new DataDirectoryException((await node.Completion.ConfigureAwait(false)).Reason);
    }

    /// <summary>The member's last error, and when there was a first.</summary>
    private sealed class Errors
    {
        private readonly Lock _lock = new();
        private string? _last;
        private long _since;

        public (string? Last, long Since) Seen
        {
            get
            {
                lock (_lock) return (_last, _since);
            }
        }

        public void Add(Error error)
        {
            lock (_lock)
            {
                if (_last is null) _since = Stopwatch.GetTimestamp();
                _last = error.Cause is { } cause ? $"{error.Message} ({cause.GetBaseException().Message})" : $"{error.Message}";
            }
        }
    }

    private sealed class ErrorListener : ReceiveActor
    {
        public ErrorListener(Errors errors) => Receive<Error>(errors.Add);
    }
}
