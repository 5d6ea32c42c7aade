using System.Net;
using Akka.Configuration;
using Akka.Persistence.Sql;
using AkkaRaft.Remoting;
using AkkaRaft.Storage;

namespace AkkaRaft.Hosting;

/// <summary>The Akka configuration under a member: what of Akka.Persistence Raft depends on, and why, beside what clients need too.</summary>
internal static class MemberConfiguration
{
    // Addressing, headers and framing around the largest batch.
    private const int FrameSlackBytes = 256 * 1024;

    /// <summary>Path of the journal's settings: an application's own persistent actors have another.</summary>
    public const string Journal = "akkaraft.journal";

    /// <summary>Akka.Persistence's store that has no snapshots: an image of the state is the member's own affair.</summary>
    public const string NoSnapshots = "akka.persistence.no-snapshot-store";

    /// <summary>For an ActorSystem that is the member's alone.</summary>
    public static Config For(RaftSettings settings) =>
        (settings.IsQuiet ? ConfigurationFactory.ParseString("akka.loglevel = WARNING") : Config.Empty)
            // Between a peer's message and the member there is no change of thread.
            .WithFallback(ConfigurationFactory.ParseString($$"""akka { remote.use-dispatcher = akkaraft.raft-dispatcher, scheduler.implementation = "{{RemotingConfiguration.Scheduler}}" }"""))
            .WithFallback(RemotingConfiguration.NoSerializersOfAkkas)
            .WithFallback(RemotingConfiguration.Hardened)
            .WithFallback(Shared(settings));

    /// <summary>What a member needs of the ActorSystem it lives in.</summary>
    public static Config Shared(RaftSettings settings)
    {
        CheckAddress(settings);
        var (host, port) = Addresses.Split(settings.Members[settings.Id].Address);
        var frame = FrameBytes(settings);
        return ConfigurationFactory.ParseString($$"""
            akkaraft {
              journal {
                class = "AkkaRaft.Storage.SqliteJournal, AkkaRaft"
                plugin-id = "{{Journal}}"
                plugin-dispatcher = akkaraft.journal-dispatcher
                materializer-dispatcher = akkaraft.journal-dispatcher
                connection-string = {{Quoted(JournalGuard.ConnectionString(DataDirectory.JournalOf(settings)))}}
                provider-name = "SQLite.MS"
                parallelism = 1
                tag-write-mode = Csv
                auto-initialize = off
                # Each failure stops the member, which comes again with pauses of its own: a breaker would only refuse it when the disk is well again.
                circuit-breaker.max-failures = 2147483647
                # The default discards what it finds doubtful; a log must not.
                replay-filter.mode = fail
              }
              # One thread for what decides and for what it is told, one for each file.
              raft-dispatcher { type = Dispatcher, executor = "{{RemotingConfiguration.Executor}}", throughput = 100, takes-visitors = on }
              journal-dispatcher { type = Dispatcher, executor = "{{RemotingConfiguration.Executor}}", throughput = 1 }
              state-machine-dispatcher { type = Dispatcher, executor = "{{RemotingConfiguration.Executor}}", throughput = 1 }
              snapshot-dispatcher { type = Dispatcher, executor = "{{RemotingConfiguration.Executor}}", throughput = 1 }
            }
            """)
            .WithFallback(settings.IsOffline ? ConfigurationFactory.ParseString($$"""akka.remote.dot-netty.tcp { hostname = "127.0.0.1", port = 0, public-hostname = "{{host}}", public-port = {{port}} }""") : Config.Empty)
            .WithFallback(RemotingConfiguration.Of(host, port, frame, Math.Max(RemotingConfiguration.UnsentByDefault, settings.MaxInflightBytes + 2L * frame)))
            .WithFallback(RaftSerializer.Configuration)
            .WithFallback(SqlPersistence.DefaultConfiguration);
    }

    /// <summary>Whether a member may listen at its address.</summary>
    /// <exception cref="RaftConfigurationException">It may not.</exception>
    public static void CheckAddress(RaftSettings settings)
    {
        var address = settings.Members[settings.Id].Address;
        if (!settings.IsOffline && !IsLoopback(Addresses.Split(address).Host) && !settings.AllowInsecureNetwork)
            throw new RaftConfigurationException(
                $"akkaraft.members.{settings.Id} = \"{address}\" is not a loopback address, and the transport is neither encrypted nor authenticated: anyone who reaches it can write. Set akkaraft.allow-insecure-network = on to accept that.");
    }

    /// <summary>Bytes that a frame must hold for a member with these settings.</summary>
    public static int FrameBytes(RaftSettings settings) => Math.Max(settings.MaxAppendBytes, settings.MaxCommandBytes) + settings.MaxValueBytes + FrameSlackBytes;

    /// <summary>Any text as HOCON's quoted string, whatever characters it has: as JSON writes it.</summary>
    private static string Quoted(string text) => $"\"{System.Text.Json.JsonEncodedText.Encode(text)}\"";

    private static bool IsLoopback(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host, out var ip) && IPAddress.IsLoopback(ip));
}
