using System.Buffers.Binary;
using Akka.Actor;
using Akka.Event;
using AkkaRaft.Log;
using AkkaRaft.StateMachines;

namespace AkkaRaft.Consensus;

/// <summary>
/// Whether all members' states are the same: the leader asks by an entry now and then, each member tells all others the hash of its state after that entry,
/// and each compares for itself. One that a quorum contradicts gives its state up and makes it anew, from its log or from another member's snapshot.
/// </summary>
internal sealed partial class RaftActor
{
    private readonly StateHashes _hashes = new();
    private readonly HashSet<long> _saidToDiffer = [];
    private bool _hashesState;
    private bool _forgetsState;
    private string? _noQuorumOfStates;

    /// <summary>Without commands there is nothing new to compare.</summary>
    private void CompareStates(LeaderState leading)
    {
        if (!_hashesState || !leading.HasCommands || leading.Transfer is not null || _settings.StateCheckInterval == TimeSpan.Zero) return;
        if (Now - leading.ComparedAt < _settings.StateCheckInterval) return;
        (leading.ComparedAt, leading.HasCommands) = (Now, false);
        AppendOwn(EntryKind.StateCheck, default);
        SchedulePump();
    }

    private void TellHashes(long firstIndex, IReadOnlyList<ReadOnlyMemory<byte>> results)
    {
        for (var i = 0; i < results.Count; i++)
        {
            if (results[i].Length != sizeof(ulong) || _log[firstIndex + i].Kind != EntryKind.StateCheck) continue;
            var (index, hash) = (firstIndex + i, BinaryPrimitives.ReadUInt64LittleEndian(results[i].Span));
            _hashes.Keep(_log.Configuration);
            _hashes.Add(Me, index, hash);
            AfterDurable(0, () =>
            {
                foreach (var peer in Peers) Send(peer, h => new StateHash(h, index, hash));
            });
            Compare(index);
        }
    }

    private void Hear(StateHash told)
    {
        if (_log.Configuration.Find(told.Header.From) is null) return;
        _hashes.Add(told.Header.From, told.Index, told.Hash);
        Compare(told.Index);
    }

    private void Compare(long index)
    {
        if (_forgetsState || _hashes.Compare(index, Me, _log.Configuration) is not { } comparison) return;
        if (comparison.Verdict == StateVerdict.Differs)
        {
            GiveStateUp(comparison);
            return;
        }
        _noQuorumOfStates = comparison.Verdict == StateVerdict.NoQuorum
            ? $"After entry {index} the members' states differ, and no quorum has the same: {WhyStatesDiffer} Which of them is right cannot be told."
            : null;
        if (comparison.Otherwise.Count == 0 || !_saidToDiffer.Add(index)) return;
        if (_saidToDiffer.Count > MostShown) _saidToDiffer.Remove(_saidToDiffer.Min());
        if (_noQuorumOfStates is { } problem) _logger.Error(problem);
        else _logger.Warning("After entry {0} the state of member {1} is another than that of a quorum; it makes its state anew.", index, string.Join(", ", comparison.Otherwise));
    }

    private const string WhyStatesDiffer =
        "the state machine is not deterministic (a clock, a random number, the order of a hash table, or a build that differs), it saves equal states as different bytes, or memory or a disk has changed one.";

    private void GiveStateUp(StateComparison comparison)
    {
        _logger.Error(
            "After entry {0} member {1}'s state is another than that of a quorum: {2} It serves no more, and makes its state anew, from its log or from another member's snapshot.",
            comparison.Index, Me, WhyStatesDiffer);
        _forgetsState = true;
        if (_leading is not null) BecomeFollower(_term, leader: null);
        // Images of it first: whoever lacks its state looks there.
        _snapshots.Tell(new SnapshotActor.DropOwn());
    }

    private bool HandledByStateChecks(object message)
    {
        switch (message)
        {
            case StateHash told:
                Hear(told);
                return true;
            case SnapshotActor.OwnDropped when _forgetsState:
                _image = null;
                _stateMachine.Tell(new ForgetState());
                return true;
            case StateForgotten when _forgetsState:
                Context.Stop(Self);
                return true;
            default:
                return false;
        }
    }
}
