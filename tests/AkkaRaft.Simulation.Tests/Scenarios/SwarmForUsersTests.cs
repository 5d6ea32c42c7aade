using System.Collections.Immutable;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text.Json;
using AkkaRaft.BankSample;
using AkkaRaft.Client;
using AkkaRaft.StateMachines;
using AkkaRaft.TestKit;
using AkkaRaft.TestKit.Checking;
using AkkaRaft.TestKit.Swarm;
using Xunit.Abstractions;

namespace AkkaRaft.Simulation.Tests.Scenarios;

/// <summary>The swarm as a test of an application calls it, with the sample bank: AKKARAFT_SWARM_SEEDS=10000 has it run so many seeds.</summary>
public sealed class SwarmForUsersTests(ITestOutputHelper output)
{
    private static readonly SwarmSettings Traced = new() { TraceDirectory = Path.Combine(Path.GetTempPath(), "akkaraft-swarm-tests"), ShrinkRuns = 40 };

    [Fact]
    public void The_bank_is_linearizable()
    {
        var watch = Stopwatch.StartNew();
        var report = Swarm.Check(() => new Bank(), Bank.Codec, Workload, new SwarmSettings { Seeds = 150 });
        output.WriteLine($"{report}, {report.Seeds / watch.Elapsed.TotalMinutes:0} seeds a minute");
        // A run in which nothing happened proves nothing.
        Assert.True(report.Elections > report.Seeds && report.Faults > report.Seeds && report.Operations > 20 * report.Seeds, report.ToString());
    }

    private static StateMachineCall<BankCommand, Audit> Workload(Random random, int step) => random.Next(10) switch
    {
        < 4 => new Deposit($"account-{random.Next(4)}", random.Next(1, 100)),
        < 8 => new Transfer($"account-{random.Next(4)}", $"account-{random.Next(5)}", random.Next(1, 150)),
        8 => new Audit($"account-{random.Next(5)}"),
        _ => new Audit(),
    };

    [Fact]
    public void The_bank_does_what_its_model_says() =>
        Swarm.Check(() => new Bank(), Bank.Codec, Workload, Model, new SwarmSettings { Seeds = 30, FirstSeed = 1_000, Members = [3] });

    private static readonly SequentialModel<Accounts, BankCommand, long, Audit, Balances> Model = SequentialModel.Of(
        new Accounts(ImmutableSortedDictionary<string, long>.Empty),
        (Accounts accounts, BankCommand command) => command switch
        {
            Deposit deposit => ModelStep.To(accounts.Add(deposit.Account, deposit.Amount), accounts[deposit.Account] + deposit.Amount),
            Transfer transfer when accounts[transfer.From] < transfer.Amount => throw new InvalidOperationException(),
            Transfer transfer => ModelStep.To(accounts.Add(transfer.To, transfer.Amount).Add(transfer.From, -transfer.Amount), accounts.Add(transfer.To, transfer.Amount)[transfer.From] - transfer.Amount),
            _ => throw new NotSupportedException(),
        },
        (Accounts accounts, Audit audit) => new Balances(accounts.Of(audit.Prefix).Sum(), accounts.Of(audit.Prefix).Count()));

    private sealed record Accounts(ImmutableSortedDictionary<string, long> Balances)
    {
        public long this[string account] => Balances.GetValueOrDefault(account);

        public Accounts Add(string account, long amount) => new(Balances.SetItem(account, this[account] + amount));

        public IEnumerable<long> Of(string prefix) => Balances.Where(b => b.Key.StartsWith(prefix, StringComparison.Ordinal)).Select(b => b.Value);

        public bool Equals(Accounts? other) => other is not null && Balances.SequenceEqual(other.Balances);

        public override int GetHashCode() => Balances.Aggregate(0, (hash, b) => HashCode.Combine(hash, b.Key, b.Value));

        public override string ToString() => string.Join(", ", Balances.Select(b => $"{b.Key} {b.Value}"));
    }

    [Fact]
    public void A_story_of_its_own_is_checked_by_a_model()
    {
        using var simulation = new ClusterSimulation(new SimulationSettings { Seed = 7, Runs = Bank.StateMachine });
        var ann = simulation.AddClient<BankCommand, long, Audit, Balances>(Bank.Codec);
        var bob = simulation.AddClient<BankCommand, long, Audit, Balances>(Bank.Codec);
        var deposit = ann.Submit(new Deposit("ann", 100));
        var transfer = bob.Submit(new Transfer("ann", "bob", 60));
        simulation.RunUntil(() => deposit.IsDone && transfer.IsDone);
        simulation.Crash(simulation.Leader!.Value);
        var audit = bob.Query(new Audit());
        simulation.RunUntil(() => audit.IsDone);
        simulation.EndFaultsAndConverge();
        simulation.Check(Model);
        // The same story does not fit a bank in which nobody has anything.
        var nobody = Model with { Query = (_, _) => new Balances(0, 0) };
        Assert.Contains("this one fits nowhere", Assert.Throws<SimulationViolationException>(() => simulation.Check(nobody)).Violation, StringComparison.Ordinal);
    }

