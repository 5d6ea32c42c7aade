using System.Diagnostics;
using System.Text.Json;
using Xunit.Abstractions;
using OsProcess = System.Diagnostics.Process;

namespace AkkaRaft.Process.Tests;

/// <summary>A cluster whose members and clients are on machines of their own, for all tests of the class.</summary>
public sealed class RunningMachines : IAsyncLifetime
{
    private Machines? _machines;

    internal Machines Machines => _machines!;

    public async Task InitializeAsync()
    {
        if (Machines.WhatIsLacking is null)
        {
            _machines = await Machines.BuildAsync();
        }
    }

    public async Task DisposeAsync()
    {
        if (_machines is not null)
        {
            await _machines.DisposeAsync();
        }
    }
}

/// <summary>A fact about several machines.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class MachinesFactAttribute : FactAttribute
{
    public MachinesFactAttribute() => Skip = Machines.WhatIsLacking;
}

/// <summary>Off loopback: members and clients reach each other over a network alone, and no member can dial a client.</summary>
public sealed class MachinesTests(RunningMachines running, ITestOutputHelper output) : IClassFixture<RunningMachines>
{
    private readonly Machines _machines = running.Machines;

    [MachinesFact(Timeout = Patience.TestMs)]
    public async Task A_client_on_a_machine_of_its_own_is_answered_before_and_after_the_death_of_the_leader()
    {
        await AcknowledgedAsync(Machines.Client, "put", "apart", "1");
        int leader = await _machines.LeaderAsync();
        await _machines.KillAsync(leader);
        Assert.Equal("1", (await AcknowledgedAsync(Machines.Client, "get", "apart")).Out.Trim());
        await AcknowledgedAsync(Machines.Client, "put", "apart", "2");
        _machines.Start(leader);
        await Patience.UntilAsync("all members serve", async () => ((await _machines.AskAsync(Machines.Client, "health", "--timeout", "5s")).Code == 0, ""));
        Assert.Equal("2", (await AcknowledgedAsync(Machines.Client, "get", "apart")).Out.Trim());
    }

    [MachinesFact(Timeout = Patience.TestMs)]
    public async Task Two_clients_behind_NAT_with_the_same_address_are_both_answered_each_time()
    {
        const int Each = 50;
        await Task.WhenAll(new[] { Machines.FirstBehindNat, Machines.SecondBehindNat }.Select(async machine =>
        {
            await using var shell = new ShellOn(_machines, machine);
            for (int i = 0; i < Each; i++)
            {
                await shell.AnswerAsync($"put {machine}-{i} {i}");
            }
        }));
        foreach (string machine in new[] { Machines.FirstBehindNat, Machines.SecondBehindNat })
        {
            Assert.Equal($"{Each - 1}", (await AcknowledgedAsync(Machines.Client, "get", $"{machine}-{Each - 1}")).Out.Trim());
        }
    }

    /// <summary>TCP alone would try again after as long again as the cut lasted.</summary>
    [MachinesFact(Timeout = Patience.TestMs)]
    public async Task Once_links_that_were_cut_are_whole_a_put_is_answered_in_far_less_time_than_they_were_cut()
    {
        var cut = TimeSpan.FromSeconds(15);
        await using var waiting = new ShellOn(_machines, Machines.Client);
        await using var idle = new ShellOn(_machines, Machines.Client);
        await waiting.AnswerAsync("put cut 1");
        await idle.AnswerAsync("put cut 2");
        _machines.CutAll();
        var answer = waiting.AnswerAsync("put cut 3");
        await Task.Delay(cut);
        Assert.False(answer.IsCompleted, "Nothing was cut.");
        _machines.HealAll();
        long healed = Stopwatch.GetTimestamp();
        await Task.WhenAll(answer, idle.AnswerAsync("put healed 1"));
        var took = Stopwatch.GetElapsedTime(healed);
        output.WriteLine($"Cut for {cut.TotalSeconds} s; a put was answered {took.TotalSeconds:0.00} s after the links were whole.");
        Assert.True(took < cut / 2, $"Links that had been cut for {cut} were whole, and a put was answered {took} after that.");
    }

    private async Task<Ended> AcknowledgedAsync(string machine, params string[] args)
    {
        var ended = await _machines.AskAsync(machine, [.. args, "--timeout", "60s"]);
        Assert.True(ended.Code == 0, $"{string.Join(' ', args)} on {machine}: exit code {ended.Code}, {ended.Err}");
        return ended;
    }

    /// <summary>One client that lives on, on a machine.</summary>
    private sealed class ShellOn : IAsyncDisposable
    {
        private readonly OsProcess _process;

        public ShellOn(Machines machines, string machine)
        {
            _process = Cli.StartBy(machines.On(machine), "shell", "--json", "--timeout", "120s", "--members", machines.Members);
            _ = _process.StandardError.ReadToEndAsync();
        }

        public async Task AnswerAsync(string line)
        {
            await _process.StandardInput.WriteLineAsync(line);
            await _process.StandardInput.FlushAsync();
            string? answer = await _process.StandardOutput.ReadLineAsync().WaitAsync(Patience.Wait);
            Assert.True(answer is not null && JsonDocument.Parse(answer).RootElement.GetProperty("ok").GetBoolean(), $"{line}: {answer}");
        }

        public async ValueTask DisposeAsync()
        {
            _process.StandardInput.Close();
            await Patience.EndAsync(_process, "the shell, at the end of its input");
            _process.Dispose();
        }
    }
}
