using Akka.Actor;
using AkkaRaft.Consensus;
using AkkaRaft.Protocol;
using AkkaRaft.StateMachine;
using AkkaRaft.Storage;

namespace AkkaRaft.Hosting;

/// <summary>What an operator does with members that do not run: bring a backup back, or go on from one that is left.</summary>
public static class Disaster
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(50);

    /// <summary>
    /// Lets a member of a new cluster begin with the state of a backup. Done for each member, with the same backup, before any of them is started.
    /// </summary>
    /// <param name="settings">The member's, with a cluster id of its own, and a directory that is empty or not there.</param>
    /// <param name="backup">The file; it stays as it is.</param>
    /// <returns>Index of the last entry whose effect is in the state.</returns>
    /// <exception cref="DataDirectoryException">The member's directory is not empty.</exception>
    /// <exception cref="RaftConfigurationException">The cluster's id is that of the cluster that the backup is from.</exception>
    /// <exception cref="KeyValueStoreException">The file is no backup, or is damaged.</exception>
    public static async Task<long> RestoreAsync(RaftSettings settings, string backup)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var (index, term, clusterId) = KeyValueStore.Inspect(backup);
        if (clusterId == settings.ClusterId)
            throw new RaftConfigurationException($"{backup} is of cluster '{clusterId}', and so would be the new one: members of the old could disturb it. Set akkaraft.cluster-id to another name.");
        var directory = Path.Combine(settings.DataDirectory, settings.Id.ToString());
        if (Directory.Exists(directory) && Directory.EnumerateFileSystemEntries(directory).Any())
            throw new DataDirectoryException($"{directory} is not empty; a backup is restored into a new cluster.");

        Directory.CreateDirectory(directory);
        var copy = Path.Combine(directory, "restore.image");
        File.Copy(backup, copy);
        var logBase = new LogBase(index, term, DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), Configuration.Of(settings.Members.Values));
        await RunAsync<MemberStatus>(
            settings with { RestoreFrom = (new Snapshot(logBase, new FileInfo(copy).Length, 0), copy) },
            new GetMemberStatus(settings.ClusterId, 0), status => status.AppliedIndex >= index).ConfigureAwait(false);
        File.Delete(copy);
        return index;
    }

    /// <summary>
    /// Makes a cluster of one out of a member whose cluster has lost its majority for ever. Writes that only the lost members had are gone, some of them
    /// acknowledged; writes that were never acknowledged may appear. None of the others may ever be started again.
    /// </summary>
    /// <param name="settings">The member's, with its directory.</param>
    /// <returns>Index of the last entry of its log.</returns>
    /// <exception cref="DataDirectoryException">The directory is in use, or unreadable.</exception>
    public static async Task<long> ForceSingleAsync(RaftSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        if (!File.Exists(Path.Combine(settings.DataDirectory, settings.Id.ToString(), "journal.db")))
            throw new DataDirectoryException($"There is no journal of member {settings.Id} in {settings.DataDirectory}.");
        var membership = await RunAsync<Membership>(
            settings with { ForcesSingle = true },
            new GetMembership(settings.ClusterId, 0), now => now is { FromLeader: true, IsCommitted: true, Members.Length: 1 }).ConfigureAwait(false);
        return membership.Index;
    }

    /// <summary>Runs the member until it has done what it was started for.</summary>
    private static async Task<T> RunAsync<T>(RaftSettings settings, object question, Func<T, bool> isDone) where T : class
    {
        await using var node = await RaftNode.StartAsync(settings with { IsQuiet = true }).ConfigureAwait(false);
        var member = node.System.ActorSelection("/user/raft/member");
        var until = DateTime.UtcNow + Patience;
        while (DateTime.UtcNow < until && !node.Completion.IsCompleted)
        {
            try
            {
                if (await member.Ask<object>(question, TimeSpan.FromSeconds(2)).ConfigureAwait(false) is T answer && isDone(answer)) return answer;
            }
            catch (AskTimeoutException)
            {
                // It reads its journal: asked again.
            }
            await Task.Delay(Poll).ConfigureAwait(false);
        }
        throw new DataDirectoryException(node.Completion.IsCompleted
            ? (await node.Completion.ConfigureAwait(false)).Reason
            : $"Member {settings.Id} was not done after {Patience.TotalMinutes:0} minutes.");
    }
}
