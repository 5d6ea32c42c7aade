using AkkaRaft.BankSample;
using AkkaRaft.Client;
using AkkaRaft.Hosting;
using AkkaRaft.Protocol;

namespace AkkaRaft.Process.Tests;

/// <summary>The sample actor with a disk of its own, in production.</summary>
public sealed class LedgerTests
{
    [Fact(Timeout = 300_000)] // ends a hang; says nothing about speed
    public async Task It_goes_on_from_its_disk_and_from_another_member_s_image()
    {
        using var data = new TemporaryDirectory();
        var members = Ports.FreeMembers(3);
        RaftSettings Settings(int id) => new() { ClusterId = "ledgers", Id = new(id), Members = members, DataDirectory = data.Path, RetainEntries = 5, MaxLogEntries = 20 };
        var nodes = new RaftNode[3];
        for (int i = 0; i < 3; i++) nodes[i] = await RaftNode.StartAsync(Settings(i), Ledger.StateMachine);
        try
        {
            await using var client = RaftClient.Create(Settings(0).ForClients() with { RequestTimeout = TimeSpan.FromMinutes(1) });
            await using var ledger = client.ForStateMachine<BankCommand, long, Audit, Balances>(Ledger.Name, Bank.Codec);
            for (int i = 1; i <= 50; i++) Assert.Equal(i, await ledger.SubmitAsync(new Deposit("ann", 1)));
            Assert.Contains("less than", (await Assert.ThrowsAsync<StateMachineException>(() => ledger.SubmitAsync(new Transfer("ann", "bob", 51)))).Message, StringComparison.Ordinal);

            // One member is stopped, and goes on from what its disk has; another has lost it.
            await nodes[1].DisposeAsync();
            await nodes[2].DisposeAsync();
            Assert.True(File.Exists(Path.Combine(data.Path, "1", "state", "books")));
            File.Delete(Path.Combine(data.Path, "2", "state", "books"));
            for (int i = 1; i < 3; i++) nodes[i] = await RaftNode.StartAsync(Settings(i), Ledger.StateMachine);
            Assert.Equal(51, await ledger.SubmitAsync(new Deposit("ann", 1)));
            while ((await nodes[2].StatusAsync(TimeSpan.FromSeconds(5)))?.Role != RaftRole.Leader)
            {
                try
                {
                    await client.TransferLeadershipAsync(new MemberId(2));
                }
                catch (RaftException)
                {
                    // It has yet to take the image over.
                    await Task.Delay(200);
                }
            }
            Assert.Equal(new Balances(51, 1), await ledger.QueryAsync(new Audit()));
            Assert.True(File.Exists(Path.Combine(data.Path, "2", "state", "books")));
        }
        finally
        {
            foreach (var node in nodes) await node.DisposeAsync();
        }
    }
}
