using AkkaRaft.Remoting;
using Google.Protobuf;
using Wire = AkkaRaft.Protocol.Wire;

namespace AkkaRaft.KeyValue;

/// <summary>Writes requests as operations and queries of the key-value store, and reads its results as replies.</summary>
internal static class KeyValueCodec
{
    /// <summary>A <see cref="Watch"/> must be alone.</summary>
    public static ReadOnlyMemory<byte> EncodeQuery(IEnumerable<IKeyValueRead> requests)
    {
        var query = new Wire.KvQuery();
        foreach (var request in requests)
        {
            switch (request)
            {
                case Get get:
                    query.Lookups.Add(new Wire.KvLookup { Key = Bytes(get.Key) });
                    break;
                case GetRange range:
                    query.Ranges.Add(RangeToWire(range.From, range.To, range.Limit));
                    break;
                case GetLeases:
                    query.Leases = true;
                    break;
                case Watch watch:
                    query.Watch = ToWire(watch);
                    break;
                default:
                    throw new ArgumentException($"{request.GetType()} is no read of the key-value store.", nameof(requests));
            }
        }
        return query.ToByteArray();
    }

    /// <summary>What a batch's result says of one of its requests.</summary>
    public static IKeyValueReply Reply(IKeyValueWrite request, Wire.KvOperationResult result)
    {
        var id = request.RequestId;
        switch (result.Error)
        {
            case Wire.KvOperationError.LeaseNotFound:
                return new RequestFailed(id, FailureKind.LeaseNotFound, $"There is no lease {LeaseOf(request)}: it was never granted, has expired or was revoked. Nothing was changed.");
            case Wire.KvOperationError.TooManyLeases:
                return new RequestFailed(id, FailureKind.Overloaded, "There are as many leases as the cluster holds (akkaraft.max-leases); revoke some, or let them expire.");
            case Wire.KvOperationError.AnswerFull:
                return new RequestFailed(id, FailureKind.Overloaded, "What it and the calls sent with it read is more than one answer holds (akkaraft.max-command-bytes); nothing was changed. Call it again, with fewer at once.");
            case not Wire.KvOperationError.None:
                return new RequestFailed(id, FailureKind.BadInput, $"The store refused it for a reason that this client does not know ({(int)result.Error}); nothing was changed.");
        }
        return request switch
        {
            Put => new PutReply(result.Version) { RequestId = id },
            Delete => new DeleteReply(result.Existed, result.Version) { RequestId = id },
            CompareAndSet when result.Transaction.Succeeded => new CompareAndSetReply(true, result.Version, default) { RequestId = id },
            CompareAndSet => result.Transaction.Steps[0].Range.Rows is [{ } row]
                ? new CompareAndSetReply(false, row.Version, row.Value.Memory) { RequestId = id }
                : new CompareAndSetReply(false, 0, default) { RequestId = id },
            KeyValueTransaction => FromWire(id, result.Transaction, result.Version),
            GrantLease or KeepLeaseAlive or RevokeLease => new LeaseReply(FromWire(result.Lease)) { RequestId = id },
            _ => throw new ArgumentException($"{request.GetType()} is no write of the key-value store.", nameof(request)),
        };
    }

    /// <summary>What the answer to a query says of each of its requests, in their order: of the last ones perhaps only that the answer was full.</summary>
    /// <exception cref="InvalidProtocolBufferException">The bytes are no result.</exception>
    public static IReadOnlyList<IKeyValueReply> Replies(IReadOnlyList<IKeyValueRead> requests, ReadOnlyMemory<byte> payload)
    {
        var result = Wire.KvQueryResult.Parser.ParseFrom(payload.Span);
        if (result.Error.Length > 0) return [.. requests.Select(r => new RequestFailed(r.RequestId, result.Overloaded ? FailureKind.Overloaded : FailureKind.BadInput, PeerWarnings.OneLine(result.Error)))];
        var replies = new IKeyValueReply[requests.Count];
        int lookups = 0, ranges = 0;
        for (var i = 0; i < replies.Length; i++)
        {
            var id = requests[i].RequestId;
            replies[i] = requests[i] switch
            {
                Get => lookups < result.Lookups.Count ? FromWire(id, result.Lookups[lookups++]) : NoRoom(id),
                GetRange => ranges < result.Ranges.Count ? FromWire(id, result.Ranges[ranges++], result.Revision) : NoRoom(id),
                GetLeases => new LeasesReply([.. result.Leases.Select(FromWire)], result.Revision) { RequestId = id },
                Watch => FromWire(id, result.Watch),
                var other => throw new ArgumentException($"{other.GetType()} is no read of the key-value store.", nameof(requests)),
            };
        }
        return replies;
    }

