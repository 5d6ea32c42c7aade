namespace AkkaRaft.TestKit.Swarm;

/// <summary>How far a <see cref="Swarm"/> goes.</summary>
public sealed record SwarmSettings
{
    private const int MostMembers = 9;

    /// <summary>How many seeds: each draws a cluster, its load and the faults that befall it. The environment variable <see cref="Swarm.SeedsVariable"/> has another number.</summary>
    public int Seeds { get; init; } = 200;

    /// <summary>The first seed; the others follow it.</summary>
    public ulong FirstSeed { get; init; } = 1;

    /// <summary>Cluster sizes to draw from, 1 to 9.</summary>
    public IReadOnlyList<int> Members { get; init; } = [3, 5];

    /// <summary>Virtual time of each seed with faults and load.</summary>
    public TimeSpan Duration { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The faults that may befall a cluster; all when nothing is said, with lost disks, lost majorities and logs that dead leaders left. Each seed has some of them.</summary>
    public IReadOnlyList<FaultKind>? Faults { get; init; }

    /// <summary>Whether what clients are told is compared with the model. Off, nothing is said of a class whose results depend on <c>ApplyContext</c> but that its members do not differ.</summary>
    public bool ChecksResults { get; init; } = true;

    /// <summary>Most runs to spend on making a plan that breaks smaller.</summary>
    public int ShrinkRuns { get; init; } = 200;

    /// <summary>Where the page with the trace of a violation is written.</summary>
    public string TraceDirectory { get; init; } = ".";

    internal void Check()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Seeds, 1);
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(Duration, TimeSpan.Zero);
        ArgumentOutOfRangeException.ThrowIfNegative(ShrinkRuns);
        if (Members.Count == 0 || Members.Any(m => m is < 1 or > MostMembers)) throw new ArgumentException($"Members: sizes from 1 to {MostMembers} are wanted.");
    }
}

/// <summary>What the seeds of a clean <see cref="Swarm"/> came to. One in which little happened proves little.</summary>
/// <param name="Seeds">How many seeds ran.</param>
/// <param name="Virtual">Virtual time that went by.</param>
/// <param name="Elections">Terms that had a leader.</param>
/// <param name="Faults">Faults put in place.</param>
/// <param name="Operations">Calls that had a result.</param>
public sealed record SwarmReport(int Seeds, TimeSpan Virtual, long Elections, long Faults, long Operations);
