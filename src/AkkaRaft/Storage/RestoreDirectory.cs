using System.Globalization;

namespace AkkaRaft.Storage;

/// <summary>
/// A member's directory while a backup is restored into it: it is made beside the place where it belongs, and takes that place whole.
/// A member does not start beside an unfinished one.
/// </summary>
internal sealed class RestoreDirectory(RaftSettings settings)
{
    private const string Marker = "restored";

    private readonly string _member = DataDirectory.PathOf(settings);

    /// <summary>The data directory of the member while its state is made.</summary>
    public string Path { get; } = System.IO.Path.GetFullPath(System.IO.Path.Combine(settings.DataDirectory, string.Create(CultureInfo.InvariantCulture, $"restoring-{settings.Id.Value}")));

    private string Made => System.IO.Path.Combine(Path, settings.Id.ToString());

    /// <summary>Whether a restore ended before the member's directory was in its place.</summary>
    public bool IsUnfinished => Directory.Exists(Path) && (Directory.EnumerateFileSystemEntries(Path).Any() || !File.Exists(DataDirectory.JournalOf(settings)));

    /// <summary>Whether the member has this backup's state, and has not been started since.</summary>
    public bool HasRestored(string backup) => BackupIn(_member) == backup;

    /// <summary>Begins anew: whatever an earlier run left goes.</summary>
    /// <param name="backup">Says which backup it is.</param>
    /// <exception cref="DataDirectoryException">The member has files already, or another of the cluster has begun here with another backup.</exception>
    public void Create(string backup)
    {
        if (Directory.Exists(_member) && Directory.EnumerateFileSystemEntries(_member).Any())
            throw new DataDirectoryException($"{_member} is not empty; a backup is restored into a new cluster.");
        foreach (var id in settings.Members.Keys)
        {
            var other = DataDirectory.PathOf(settings with { Id = id });
            if (BackupIn(other) is { } begun && begun != backup)
                throw new DataDirectoryException($"Member {id} of the same cluster has begun with another backup, in {other}. All members begin with one: take that backup, or move the directory away.");
        }
        if (Directory.Exists(Path)) Directory.Delete(Path, recursive: true);
        Directory.CreateDirectory(Made);
    }

    /// <summary>The member's directory takes its place.</summary>
    /// <param name="backup">Says which backup it was.</param>
    public void Complete(string backup)
    {
        File.WriteAllText(MarkerIn(Made), backup);
        if (Directory.Exists(_member)) Directory.Delete(_member);
        Directory.Move(Made, _member);
        Directory.Delete(Path);
    }

    /// <summary>The member is started: what it has from now on is its own.</summary>
    public void Begun()
    {
        File.Delete(MarkerIn(_member));
        if (Directory.Exists(Path)) Directory.Delete(Path);
    }

    /// <summary>Which backup a member's directory has the state of; null when it was not restored, or has been started since.</summary>
    private static string? BackupIn(string directory) => File.Exists(MarkerIn(directory)) ? File.ReadAllText(MarkerIn(directory)) : null;

    private static string MarkerIn(string directory) => System.IO.Path.Combine(directory, Marker);
}