    public static Wire.KvOperation ToWire(IKeyValueWrite request) => request switch
    {
        Put put => new Wire.KvOperation { Put = PutToWire(put.Key, put.Value, put.Lease) },
        Delete delete => new Wire.KvOperation { Delete = new Wire.KvDelete { Key = Bytes(delete.Key) } },
        CompareAndSet set => new Wire.KvOperation
        {
            Transaction = new Wire.KvTransaction
            {
                Compares = { new Wire.KvCompare { Key = Bytes(set.Key), Operator = (int)Comparison.Equal, Version = set.ExpectedVersion } },
                Then = { new Wire.KvStep { Put = PutToWire(set.Key, set.Value, set.Lease) } },
                Otherwise = { new Wire.KvStep { Range = new Wire.KvRange { From = Bytes(set.Key), To = Bytes(After(set.Key)), Limit = 1 } } },
            },
        },
        KeyValueTransaction transaction => new Wire.KvOperation { Transaction = ToWire(transaction) },
        GrantLease grant => new Wire.KvOperation { GrantLease = new Wire.KvGrantLease { TimeToLiveMs = (long)grant.TimeToLive.TotalMilliseconds } },
        KeepLeaseAlive keep => new Wire.KvOperation { KeepLeaseAlive = keep.Lease },
        RevokeLease revoke => new Wire.KvOperation { RevokeLease = revoke.Lease },
        _ => throw new ArgumentException($"{request.GetType()} is no write of the key-value store.", nameof(request)),
    };

    /// <summary>The first key behind the given one.</summary>
    public static ReadOnlyMemory<byte> After(ReadOnlyMemory<byte> key)
    {
        var next = new byte[key.Length + 1];
        key.CopyTo(next);
        return next;
    }

    /// <summary>The first key behind all that begin with the prefix; empty when there can be none.</summary>
    public static ReadOnlyMemory<byte> AfterPrefix(ReadOnlyMemory<byte> prefix)
    {
        var end = prefix.ToArray();
        for (var i = end.Length - 1; i >= 0; i--)
        {
            if (end[i] == 0xFF) continue;
            end[i]++;
            return end.AsMemory(0, i + 1);
        }
        return default;
    }

    private static long LeaseOf(IKeyValueWrite request) => request switch
    {
        Put put => put.Lease,
        CompareAndSet set => set.Lease,
        KeepLeaseAlive keep => keep.Lease,
        RevokeLease revoke => revoke.Lease,
        KeyValueTransaction transaction => transaction.Then.Concat(transaction.Else).OfType<PutStep>().Select(s => s.Lease).FirstOrDefault(lease => lease != 0),
        _ => 0,
    };

    public static Wire.KvTransaction ToWire(KeyValueTransaction transaction) => new()
    {
        Compares = { transaction.Compares.Select(ToWire) },
        Then = { transaction.Then.Select(ToWire) },
        Otherwise = { transaction.Else.Select(ToWire) },
    };

    /// <exception cref="InvalidDataException">It has something that this version does not know.</exception>
    public static KeyValueTransaction FromWire(long id, Wire.KvTransaction wire) =>
        new([.. wire.Compares.Select(FromWire)], [.. wire.Then.Select(FromWire)], [.. wire.Otherwise.Select(FromWire)]) { RequestId = id };

    public static Wire.KvTransactionResult ToWire(TransactionReply reply) => new() { Succeeded = reply.Succeeded, Steps = { reply.Steps.Select(ToWire) } };

    public static TransactionReply FromWire(long id, Wire.KvTransactionResult wire, long version) =>
        new(wire.Succeeded, version, [.. wire.Steps.Select(FromWire)]) { RequestId = id };

    public static Wire.KvRangeResult ToWire(RangeReply reply) => new() { Rows = { reply.Rows.Select(ToWire) }, More = reply.More };

    public static RangeReply FromWire(long id, Wire.KvRangeResult page, long revision) => new([.. page.Rows.Select(FromWire)], page.More, revision) { RequestId = id };

    public static Wire.KvWatch ToWire(Watch watch) =>
        new() { From = Bytes(watch.From), To = Bytes(watch.To), FromRevision = watch.FromRevision, WaitMs = (long)watch.Wait.TotalMilliseconds };

    public static Watch FromWire(long id, Wire.KvWatch wire) =>
        new(wire.From.Memory, wire.To.Memory, wire.FromRevision, TimeSpan.FromMilliseconds(wire.WaitMs), id);

    public static Wire.KvWatchResult ToWire(WatchReply reply) => new()
    {
        Changes = { reply.Changes.Select(c => new Wire.KvChange { Key = Bytes(c.Key), Value = Bytes(c.Value), Version = c.Version, Deleted = c.Deleted, Lease = c.Lease }) },
        NextRevision = reply.NextRevision,
        OldestRevision = reply.OldestRevision ?? 0,
    };

