using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using Akka.Configuration;
using Akka.Event;
using Akka.Persistence.Sql;
using AkkaRaft.Protocol;
using AkkaRaft.Storage;
using AkkaRaft.Threading;

namespace AkkaRaft.Hosting;

/// <summary>The Akka configuration under a member and under a client: what of Akka.Remote and Akka.Persistence Raft depends on, and why.</summary>
internal static partial class MemberConfiguration
{
    // Addressing, headers and framing around the largest batch.
    private const int FrameSlackBytes = 256 * 1024;

    private static readonly string Serial = NameOf(typeof(SerialExecutor.Configurator));
    private static readonly string Scheduler = NameOf(typeof(SleepingScheduler));
    private static readonly string Transport = NameOf(typeof(SocketTransport));

    // Covers a member's largest batch and value at their defaults.
    private const int ClientFrameBytes = 4 * 1024 * 1024;

    /// <summary>Path of the journal's settings: an application's own persistent actors have another.</summary>
    public const string Journal = "akkaraft.journal";

    /// <summary>Akka.Persistence's store that has no snapshots: an image of the state is the member's own affair.</summary>
    public const string NoSnapshots = "akka.persistence.no-snapshot-store";

    /// <summary>For an ActorSystem that is the member's alone.</summary>
    public static Config For(RaftSettings settings) =>
        (settings.IsQuiet ? ConfigurationFactory.ParseString("akka.loglevel = WARNING") : Config.Empty)
            // Between a peer's message and the member there is no change of thread.
            .WithFallback(ConfigurationFactory.ParseString($$"""akka { remote.use-dispatcher = akkaraft.raft-dispatcher, scheduler.implementation = "{{Scheduler}}" }"""))
            .WithFallback(NoSerializersOfAkkas)
            .WithFallback(Hardened)
            .WithFallback(Shared(settings));

