using AkkaRaft;
using AkkaRaft.BankSample;
using AkkaRaft.Client;
using AkkaRaft.Hosting;
using AkkaRaft.Protocol;

// One member of the bank: AkkaRaft.BankSample ID CONFIG DATA. It reads deposits, transfers and audits from its input, and ends with it.
var settings = RaftSettings.FromFile(args[1], new MemberId(int.Parse(args[0], null))) with { DataDirectory = args[2] };
await using var node = await RaftNode.StartAsync(settings, Bank.StateMachine);
await using var client = RaftClient.Create(node.System, settings.ForClients());
await using var bank = client.ForStateMachine<BankCommand, long, Audit, Balances>("bank", Bank.Codec);

while (await Console.In.ReadLineAsync() is { } line)
{
    try
    {
        Console.WriteLine(line.Split(' ') switch
        {
            ["deposit", var account, var amount] => $"bank: {account} has {await bank.SubmitAsync(new Deposit(account, long.Parse(amount, null)))}",
            ["transfer", var from, var to, var amount] => $"bank: {from} has {await bank.SubmitAsync(new Transfer(from, to, long.Parse(amount, null)))}",
            ["audit"] => $"bank: {await bank.QueryAsync(new Audit())}",
            _ => "bank: deposit ACCOUNT AMOUNT, transfer FROM TO AMOUNT or audit",
        });
    }
    catch (StateMachineException e)
    {
        Console.WriteLine($"bank: {e.Message}");
    }
}
