using Akka.Actor;
using Akka.Hosting;
using AkkaRaft.Client;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace AkkaRaft.Hosting;

/// <summary>A member, and a client, inside an application with Akka.Hosting and Microsoft.Extensions.DependencyInjection.</summary>
public static class RaftHostingExtensions
{
    /// <summary>
    /// Runs a member inside the application's ActorSystem, which must have the name <see cref="RaftSettings.SystemName"/>. The member starts with the host, hands
    /// leadership over and stops with it; when a change of members removes it, only the member stops. Its <see cref="RaftNode"/> is
    /// <c>RaftMember.Of(system)</c>; <c>IRequiredActor&lt;RaftNode&gt;</c> is the actor that takes plain messages.
    /// </summary>
    /// <remarks>
    /// Adds <see cref="RaftNode.Configuration"/> behind what the application configures, and the health checks <c>akkaraft-live</c> (tag <c>live</c>) and
    /// <c>akkaraft-ready</c> (tag <c>ready</c>).
    /// </remarks>
    /// <param name="builder">The application's ActorSystem.</param>
    /// <param name="settings">The member's settings, of <see cref="RaftSettings.FromFile(string, Protocol.MemberId)"/> or written out.</param>
    /// <param name="hardened">As for <see cref="RaftNode.Configuration"/>: off when the application itself sends messages over this ActorSystem, or stores events as JSON.</param>
    /// <param name="stateMachine">What the cluster's members run; the key-value store when nothing is said.</param>
    /// <exception cref="RaftConfigurationException">A setting is out of its range, or the settings do not allow the address.</exception>
    public static AkkaConfigurationBuilder WithRaft(this AkkaConfigurationBuilder builder, RaftSettings settings, bool hardened = true, RaftStateMachine? stateMachine = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(settings);
        return builder
            .AddHocon(RaftNode.Configuration(settings, hardened), HoconAddMode.Append)
            .StartActors((system, registry) => registry.Register<RaftNode>(RaftMember.Start(system, settings, stateMachine).Gateway))
            .WithHealthCheck("akkaraft-live", RaftHealth.LiveAsync, tags: ["akkaraft", "live"])
            .WithHealthCheck("akkaraft-ready", RaftHealth.ReadyAsync, tags: ["akkaraft", "ready"]);
    }

    /// <summary>Runs a member whose settings are in a configuration; see <see cref="RaftConfigurationSections.GetRaftSettings"/>. What is wrong with them is thrown here, before anything starts.</summary>
    /// <inheritdoc cref="WithRaft(AkkaConfigurationBuilder, RaftSettings, bool, RaftStateMachine?)" />
    /// <param name="builder">The application's ActorSystem, which must have the name that the section gives, or <c>akkaraft</c>.</param>
    /// <param name="section">Such as <c>builder.Configuration.GetSection("AkkaRaft")</c>.</param>
    /// <param name="hardened">As for <see cref="RaftNode.Configuration"/>.</param>
    /// <param name="stateMachine">What the cluster's members run; the key-value store when nothing is said.</param>
    public static AkkaConfigurationBuilder WithRaft(this AkkaConfigurationBuilder builder, IConfiguration section, bool hardened = true, RaftStateMachine? stateMachine = null) =>
        builder.WithRaft(section.GetRaftSettings(), hardened, stateMachine);

    /// <summary>Gives the application's ActorSystem what a <see cref="RaftClient"/> needs, behind what the application configures. <see cref="WithRaft(AkkaConfigurationBuilder, RaftSettings, bool, RaftStateMachine?)"/> includes it.</summary>
    /// <param name="builder">The application's ActorSystem.</param>
    /// <param name="host">As for <see cref="RaftClient.Configuration"/>: without one, and without a <c>hostname</c> of the application's, the ActorSystem listens nowhere.</param>
    public static AkkaConfigurationBuilder WithRaftClient(this AkkaConfigurationBuilder builder, string? host = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.AddHocon(RaftClient.Configuration(host), HoconAddMode.Append);
    }

    /// <summary>
    /// Adds a <see cref="RaftClient"/>, also as <see cref="IRaftClient"/>, one for the process, that goes with the container. It uses the application's ActorSystem when there is one
    /// (<c>AddAkka</c> with <see cref="WithRaft(AkkaConfigurationBuilder, RaftSettings, bool, RaftStateMachine?)"/> or <see cref="WithRaftClient"/>), and otherwise one of its own.
    /// </summary>
    /// <param name="services">The application's services.</param>
    /// <param name="settings">Whom to ask.</param>
    /// <exception cref="RaftConfigurationException">A setting is out of its range; where a function gives the settings, it is thrown when the client is first asked for.</exception>
    public static IServiceCollection AddRaftClient(this IServiceCollection services, RaftClientSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        settings.Validate();
        return services.AddRaftClient(_ => settings);
    }

    /// <inheritdoc cref="AddRaftClient(IServiceCollection, RaftClientSettings)" />
    public static IServiceCollection AddRaftClient(this IServiceCollection services, Func<IServiceProvider, RaftClientSettings> settings)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(settings);
        services.TryAddSingleton(provider => Client(provider, settings(provider)));
        services.TryAddSingleton<IRaftClient>(provider => provider.GetRequiredService<RaftClient>());
        return services;
    }

    /// <summary>
    /// Adds a <see cref="RaftClient"/> whose settings are in a configuration, and those as <c>IOptions&lt;RaftClientSettings&gt;</c>; see
    /// <see cref="RaftConfigurationSections.GetRaftClientSettings"/>. What is wrong with them is thrown here, before anything starts.
    /// </summary>
    /// <param name="services">The application's services.</param>
    /// <param name="section">Such as <c>builder.Configuration.GetSection("AkkaRaft")</c>.</param>
    /// <param name="more">What code adds to them, such as a codec.</param>
    /// <exception cref="RaftConfigurationException">A setting is wrong.</exception>
    public static IServiceCollection AddRaftClient(this IServiceCollection services, IConfiguration section, Func<RaftClientSettings, RaftClientSettings>? more = null)
    {
        var read = section.GetRaftClientSettings();
        var settings = more is null ? read : more(read);
        services.AddRaftClient(settings);
        services.TryAddSingleton(Options.Create(settings));
        return services;
    }

    /// <summary>Adds a <see cref="RaftClient"/> under a key, for an application that speaks to several clusters: <c>[FromKeyedServices("stock")] IRaftClient stock</c>.</summary>
    /// <param name="services">The application's services.</param>
    /// <param name="key">The key.</param>
    /// <param name="settings">Whom to ask.</param>
    /// <exception cref="RaftConfigurationException">A setting is out of its range.</exception>
    public static IServiceCollection AddKeyedRaftClient(this IServiceCollection services, object key, RaftClientSettings settings)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(settings);
        settings.Validate();
        services.TryAddKeyedSingleton(key, (provider, _) => Client(provider, settings));
        services.TryAddKeyedSingleton<IRaftClient>(key, (provider, _) => provider.GetRequiredKeyedService<RaftClient>(key));
        return services;
    }

    private static RaftClient Client(IServiceProvider provider, RaftClientSettings settings) =>
        provider.GetService<ActorSystem>() is { } system ? RaftClient.Create(system, settings) : RaftClient.Create(settings);
}
