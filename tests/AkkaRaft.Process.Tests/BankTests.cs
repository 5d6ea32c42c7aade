using System.Collections.Immutable;
using AkkaRaft.BankSample;
using AkkaRaft.Client;
using AkkaRaft.Hosting;
using AkkaRaft.Node;
using OsProcess = System.Diagnostics.Process;

namespace AkkaRaft.Process.Tests;

/// <summary>The sample bank of docs/state-machines.md in three processes: a state machine of the application's own, killed and started anew.</summary>
public sealed class BankTests
{
    private const int Accounts = 20;
    private const int Callers = 8;

    [Fact(Timeout = 300_000)] // ends a hang; says nothing about speed
    public async Task The_bank_s_sum_never_changes_while_its_members_are_killed_under_transfers()
    {
        using var data = new TemporaryDirectory();
        string config = Path.Combine(data.Path, "cluster.conf");
        int port = Ports.FreeRow(3);
        var addresses = Enumerable.Range(0, 3).Select(i => new AkkaRaft.Protocol.RaftEndpoint(new(i), $"127.0.0.1:{port + i}")).ToList();
        // So small that members compact, and fetch images, within the test.
        await File.WriteAllTextAsync(config, ClusterCommand.Hocon(addresses) + "\nakkaraft.retain-entries = 50\nakkaraft.max-log-entries = 200\n");
        var processes = Enumerable.Range(0, 3).Select(i => Start(i, config, data.Path)).ToArray();
        try
        {
            await using var client = RaftClient.Create(new RaftClientSettings
            {
                ClusterId = "akkaraft", Members = addresses.ToImmutableSortedDictionary(a => a.Id, a => a), RequestTimeout = TimeSpan.FromMinutes(1),
            });
            await using var bank = client.ForStateMachine<BankCommand, long, Audit, Balances>("bank", Bank.Codec);
            for (int i = 0; i < Accounts; i++)
            {
                Assert.Equal(1_000, await bank.SubmitAsync(new Deposit($"account-{i}", 1_000)));
            }

            using var stop = new CancellationTokenSource();
            var callers = Enumerable.Range(0, Callers).Select(i => Task.Run(() => TransferAsync(bank, new Random(i), stop.Token))).ToList();
            var audits = Task.Run(() => AuditAsync(bank, stop.Token));
            foreach (int victim in new[] { 0, 1, 2, 0 })
            {
                long before = await CountAsync(client);
                processes[victim].Kill();
                await processes[victim].WaitForExitAsync();
                while (await CountAsync(client) < before + 300)
                {
                    await Task.Delay(50);
                }

                processes[victim].Dispose();
                processes[victim] = Start(victim, config, data.Path);
            }

            await stop.CancelAsync();
            long transferred = (await Task.WhenAll(callers)).Sum();
            Assert.True(await audits > 0);
            Assert.True(transferred > 0);

            // What each member has by itself, once it has all.
            for (int i = 0; i < 3; i++)
            {
                Assert.Equal($"bank: {new Balances(1_000 * Accounts, Accounts)}", await AskAsync(processes[i], "audit"));
            }

            Assert.Contains("has less than", await AskAsync(processes[0], "transfer nobody account-0 1"), StringComparison.Ordinal);
            var wrong = await Assert.ThrowsAsync<BadInputException>(() => client.PutAsync("k", "v"));
            Assert.Contains("The cluster runs the state machine 'bank', and the client calls the key-value store.", wrong.Message, StringComparison.Ordinal);
            wrong = await Assert.ThrowsAsync<BadInputException>(() => client.GetAsync("k"));
            Assert.Contains("'bank'", wrong.Message, StringComparison.Ordinal);
            await using var other = client.ForStateMachine<BankCommand, long, Audit, Balances>("casino", Bank.Codec);
            wrong = await Assert.ThrowsAsync<BadInputException>(() => other.QueryAsync(new Audit()));
            Assert.Contains("the client asks the state machine 'casino'", wrong.Message, StringComparison.Ordinal);
        }
        finally
        {
            foreach (var process in processes)
            {
                process.Kill();
                await process.WaitForExitAsync();
                process.Dispose();
            }
        }

        // The command runs the store: it leaves the bank's log alone.
        var node = await Cli.RunAsync("node", "0", "--config", config, "--data", data.Path);
        Assert.Equal(1, node.Code);
        Assert.Contains("is the log of the state machine 'bank', and the member is to run the key-value store", node.Err, StringComparison.Ordinal);
        var recover = await Cli.RunAsync("recover", "0", "--force-single", "--config", config, "--data", data.Path);
        Assert.Equal(1, recover.Code);
        Assert.Contains("state machine 'bank'", recover.Err, StringComparison.Ordinal);

        // Two of three are lost for ever: the third goes on alone, with all that was acknowledged.
        var settings = RaftSettings.FromFile(config, new(1)) with { DataDirectory = data.Path };
        await Disaster.ForceSingleAsync(settings, stateMachine: Bank.StateMachine);
        await using var alone = await RaftNode.StartAsync(settings, Bank.StateMachine);
        await using var lonely = RaftClient.Create(alone.System, settings.ForClients());
        await using var left = lonely.ForStateMachine<BankCommand, long, Audit, Balances>("bank", Bank.Codec);
        Assert.Equal(new Balances(1_000 * Accounts, Accounts), await left.QueryAsync(new Audit()));
    }

