using AkkaRaft.Hosting;

namespace AkkaRaft.TestKit.Swarm;

/// <summary>What the clusters of a swarm run, and who calls it.</summary>
internal interface ISwarmSubject
{
    /// <summary>The plain class; null for the key-value store.</summary>
    RaftStateMachine? Runs { get; }

    /// <summary>Lets clients call from now on.</summary>
    ISwarmLoad Begin(ClusterSimulation simulation, SwarmPlan plan);
}

/// <summary>Clients that call until they are told to stop.</summary>
internal interface ISwarmLoad
{
    /// <summary>How many calls have taken effect, surely.</summary>
    int Served { get; }

    /// <summary>Whether every call has ended.</summary>
    bool HasEnded { get; }

    void Stop();

    /// <summary>A client more, which knows the members of now.</summary>
    /// <param name="key">Which key of the store it sets.</param>
    /// <returns>Makes a call, each time anew.</returns>
    Func<ISwarmCall> AddCaller(string key);

    /// <summary>Checks what only the whole history tells.</summary>
    /// <exception cref="SimulationViolationException">Something does not hold.</exception>
    void Check();
}
