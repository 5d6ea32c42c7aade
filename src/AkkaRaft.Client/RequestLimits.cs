using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;

namespace AkkaRaft.Client;

/// <summary>What a request may be; all else is refused before it is sent.</summary>
internal static class RequestLimits
{
    public static readonly TimeSpan ShortestLease = TimeSpan.FromSeconds(1);
    public static readonly TimeSpan LongestLease = TimeSpan.FromDays(10);
    public static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(1);

    /// <summary>What is wrong with a request; null when nothing is.</summary>
    public static RequestFailed? Check(IRaftRequest request, RaftClientSettings settings)
    {
        var (kind, complaint) = new Limits(settings).Of(request);
        return complaint is null ? null : new RequestFailed(request.RequestId, kind, complaint);
    }

    private readonly struct Limits(RaftClientSettings settings)
    {
        private static readonly (FailureKind, string?) None = default;

        public (FailureKind Kind, string? Complaint) Of(IRaftRequest request) => request switch
        {
            Put put => First(Key(put.Key), Value(put.Value), Lease(put.Lease)),
            Get get => First(Key(get.Key), Consistency(get.Consistency)),
            Delete delete => Key(delete.Key),
            CompareAndSet set => First(
                Key(set.Key), Value(set.Value), Lease(set.Lease),
                set.ExpectedVersion < 0 ? Bad($"The expected version {set.ExpectedVersion} is none; versions begin with 1, and 0 is that of a key that is not there.") : None),
            GetRange range => First(Range(range.From, range.To, range.Limit), Consistency(range.Consistency)),
            KeyValueTransaction transaction => Of(transaction),
            Watch watch => First(
                Range(watch.From, watch.To, 0),
                watch.FromRevision < 1 ? Bad($"A watch cannot begin with revision {watch.FromRevision}; the first is 1.") : None,
                watch.Wait < TimeSpan.Zero || watch.Wait > LongestWait ? Bad($"A watch cannot wait for {watch.Wait}; it may wait up to {LongestWait}.") : None),
            GrantLease grant => grant.TimeToLive < ShortestLease || grant.TimeToLive > LongestLease
                ? Bad($"A lease cannot live for {grant.TimeToLive}; it may live from {ShortestLease} to {LongestLease}.")
                : None,
            KeepLeaseAlive keep => NamedLease(keep.Lease),
            RevokeLease revoke => NamedLease(revoke.Lease),
            GetLeases leases => Consistency(leases.Consistency),
            _ => Bad($"{request.GetType()} is no request to the key-value store."),
        };

        private (FailureKind, string?) Of(KeyValueTransaction transaction)
        {
            if (transaction.Compares.IsDefault || transaction.Then.IsDefault || transaction.Else.IsDefault)
                return Bad("The transaction has a list that was never set; an empty one is [].");
            var most = settings.MaxTransactionSteps;
            if (transaction.Compares.Length > most || transaction.Then.Length > most || transaction.Else.Length > most)
                return Bad($"The transaction has {transaction.Compares.Length} compares and branches of {transaction.Then.Length} and {transaction.Else.Length} steps; the limit is {most} of each. Split it.");
            foreach (var compare in transaction.Compares)
            {
                if (compare is null) return Bad("The transaction has a compare that is null.");
                var wrong = First(
                    Key(compare.Key), Value(compare.Value),
                    Enum.IsDefined(compare.Comparison) ? None : Bad($"{compare.Comparison} is no comparison."),
                    compare.Version < 0 ? Bad($"A compare names version {compare.Version}; versions begin with 1, and 0 is that of a key that is not there.") : None);
                if (wrong.Complaint is not null) return wrong;
            }
            foreach (var step in transaction.Then.Concat(transaction.Else))
            {
                var wrong = step switch
                {
                    PutStep put => First(Key(put.Key), Value(put.Value), Lease(put.Lease)),
                    DeleteStep delete => Key(delete.Key),
                    RangeStep range => Range(range.From, range.To, range.Limit),
                    _ => Bad($"{step?.GetType().ToString() ?? "null"} is no step of a transaction."),
                };
                if (wrong.Complaint is not null) return wrong;
            }
            var bytes = KeyValueCodec.ToWire(transaction).CalculateSize();
            return bytes > settings.MaxTransactionBytes
                ? (FailureKind.ValueTooLarge, $"The transaction has {bytes} bytes; the limit is {settings.MaxTransactionBytes}. Split it.")
                : None;
        }

        private (FailureKind Kind, string? Complaint) Key(ReadOnlyMemory<byte> key) =>
            key.IsEmpty ? Bad("The key is empty; it needs at least one byte.")
            : key.Length > settings.MaxKeyBytes ? (FailureKind.ValueTooLarge, $"The key has {key.Length} bytes; the limit is {settings.MaxKeyBytes}.")
            : None;

        private (FailureKind Kind, string? Complaint) Value(ReadOnlyMemory<byte> value) =>
            value.Length > settings.MaxValueBytes ? (FailureKind.ValueTooLarge, $"The value has {value.Length} bytes; the limit is {settings.MaxValueBytes}.") : None;

        /// <summary>A bound may be the first key behind the longest.</summary>
        private (FailureKind Kind, string? Complaint) Range(ReadOnlyMemory<byte> from, ReadOnlyMemory<byte> to, int limit) =>
            Math.Max(from.Length, to.Length) > settings.MaxKeyBytes + 1
                ? (FailureKind.ValueTooLarge, $"A bound of the range has {Math.Max(from.Length, to.Length)} bytes; the limit is that of a key, {settings.MaxKeyBytes}.")
            : limit < 0 ? Bad($"A range cannot have {limit} rows; 0 stands for as many as a page holds.")
            : None;

        private static (FailureKind Kind, string? Complaint) Lease(long lease) =>
            lease < 0 ? Bad($"{lease} is no lease's number; 0 stands for none.") : None;

        private static (FailureKind Kind, string? Complaint) NamedLease(long lease) =>
            lease <= 0 ? Bad($"{lease} is no lease's number.") : None;

        private static (FailureKind Kind, string? Complaint) Consistency(ReadConsistency consistency) =>
            Enum.IsDefined(consistency) ? None : Bad($"{consistency} is no consistency of a read.");

        private static (FailureKind Kind, string? Complaint) Bad(string complaint) => (FailureKind.BadInput, complaint);

        private static (FailureKind Kind, string? Complaint) First(params ReadOnlySpan<(FailureKind Kind, string? Complaint)> complaints)
        {
            foreach (var complaint in complaints)
                if (complaint.Complaint is not null) return complaint;
            return None;
        }
    }
}