    /// <summary>A bank with something wrong in one place.</summary>
    private sealed class WrongBank : IStateMachine<BankCommand, long, Audit, Balances>
    {
        private SortedDictionary<string, long> _accounts = new(StringComparer.Ordinal);

        public bool Gambles { get; init; }

        public bool Forgets { get; init; }

        public bool LosesMoney { get; init; }

        public bool GoesByTime { get; init; }

        public long Apply(BankCommand command, ApplyContext context)
        {
            switch (command)
            {
                case Deposit deposit:
                    return _accounts[deposit.Account] = _accounts.GetValueOrDefault(deposit.Account) + deposit.Amount + (Gambles ? Random.Shared.Next(2) : 0) + (GoesByTime ? context.Now.Ticks : 0);
                case Transfer transfer when _accounts.GetValueOrDefault(transfer.From) < transfer.Amount:
                    throw new InvalidOperationException($"{transfer.From} has less than {transfer.Amount}.");
                case Transfer transfer:
                    // A transfer to an account that is not there takes the money, and brings it nowhere.
                    if (!LosesMoney || _accounts.ContainsKey(transfer.To)) _accounts[transfer.To] = _accounts.GetValueOrDefault(transfer.To) + transfer.Amount;
                    return _accounts[transfer.From] -= transfer.Amount;
                default:
                    throw new NotSupportedException();
            }
        }

        public Balances Query(Audit query)
        {
            var found = _accounts.Where(a => a.Key.StartsWith(query.Prefix, StringComparison.Ordinal)).Select(a => a.Value).ToList();
            return new Balances(found.Sum(), found.Count);
        }

        public void Save(Stream destination) => JsonSerializer.Serialize(destination, _accounts);

        public void Load(Stream source)
        {
            _accounts = new SortedDictionary<string, long>(JsonSerializer.Deserialize<Dictionary<string, long>>(source)!, StringComparer.Ordinal);
            if (Forgets) _accounts.Remove("account-3");
        }
    }

