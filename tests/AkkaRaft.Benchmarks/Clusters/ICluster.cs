using AkkaRaft.Benchmarks.Load;

namespace AkkaRaft.Benchmarks.Clusters;

/// <summary>How many members, where they listen, and where their files go.</summary>
/// <param name="Members">How many processes.</param>
/// <param name="BasePort">The first of twenty ports of 127.0.0.1 that are this cluster's.</param>
/// <param name="Directory">Empty, or not there.</param>
/// <param name="Settings">HOCON for AkkaRaft's members, beyond who they are.</param>
internal sealed record ClusterSpec(int Members, int BasePort, string Directory, string Settings);

/// <summary>The members of one system, each a process of its own, and the load that is driven against them by the system's own client.</summary>
internal interface ICluster : IAsyncDisposable
{
    string Name { get; }

    IReadOnlyList<MeasuredProcess> Members { get; }

    /// <summary>The process that drives the load; null where the system is driven from inside its leader.</summary>
    MeasuredProcess? LoadProcess { get; }

    /// <summary>Starts all members and the load's process; ends once the cluster serves.</summary>
    Task StartAsync();

    /// <exception cref="IOException">A process has ended, or the load could not be driven.</exception>
    Task<LoadResult> LoadAsync(LoadSpec load);
}

/// <summary>A cluster whose members may die under its load.</summary>
internal interface IRestartableCluster : ICluster
{
    /// <summary>Which member leads; may be asked while a load runs.</summary>
    Task<int> LeaderAsync();

    /// <summary>Starts a member that was killed; ends once a client that knows only this member gets a linearizable read.</summary>
    Task RestartAsync(int member);
}
