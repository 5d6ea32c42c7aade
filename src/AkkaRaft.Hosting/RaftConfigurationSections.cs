using AkkaRaft.Client;
using Microsoft.Extensions.Configuration;

namespace AkkaRaft.Hosting;

/// <summary>
/// Settings of a section of <c>appsettings.json</c>, of the environment, or of whatever else a configuration is made of. Keys are the names of the properties, or those that
/// a cluster's file has (<c>HeartbeatInterval</c>, <c>heartbeat-interval</c>); values are written as in a cluster's file (<c>300ms</c>, <c>4MiB</c>), times also as
/// .NET writes them (<c>00:00:00.3</c>). A key that is no setting is refused.
/// </summary>
public static class RaftConfigurationSections
{
    /// <summary>Reads a member's settings: <c>Id</c>, <c>Members</c>, and any of <see cref="RaftSettings"/>.</summary>
    /// <param name="section">Such as <c>builder.Configuration.GetSection("AkkaRaft")</c>. <c>Members</c> is a section with a line for each id, or one text, as <see cref="RaftEndpoints.Parse"/> takes it.</param>
    /// <exception cref="RaftConfigurationException">Something in it is wrong; it is named with its section.</exception>
    public static RaftSettings GetRaftSettings(this IConfiguration section)
    {
        ArgumentNullException.ThrowIfNull(section);
        var reader = Reader(section, out var source);
        var id = reader.Text("id", "");
        if (!RaftEndpoints.TryParseId(id, out var member)) throw new RaftConfigurationException($"{source}: Id = {SettingsCheck.Quoted(id)}; expected which of Members this process is: a number from 0 on.");
        var joins = reader.Switch("joins", otherwise: false);
        var settings = RaftSettings.Read(reader, member) with { Joins = joins };
        settings.Validate();
        return settings;
    }

    /// <summary>Reads a client's settings: <c>Members</c>, and any of <see cref="RaftClientSettings"/> but its codec. A member's section has what its clients need too.</summary>
    /// <param name="section">As for <see cref="GetRaftSettings"/>.</param>
    /// <exception cref="RaftConfigurationException">Something in it is wrong; it is named with its section.</exception>
    public static RaftClientSettings GetRaftClientSettings(this IConfiguration section)
    {
        ArgumentNullException.ThrowIfNull(section);
        if (section["Id"] is not null) return section.GetRaftSettings().ForClients();
        var reader = Reader(section, out _);
        var otherwise = new RaftClientSettings { ClusterId = "akkaraft", Members = reader.Members() };
        var settings = otherwise with
        {
            ClusterId = reader.Text("cluster-id", otherwise.ClusterId),
            SystemName = reader.Text("system-name", otherwise.SystemName),
            RequestTimeout = reader.Duration("request-timeout", otherwise.RequestTimeout),
            AttemptTimeout = reader.Duration("attempt-timeout", otherwise.AttemptTimeout),
            RetryDelay = reader.Duration("retry-delay", otherwise.RetryDelay),
            MaxBackoff = reader.Duration("max-backoff", otherwise.MaxBackoff),
            MembersInterval = reader.Duration("members-interval", otherwise.MembersInterval),
            MaxInFlight = reader.Number("max-in-flight", otherwise.MaxInFlight),
            MaxOutstanding = reader.Number("max-outstanding", otherwise.MaxOutstanding),
            MaxQueued = reader.Number("max-queued", otherwise.MaxQueued),
            MaxQueuedBytes = reader.Bytes("max-queued-bytes", (int)otherwise.MaxQueuedBytes),
            MaxBatchOperations = reader.Number("max-batch-operations", otherwise.MaxBatchOperations),
            MaxBatchBytes = reader.Bytes("max-batch-bytes", otherwise.MaxBatchBytes),
            MaxKeyBytes = reader.Bytes("max-key-bytes", otherwise.MaxKeyBytes),
            MaxValueBytes = reader.Bytes("max-value-bytes", otherwise.MaxValueBytes),
            MaxTransactionSteps = reader.Number("max-transaction-steps", otherwise.MaxTransactionSteps),
            MaxTransactionBytes = reader.Bytes("max-transaction-bytes", otherwise.MaxTransactionBytes),
        };
        reader.RejectUnknown();
        settings.Check(reader.Check());
        return settings;
    }

    private static SettingsReader Reader(IConfiguration section, out string source)
    {
        source = section is IConfigurationSection { Path: { Length: > 0 } path } ? $"Configuration section '{path}'" : "The configuration";
        var values = new Dictionary<string, string>();
        foreach (var (key, value) in section.AsEnumerable(makePathsRelative: true))
        {
            if (value is null || key.Length == 0) continue;
            var name = string.Join('.', key.Split(':').Select(part => SettingsCheck.InFile(part)));
            if (!values.TryAdd($"akkaraft.{name}", value is "True" or "False" ? value.ToLowerInvariant() : value))
                throw new RaftConfigurationException($"{source}: {key} is there twice, under two of its names.");
        }
        return SettingsReader.Of(source, values);
    }
}
