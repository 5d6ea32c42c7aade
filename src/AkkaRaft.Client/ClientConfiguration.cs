using Akka.Configuration;
using AkkaRaft.Remoting;
using AkkaRaft.Serialization;

namespace AkkaRaft.Client;

/// <summary>The Akka configuration under a client.</summary>
internal static class ClientConfiguration
{
    // Covers a member's largest batch and value at their defaults.
    private const int FrameBytes = 4 * 1024 * 1024;

    /// <summary>Of a client whose ActorSystem is its own.</summary>
    public const string Dispatcher = "akkaraft.client-dispatcher";

    /// <summary>For one ActorSystem that is a client's alone, and says nothing: what goes wrong is told by the calls.</summary>
    public static Config OfItsOwn() =>
        ConfigurationFactory.ParseString($$"""
            akka { loglevel = OFF, stdout-loglevel = OFF, scheduler.implementation = "{{RemotingConfiguration.Scheduler}}" }
            # Between the client and its connections there is no change of thread.
            {{Dispatcher}} { type = Dispatcher, executor = "{{RemotingConfiguration.Executor}}", throughput = 100, takes-visitors = on }
            akka.remote { use-dispatcher = {{Dispatcher}}, dot-netty.tcp { receive-by-turns = on, raft-only = on } }
            """)
            .WithFallback(RemotingConfiguration.NoSerializersOfAkkas).WithFallback(Shared());

    /// <summary>What a client needs of the one ActorSystem it lives in.</summary>
    /// <param name="host">Where it listens; null for a client that nobody connects to.</param>
    public static Config Shared(string? host = null) => RemotingConfiguration.Of(host ?? ClientAddress.NewHost(), 0, FrameBytes, RemotingConfiguration.UnsentByDefault).WithFallback(ClientSerializer.Configuration);
}
