using System.Text.RegularExpressions;
using Akka.Configuration;
using Akka.Event;
using AkkaRaft.Remoting.Threading;

namespace AkkaRaft.Remoting;

/// <summary>The Akka configuration under members and clients alike: what of Akka.Remote AkkaRaft depends on, and why.</summary>
internal static partial class RemotingConfiguration
{
    /// <summary>What runs a dispatcher on one thread.</summary>
    public static string Executor { get; } = NameOf(typeof(SerialExecutor.Configurator));

    /// <summary>What runs the timers of an ActorSystem that is AkkaRaft's alone.</summary>
    public static string Scheduler { get; } = NameOf(typeof(SleepingScheduler));

    /// <summary>Bytes that a connection holds for a peer that does not take them: the answers that a client asks for at once, and what a leader sends before it is answered.</summary>
    public const long UnsentByDefault = 16 * 1024 * 1024;

    // Akka's default serializer instantiates whatever type a peer names, and untrusted mode lets Kill through.
    private static readonly Config RefusingSerializers = ConfigurationFactory.ParseString($$"""
        akka.actor.serializers {
          json = "{{NameOf(typeof(RefusingSerializer))}}"
          akka-misc = "{{NameOf(typeof(KillRefusingSerializer))}}"
        }
        """);

    /// <summary>
    /// For an ActorSystem that is AkkaRaft's alone: of Akka's serializers none but that of selections, by which any actor reaches a member, and which reads what is in it by the others.
    /// What names one of them is of no serializer that there is, and no type is looked up for it.
    /// </summary>
    public static Config NoSerializersOfAkkas { get; } = ConfigurationFactory.ParseString(
        $"akka.actor.serializers {{ {string.Join(", ", new[] { "json", "bytes", "akka-misc", "primitive", "proto", "daemon-create", "akka-system-msg" }.Select(name => $"{name} = \"{NameOf(typeof(RefusingSerializer))}\""))} }}");

    /// <summary>A member answers only at the doors named here, to nothing that could harm it.</summary>
    public static Config Hardened { get; } = ConfigurationFactory.ParseString("""
        akka.remote {
          untrusted-mode = on
          trusted-selection-paths = ["/user/raft", "/user/raft/member"]
          dot-netty.tcp.raft-only = on
        }
        """).WithFallback(RefusingSerializers);

    /// <summary>
    /// Keeps out what Akka.Remote says, several times a second, while a peer is away, or of each that falls silent after its handshake: the member itself says so once.
    /// What it says of messages too large, of a quarantine that begins for another reason than silence, or of bytes it cannot read stays.
    /// </summary>
    public static LogFilterSetup QuietRemoting { get; } = new LogFilterBuilder().ExcludeMessageRegex(PeerAway()).Build();

    // What is matched is the whole line, time and source included.
    [GeneratedRegex(@"\] (Tried to associate with unreachable remote address|Association with remote system .* has failed|Disassociated\s|Removing receive buffers for |AssociationError |No response from remote(\.| for outbound association\.) |Quarantined address .* is still unreachable |Association to .* is irrecoverably failed\. Quarantining address\.\s+Cause: System\.TimeoutException: Delivery of system messages timed out)", RegexOptions.ExplicitCapture)]
    private static partial Regex PeerAway();

    /// <summary>What both need of Akka.Remote, to listen at an address.</summary>
    public static Config Of(string host, int port, int frameBytes, long unsentBytes) => ConfigurationFactory.ParseString($$"""
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
            # Of a peer that fell silent nothing is kept; two days are the default. A member is spoken to all the time.
            quarantine-after-silence = 1 minute
            log-remote-lifecycle-events = off
            # For a process that stands still; two minutes are the default.
            transport-failure-detector { heartbeat-interval = 2 s, acceptable-heartbeat-pause = 10 s }
            dot-netty.tcp {
              transport-class = "{{NameOf(typeof(SocketTransport))}}"
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

    /// <summary>A type as HOCON names it.</summary>
    public static string NameOf(Type type) => $"{type.FullName}, {type.Assembly.GetName().Name}";
}
