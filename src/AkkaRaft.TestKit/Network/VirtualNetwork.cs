using Akka.Actor;
using AkkaRaft.Consensus;
using AkkaRaft.Hosting;
using AkkaRaft.Protocol;
using AkkaRaft.TestKit.Engine;
using AkkaRaft.TestKit.Tracing;

namespace AkkaRaft.TestKit.Network;

/// <summary>
/// Carries every message as its production bytes, from member to member and between clients and members: late, and in order unless told otherwise.
/// An endpoint is a member's number, or a client's negative one.
/// </summary>
internal sealed class VirtualNetwork(VirtualClock clock, Random random, RaftSerializer serializer, NetworkTiming timing, Action<TraceKind, int, int, long, string>? trace)
{
    private readonly Dictionary<int, Func<IActorRef?>> _endpoints = [];
    private readonly HashSet<(int From, int To)> _cut = [];
    private readonly Dictionary<(int From, int To), TimeSpan> _lastArrival = [];
    private readonly Dictionary<(int From, int To), TimeSpan> _slow = [];
    private long _messageId;

    /// <summary>Share of messages that are lost.</summary>
    public double Loss { get; set; }

    /// <summary>Share of messages that arrive twice.</summary>
    public double Duplicates { get; set; }

    /// <summary>Share of messages that others may overtake.</summary>
    public double Reorders { get; set; }

    /// <summary>Says of a message between members that it is to be lost.</summary>
    public Func<IRaftMessage, bool> Drops { get; set; } = _ => false;

    public long Delivered { get; private set; }

    public void Attach(int endpoint, Func<IActorRef?> receiver) => _endpoints[endpoint] = receiver;

    public void Cut(int from, int to) => _cut.Add((from, to));

    public bool IsCut(int from, int to) => _cut.Contains((from, to));

    public void Heal() => _cut.Clear();

    public void Restore(int from, int to) => _cut.Remove((from, to));

    public void Slow(int from, int to, TimeSpan by) => _slow[(from, to)] = by;

    public void Unslow() => _slow.Clear();

    public void Send(SimulatedProcess process, int from, int to, object message, Func<IActorRef?> sender)
    {
        var bytes = serializer.ToBinary(message);
        var manifest = serializer.Manifest(message);
        var id = ++_messageId;
        trace?.Invoke(TraceKind.Sent, from, to, id, Describe.Message(message));
        if (IsCut(from, to))
        {
            trace?.Invoke(TraceKind.Lost, to, from, id, "cut off");
            return;
        }
        if (random.NextDouble() < Loss || message is IRaftMessage raft && Drops(raft))
        {
            trace?.Invoke(TraceKind.Lost, to, from, id, "lost");
            return;
        }
        Carry(process, from, to, id, bytes, manifest, sender);
        if (random.NextDouble() < Duplicates) Carry(process, from, to, id, bytes, manifest, sender);
    }

    private void Carry(SimulatedProcess process, int from, int to, long id, byte[] bytes, string manifest, Func<IActorRef?> sender)
    {
        var takes = timing.Shortest + (timing.Longest - timing.Shortest) * random.NextDouble() + _slow.GetValueOrDefault((from, to));
        var arrival = clock.Now + takes;
        if (random.NextDouble() < Reorders)
        {
            arrival += timing.Longest * (20 * random.NextDouble());
        }
        else
        {
            arrival = Max(arrival, _lastArrival.GetValueOrDefault((from, to)));
            _lastArrival[(from, to)] = arrival;
        }
        clock.At(arrival, () => Arrive(process, from, to, id, bytes, manifest, sender));
    }

    private void Arrive(SimulatedProcess process, int from, int to, long id, byte[] bytes, string manifest, Func<IActorRef?> sender)
    {
        if (IsCut(from, to) || !_endpoints.TryGetValue(to, out var find) || find() is not { } receiver)
        {
            trace?.Invoke(TraceKind.Lost, to, from, id, IsCut(from, to) ? "cut off" : "nobody there");
            return;
        }
        // What a process had sent when it died may have left its machine, or not.
        if (process.IsDead && random.Next(2) == 0)
        {
            trace?.Invoke(TraceKind.Lost, to, from, id, "its sender died");
            return;
        }
        Delivered++;
        trace?.Invoke(TraceKind.Delivered, to, from, id, "");
        receiver.Tell(serializer.FromBinary(bytes, manifest), sender());
    }

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;
}

/// <summary>How long a message takes, drawn evenly between the two.</summary>
internal sealed record NetworkTiming(TimeSpan Shortest, TimeSpan Longest);

/// <summary>A member's production transport, into the virtual network.</summary>
internal sealed class VirtualTransport(VirtualNetwork network, SimulatedProcess process, Action<IRaftMessage> sent) : IMemberTransport
{
    public void Send(RaftEndpoint to, IRaftMessage message)
    {
        if (process.IsDead) return;
        sent(message);
        network.Send(process, message.Header.From.Value, to.Id.Value, message, () => ActorRefs.NoSender);
    }
}

/// <summary>The other end of the network as an actor's reference: what is told to it travels from <paramref name="from"/> to <paramref name="to"/>.</summary>
internal sealed class NetworkRef(VirtualNetwork network, SimulatedProcess process, int from, int to, IActorRefProvider provider, ActorPath root, Action<int, int, object> sent) : MinimalActorRef
{
    public override ActorPath Path { get; } = root / (from < 0 ? $"client{-from}-to-{to}" : $"member{from}-to-client{-to}");

    public override IActorRefProvider Provider { get; } = provider;

    public Func<IActorRef?> ReplyTo { get; init; } = () => ActorRefs.NoSender;

    protected override void TellInternal(object message, IActorRef sender)
    {
        if (process.IsDead) return;
        sent(from, to, message);
        network.Send(process, from, to, message, ReplyTo);
    }
}
