using System.Collections.Immutable;
using AkkaRaft.Protocol;

namespace AkkaRaft.Client;

/// <summary>Whom a client asks, for how long, and how much it holds.</summary>
public sealed record RaftClientSettings
{
    internal const string DefaultSystemName = "akkaraft";

    /// <summary>The cluster meant; members of another one refuse.</summary>
    public required string ClusterId { get; init; }

    /// <summary>Where its members are.</summary>
    public required ImmutableSortedDictionary<MemberId, RaftEndpoint> Members { get; init; }

    /// <summary>Name of the members' ActorSystems, which is <c>akkaraft</c> unless they live in an application's own.</summary>
    public string SystemName { get; init; } = DefaultSystemName;

    /// <summary>How long a call may take in all before it fails.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long one member may take to answer before the next is asked; a member that is asked again has longer, up to eight times.</summary>
    public TimeSpan AttemptTimeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Pause before a member is asked again that had no leader to name.</summary>
    public TimeSpan RetryDelay { get; init; } = TimeSpan.FromMilliseconds(20);

    /// <summary>Longest pause before a leader is asked again that is overloaded; pauses begin with <see cref="RetryDelay"/> and double.</summary>
    public TimeSpan MaxBackoff { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How often a client that sends asks who the members are now.</summary>
    public TimeSpan MembersInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Most batches under way at once: of writes, and of reads of each consistency. Of writes, one that is not full waits while another is under way, no longer than <see cref="RetryDelay"/>.</summary>
    public int MaxInFlight { get; init; } = 4;

    /// <summary>Most calls under way at once; more wait. Also most watches, of which one more fails at once as overloaded.</summary>
    public int MaxOutstanding { get; init; } = 10_000;

    /// <summary>Most calls that wait to be sent; one more fails at once as overloaded.</summary>
    public int MaxQueued { get; init; } = 100_000;

    /// <summary>Most bytes of calls that wait to be sent; a call beyond fails at once as overloaded.</summary>
    public long MaxQueuedBytes { get; init; } = 256 * 1024 * 1024;

    /// <summary>Most operations sent together.</summary>
    public int MaxBatchOperations { get; init; } = 1_000;

    /// <summary>Most encoded bytes of operations sent together; a larger single operation goes alone.</summary>
    public int MaxBatchBytes { get; init; } = 512 * 1024;

    /// <summary>Largest key, in bytes.</summary>
    public int MaxKeyBytes { get; init; } = 4 * 1024;

    /// <summary>Largest value, in bytes.</summary>
    public int MaxValueBytes { get; init; } = 1024 * 1024;

    /// <summary>Most compares, and most steps of a branch, in a transaction.</summary>
    public int MaxTransactionSteps { get; init; } = 1_000;

    /// <summary>Largest transaction, in encoded bytes; a member takes <c>akkaraft.max-command-bytes</c>.</summary>
    public int MaxTransactionBytes { get; init; } = 1536 * 1024;

    /// <summary>How the typed calls write keys and values that are neither text nor bytes; without further types Hyperion takes numbers, times and collections of them.</summary>
    public IRaftCodec Codec { get; init; } = new HyperionCodec();

    internal static readonly TimeSpan ShortestTime = TimeSpan.FromMilliseconds(1);
    internal static readonly TimeSpan LongestTime = TimeSpan.FromDays(1);

    /// <summary>Checks that each setting is within its range; no client is made with settings that fail it.</summary>
    /// <exception cref="RaftConfigurationException">Names the first setting that is wrong, its value and what is expected.</exception>
    public void Validate() => Check(new SettingsCheck(nameof(RaftClientSettings)));

    internal void Check(SettingsCheck check)
    {
        const int MiB = 1024 * 1024;
        check.ClusterId(ClusterId);
        check.SystemName(SystemName);
        check.Members(Members);
        check.Time(RequestTimeout, ShortestTime, LongestTime);
        check.Time(AttemptTimeout, ShortestTime, LongestTime);
        check.Time(RetryDelay, ShortestTime, LongestTime);
        check.Time(MaxBackoff, ShortestTime, LongestTime);
        check.Time(MembersInterval, ShortestTime, LongestTime);
        check.Number(MaxInFlight, 1, 1_000);
        check.Number(MaxOutstanding, 1, 10_000_000);
        check.Number(MaxQueued, 1, 100_000_000);
        check.Bytes(MaxQueuedBytes, 1, 1024L * 1024 * MiB);
        check.Number(MaxBatchOperations, 1, 100_000);
        check.Bytes(MaxBatchBytes, 1, 16 * MiB);
        check.KeyBytes(MaxKeyBytes);
        check.ValueBytes(MaxValueBytes);
        check.TransactionSteps(MaxTransactionSteps);
        check.Bytes(MaxTransactionBytes, 1, 16 * MiB);
        if (Codec is null) throw check.Wrong(nameof(Codec), "null", "a codec");
    }
}
