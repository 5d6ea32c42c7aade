using Akka.Actor;
using AkkaRaft.Hosting;
using AkkaRaft.Protocol;

namespace AkkaRaft.TestKit;

/// <summary>What a <see cref="ClusterSimulation"/> begins with.</summary>
public sealed record SimulationSettings
{
    /// <summary>How many members, with ids from 0.</summary>
    public int Members { get; init; } = 3;

    /// <summary>Decides on every order, delay and timeout: one seed, one run.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Changes the members' settings.</summary>
    public Func<RaftSettings, RaftSettings> Configure { get; init; } = settings => settings;

    /// <summary>The state machine of each member, which speaks <c>ApplyEntries</c> and <c>Query</c>; the key-value store when nothing is said.</summary>
    public Func<MemberId, Props>? StateMachine { get; init; }

    /// <summary>A plain class that the members run instead of the key-value store, with the code around it that production has: <see cref="RaftStateMachine.Of"/>. The states of members are compared (<see cref="ComparesStatesEach"/>), byte for byte, besides what they compare themselves (<see cref="RaftSettings.StateCheckInterval"/>). With it <see cref="StateMachine"/> is not looked at.</summary>
    public RaftStateMachine? Runs { get; init; }

    internal bool IsStore => StateMachine is null && Runs is null;

    /// <summary>Whether clients' commands are of sessions, as they are but for an actor's that understands its bytes itself.</summary>
    internal bool HasSessions => StateMachine is null || Runs is not null;

    /// <summary>
    /// Whether the key-value state survives a crash, as its file would, so that a member goes on from what it had applied;
    /// otherwise each restart applies the whole log anew.
    /// </summary>
    public bool StateSurvivesCrash { get; init; } = true;

    /// <summary>Shortest time of a message from end to end.</summary>
    public TimeSpan ShortestDelay { get; init; } = TimeSpan.FromMilliseconds(0.2);

    /// <summary>Longest time of a message from end to end.</summary>
    public TimeSpan LongestDelay { get; init; } = TimeSpan.FromMilliseconds(5);

    /// <summary>Shortest time of a journal write.</summary>
    public TimeSpan ShortestWrite { get; init; } = TimeSpan.FromMilliseconds(0.1);

    /// <summary>Longest time of a journal write.</summary>
    public TimeSpan LongestWrite { get; init; } = TimeSpan.FromMilliseconds(4);

    /// <summary>How long a client's call may take, in virtual time.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a client waits for one member before it asks the next.</summary>
    public TimeSpan AttemptTimeout { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Whether a journal deletes a few events at a time, so that a crash cuts a deletion short.</summary>
    public bool DeletesInSteps { get; init; }

    /// <summary>Every how many applied entries a member's state is compared with all that were seen at that index; null for only at the end.</summary>
    public int? ComparesStatesEach { get; init; }

    /// <summary>Whether each event is kept for <see cref="ClusterSimulation.Trace"/>; off is faster.</summary>
    public bool KeepTrace { get; init; } = true;

    /// <summary>
    /// Logs that members begin with, as earlier leaders may have left them: the terms of each member's entries from index 1 on.
    /// Every member has heard of the highest term among them.
    /// </summary>
    public IReadOnlyDictionary<int, IReadOnlyList<long>> Logs { get; init; } = new Dictionary<int, IReadOnlyList<long>>();

    /// <summary>The command or the test that runs this again, named when a check fails.</summary>
    public string? Replay { get; init; }
}
