using System.Collections.Immutable;
using AkkaRaft.Remoting;

namespace AkkaRaft.Protocol;

/// <summary>What a change of members does.</summary>
public enum MembershipChange
{
    /// <summary>The named members, and no others, vote.</summary>
    Set = 0,

    /// <summary>The named members vote too.</summary>
    Add = 1,

    /// <summary>The named members receive the log and do not vote.</summary>
    AddLearner = 2,

    /// <summary>The named members are members no more, and their ids are never used again.</summary>
    Remove = 3,

    /// <summary>The change under way is given up, if it has not begun to take effect.</summary>
    Cancel = 4,

    /// <summary>The named members, who stay what they are, have these addresses from now on.</summary>
    Update = 5,
}

/// <summary>Asks the leader to change the members; answered with <see cref="Membership"/> once begun, or with <see cref="Refused"/>.</summary>
/// <param name="ClusterId">The cluster meant.</param>
/// <param name="RequestId">The asker's own number, echoed in the reply.</param>
/// <param name="Kind">What is to change.</param>
/// <param name="Members">Whom it concerns; the address of one that is a member already may be empty.</param>
internal sealed record ChangeMembers(string ClusterId, long RequestId, MembershipChange Kind, ImmutableArray<RaftEndpoint> Members) : IClusterRequest;

/// <summary>Asks a member who the members are.</summary>
internal sealed record GetMembership(string ClusterId, long RequestId) : IClusterRequest;

/// <summary>How far a change of members is.</summary>
public enum MembershipPhase
{
    /// <summary>No change is under way.</summary>
    Stable = 0,

    /// <summary>New members receive the log; the change can still be cancelled.</summary>
    CatchingUp = 1,

    /// <summary>Old and new voters decide together, each with a majority of its own (Raft dissertation §4.3).</summary>
    Joint = 2,
}

/// <summary>What a member is to the cluster.</summary>
public enum MembershipRole
{
    /// <summary>Votes.</summary>
    Voter = 0,

    /// <summary>Receives the log and does not vote.</summary>
    Learner = 1,

    /// <summary>Receives the log, and votes once it has caught up.</summary>
    Joining = 2,

    /// <summary>Votes until the change is done.</summary>
    Leaving = 3,
}

/// <summary>One member of a <see cref="Membership"/>; what only a leader knows is 0 when another was asked.</summary>
/// <param name="Endpoint">Who, and where.</param>
/// <param name="Role">What it is to the cluster.</param>
/// <param name="MatchIndex">Up to where the leader knows its log to be its own.</param>
/// <param name="SnapshotReceived">Bytes received of the snapshot that it fetches.</param>
/// <param name="SnapshotLength">Size in bytes of the snapshot that it fetches; 0 when it fetches none.</param>
public sealed record ConfiguredMember(RaftEndpoint Endpoint, MembershipRole Role, long MatchIndex, long SnapshotReceived, long SnapshotLength)
{
    /// <summary>Where the asked member reaches it, as <c>host:port</c>, when that is elsewhere than the configuration says; null otherwise. <c>members update</c> makes it the configuration's.</summary>
    public string? ReachedAt { get; init; }
}

/// <summary>Who the members are, as the asked one knows.</summary>
/// <param name="Index">Index of the configuration's log entry; 0 for the one the cluster began with.</param>
/// <param name="IsCommitted">Whether that entry is committed.</param>
/// <param name="FromLeader">Whether the leader says so.</param>
/// <param name="Phase">How far a change is.</param>
/// <param name="Failure">Why the last change under this leader was given up; null when it was not.</param>
/// <param name="Members">In order of id.</param>
public sealed record Membership(
    long Index, bool IsCommitted, bool FromLeader, MembershipPhase Phase, string? Failure, ImmutableArray<ConfiguredMember> Members)
{
    internal long RequestId { get; init; }
}

/// <summary>Asks a member for an image of its state; answered with <see cref="BackupBegun"/>.</summary>
internal sealed record BeginBackup(string ClusterId, long RequestId) : IClusterRequest;

/// <summary>The image is there to be fetched.</summary>
/// <param name="RequestId">Echo of the request's number.</param>
/// <param name="Index">Index of the last entry whose effect is in the image.</param>
/// <param name="Length">The image's size in bytes.</param>
/// <param name="Checksum">CRC-32C of the whole image.</param>
internal sealed record BackupBegun(long RequestId, long Index, long Length, uint Checksum);

/// <summary>Asks for a piece of the image.</summary>
internal sealed record FetchBackup(string ClusterId, long RequestId, long Offset) : IClusterRequest;

/// <summary>A piece of the image, with its CRC-32C; empty when the image is not there any more.</summary>
internal sealed record BackupChunk(long RequestId, long Offset, ReadOnlyMemory<byte> Bytes, uint Checksum) : ILargeAnswer
{
    public CountedAnswer Counted { get; init; }
}