    [Fact]
    public void A_bank_that_draws_its_own_random_numbers_is_found_and_named()
    {
        var found = Found(() => new WrongBank { Gambles = true }, Model);
        Assert.Contains("their states differ", found.Found, StringComparison.Ordinal);
        Assert.Contains("as on Random.Shared", found.Found, StringComparison.Ordinal);
        // With the class as its own model that is seen too where only a result tells it.
        var alone = SequentialModel.OfClass(() => new WrongBank { Gambles = true }, Bank.Codec);
        var named = Assert.Throws<UnfitModelException>(() => Enumerable.Range(0, 100).Select(_ => alone.Apply(alone.Initial, new Deposit("a", 1))).ToList());
        Assert.Contains("WrongBank makes of Deposit", named.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_bank_whose_Load_forgets_an_account_is_found_and_named()
    {
        var found = Found(() => new WrongBank { Forgets = true }, Model);
        Assert.Contains("WrongBank.Load does not bring back what Save wrote", found.Found, StringComparison.Ordinal);
        Assert.Contains("account-3", found.Found, StringComparison.Ordinal);
    }

    [Fact]
    public void A_bank_whose_results_go_by_the_log_s_time_cannot_be_its_own_model()
    {
        var found = Assert.Throws<SwarmViolationException>(() => Swarm.Check(() => new WrongBank { GoesByTime = true }, Bank.Codec, Workload, Traced));
        Assert.Contains("give a SequentialModel", found.Message, StringComparison.Ordinal);
        Swarm.Check(() => new WrongBank { GoesByTime = true }, Bank.Codec, Workload, new SwarmSettings { Seeds = 3, ChecksResults = false });
    }

    [Fact]
    public void A_bank_that_applies_a_transfer_partly_is_found_by_its_model_and_the_replay_finds_the_same()
    {
        var found = Found(() => new WrongBank { LosesMoney = true }, Model);
        output.WriteLine(found.Message);
        Assert.Contains("cannot be put in one order", found.Violation, StringComparison.Ordinal);
        Assert.Contains("and expects", found.Violation, StringComparison.Ordinal);
        Assert.StartsWith($"AKKARAFT_SWARM_SEED={found.Seed} dotnet test --filter FullyQualifiedName~", found.Replay, StringComparison.Ordinal);
        Assert.Contains(found.Replay, found.Message, StringComparison.Ordinal);
        Assert.Contains(found.TraceFile, found.Message, StringComparison.Ordinal);
        Assert.Contains(found.Violation[..40], File.ReadAllText(found.TraceFile), StringComparison.Ordinal);

        Assert.True(found.Plan.Faults.Count < found.FoundPlan.Faults.Count || found.Plan.Clients < found.FoundPlan.Clients || found.Plan.Duration < found.FoundPlan.Duration);
        var subject = new StateMachineSubject<Accounts, BankCommand, long, Audit, Balances>(() => new WrongBank { LosesMoney = true }, Bank.Codec, Workload, Model);
        Assert.Equal(found.Violation, SwarmRun.Execute(found.Plan, subject).Violation);

        Environment.SetEnvironmentVariable(Swarm.SeedVariable, $"{found.Seed}");
        try
        {
            Assert.Equal(found.Message, Found(() => new WrongBank { LosesMoney = true }, Model).Message);
        }
        finally
        {
            Environment.SetEnvironmentVariable(Swarm.SeedVariable, null);
        }
    }

    /// <summary>Counters by name, of which one can say alone what it is to do.</summary>
    private sealed class Counters : IStateMachine<Add, int, string, int>
    {
        private SortedDictionary<string, int> _counts = new(StringComparer.Ordinal);

        public bool Caps { get; init; }

        public int Apply(Add command, ApplyContext context) => _counts[command.Name] = Caps && Query(command.Name) > 12 ? 12 : Query(command.Name) + command.By;

        public int Query(string query) => _counts.GetValueOrDefault(query);

        public void Save(Stream destination) => JsonSerializer.Serialize(destination, _counts);

        public void Load(Stream source) => _counts = new SortedDictionary<string, int>(JsonSerializer.Deserialize<Dictionary<string, int>>(source)!, StringComparer.Ordinal);
    }

    private sealed record Add(string Name, int By);

    private static readonly SequentialModel<int, Add, int, string, int> Counter = SequentialModel.Of(
        0, (int count, Add add) => ModelStep.To(count + add.By, count + add.By), (int count, string name) => count) with
    {
        PartitionOf = call => call.IsQuery ? call.Query! : call.Command!.Name,
    };

    private static StateMachineCall<Add, string> Count(Random random, int step) =>
        random.Next(3) == 0 ? $"counter {random.Next(20)}" : new Add($"counter {random.Next(20)}", random.Next(1, 4));

    [Fact]
    public void A_model_of_one_part_checks_each_part_alone()
    {
        Swarm.Check(() => new Counters(), new JsonCodec(), Count, Counter, new SwarmSettings { Seeds = 20 });
        var found = Assert.Throws<SwarmViolationException>(() => Swarm.Check(() => new Counters { Caps = true }, new JsonCodec(), Count, Counter, Traced));
        Assert.Matches("the calls of 'counter [0-9]+' cannot be put in one order", found.Violation);
    }

    [Fact]
    public void A_swarm_with_some_faults_has_no_others_and_one_without_calls_proves_nothing()
    {
        var plans = Enumerable.Range(1, 50).Select(seed => SwarmPlan.Draw((ulong)seed, [3], TimeSpan.FromSeconds(10)).ForStateMachine([FaultKind.Crash, FaultKind.SetVoters, FaultKind.Wipe, FaultKind.FlipBit])).ToList();
        Assert.All(plans, p => Assert.DoesNotContain(p.Faults, f => f.Kind is not (FaultKind.Crash or FaultKind.Wipe or FaultKind.FlipBit)));
        Assert.All(plans, p => Assert.False(p.Faults.Any(f => f.Kind == FaultKind.Wipe) && p.Faults.Any(f => f.Kind == FaultKind.FlipBit)));
        Assert.True(Swarm.Check(() => new Bank(), Bank.Codec, Workload, new SwarmSettings { Seeds = 3, Faults = [] }).Operations > 0);
        Assert.Throws<ArgumentException>(() => Swarm.Check(() => new Bank(), Bank.Codec, Workload, new SwarmSettings { Members = [] }));
    }

    private static SwarmViolationException Found(Func<WrongBank> create, SequentialModel<Accounts, BankCommand, long, Audit, Balances> model, [CallerMemberName] string test = "") =>
        Assert.Throws<SwarmViolationException>(() => Swarm.Check(create, Bank.Codec, Workload, model, Traced, test));
}
