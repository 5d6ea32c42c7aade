namespace AkkaRaft.Log;

/// <summary>What stands for the entries that a log no longer holds (Raft dissertation §5.1).</summary>
/// <param name="Index">Index of the last of them; 0 when none was dropped.</param>
/// <param name="Term">Its term.</param>
/// <param name="TimestampMs">Its timestamp: later entries have none before it.</param>
/// <param name="Configuration">The one in force there.</param>
internal sealed record LogBase(long Index, long Term, long TimestampMs, Configuration Configuration)
{
    public static LogBase Empty(Configuration configuration) => new(0, 0, 0, configuration);
}

/// <summary>A state machine's image, and the log's base that it stands for.</summary>
/// <param name="Base">Where the log goes on.</param>
/// <param name="Length">The image's size in bytes.</param>
/// <param name="Checksum">CRC-32C of the whole image.</param>
internal sealed record Snapshot(LogBase Base, long Length, uint Checksum)
{
    /// <summary>Whether the bytes are the same: a copy that was begun from one member can go on from another.</summary>
    public bool IsSameImage(Snapshot other) =>
        Base.Index == other.Base.Index && Base.Term == other.Base.Term && Length == other.Length && Checksum == other.Checksum;
}