    /// <summary>What a member needs of the ActorSystem it lives in.</summary>
    public static Config Shared(RaftSettings settings)
    {
        CheckAddress(settings);
        var (host, port) = Split(settings.Members[settings.Id].Address);
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
              raft-dispatcher { type = Dispatcher, executor = "{{Serial}}", throughput = 100, takes-visitors = on }
              journal-dispatcher { type = Dispatcher, executor = "{{Serial}}", throughput = 1 }
              state-machine-dispatcher { type = Dispatcher, executor = "{{Serial}}", throughput = 1 }
              snapshot-dispatcher { type = Dispatcher, executor = "{{Serial}}", throughput = 1 }
            }
            """)
            .WithFallback(settings.IsOffline ? ConfigurationFactory.ParseString($$"""akka.remote.dot-netty.tcp { hostname = "127.0.0.1", port = 0, public-hostname = "{{host}}", public-port = {{port}} }""") : Config.Empty)
            .WithFallback(Remoting(host, port, frame, Math.Max(UnsentByDefault, settings.MaxInflightBytes + 2L * frame)))
            .WithFallback(RaftSerializer.Configuration)
            .WithFallback(SqlPersistence.DefaultConfiguration);
    }

    /// <summary>Whether a member may listen at its address.</summary>
    /// <exception cref="RaftConfigurationException">It may not.</exception>
    public static void CheckAddress(RaftSettings settings)
    {
        foreach (var member in settings.Members.Values) CheckForm(member);
        var address = settings.Members[settings.Id].Address;
        if (!settings.IsOffline && !IsLoopback(Split(address).Host) && !settings.AllowInsecureNetwork)
            throw new RaftConfigurationException(
                $"akkaraft.members.{settings.Id} = \"{address}\" is not a loopback address, and the transport is neither encrypted nor authenticated: anyone who reaches it can write. Set akkaraft.allow-insecure-network = on to accept that.");
    }

    // What a connection holds for a peer that does not take it: the answers that a client asks for at once, and what a leader sends before it is answered.
    private const long UnsentByDefault = 16 * 1024 * 1024;

    // Akka's default serializer instantiates whatever type a peer names, and untrusted mode lets Kill through.
    private static readonly Config RefusingSerializers = ConfigurationFactory.ParseString("""
        akka.actor.serializers {
          json = "AkkaRaft.Protocol.RefusingSerializer, AkkaRaft"
          akka-misc = "AkkaRaft.Protocol.KillRefusingSerializer, AkkaRaft"
        }
        """);

    /// <summary>
    /// For an ActorSystem that is AkkaRaft's alone: of Akka's serializers none but that of selections, by which any actor reaches a member, and which reads what is in it by the others.
    /// What names one of them is of no serializer that there is, and no type is looked up for it.
    /// </summary>
    private static readonly Config NoSerializersOfAkkas = ConfigurationFactory.ParseString(
        $"akka.actor.serializers {{ {string.Join(", ", new[] { "json", "bytes", "akka-misc", "primitive", "proto", "daemon-create", "akka-system-msg" }.Select(name => $"{name} = \"{NameOf(typeof(RefusingSerializer))}\""))} }}");

    /// <summary>A member answers only at the doors named here, to nothing that could harm it.</summary>
    public static Config Hardened { get; } = ConfigurationFactory.ParseString("""
        akka.remote {
          untrusted-mode = on
          trusted-selection-paths = ["/user/raft", "/user/raft/member"]
          dot-netty.tcp.raft-only = on
        }
        """).WithFallback(RefusingSerializers);

    /// <summary>Bytes that a frame must hold for a member with these settings.</summary>
    public static int FrameBytes(RaftSettings settings) => Math.Max(settings.MaxAppendBytes, settings.MaxCommandBytes) + settings.MaxValueBytes + FrameSlackBytes;

    /// <summary>
    /// Keeps out what Akka.Remote says, several times a second, while a peer is away: the member itself says so once.
    /// What it says of messages too large, quarantine or bytes it cannot read stays.
    /// </summary>
    public static LogFilterSetup QuietRemoting { get; } = new LogFilterBuilder().ExcludeMessageRegex(PeerAway()).Build();

    // What is matched is the whole line, time and source included.
    [GeneratedRegex(@"\] (Tried to associate with unreachable remote address|Association with remote system .* has failed|Disassociated\s|Removing receive buffers for |AssociationError )", RegexOptions.ExplicitCapture)]
    private static partial Regex PeerAway();

    /// <summary>Of a client whose ActorSystem is its own.</summary>
    public const string ClientDispatcher = "akkaraft.client-dispatcher";

    /// <summary>For one ActorSystem that is a client's alone, and says nothing: what goes wrong is told by the calls.</summary>
    public static Config ForClient() =>
        ConfigurationFactory.ParseString($$"""
            akka { loglevel = OFF, stdout-loglevel = OFF, scheduler.implementation = "{{Scheduler}}" }
            # Between the client and its connections there is no change of thread.
            {{ClientDispatcher}} { type = Dispatcher, executor = "{{Serial}}", throughput = 100, takes-visitors = on }
            akka.remote { use-dispatcher = {{ClientDispatcher}}, dot-netty.tcp { receive-by-turns = on, raft-only = on } }
            """)
            .WithFallback(NoSerializersOfAkkas).WithFallback(SharedByClient());

    /// <summary>What a client needs of the one ActorSystem it lives in.</summary>
    /// <param name="host">Where it listens; null for a client that nobody connects to.</param>
    public static Config SharedByClient(string? host = null) => Remoting(host ?? ClientAddress.NewHost(), 0, ClientFrameBytes, UnsentByDefault).WithFallback(RaftSerializer.Configuration);

    private static Config Remoting(string host, int port, int frameBytes, long unsentBytes) => ConfigurationFactory.ParseString($$"""
        akka {
          # To a peer that is away every message is one.
          log-dead-letters = off
          log-dead-letters-during-shutdown = off
          actor.provider = remote
          remote {
            # A member that restarted must be reached at once, and five seconds are the default.
            retry-gate-closed-for = 100 ms
            # Five days by default, in which a process that runs is refused: after a handshake that came late from the one before it at its address, or two days without
            # a message to it. Nothing that Raft sends needs quarantine; the marker goes with the next look at all of them, once a second.
            prune-quarantine-marker-after = 0 s
            log-remote-lifecycle-events = off
            # For a process that stands still; two minutes are the default.
            transport-failure-detector { heartbeat-interval = 2 s, acceptable-heartbeat-pause = 10 s }
            dot-netty.tcp {
              transport-class = "{{Transport}}"
              hostname = "{{host}}"
              port = {{port}}
              maximum-frame-size = {{frameBytes}}b
              # As large as the system makes them by itself.
              send-buffer-size = 0b
              receive-buffer-size = 0b
              # To connect takes one way there and back; a handshake waits for what the peer, maybe just starting on a busy machine, does before.
              connect-timeout = 1 s
              connection-timeout = 5 s
              # Over a link that was cut and healed TCP itself would try again after as long again. A process that stands still acknowledges all the same.
              acknowledge-timeout = 2500 ms
              # For an ActorSystem whose messages are AkkaRaft's alone; then so many bytes are held for a peer before it is closed as a slow consumer.
              raft-only = off
              unsent-bytes = {{unsentBytes}}b
              # For an application that goes back to Akka's own transport, whose default, elsewhere than on Windows, is SO_REUSEPORT too:
              # a second process would share the port and take half of the connections.
              tcp-reuse-addr = off
            }
          }
        }
        """);

    internal static (string Host, int Port) Split(string address)
    {
        var colon = address.LastIndexOf(':');
        return (address[..colon], int.Parse(address[(colon + 1)..], System.Globalization.CultureInfo.InvariantCulture));
    }

    /// <summary>An address of Akka's as settings name it.</summary>
    internal static string Join(Akka.Actor.Address address) => $"{address.Host}:{address.Port}";

    /// <summary>A type as HOCON names it.</summary>
    private static string NameOf(Type type) => $"{type.FullName}, {type.Assembly.GetName().Name}";

    /// <summary>Any text as HOCON's quoted string, whatever characters it has: as JSON writes it.</summary>
    private static string Quoted(string text) => $"\"{System.Text.Json.JsonEncodedText.Encode(text)}\"";

    private static bool IsLoopback(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host, out var ip) && IPAddress.IsLoopback(ip));

    /// <summary>An IPv6 address has several forms, and Akka.Remote takes two of them for two addresses.</summary>
    private static void CheckForm(Member member)
    {
        var (host, port) = Split(member.Address);
        if (!IPAddress.TryParse(host, out var ip) || ip.AddressFamily != AddressFamily.InterNetworkV6) return;
        var form = ip.IsIPv4MappedToIPv6 ? $"{ip.MapToIPv4()}" : $"[{ip}]";
        if (!host.Equals(form, StringComparison.OrdinalIgnoreCase))
            throw new RaftConfigurationException($"akkaraft.members.{member.Id} = \"{member.Address}\" is not the form in which the address is compared: write \"{form}:{port}\", for all members and clients.");
    }
}
