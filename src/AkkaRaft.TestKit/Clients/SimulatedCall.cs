using System.Text;
using AkkaRaft.Protocol;
using AkkaRaft.TestKit.Checking;

namespace AkkaRaft.TestKit;

/// <summary>A client's call, done or not.</summary>
public sealed class SimulatedCall
{
    private readonly Action _answered;

    internal SimulatedCall(int client, OperationKind kind, string key, string? argument, long called, Action answered)
    {
        Client = client;
        Kind = kind;
        Key = key;
        Argument = argument;
        Called = called;
        _answered = answered;
    }

    /// <summary>Who called.</summary>
    public int Client { get; }

    /// <summary>What was asked.</summary>
    public OperationKind Kind { get; }

    /// <summary>Of which key.</summary>
    public string Key { get; }

    /// <summary>The value of a put.</summary>
    public string? Argument { get; }

    /// <summary>The reply; null while there is none.</summary>
    public IKeyValueReply? Reply { get; private set; }

    /// <summary>Whether a reply has come, good or bad.</summary>
    public bool IsDone => Reply is not null;

    /// <summary>Whether it has taken effect, surely.</summary>
    public bool Succeeded => Reply is not null and not RequestFailed;

    /// <summary>What a successful get read; null for a key that is not there.</summary>
    public string? Value => Reply is GetReply { Found: true } get ? Encoding.UTF8.GetString(get.Value.Span) : null;

    internal long Called { get; }

    internal long AnsweredAt { get; private set; } = long.MaxValue;

    internal bool IsLocal { get; init; }

    internal Action<SimulatedCall>? Then { get; init; }

    internal void Answer(IKeyValueReply reply, long at)
    {
        if (IsDone) return;
        Reply = reply;
        AnsweredAt = at;
        _answered();
        Then?.Invoke(this);
    }

    internal Operation ToOperation() => new(
        Client, Kind, Key, Argument, Called, Outcome == OperationOutcome.Unknown ? long.MaxValue : AnsweredAt, Outcome,
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

    private OperationOutcome Outcome => Reply switch
    {
        null => OperationOutcome.Unknown,
        RequestFailed { Kind: FailureKind.OutcomeUnknown } => OperationOutcome.Unknown,
        RequestFailed => OperationOutcome.NotExecuted,
        _ => OperationOutcome.Done,
    };

    /// <summary>Who asked what, and what came back.</summary>
    public override string ToString() =>
        $"client {Client} {Kind} {Key}{(Argument is null ? "" : "=" + Argument)}: {Reply switch { null => "no answer yet", RequestFailed failed => failed.Kind.ToString(), GetReply => Value ?? "absent", var other => other.GetType().Name }}";
}