    [Fact(Timeout = 120_000)] // ends a hang; says nothing about speed
    public async Task A_client_of_a_state_machine_is_told_that_the_cluster_runs_the_store()
    {
        await using var cluster = new Cluster();
        cluster.StartAll();
        await cluster.LeaderAsync();
        await using var client = RaftClient.Create(new RaftClientSettings { ClusterId = "akkaraft", Members = ClientOptions.ParseMembers(cluster.Members), RequestTimeout = TimeSpan.FromMinutes(1) });
        await using var bank = client.ForStateMachine<BankCommand, long, Audit, Balances>("bank", Bank.Codec);
        Assert.Contains("The cluster runs the key-value store", (await Assert.ThrowsAsync<BadInputException>(() => bank.SubmitAsync(new Deposit("a", 1)))).Message, StringComparison.Ordinal);
        Assert.Contains("The cluster runs the key-value store", (await Assert.ThrowsAsync<BadInputException>(() => bank.QueryAsync(new Audit()))).Message, StringComparison.Ordinal);
        await client.PutAsync("k", "v");
        Assert.Equal("v", await client.GetAsync("k"));
    }

    private static async Task<long> TransferAsync(StateMachineClient<BankCommand, long, Audit, Balances> bank, Random random, CancellationToken stop)
    {
        long done = 0;
        while (!stop.IsCancellationRequested)
        {
            try
            {
                await bank.SubmitAsync(new Transfer($"account-{random.Next(Accounts)}", $"account-{random.Next(Accounts)}", random.Next(500)), CancellationToken.None);
                done++;
            }
            catch (StateMachineException)
            {
                // It has less: an answer as good as any.
            }
        }

        return done;
    }

    private static async Task<long> AuditAsync(StateMachineClient<BankCommand, long, Audit, Balances> bank, CancellationToken stop)
    {
        long done = 0;
        while (!stop.IsCancellationRequested)
        {
            Assert.Equal(new Balances(1_000 * Accounts, Accounts), await bank.QueryAsync(new Audit(), done % 2 == 0 ? Protocol.ReadConsistency.Linearizable : Protocol.ReadConsistency.Lease, CancellationToken.None));
            done++;
        }

        return done;
    }

    private static async Task<long> CountAsync(RaftClient client) =>
        (await client.StatusAsync()).Max(member => member.AppliedIndex);

    private static OsProcess Start(int id, string config, string data)
    {
        var start = new System.Diagnostics.ProcessStartInfo("dotnet") { RedirectStandardInput = true, RedirectStandardOutput = true };
        foreach (string argument in new[] { typeof(Bank).Assembly.Location, $"{id}", config, data })
        {
            start.ArgumentList.Add(argument);
        }

        return OsProcess.Start(start)!;
    }

    private static async Task<string> AskAsync(OsProcess process, string line)
    {
        await process.StandardInput.WriteLineAsync(line);
        await process.StandardInput.FlushAsync();
        while (await process.StandardOutput.ReadLineAsync() is { } said)
        {
            if (said.StartsWith("bank: ", StringComparison.Ordinal))
            {
                return said;
            }
        }

        return "";
    }
}
