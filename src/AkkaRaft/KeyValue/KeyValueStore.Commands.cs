using AkkaRaft.Log;
using AkkaRaft.Protocol.Wire;
using AkkaRaft.StateMachines;
using Google.Protobuf;

namespace AkkaRaft.KeyValue;

/// <summary>What commands do. Each result and each change follows from the entries and the state alone.</summary>
internal sealed partial class KeyValueStore
{
    /// <summary>What is due goes first, then what the entry asks for is done, and its changes are kept for watches.</summary>
    private ReadOnlyMemory<byte> Execute(LogEntry entry)
    {
        // The first that was proposed says whose the log is.
        if (!_hasLimits && entry.Kind == EntryKind.NoOp && ClientCommands.Proposal(entry.Payload.Span) is { } other) throw new StateMachineMismatchException(other.StateMachine, "");
        _nowMs = entry.TimestampMs;
        while (_leases.FindExpired(_nowMs) is { } expired) End(expired);
        _sessions.Expire(_nowMs);
        ReadOnlyMemory<byte> result = default;
        if (entry.Kind == EntryKind.Command)
        {
            _answerBytes = 0;
            _workBefore = _keys.Work;
            result = _sessions.Execute(entry, _parse, _execute).ToByteArray();
        }
        if (entry.Kind == EntryKind.NoOp && StoreLimits.Decode(entry.Payload.Span) is { } proposed) Adopt(proposed);
        if (_changes.Changes.Count > 0) _history.Add(_changes.Changes);
        _changes.Changes.Clear();
        return result;
    }

    /// <summary>Reads the operations of a batch.</summary>
    /// <returns>Why none of them may be executed, for people; null when nothing is wrong.</returns>
    private string? Parse(IReadOnlyList<ByteString> operations)
    {
        _operations.Clear();
        foreach (var bytes in operations)
        {
            KvOperation operation;
            try
            {
                operation = KvOperation.Parser.ParseFrom(bytes.Span);
            }
            catch (InvalidProtocolBufferException)
            {
                return "The batch has an operation that is no KvOperation.";
            }
            _operations.Add(operation);
            if (!bytes.IsEmpty && OperationRules.WhatIsWrongWith(operation, Limits) is { } wrong) return wrong;
        }
        return null;
    }

    /// <summary>Whether what was executed of the command has read as much as one may: all others wait for it, on all members.</summary>
    private bool IsWorkedOut => _keys.Work - _workBefore > MaxWorkOfCommand;

    private KvOperationResult Execute(KvOperation operation)
    {
        if (IsWorkedOut) return Refused(KvOperationError.AnswerFull);
        var result = operation.OperationCase switch
        {
            KvOperation.OperationOneofCase.Put => Execute(operation.Put),
            KvOperation.OperationOneofCase.Delete => new KvOperationResult { Existed = Delete(operation.Delete.Key, _revision + 1) },
            KvOperation.OperationOneofCase.Transaction => Execute(operation.Transaction),
            KvOperation.OperationOneofCase.GrantLease => Grant(operation.GrantLease.TimeToLiveMs),
            KvOperation.OperationOneofCase.KeepLeaseAlive => KeepAlive(operation.KeepLeaseAlive),
            KvOperation.OperationOneofCase.RevokeLease => Revoke(operation.RevokeLease),
            _ => new KvOperationResult(),
        };
        result.Version = _revision;
        return result;
    }

    // ---- keys ----------------------------------------------------------------------------------------------------

    private KvOperationResult Execute(KvPut put)
    {
        if (IsMissing(put.Lease)) return Refused(KvOperationError.LeaseNotFound);
        Put(put, _revision + 1);
        return new KvOperationResult();
    }

    private void Put(KvPut put, long revision)
    {
        _revision = revision;
        _keys.Put(put.Key, put.Value, revision, put.Lease);
        _changes.Changes.Add(new KvChange { Key = put.Key, Value = put.Value, Version = revision, Lease = put.Lease });
    }

    private bool Delete(ByteString key, long revision)
    {
        if (!_keys.Delete(key)) return false;
        _revision = revision;
        _changes.Changes.Add(new KvChange { Key = key, Version = revision, Deleted = true });
        return true;
    }

    // ---- transactions --------------------------------------------------------------------------------------------

