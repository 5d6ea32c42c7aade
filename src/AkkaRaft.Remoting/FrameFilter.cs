using System.Buffers;
using System.Buffers.Text;
using System.Text;
using Akka.Actor;

namespace AkkaRaft.Remoting;

/// <summary>What a frame is for <see cref="FrameFilter"/>.</summary>
internal enum FrameKind
{
    Refused,
    Associate,
    Disassociate,
    Heartbeat,
    RaftMessage,
    ClientMessage,
}

/// <summary>What a frame is, or why it is refused.</summary>
/// <param name="kind">What it is.</param>
/// <param name="refusal">What was sent, in words.</param>
/// <param name="said">The peer's own bytes that are wrong, if they tell something.</param>
internal readonly ref struct FrameVerdict(FrameKind kind, string refusal = "", ReadOnlySpan<byte> said = default)
{
    public FrameKind Kind { get; } = kind;

    public string Refusal { get; } = refusal;

    public ReadOnlySpan<byte> Said { get; } = said;
}

/// <summary>The ActorSystem at the other end of a connection, and the last references in its messages that were found good: most have the same.</summary>
internal sealed class FramePeer
{
    /// <summary>How its paths begin; empty before its handshake.</summary>
    public byte[] Prefix { get; set; } = [];

    public KnownReference Sender { get; } = new();

    public KnownReference Recipient { get; } = new();
}

/// <summary>A reference to an actor that need not be judged again, unless it is long.</summary>
internal sealed class KnownReference
{
    private readonly byte[] _bytes = new byte[128];
    private int _length;
    private int _localLength;

    /// <summary>The path's end, without the ActorSystem's address.</summary>
    public ReadOnlySpan<byte> Local => _bytes.AsSpan(_length - _localLength, _localLength);

    public bool Is(ReadOnlySpan<byte> reference) => _length > 0 && reference.SequenceEqual(_bytes.AsSpan(0, _length));

    public void Become(ReadOnlySpan<byte> reference, int localLength) =>
        (_length, _localLength) = reference.TryCopyTo(_bytes) ? (reference.Length, localLength) : (0, 0);
}

/// <summary>
/// Lets through what AkkaRaft sends, before any of it is decoded: Akka.Remote decodes whatever a peer names, by whatever serializer, and refuses only then. A frame is walked
/// once, without allocating; each of its fields may be there once, and none that is not named here.
/// </summary>
internal sealed class FrameFilter(Address self)
{
    private const ulong NoSequenceNumber = ulong.MaxValue;
    private const ulong SelectionSerializer = 6;
    private const int MaxPathBytes = 1024;
    private const ulong ChildName = 2;

    // What Akka.NET takes in a name (ActorPath.IsValidPathElement), and what parts names.
    private static readonly SearchValues<byte> InPaths = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.*$+:@&=,!~';()%/"u8);

    private readonly byte[] _self = Prefix(self);

    /// <summary>How the paths of an ActorSystem begin.</summary>
    public static byte[] Prefix(Address address) => Encoding.ASCII.GetBytes($"{new Address("akka.tcp", address.System, address.Host, address.Port)}");

    /// <param name="frame">All of it.</param>
    /// <param name="peer">The ActorSystem at the other end.</param>
    public FrameVerdict Judge(ReadOnlySpan<byte> frame, FramePeer peer)
    {
        var fields = new WireFields(frame);
        if (!fields.Next() || !fields.HasBytes) return Malformed();
        var number = fields.Number;
        var bytes = fields.Bytes;
        if (fields.Next() || fields.IsMalformed) return Malformed();
        return number switch
        {
            1 => JudgePayload(bytes, peer),
            2 => JudgeControl(bytes),
            _ => Malformed(),
        };
    }

    private static FrameVerdict JudgeControl(ReadOnlySpan<byte> control) => AkkaPdu.TryHandshake(control, out var command, out _)
        ? command switch
        {
            AkkaPdu.Associate => new FrameVerdict(FrameKind.Associate),
            AkkaPdu.Heartbeat => new FrameVerdict(FrameKind.Heartbeat),
            AkkaPdu.Disassociate or AkkaPdu.DisassociateShuttingDown or AkkaPdu.DisassociateQuarantined => new FrameVerdict(FrameKind.Disassociate),
            _ => Malformed(),
        }
        : Malformed();

