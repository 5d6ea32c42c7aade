using System.Text.Json;
using System.Text.Json.Serialization;
using AkkaRaft.Client;
using AkkaRaft.Hosting;
using AkkaRaft.StateMachines;

namespace AkkaRaft.BankSample;

[JsonDerivedType(typeof(Deposit), "deposit")]
[JsonDerivedType(typeof(Transfer), "transfer")]
public abstract record BankCommand;

public sealed record Deposit(string Account, long Amount) : BankCommand;

public sealed record Transfer(string From, string To, long Amount) : BankCommand;

/// <summary>All accounts, or those that begin with a text.</summary>
public sealed record Audit(string Prefix = "");

public sealed record Balances(long Sum, int Accounts);

/// <summary>Accounts with a balance each. No transfer makes or loses money.</summary>
public sealed class Bank : IStateMachine<BankCommand, long, Audit, Balances>
{
    public static readonly IRaftCodec Codec = new JsonCodec();

    public static readonly RaftStateMachine StateMachine = RaftStateMachine.Of("bank", () => new Bank(), Codec);

    private SortedDictionary<string, long> _accounts = new(StringComparer.Ordinal);

    /// <returns>The account's balance, of a transfer the sender's.</returns>
    public long Apply(BankCommand command, ApplyContext context)
    {
        switch (command)
        {
            case Deposit deposit:
                return _accounts[deposit.Account] = _accounts.GetValueOrDefault(deposit.Account) + deposit.Amount;
            case Transfer transfer when _accounts.GetValueOrDefault(transfer.From) < transfer.Amount:
                throw new InvalidOperationException($"{transfer.From} has less than {transfer.Amount}.");
            case Transfer transfer:
                _accounts[transfer.To] = _accounts.GetValueOrDefault(transfer.To) + transfer.Amount;
                return _accounts[transfer.From] -= transfer.Amount;
            default:
                throw new NotSupportedException($"{command.GetType().Name} is no command of the bank.");
        }
    }

    public Balances Query(Audit query)
    {
        var found = _accounts.Where(a => a.Key.StartsWith(query.Prefix, StringComparison.Ordinal)).Select(a => a.Value).ToList();
        return new Balances(found.Sum(), found.Count);
    }

    public void Save(Stream destination) => JsonSerializer.Serialize(destination, _accounts);

    public void Load(Stream source) => _accounts = new SortedDictionary<string, long>(JsonSerializer.Deserialize<Dictionary<string, long>>(source)!, StringComparer.Ordinal);
}