    private KvOperationResult Execute(KvTransaction transaction)
    {
        var succeeded = transaction.Compares.All(compare => Holds(compare) && !IsWorkedOut);
        if (IsWorkedOut) return Refused(KvOperationError.AnswerFull);
        var steps = succeeded ? transaction.Then : transaction.Otherwise;
        if (steps.Any(step => step.StepCase == KvStep.StepOneofCase.Put && IsMissing(step.Put.Lease))) return Refused(KvOperationError.LeaseNotFound);
        // The answer must fit a message: the first page always does.
        if (_answerBytes > 0 && _answerBytes + Limits.PageBytes > Limits.MaxCommandBytes && steps.Any(step => step.StepCase == KvStep.StepOneofCase.Range))
            return Refused(KvOperationError.AnswerFull);

        var result = new KvTransactionResult { Succeeded = succeeded };
        var revision = _revision + 1;
        var pageBytes = Limits.PageBytes;
        foreach (var step in steps)
        {
            switch (step.StepCase)
            {
                case KvStep.StepOneofCase.Put:
                    result.Steps.Add(new KvStepResult { Existed = _keys.Has(step.Put.Key) });
                    Put(step.Put, revision);
                    break;
                case KvStep.StepOneofCase.Delete:
                    result.Steps.Add(new KvStepResult { Existed = Delete(step.Delete.Key, revision) });
                    break;
                default:
                    var work = _keys.Work;
                    var page = _keys.Range(step.Range, pageBytes);
                    var bytes = page.Rows.Sum(row => row.Key.Length + row.Value.Length + KeyTable.RowOverheadBytes);
                    // Also what was read to see that it has no room: a step cannot be refused, since those before it may have written.
                    pageBytes -= (int)Math.Min(_keys.Work - work, int.MaxValue / 2);
                    _answerBytes += bytes;
                    result.Steps.Add(new KvStepResult { Range = page });
                    break;
            }
        }
        return new KvOperationResult { Transaction = result };
    }

    private bool Holds(KvCompare compare)
    {
        if (compare.TargetCase == KvCompare.TargetOneofCase.Version) return Holds(compare.Operator, _keys.VersionOf(compare.Key).CompareTo(compare.Version));
        var found = _keys.Find(compare.Key);
        return found.Found
            ? Holds(compare.Operator, found.Value.Span.SequenceCompareTo(compare.Value.Span))
            : compare.Operator == (int)Comparison.NotEqual;
    }

    private static bool Holds(int comparison, int order) => (Comparison)comparison switch
    {
        Comparison.Equal => order == 0,
        Comparison.NotEqual => order != 0,
        Comparison.Less => order < 0,
        _ => order > 0,
    };

    // ---- leases --------------------------------------------------------------------------------------------------

    private bool IsMissing(long lease) => lease != 0 && !_leases.Has(lease);

    private KvOperationResult Grant(long timeToLiveMs)
    {
        if (_leases.Count >= Limits.MaxLeases) return Refused(KvOperationError.TooManyLeases);
        _leases.Begin(++_lastLease, timeToLiveMs, _nowMs);
        return new KvOperationResult { Lease = StatusOf(_lastLease) };
    }

    private KvOperationResult KeepAlive(long id)
    {
        if (_leases.Find(id) is not { } lease) return Refused(KvOperationError.LeaseNotFound);
        _leases.Begin(id, lease.TimeToLiveMs, _nowMs);
        return new KvOperationResult { Lease = StatusOf(id) };
    }

    private KvOperationResult Revoke(long id)
    {
        if (!_leases.Has(id)) return Refused(KvOperationError.LeaseNotFound);
        var status = StatusOf(id);
        End(id);
        return new KvOperationResult { Lease = status };
    }

    /// <summary>Removes the lease and its keys, in one revision.</summary>
    private void End(long lease)
    {
        var revision = _revision + 1;
        var bytes = 0;
        foreach (var key in _keys.KeysOf(lease))
        {
            _revision = revision;
            // No watch is told of more at once, so that no more need be held.
            bytes += key.Length + KeyTable.RowOverheadBytes;
            if (bytes > Limits.RevisionBytes) break;
            _changes.Changes.Add(new KvChange { Key = key, Version = revision, Deleted = true });
        }
        if (bytes > Limits.RevisionBytes)
        {
            _changes.Changes.Clear();
            _history.Skip(revision);
        }
        if (bytes > 0) _keys.DeleteOf(lease);
        _leases.Remove(lease);
    }

    private KvLease StatusOf(long id)
    {
        var lease = _leases.Find(id)!.Value;
        return new KvLease { Lease = id, TimeToLiveMs = lease.TimeToLiveMs, RemainingMs = Math.Max(0, lease.ExpiresMs - _nowMs), Keys = _keys.CountOf(id) };
    }

    private static KvOperationResult Refused(KvOperationError error) => new() { Error = error };
}