    private FrameVerdict JudgePayload(ReadOnlySpan<byte> container, FramePeer peer)
    {
        var fields = new WireFields(container);
        var more = fields.Next();
        if (more && fields is { Number: 1, HasBytes: true })
        {
            if (!AcknowledgesNothing(fields.Bytes)) return Refused("an acknowledgement of system messages, of which AkkaRaft sends none");
            more = fields.Next();
            if (!more) return fields.IsMalformed ? Malformed() : new FrameVerdict(FrameKind.Heartbeat);
        }
        if (!more || fields is not { Number: 2, HasBytes: true }) return Malformed();
        var envelope = fields.Bytes;
        return fields.Next() || fields.IsMalformed ? Malformed() : JudgeEnvelope(envelope, peer);
    }

    /// <summary>When one connection takes over from another, Akka.Remote says what it has received of system messages: none.</summary>
    private static bool AcknowledgesNothing(ReadOnlySpan<byte> acknowledgement)
    {
        var fields = new WireFields(acknowledgement);
        return fields.Next() && fields is { Number: 1, HasBytes: false, Value: NoSequenceNumber } && !fields.Next() && !fields.IsMalformed;
    }

    private FrameVerdict JudgeEnvelope(ReadOnlySpan<byte> envelope, FramePeer peer)
    {
        ReadOnlySpan<byte> recipient = [], message = [], sender = [];
        var sequenceNumber = 0ul;
        var fields = new WireFields(envelope);
        while (fields.Next())
        {
            if (fields.Number > 5 || fields.HasBytes != (fields.Number != 5) || fields.IsRepeated) return Malformed();
            switch (fields.Number)
            {
                case 1 when !fields.Bytes.IsEmpty:
                    recipient = fields.Bytes;
                    break;
                case 2:
                    message = fields.Bytes;
                    break;
                case 4 when !fields.Bytes.IsEmpty:
                    sender = fields.Bytes;
                    break;
                case 5:
                    sequenceNumber = fields.Value;
                    break;
                default:
                    return Malformed();
            }
        }
        if (fields.IsMalformed) return Malformed();
        if (sequenceNumber != NoSequenceNumber) return Refused("a system message (a sequence number), which AkkaRaft never sends; does an application watch, stop or deploy an actor here?");
        if (!sender.IsEmpty && !peer.Sender.Is(sender))
        {
            if (!TryPath(sender, out var from)) return Malformed();
            if (!IsOf(peer.Prefix, from)) return Refused("a message in the name of another ActorSystem than its own", from);
            peer.Sender.Become(sender, from.Length - peer.Prefix.Length);
        }
        if (peer.Recipient.Is(recipient)) return JudgeMessage(message, peer.Recipient.Local);
        if (!TryPath(recipient, out var to)) return Malformed();
        if (!IsOf(_self, to)) return Refused("a message that is addressed to another process; is it known by another name there?", to);
        peer.Recipient.Become(recipient, to.Length - _self.Length);
        return JudgeMessage(message, to[_self.Length..]);
    }

    private static FrameVerdict JudgeMessage(ReadOnlySpan<byte> message, ReadOnlySpan<byte> recipient)
    {
        if (!TryMessage(message, out var body, out var serializer, out var manifest)) return Malformed();
        if (serializer == SelectionSerializer && manifest.IsEmpty && recipient.SequenceEqual("/"u8)) return JudgeSelection(body);
        if (serializer != MessageKinds.Serializer) return Refused("a message of another serializer than AkkaRaft's", manifest);
        if (manifest.SequenceEqual(MessageKinds.RaftBytes)) return recipient.SequenceEqual("/user/raft"u8) ? new FrameVerdict(FrameKind.RaftMessage) : Closed(recipient);
        if (!manifest.SequenceEqual(MessageKinds.ClientBytes)) return Refused("a message of a kind that is not sent", manifest);
        return IsOpenToClients(recipient) ? new FrameVerdict(FrameKind.ClientMessage) : Closed(recipient);
    }

