using Akka.Event;
using AkkaRaft.Protocol;
using AkkaRaft.Remoting;

namespace AkkaRaft.Consensus;

/// <summary>
/// Who is listened to. A voter is known by its incarnation, which the configuration tells; any other member by naming this one's, which it can have from a
/// member alone. Nothing that anybody else says is believed, noted or answered, but for the greeting of one that the settings or the configuration name:
/// it is answered where they say that it is.
/// </summary>
internal sealed partial class RaftActor
{
    private const int MostShown = 64;

    // Of members whose incarnation the configuration does not tell: learners, those that it does not have yet, and first members before they have all met.
    private readonly Dictionary<MemberId, ulong> _incarnations = [];

    // Said in greetings by those whom the settings or the configuration name: enough to answer by, and proof of nothing.
    private readonly Dictionary<MemberId, ulong> _greetings = [];
    private TimeSpan? _greetedAt;
    private readonly Dictionary<DropReason, (TimeSpan SaidAt, long Since)> _drops = [];

    private ulong IncarnationOf(MemberId id) => _log.Configuration.Incarnations.TryGetValue(id, out var known) || _incarnations.TryGetValue(id, out known) ? known : _greetings.GetValueOrDefault(id);

    private bool IsToMe(RaftHeader header) => _originDurable && header.ToIncarnation == Origin.Incarnation;

    private bool IsForMe(IRaftMessage message)
    {
        var header = message.Header;
        if (header.ClusterId != _settings.ClusterId || header.To != Me)
        {
            Drop(DropReason.Misdirected, header, $"it is for member {header.To} of cluster '{PeerWarnings.Escape(header.ClusterId, MostShown)}'");
            return false;
        }
        if (header.From != Me && header.From.Value >= 0) return true;
        Drop(DropReason.Impossible, header, "no other member can have this id");
        return false;
    }

    private bool Knows(RaftHeader header)
    {
        if (_log.Configuration.Incarnations.TryGetValue(header.From, out var known)) return header.Incarnation == known;
        if (_incarnations.TryGetValue(header.From, out known) && header.Incarnation == known) return true;
        if (!IsToMe(header)) return false;
        _incarnations[header.From] = header.Incarnation;
        return true;
    }

    /// <summary>One that begins knows nobody yet, or has forgotten whom it knew.</summary>
    private void HearStranger(IRaftMessage message)
    {
        var header = message.Header;
        var isNamed = _log.Configuration.Find(header.From) is not null || _settings.Members.ContainsKey(header.From);
        if (message is Hello hello && header.Incarnation != 0 && isNamed)
        {
            if (_log.Configuration.Incarnations.ContainsKey(header.From))
            {
                Drop(DropReason.BeganAnew, header, "it began anew, with nothing, under an id that the cluster knows");
                Send(header.From, h => new Dismissed(h with { ToIncarnation = header.Incarnation }, DismissalReason.BeganAnew));
                return;
            }
            _greetings[header.From] = header.Incarnation;
            _heardFrom[header.From] = Now;
            Answer(hello);
            return;
        }
        // A member that joins learns from those that its settings name who the others are.
        if (_log.Configuration.Voters.IsEmpty && !(Now - _greetedAt < _settings.HeartbeatInterval))
        {
            _greetedAt = Now;
            Greet();
        }
        if (message is not Hello && !IsGettingKnown) Drop(DropReason.Unknown, header, $"it does not know this member, nor this member it. {WhereReplaced}");
        else if (message is Hello && _log.Configuration.Removed.Contains(header.From)) Drop(DropReason.Removed, header, "it was removed, and an id is never used again: stop it; to have it back, start it with --join on an empty directory, and a new id");
        else if (message is Hello && header.Incarnation != 0) Drop(DropReason.NotAdded, header, $"no such member was added ('akkaraft members add {header.From}={PeerWarnings.Escape(header.FromAddress ?? "host:port", MostShown)}')");
    }

    /// <summary>A member that joins hears its leader before those that it greets have answered.</summary>
    private bool IsGettingKnown => _log.Configuration.Voters.IsEmpty && _follower is { } follower && Now - follower.Since < 4 * _settings.ElectionTimeoutMax;

    private const string WhereReplaced = "Where members were replaced while this one was down, start it with --join and members that there are";

    /// <summary>What is dropped is said once a minute for each reason, however much there is of it.</summary>
    private void Drop(DropReason reason, RaftHeader header, string why)
    {
        var (saidAt, since) = _drops.GetValueOrDefault(reason, (-SayEvery, 0));
        if (Now - saidAt < SayEvery)
        {
            _drops[reason] = (saidAt, since + 1);
            return;
        }
        _drops[reason] = (Now, 0);
        _logger.Warning("Member {0} drops what is sent in the name of member {1}: {2}.{3}", Me, header.From, why, since > 0 ? $" So were {since} messages since this was last said." : "");
    }

    private enum DropReason
    {
        Misdirected,
        Unknown,
        NotAdded,
        BeganAnew,
        Removed,
        Impossible,
    }
}
