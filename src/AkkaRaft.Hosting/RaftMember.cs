using Akka.Actor;

namespace AkkaRaft.Hosting;

/// <summary>The member that lives in an ActorSystem, as Akka's extensions do.</summary>
public sealed class RaftMember : ExtensionIdProvider<RaftMember>, IExtension
{
    private RaftNode? _node;

    /// <summary>The member in this ActorSystem, or null when none was started there by <see cref="RaftHostingExtensions.WithRaft(Akka.Hosting.AkkaConfigurationBuilder, RaftSettings, bool, RaftStateMachine?)"/>.</summary>
    /// <param name="system">The application's ActorSystem.</param>
    public static RaftNode? Of(ActorSystem system) => system.WithExtension<RaftMember, RaftMember>()._node;

    /// <inheritdoc />
    public override RaftMember CreateExtension(ExtendedActorSystem system) => new();

    internal static RaftNode Start(ActorSystem system, RaftSettings settings, RaftStateMachine? stateMachine) =>
        system.WithExtension<RaftMember, RaftMember>()._node = RaftNode.Start(system, settings, stateMachine);
}