    /// <summary>What an actor tells by an ActorSelection: a client's message, for a path without patterns.</summary>
    private static FrameVerdict JudgeSelection(ReadOnlySpan<byte> selection)
    {
        ReadOnlySpan<byte> message = [];
        var elements = 0;
        var fields = new WireFields(selection);
        while (fields.Next())
        {
            if (!fields.HasBytes) return Malformed();
            if (fields.Number == 1 && message.IsEmpty) message = fields.Bytes;
            else if (fields.Number != 2 || !TryChild(fields.Bytes, out var name) || !name.SequenceEqual(elements++ switch { 0 => "user"u8, 1 => "raft"u8, _ => [] }))
                return Refused("a selection of other actors than /user/raft");
        }
        if (fields.IsMalformed || elements != 2 || !TryMessage(message, out _, out var serializer, out var manifest)) return Malformed();
        return serializer == MessageKinds.Serializer && manifest.SequenceEqual(MessageKinds.ClientBytes)
            ? new FrameVerdict(FrameKind.ClientMessage)
            : Refused("a selection with a message that no client of AkkaRaft's sends", manifest);
    }

    /// <summary>The gateway, and clients that live here. Not what is below the gateway, but for its client.</summary>
    private static bool IsOpenToClients(ReadOnlySpan<byte> path)
    {
        if (path.IndexOf((byte)'#') is >= 0 and var uid) path = path[..uid];
        if (path.StartsWith("/user/raft/"u8)) return path.SequenceEqual("/user/raft/client"u8);
        return path.StartsWith("/user/"u8) || path.StartsWith("/temp/"u8);
    }

    private static bool TryChild(ReadOnlySpan<byte> element, out ReadOnlySpan<byte> name)
    {
        name = [];
        var type = 0ul;
        var fields = new WireFields(element);
        while (fields.Next())
        {
            if (fields.Number > 2 || fields.HasBytes != (fields.Number == 2) || fields.IsRepeated) return false;
            if (fields.Number == 1) type = fields.Value;
            else name = fields.Bytes;
        }
        return !fields.IsMalformed && type == ChildName;
    }

    private static bool TryMessage(ReadOnlySpan<byte> message, out ReadOnlySpan<byte> body, out ulong serializer, out ReadOnlySpan<byte> manifest)
    {
        body = manifest = [];
        serializer = 0;
        var fields = new WireFields(message);
        while (fields.Next())
        {
            if (fields.Number > 3 || fields.HasBytes != (fields.Number != 2) || fields.IsRepeated) return false;
            if (fields.Number == 1) body = fields.Bytes;
            else if (fields.Number == 2) serializer = fields.Value;
            else manifest = fields.Bytes;
        }
        return !fields.IsMalformed;
    }

    private static bool TryPath(ReadOnlySpan<byte> reference, out ReadOnlySpan<byte> path)
    {
        var fields = new WireFields(reference);
        path = fields.Next() && fields is { Number: 1, HasBytes: true } ? fields.Bytes : [];
        return !path.IsEmpty && path.Length <= MaxPathBytes && !fields.Next() && !fields.IsMalformed;
    }

    /// <summary>Whether a path is of the ActorSystem whose paths begin so.</summary>
    private static bool IsOf(ReadOnlySpan<byte> prefix, ReadOnlySpan<byte> path) =>
        path.Length > prefix.Length && path[prefix.Length] == '/' && Ascii.EqualsIgnoreCase(path[..prefix.Length], prefix) && IsPath(path[prefix.Length..]);

    /// <summary>Nothing leads up in it, and nothing in it is more than a name, but for the number of the actor at its end.</summary>
    private static bool IsPath(ReadOnlySpan<byte> path)
    {
        if (path.IndexOf((byte)'#') is >= 0 and var end)
        {
            // Akka.NET throws for what is no number of 32 bits.
            var uid = path[(end + 1)..];
            if (uid.ContainsAnyExceptInRange((byte)'0', (byte)'9') || !Utf8Parser.TryParse(uid, out int _, out var digits) || digits != uid.Length) return false;
            path = path[..end];
        }
        return path.IndexOf("/."u8) < 0 && !path.ContainsAnyExcept(InPaths);
    }

    private static FrameVerdict Malformed() => Refused("bytes that are no frame of Akka.Remote's");

    private static FrameVerdict Closed(ReadOnlySpan<byte> recipient) => Refused("a message for an actor that is not open to it", recipient);

    private static FrameVerdict Refused(string what, ReadOnlySpan<byte> said = default) => new(FrameKind.Refused, what, said);
}
