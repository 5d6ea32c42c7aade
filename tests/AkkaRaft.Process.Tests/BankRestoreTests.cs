using AkkaRaft.BankSample;
using AkkaRaft.Client;
using AkkaRaft.Hosting;

namespace AkkaRaft.Process.Tests;

/// <summary>A backup of the sample bank, and a new cluster that begins with it.</summary>
public sealed class BankRestoreTests
{
    [Fact(Timeout = 300_000)] // ends a hang; says nothing about speed
    public async Task A_new_cluster_begins_with_a_backup_and_with_no_other_file()
    {
        using var data = new TemporaryDirectory();
        var members = Ports.FreeMembers(3);
        RaftSettings Settings(int id, string cluster) => new() { ClusterId = cluster, Id = new(id), Members = members, DataDirectory = Path.Combine(data.Path, cluster) };
        string backup = Path.Combine(data.Path, "backup");
        await RunAsync("old", async (client, bank) =>
        {
            for (int i = 1; i <= 20; i++) Assert.Equal(100 * i, await bank.SubmitAsync(new Deposit("ann", 100)));
            await client.BackupAsync(backup);
        });

        Assert.Contains("is of cluster 'old'", (await Assert.ThrowsAsync<RaftConfigurationException>(() => RestoreAsync(0, "old", backup))).Message, StringComparison.Ordinal);
        Assert.Contains("is an actor", (await Assert.ThrowsAsync<RaftConfigurationException>(() => Disaster.RestoreAsync(Settings(0, "new"), backup, stateMachine: Ledger.StateMachine))).Message, StringComparison.Ordinal);
        string damaged = Path.Combine(data.Path, "damaged");
        byte[] bytes = await File.ReadAllBytesAsync(backup);
        bytes[^1] ^= 1;
        await File.WriteAllBytesAsync(damaged, bytes);
        Assert.Contains("is damaged", (await Assert.ThrowsAsync<InvalidDataException>(() => RestoreAsync(0, "new", damaged))).Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(data.Path, "new", "0")));

        for (int id = 0; id < 3; id++) await RestoreAsync(id, "new", backup);
        await RunAsync("new", async (_, bank) =>
        {
            Assert.Equal(new Balances(2_000, 1), await bank.QueryAsync(new Audit()));
            Assert.Equal(2_100, await bank.SubmitAsync(new Deposit("ann", 100)));
        });

        Task<long> RestoreAsync(int id, string cluster, string file) => Disaster.RestoreAsync(Settings(id, cluster), file, stateMachine: Bank.StateMachine);

        async Task RunAsync(string cluster, Func<RaftClient, StateMachineClient<BankCommand, long, Audit, Balances>, Task> use)
        {
            var nodes = new List<RaftNode>();
            try
            {
                for (int id = 0; id < 3; id++) nodes.Add(await RaftNode.StartAsync(Settings(id, cluster), Bank.StateMachine));
                await using var client = RaftClient.Create(Settings(0, cluster).ForClients() with { RequestTimeout = TimeSpan.FromMinutes(1) });
                await using var bank = client.ForStateMachine<BankCommand, long, Audit, Balances>("bank", Bank.Codec);
                await use(client, bank);
            }
            finally
            {
                foreach (var node in nodes) await node.DisposeAsync();
            }
        }
    }
}
