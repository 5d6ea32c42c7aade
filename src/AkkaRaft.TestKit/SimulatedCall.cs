using System.Text;
using AkkaRaft.Client;
using AkkaRaft.KeyValue;
using AkkaRaft.TestKit.Checking;

namespace AkkaRaft.TestKit;

/// <summary>A client's call, done or not.</summary>
public sealed class SimulatedCall : ISwarmCall
{
    private readonly Action _answered;

    internal SimulatedCall(int client, OperationKind kind, string key, string? argument, long called, TimeSpan calledAt, Action answered)
    {
        Client = client;
        Kind = kind;
        Key = key;
        Argument = argument;
        Called = called;
        CalledAt = calledAt;
        _answered = answered;
    }

    /// <summary>Who called.</summary>
    public int Client { get; }

    /// <summary>What was asked.</summary>
    public OperationKind Kind { get; }

    /// <summary>Of which key.</summary>
    public string Key { get; }

    /// <summary>The value of a put, compare-and-set or transaction.</summary>
    public string? Argument { get; }

    /// <summary>The reply; null while there is none.</summary>
    public IKeyValueReply? Reply { get; private set; }

    /// <summary>Whether a reply has come, good or bad.</summary>
    public bool IsDone => Reply is not null;

    /// <summary>Whether nobody waits for the reply any more: its client died, or it was cancelled.</summary>
    public bool IsAbandoned { get; private set; }

    /// <summary>Whether it has taken effect, surely.</summary>
    public bool Succeeded => Reply is not null and not RequestFailed;

    bool ISwarmCall.IsServed => Succeeded;

    /// <summary>What a successful get read; null for a key that is not there.</summary>
    public string? Value => Reply is GetReply { Found: true } get ? Text(get.Value) : null;

    /// <summary>The other key of a transaction.</summary>
    public string? OtherKey { get; init; }

    /// <summary>The version that a compare-and-set or transaction expects.</summary>
    public long ExpectedVersion { get; init; }

    /// <summary>When it was made.</summary>
    public TimeSpan CalledAt { get; }

    internal long Called { get; }

    internal long AnsweredAt { get; private set; } = long.MaxValue;

    internal bool IsLocal { get; init; }

    internal Action<SimulatedCall>? Then { get; init; }

    /// <summary>As the client's actor has it.</summary>
    internal PendingCall? Pending { get; set; }

    internal void Abandon() => IsAbandoned = !IsDone;

    internal void Answer(IKeyValueReply reply, long at)
    {
        if (IsDone || IsAbandoned) return;
        Reply = reply;
        AnsweredAt = at;
        _answered();
        Then?.Invoke(this);
    }

    /// <summary>As the checkers see it, key by key.</summary>
    internal IEnumerable<Operation> ToOperations()
    {
        switch (Kind)
        {
            case OperationKind.Lease:
                break;
            case OperationKind.Transaction:
                yield return CompareAndSet((Reply as TransactionReply) switch
                {
                    { Succeeded: true } done => (true, done.Version, null),
                    { Steps: [{ Rows: [var row] }] } => (false, row.Version, Text(row.Value)),
                    _ => (false, 0, null),
                });
                if (Reply is not TransactionReply { Succeeded: false })
                    yield return Of(OperationKind.Put, OtherKey!, null, Reply is TransactionReply reply ? reply.Version : 0);
                break;
            case OperationKind.CompareAndSet:
                yield return CompareAndSet(Reply is CompareAndSetReply found
                    ? (found.Succeeded, found.Version, found.Succeeded || found.Version == 0 ? null : Text(found.Value))
                    : (false, 0, null));
                break;
            default:
                yield return Of(
                    Kind, Key,
                    Reply switch
                    {
                        GetReply => Value,
                        DeleteReply delete => delete.Deleted ? "1" : "0",
                        _ => null,
                    },
                    Reply switch
                    {
                        PutReply put => put.Version,
                        GetReply get => get.Version,
                        DeleteReply delete => delete.Version,
                        _ => 0,
                    });
                break;
        }
    }

    private Operation CompareAndSet((bool Succeeded, long Version, string? Found) result) =>
        Of(OperationKind.CompareAndSet, Key, result.Found, result.Version)
            with { ExpectedVersion = ExpectedVersion, IsConflict = Outcome == OperationOutcome.Done && !result.Succeeded };

    private Operation Of(OperationKind kind, string key, string? result, long version) =>
        new(Client, kind, key, Argument, Called, Outcome == OperationOutcome.Unknown ? long.MaxValue : AnsweredAt, Outcome, result, version);

    private static string Text(ReadOnlyMemory<byte> value) => Encoding.UTF8.GetString(value.Span);

    private OperationOutcome Outcome => Reply switch
    {
        null => OperationOutcome.Unknown,
        RequestFailed { Kind: FailureKind.OutcomeUnknown } => OperationOutcome.Unknown,
        RequestFailed => OperationOutcome.NotExecuted,
        _ => OperationOutcome.Done,
    };

    /// <summary>Who asked what, and what came back.</summary>
    public override string ToString() =>
        $"client {Client} {Kind} {Key}{(Argument is null ? "" : "=" + Argument)}: {Reply switch { null => IsAbandoned ? "its client died" : "no answer yet", RequestFailed failed => failed.Kind.ToString(), GetReply => Value ?? "absent", var other => other.GetType().Name }}";
}
