using System.Globalization;
using AkkaRaft.Protocol.Wire;
using Google.Protobuf;

namespace AkkaRaft.KeyValue;

/// <summary>What an operation must be before any of its batch is executed. The limits are those in force.</summary>
internal static class OperationRules
{
    public static readonly TimeSpan ShortestLease = TimeSpan.FromSeconds(1);
    public static readonly TimeSpan LongestLease = TimeSpan.FromDays(10);

    /// <summary>What is wrong with the operation, for people; null when nothing is.</summary>
    public static string? WhatIsWrongWith(KvOperation operation, StoreLimits limits) => operation.OperationCase switch
    {
        KvOperation.OperationOneofCase.Put => WhatIsWrongWith(operation.Put, limits),
        KvOperation.OperationOneofCase.Delete => WhatIsWrongWithKey(operation.Delete.Key, limits),
        KvOperation.OperationOneofCase.Noop => null,
        KvOperation.OperationOneofCase.Transaction => WhatIsWrongWith(operation.Transaction, limits),
        KvOperation.OperationOneofCase.GrantLease =>
            operation.GrantLease.TimeToLiveMs < (long)ShortestLease.TotalMilliseconds || operation.GrantLease.TimeToLiveMs > (long)LongestLease.TotalMilliseconds
                ? Say($"A lease's time to live of {operation.GrantLease.TimeToLiveMs} ms is out of range: {ShortestLease.TotalSeconds} s to {LongestLease.TotalDays} days.")
                : null,
        KvOperation.OperationOneofCase.KeepLeaseAlive or KvOperation.OperationOneofCase.RevokeLease => null,
        _ => "The batch has an operation of an unknown kind.",
    };

    private static string? WhatIsWrongWith(KvTransaction transaction, StoreLimits limits)
    {
        var most = Math.Max(transaction.Compares.Count, Math.Max(transaction.Then.Count, transaction.Otherwise.Count));
        if (most > limits.MaxTransactionSteps)
            return Say($"A transaction has {most} compares, or steps in a branch; the limit is {limits.MaxTransactionSteps} (akkaraft.max-transaction-steps).");
        foreach (var compare in transaction.Compares)
        {
            if (WhatIsWrongWithKey(compare.Key, limits) is { } wrong) return wrong;
            if (compare.Operator is < 0 or > 3) return "A transaction compares by an unknown operator.";
            if (compare.TargetCase == KvCompare.TargetOneofCase.None) return "A transaction compares a key with nothing.";
        }
        foreach (var step in transaction.Then.Concat(transaction.Otherwise))
        {
            var wrong = step.StepCase switch
            {
                KvStep.StepOneofCase.Put => WhatIsWrongWith(step.Put, limits),
                KvStep.StepOneofCase.Delete => WhatIsWrongWithKey(step.Delete.Key, limits),
                KvStep.StepOneofCase.Range => WhatIsWrongWith(step.Range, limits),
                _ => "A transaction has a step of an unknown kind.",
            };
            if (wrong is not null) return wrong;
        }
        return null;
    }

    private static string? WhatIsWrongWith(KvPut put, StoreLimits limits)
    {
        if (WhatIsWrongWithKey(put.Key, limits) is { } wrong) return wrong;
        return put.Value.Length > limits.MaxValueBytes
            ? Say($"A value has {put.Value.Length} bytes; the limit is {limits.MaxValueBytes} (akkaraft.max-value-bytes).")
            : null;
    }

    private static string? WhatIsWrongWithKey(ByteString key, StoreLimits limits) =>
        key.IsEmpty ? "A key is empty; it needs at least one byte."
        : key.Length > limits.MaxKeyBytes ? Say($"A key has {key.Length} bytes; the limit is {limits.MaxKeyBytes} (akkaraft.max-key-bytes).")
        : null;

    /// <summary>What is wrong with a range, for people; null when nothing is.</summary>
    public static string? WhatIsWrongWith(KvRange range, StoreLimits limits) =>
        range.Limit < 0 ? "A range has a limit below 0."
        // One byte more than a key: the first one behind the largest.
        : Math.Max(range.From.Length, range.To.Length) > limits.MaxKeyBytes + 1 ? Say($"A range has a bound of more than {limits.MaxKeyBytes + 1} bytes.")
        : null;

    // Members of different cultures must have the same results.
    private static string Say(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