    public static WatchReply FromWire(long id, Wire.KvWatchResult wire) => new(
        [.. wire.Changes.Select(c => new Change(c.Key.Memory, c.Value.Memory, c.Version, c.Deleted, c.Lease))],
        wire.NextRevision, wire.OldestRevision > 0 ? wire.OldestRevision : null) { RequestId = id };

    public static Wire.KvLease ToWire(LeaseStatus status) => new()
    {
        Lease = status.Lease, TimeToLiveMs = (long)status.TimeToLive.TotalMilliseconds, RemainingMs = (long)status.Remaining.TotalMilliseconds, Keys = status.Keys,
    };

    public static Wire.KvPut PutToWire(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value, long lease) =>
        new() { Key = Bytes(key), Value = Bytes(value), Lease = lease };

    public static Wire.KvRange RangeToWire(ReadOnlyMemory<byte> from, ReadOnlyMemory<byte> to, int limit) => new() { From = Bytes(from), To = Bytes(to), Limit = limit };

    private static Wire.KvCompare ToWire(Compare compare)
    {
        var wire = new Wire.KvCompare { Key = Bytes(compare.Key), Operator = (int)compare.Comparison };
        if (compare.Version is { } version) wire.Version = version;
        else wire.Value = Bytes(compare.Value);
        return wire;
    }

    private static Wire.KvStep ToWire(TransactionStep step) => step switch
    {
        PutStep put => new Wire.KvStep { Put = PutToWire(put.Key, put.Value, put.Lease) },
        DeleteStep delete => new Wire.KvStep { Delete = new Wire.KvDelete { Key = Bytes(delete.Key) } },
        RangeStep range => new Wire.KvStep { Range = RangeToWire(range.From, range.To, range.Limit) },
        _ => throw new ArgumentException($"{step.GetType()} is no step of a transaction.", nameof(step)),
    };

    private static Compare FromWire(Wire.KvCompare wire) => wire.TargetCase switch
    {
        Wire.KvCompare.TargetOneofCase.Version => new Compare(wire.Key.Memory, Known(wire.Operator), wire.Version),
        Wire.KvCompare.TargetOneofCase.Value => new Compare(wire.Key.Memory, Known(wire.Operator), null, wire.Value.Memory),
        _ => throw new InvalidDataException("a compare with nothing to compare with"),
    };

    private static Comparison Known(int comparison) =>
        Enum.IsDefined((Comparison)comparison) ? (Comparison)comparison : throw new InvalidDataException($"{comparison}, which is no comparison");

    private static TransactionStep FromWire(Wire.KvStep wire) => wire.StepCase switch
    {
        Wire.KvStep.StepOneofCase.Put => new PutStep(wire.Put.Key.Memory, wire.Put.Value.Memory, wire.Put.Lease),
        Wire.KvStep.StepOneofCase.Delete => new DeleteStep(wire.Delete.Key.Memory),
        Wire.KvStep.StepOneofCase.Range => new RangeStep(wire.Range.From.Memory, wire.Range.To.Memory, wire.Range.Limit),
        _ => throw new InvalidDataException("a step of an unknown kind"),
    };

    private static Wire.KvStepResult ToWire(StepResult step)
    {
        var wire = new Wire.KvStepResult { Existed = step.Existed };
        if (step.Rows.Length > 0 || step.More) wire.Range = new Wire.KvRangeResult { Rows = { step.Rows.Select(ToWire) }, More = step.More };
        return wire;
    }

    private static Wire.KvRow ToWire(Row row) => new() { Key = Bytes(row.Key), Value = Bytes(row.Value), Version = row.Version, Lease = row.Lease };

    private static StepResult FromWire(Wire.KvStepResult step) =>
        new(step.Existed, step.Range is { } range ? [.. range.Rows.Select(FromWire)] : [], step.Range?.More ?? false);

    private static GetReply FromWire(long id, Wire.KvLookupResult found) => new(found.Found, found.Value.Memory, found.Version) { RequestId = id, Lease = found.Lease };

    private static RequestFailed NoRoom(long id) =>
        new(id, FailureKind.Overloaded, "What was asked for together is more than one answer holds (akkaraft.max-command-bytes); ask again, for less at once.");

    private static Row FromWire(Wire.KvRow row) => new(row.Key.Memory, row.Value.Memory, row.Version, row.Lease);

    public static LeaseStatus FromWire(Wire.KvLease lease) =>
        new(lease.Lease, TimeSpan.FromMilliseconds(lease.TimeToLiveMs), TimeSpan.FromMilliseconds(lease.RemainingMs), lease.Keys);

    // Not copied: a caller leaves the bytes alone until the call ends.
    private static ByteString Bytes(ReadOnlyMemory<byte> bytes) => UnsafeByteOperations.UnsafeWrap(bytes);
}
