namespace AkkaRaft.Client;

/// <summary>An image of a cluster's state that was written to a file.</summary>
/// <param name="Index">Index of the last log entry whose effect is in it.</param>
/// <param name="Bytes">Its size.</param>
public sealed record Backup(long Index, long Bytes);

/// <summary>How far a backup is.</summary>
/// <param name="Received">Bytes that have come.</param>
/// <param name="Length">Bytes that the image has.</param>
public readonly record struct BackupProgress(long Received, long Length);
