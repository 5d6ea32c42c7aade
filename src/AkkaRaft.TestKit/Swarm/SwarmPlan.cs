using System.Globalization;

namespace AkkaRaft.TestKit.Swarm;

/// <summary>All that one seed decides: the cluster, its load, and the faults that befall it.</summary>
/// <param name="Seed">The seed.</param>
/// <param name="Members">How many members.</param>
/// <param name="Duration">Virtual time with faults and load.</param>
/// <param name="Clients">How many clients.</param>
/// <param name="Keys">How many keys they share.</param>
/// <param name="LongestThought">Longest pause of a client between two calls.</param>
/// <param name="AttemptTimeout">How long a client waits for one member before it asks the next.</param>
/// <param name="ElectionTimeoutMax">The members' setting: the longer, the longer a leader that was cut off believes in itself.</param>
/// <param name="MaxAppendBytes">The members' setting, small in some plans so that there are many batches.</param>
/// <param name="RetainEntries">The members' setting: in some plans nearly nothing of the log is kept, so that whoever was away needs a snapshot.</param>
/// <param name="StateSurvivesCrash">Whether the state machine's file outlives a process.</param>
/// <param name="Logs">Logs that the members begin with, by member, as earlier leaders may have left them; empty in most plans.</param>
/// <param name="Faults">The faults, in order of time.</param>
/// <param name="SessionTimeToLive">The members' setting, short in some plans so that sessions expire between two calls.</param>
/// <param name="Watches">How many clients watch what the others change.</param>
/// <param name="LeaseHolders">How many clients hold leases, keep them alive for a while, and leave them or revoke them.</param>
public sealed record SwarmPlan(
    ulong Seed,
    int Members,
    TimeSpan Duration,
    int Clients,
    int Keys,
    TimeSpan LongestThought,
    TimeSpan AttemptTimeout,
    TimeSpan ElectionTimeoutMax,
    int MaxAppendBytes,
    int RetainEntries,
    bool StateSurvivesCrash,
    IReadOnlyDictionary<int, IReadOnlyList<long>> Logs,
    IReadOnlyList<PlannedFault> Faults,
    TimeSpan SessionTimeToLive,
    int Watches,
    int LeaseHolders)
{
    /// <summary>The command that runs this plan again.</summary>
    public required string Replay { get; init; }

    /// <summary>How many calls a client has open at once.</summary>
    public int CallsAtOnce { get; init; } = 1;

    /// <summary>Whether some reads are by lease, and some local; otherwise all ask a quorum.</summary>
    public bool ReadsOfAllKinds { get; init; }

    /// <summary>Whether clients read all keys at once, too.</summary>
    public bool Scans { get; init; }

    /// <summary>Most bytes by which a value is longer than its number.</summary>
    public int LargestValue { get; init; }

    /// <summary>Longest life of a client, after which it dies and another comes; null for clients that live on.</summary>
    public TimeSpan? ClientsLive { get; init; }

    /// <summary>Whether each member has batches, retention and timeouts of its own.</summary>
    public bool MembersDiffer { get; init; }

    /// <summary>Whether a deletion of events can be cut short.</summary>
    public bool DeletesInSteps { get; init; }

    /// <summary>Every how many applied entries states are compared; null for only at the end.</summary>
    public int? ComparesStatesEach { get; init; }

    /// <summary>Whether, once all faults have ended, a minority is cut, deaf, mute or still for ever, and the others go on serving.</summary>
    public bool LosesMinority { get; init; }

    /// <summary>Whether, once all faults have ended, a member loses its disk or a part of it, and another takes its place.</summary>
    public bool LosesDisk { get; init; }

    /// <summary>Whether, once all faults have ended, all members but one are lost, and a cluster of one goes on and grows again.</summary>
    public bool LosesMajority { get; init; }

    /// <summary>Whether, once all faults have ended, all members are lost, and new ones begin with a backup.</summary>
    public bool Restores { get; init; }

    /// <summary>Whether clients cancel some of their calls.</summary>
    public bool Cancels { get; init; }

    /// <summary>Draws a plan. Each seed has only some kinds of fault, so that a rare pair of them is not drowned by the rest (swarm testing, Groce et al. 2012).</summary>
    /// <param name="seed">The seed.</param>
    /// <param name="sizes">Cluster sizes to choose from.</param>
    /// <param name="duration">Virtual time with faults and load.</param>
    public static SwarmPlan Draw(ulong seed, IReadOnlyList<int> sizes, TimeSpan duration) => DrawSimple(seed, sizes, duration).Extended();

    /// <summary>Each kind of what is more than one call at a time and one clock for all comes in some plans, so that plans without it stay as they were.</summary>
    private SwarmPlan Extended()
    {
        var random = new Random(unchecked((int)(Seed * 0x9E3779B97F4A7C15 >> 32)));
        List<FaultKind> more = [];
        if (random.Next(3) == 0) more.Add(FaultKind.DriftClock);
        // One kind each: two of them are not to be told apart in what they break.
        if (random.Next(2) == 0) more.Add(OwnFaults[random.Next(OwnFaults.Length)]);
        // Who takes whose place is decided by the loss of disks alone, where they are lost.
        var faults = Faults.Where(f => !more.Exists(LosesDisks) || f.Kind is not (FaultKind.ReplaceMember or FaultKind.SetVoters or FaultKind.CancelChange));
        faults = faults.Concat(more.SelectMany(kind => Enumerable.Range(0, random.Next(1, 6)).Select(_ => DrawFault(random, [kind], Members, Duration, hail: false))));
        return this with
        {
            CallsAtOnce = random.Next(3) == 0 ? random.Next(2, 6) : 1,
            // No clock that jumps is allowed for by a lease.
            ReadsOfAllKinds = random.Next(2) == 0 && !more.Contains(FaultKind.JumpClock),
            Scans = random.Next(3) == 0,
            LargestValue = random.Next(6) == 0 ? 3_000 : 0,
            Keys = random.Next(6) == 0 ? 40 : Keys,
            ClientsLive = random.Next(4) == 0 ? Duration / 3 : null,
            MembersDiffer = random.Next(4) == 0,
            ComparesStatesEach = random.Next(3) == 0 ? 4 : null,
            LosesMinority = random.Next(4) == 0,
            DeletesInSteps = random.Next(4) == 0,
            LosesDisk = random.Next(5) == 0,
            Cancels = random.Next(5) == 0,
            Faults = [.. faults.OrderBy(f => f.At)],
            LosesMajority = random.Next(6) == 0,
            Restores = random.Next(6) == 0 && StateSurvivesCrash,
        };
    }

    /// <summary>The plan for a plain class: what only the store has is not drawn, and states are compared in each plan.</summary>
    /// <param name="faults">The faults that may befall it; null for all. The plan's own are replaced by some of these, and nothing else befalls the cluster.</param>
    internal SwarmPlan ForStateMachine(IReadOnlyList<FaultKind>? faults)
    {
        var plan = this with { Keys = 1, Watches = 0, LeaseHolders = 0, Scans = false, LargestValue = 0, Restores = false, ComparesStatesEach = ComparesStatesEach is null ? 10 : 1 };
        if (faults is null) return plan;
        var random = new Random(unchecked((int)Seed));
        // As with all faults: one kind of a plan's own, and who loses disks does not change members otherwise.
        FaultKind[] own = [.. faults.Where(f => OwnFaults.Contains(f))];
        List<FaultKind> kinds = [.. faults.Except(own), .. own.Length > 0 ? [own[random.Next(own.Length)]] : own];
        if (kinds.Exists(LosesDisks)) kinds.RemoveAll(f => f is FaultKind.ReplaceMember or FaultKind.SetVoters or FaultKind.CancelChange);
        return plan with
        {
            Faults = kinds.Count == 0 ? [] : [.. Faults.Select(f => f with { Kind = kinds[random.Next(kinds.Count)] })],
            ReadsOfAllKinds = ReadsOfAllKinds && !kinds.Contains(FaultKind.JumpClock),
            Logs = new Dictionary<int, IReadOnlyList<long>>(),
            LosesMinority = false,
            LosesDisk = false,
            LosesMajority = false,
        };
    }

    private static readonly FaultKind[] OwnFaults = Enum.GetValues<FaultKind>().Where(kind => kind > FaultKind.DriftClock).ToArray();

    private static bool LosesDisks(FaultKind kind) => kind is FaultKind.Wipe or FaultKind.FlipBit or FaultKind.LoseState;

    /// <summary>A plan of clients with one call at a time, and of members that are alike.</summary>
    internal static SwarmPlan DrawSimple(ulong seed, IReadOnlyList<int> sizes, TimeSpan duration)
    {
        ArgumentNullException.ThrowIfNull(sizes);
        var random = new Random(unchecked((int)(seed * 2654435761 ^ (seed >> 32))));
        var members = sizes[random.Next(sizes.Count)];
        var kinds = Enum.GetValues<FaultKind>().Where(kind => kind <= FaultKind.CancelChange && random.Next(3) == 0).ToList();
        if (kinds.Count == 0) kinds.Add(FaultKind.Crash);
        // Some plans are a hail of short faults, in which terms follow each other faster than entries commit.
        var hail = random.Next(4) == 0;
        var count = hail ? random.Next(20, 60) : random.Next(1, 12);
        // Entries that dead leaders left are most in danger while the next leaders die young too.
        var logs = random.Next(3) == 0 ? DrawLogs(random, members) : new Dictionary<int, IReadOnlyList<long>>();
        if (logs.Count > 0) kinds.Add(FaultKind.CrashNextLeader);
        var faults = Enumerable.Range(0, count).Select(_ => DrawFault(random, kinds, members, duration, hail)).OrderBy(f => f.At).ToList();
        return new SwarmPlan(
            seed, members, duration,
            Clients: random.Next(1, 6),
            Keys: random.Next(1, 5),
            LongestThought: TimeSpan.FromMilliseconds(random.Next(1, 4) switch { 1 => 100, 2 => 250, _ => 1_000 }),
            AttemptTimeout: TimeSpan.FromMilliseconds(random.Next(3) switch { 0 => 60, 1 => 250, _ => 1_000 }),
            ElectionTimeoutMax: TimeSpan.FromMilliseconds(random.Next(3) switch { 0 => 360, 1 => 600, _ => 1_500 }),
            MaxAppendBytes: random.Next(3) switch { 0 => 60, 1 => 1_000, _ => 512 * 1024 },
            RetainEntries: random.Next(3) switch { 0 => 0, 1 => 15, _ => 10_000 },
            StateSurvivesCrash: random.Next(4) != 0,
            logs,
            faults,
            SessionTimeToLive: random.Next(4) == 0 ? TimeSpan.FromMilliseconds(300) : TimeSpan.FromMinutes(10),
            Watches: Math.Max(0, random.Next(5) - 2),
            LeaseHolders: random.Next(4) == 0 ? 1 : 0)
        {
            Replay = string.Create(CultureInfo.InvariantCulture, $"akkaraft simulate --seed {seed} --nodes {members} --virtual {duration.TotalSeconds:0.###}s"),
        };
    }

    /// <summary>
    /// What leaders who died soon may leave behind, as in figure 8 of the Raft paper: each was elected by a quorum, appended a little,
    /// and brought its log to some.
    /// </summary>
    private static Dictionary<int, IReadOnlyList<long>> DrawLogs(Random random, int members)
    {
        var logs = Enumerable.Range(0, members).Select(_ => new List<long> { 1 }).ToArray();
        var terms = random.Next(2, 6);
        for (long term = 2; term <= terms; term++)
        {
            var voters = Enumerable.Range(0, members).OrderBy(_ => random.Next()).Take((members / 2) + 1).ToList();
            var leader = logs[voters.OrderByDescending(v => (logs[v][^1], logs[v].Count)).First()];
            for (var i = random.Next(1, 3); i > 0; i--) leader.Add(term);
            for (var i = random.Next(0, members / 2); i > 0; i--)
            {
                var follower = random.Next(members);
                if (logs[follower] != leader) logs[follower] = [.. leader.Take(random.Next(1, leader.Count + 1))];
            }
        }
        return logs.Select((log, member) => (log, member)).ToDictionary(l => l.member, l => (IReadOnlyList<long>)l.log);
    }

    private static PlannedFault DrawFault(Random random, List<FaultKind> kinds, int members, TimeSpan duration, bool hail)
    {
        // The first elections are as interesting as all that follows.
        var at = random.Next(4) == 0 ? TimeSpan.FromMilliseconds(random.Next(50)) : duration * random.NextDouble();
        var lasts = TimeSpan.FromMilliseconds(random.Next(hail ? 2 : 3) switch { 0 => random.Next(1, 100), 1 => random.Next(100, 1_000), _ => random.Next(1_000, 4_000) });
        int? member = random.Next(2) == 0 ? null : random.Next(members);
        return new PlannedFault(at, lasts, kinds[random.Next(kinds.Count)], member, random.Next(members), random.NextDouble(), random.Next(1, (1 << members) - 1));
    }
}
