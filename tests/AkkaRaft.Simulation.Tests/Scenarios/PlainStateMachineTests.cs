using System.Text;
using AkkaRaft.BankSample;
using AkkaRaft.Client;
using AkkaRaft.Hosting;
using AkkaRaft.StateMachines;
using AkkaRaft.TestKit;

namespace AkkaRaft.Simulation.Tests.Scenarios;

/// <summary>The sample bank under faults: whatever befalls the members, no transfer makes or loses money, and each deposit counts once.</summary>
public sealed class PlainStateMachineTests
{
    private const int Deposits = 60;

    [Fact]
    public void The_bank_s_sum_is_that_of_its_deposits_whatever_befalls_its_members() => Tell(20, (simulation, bank) =>
    {
        var random = simulation.FaultRandom;
        for (var i = 0; i < Deposits; i++)
        {
            Done(simulation, bank.Submit(new Deposit($"account-{i % 7}", 100)));
            // One that has too little refuses, and nothing is lost.
            Done(simulation, bank.Submit(new Transfer($"account-{random.Next(7)}", $"account-{random.Next(9)}", random.Next(150))));
            if (i % 5 != 4) continue;
            var member = simulation.Members.ElementAt(random.Next(simulation.Members.Count()));
            switch (random.Next(4))
            {
                case 0:
                    simulation.Crash(member);
                    simulation.After(TimeSpan.FromMilliseconds(random.Next(2_000)), () => simulation.Restart(member));
                    break;
                case 1:
                    simulation.LoseUnsynced(member);
                    simulation.After(TimeSpan.FromMilliseconds(random.Next(2_000)), () => simulation.Restart(member));
                    break;
                case 2:
                    simulation.Isolate(member);
                    simulation.After(TimeSpan.FromMilliseconds(random.Next(2_000)), () => simulation.Heal());
                    break;
                default:
                    simulation.Duplicate(0.3);
                    break;
            }
        }
        simulation.EndFaultsAndConverge();
        Assert.Equal(100 * Deposits, Done(simulation, bank.Query(new Audit()))!.Sum);
    });

    [Fact]
    public void A_member_far_behind_gets_the_bank_s_image_and_one_with_an_empty_disk_too() => Tell(5, (simulation, bank) =>
    {
        var follower = simulation.Others(simulation.RunUntilLeader())[0];
        simulation.Crash(follower);
        for (var i = 0; i < 200; i++) Done(simulation, bank.Submit(new Deposit("a", 1)));
        simulation.Restart(follower);
        simulation.RunUntil(() => simulation.HasConverged);
        // The follower has it from the image alone: it leads, and answers.
        simulation.TransferLeadership(follower);
        simulation.RunUntil(() => simulation.Leader == follower);
        Assert.Equal(200, Done(simulation, bank.Query(new Audit()))!.Sum);
        Assert.Equal(201, Done(simulation, bank.Submit(new Deposit("a", 1))));
    });

    [Fact]
    public void What_the_bank_throws_is_an_answer_and_nothing_starts_anew() => Tell(3, (simulation, bank) =>
    {
        var leader = simulation.RunUntilLeader();
        var refused = bank.Submit(new Transfer("nobody", "a", 1));
        simulation.RunUntil(() => refused.IsDone);
        Assert.Contains("nobody has less than 1", refused.Failure!.Message, StringComparison.Ordinal);
        Assert.Equal(5, Done(simulation, bank.Submit(new Deposit("a", 5))));
        Assert.Equal(leader, simulation.Leader);
    });

    /// <summary>Refuses images for as long as it is told to.</summary>
    private sealed class Picky(Func<bool> refuses) : IStateMachine<int, int, string, int>
    {
        private int _count;

        public int Apply(int command, ApplyContext context) => _count += command;

        public int Query(string query) => _count;

        public void Save(Stream destination) => destination.WriteByte((byte)_count);

        public void Load(Stream source)
        {
            if (refuses()) throw new FormatException("not now");
            _count = source.ReadByte();
        }
    }

    [Fact]
    public void Images_that_the_class_refuses_are_fetched_again_ever_more_seldom_until_one_is_taken()
    {
        var codec = new JsonCodec();
        var (refuses, loads) = (false, 0);
        using var simulation = new ClusterSimulation(new SimulationSettings
        {
            Runs = RaftStateMachine.Of("picky", () => new Picky(() => refuses && loads++ >= 0), codec),
            RequestTimeout = TimeSpan.FromMinutes(1),
            Configure = settings => settings with { RetainEntries = 2, MaxLogEntries = 10 },
        });
        var client = simulation.AddClient<int, int, string, int>(codec);
        var behind = simulation.Others(simulation.RunUntilLeader())[0];
        simulation.Crash(behind);
        for (var i = 0; i < 60; i++) Done(simulation, client.Submit(1));
        simulation.RunFor(TimeSpan.FromSeconds(1));
        refuses = true;
        simulation.Restart(behind);
        simulation.RunFor(TimeSpan.FromSeconds(30));
        Assert.InRange(loads, 4, 9);
        refuses = false;
        simulation.RunFor(TimeSpan.FromMinutes(1));
        simulation.RunUntil(() => simulation.HasConverged);
        simulation.Check();
    }

    /// <summary>Its state depends on more than the log.</summary>
    private sealed class Gambler : IStateMachine<string, int, string, int>
    {
        private int _luck;

        public int Apply(string command, ApplyContext context) => _luck = Random.Shared.Next(1_000_000);

        public int Query(string query) => _luck;

        public void Save(Stream destination) => destination.Write(Encoding.ASCII.GetBytes($"luck {_luck}"));

        public void Load(Stream source) => _luck = int.Parse(new StreamReader(source).ReadToEnd()[5..], null);
    }

    [Fact]
    public void A_class_whose_members_differ_is_found_and_both_states_are_shown()
    {
        var codec = new JsonCodec();
        using var simulation = new ClusterSimulation(new SimulationSettings { Runs = RaftStateMachine.Of("gambler", () => new Gambler(), codec) });
        var client = simulation.AddClient<string, int, string, int>(codec);
        var bet = client.Submit("red");
        simulation.RunUntil(() => bet.IsDone);
        simulation.RunUntil(() => simulation.HasConverged);
        var violation = Assert.Throws<SimulationViolationException>(simulation.Check).Message;
        Assert.Contains("and their states differ", violation, StringComparison.Ordinal);
        Assert.Matches(@"luck \d+[\s\S]*luck \d+", violation);
    }

    /// <summary>A timer goes off once, at the same place of the log on all members, whatever befalls them.</summary>
    private sealed class Alarm : IStateMachine<int, long, string, string>
    {
        private List<string> _rang = [];

        public long Apply(int command, ApplyContext context)
        {
            context.SetTimer($"in {command} ms", context.Now.AddMilliseconds(command));
            _rang.Add($"set at {context.Index} {context.Random.Next(100)}");
            return context.Index;
        }

        public string Query(string query) => string.Join(';', _rang);

        public void OnTimer(string timer, ApplyContext context) => _rang.Add($"{timer} by entry {context.Index} {context.Random.Next(100)}");

        public void Save(Stream destination) => System.Text.Json.JsonSerializer.Serialize(destination, _rang);

        public void Load(Stream source) => _rang = System.Text.Json.JsonSerializer.Deserialize<List<string>>(source)!;
    }

    [Fact]
    public void Timers_go_off_once_on_all_members_though_each_is_started_anew()
    {
        var codec = new JsonCodec();
        for (ulong seed = 1; seed <= 10; seed++)
        {
            using var simulation = new ClusterSimulation(new SimulationSettings
            {
                Seed = seed,
                Runs = RaftStateMachine.Of("alarm", () => new Alarm(), codec),
                ComparesStatesEach = 1,
                RequestTimeout = TimeSpan.FromMinutes(1),
                Configure = settings => settings with { RetainEntries = 2, MaxLogEntries = 10 },
            });
            var client = simulation.AddClient<int, long, string, string>(codec);
            for (var i = 1; i <= 20; i++)
            {
                var set = client.Submit(i * 500);
                simulation.RunUntil(() => set.IsDone);
                Assert.True(set.Succeeded, set.Failure?.Message);
                var member = simulation.Members.ElementAt(i % 3);
                simulation.Crash(member);
                simulation.RunFor(TimeSpan.FromMilliseconds(50));
                simulation.Restart(member);
            }
            simulation.RunFor(TimeSpan.FromSeconds(20));
            simulation.EndFaultsAndConverge();
            simulation.Check();
            var rang = client.Query("");
            simulation.RunUntil(() => rang.IsDone);
            for (var i = 1; i <= 20; i++) Assert.Single(rang.Value!.Split(';'), line => line.StartsWith($"in {i * 500} ms by", StringComparison.Ordinal));
        }
    }

    /// <summary>Sets a timer that is due already, again and again, of which nobody but the leader can see to the entry.</summary>
    private sealed class Chain : IStateMachine<int, int, string, int>
    {
        private int _left;

        public int Apply(int command, ApplyContext context)
        {
            context.SetTimer("next", context.Now);
            return _left = command;
        }

        public int Query(string query) => _left;

        public void OnTimer(string timer, ApplyContext context)
        {
            if (--_left > 0) context.SetTimer(timer, context.Now.AddDays(-1));
        }

        public void Save(Stream destination) => destination.Write(BitConverter.GetBytes(_left));

        public void Load(Stream source) => _left = new BinaryReader(source).ReadInt32();
    }

    [Fact]
    public void A_timer_set_to_a_time_that_has_passed_goes_off_though_nobody_writes()
    {
        var codec = new JsonCodec();
        using var simulation = new ClusterSimulation(new SimulationSettings { Runs = RaftStateMachine.Of("chain", () => new Chain(), codec) });
        var client = simulation.AddClient<int, int, string, int>(codec);
        var begun = client.Submit(5);
        simulation.RunUntil(() => begun.IsDone);
        simulation.RunFor(TimeSpan.FromSeconds(5));
        var left = client.Query("");
        simulation.RunUntil(() => left.IsDone);
        Assert.True(left.Succeeded, left.Failure?.Message);
        Assert.Equal(0, left.Value);
    }

    /// <summary>What it returns is as long as it is told.</summary>
    private sealed class Echo : IStateMachine<int, string, string, int>
    {
        private int _applied;

        public string Apply(int command, ApplyContext context)
        {
            _applied++;
            return new string('x', command);
        }

        public int Query(string query) => _applied;

        public void Save(Stream destination) => destination.Write(BitConverter.GetBytes(_applied));

        public void Load(Stream source) => _applied = new BinaryReader(source).ReadInt32();
    }

    [Fact]
    public void Large_results_come_each_once_and_one_that_is_too_large_is_a_failure()
    {
        var codec = new JsonCodec();
        using var simulation = new ClusterSimulation(new SimulationSettings { Runs = RaftStateMachine.Of("echo", () => new Echo(), codec), RequestTimeout = TimeSpan.FromMinutes(1) });
        var client = simulation.AddClient<int, string, string, int>(codec);
        var answers = Enumerable.Range(0, 50).Select(_ => client.Submit(300_000)).ToList();
        var large = client.Submit(3_000_000);
        var after = client.Submit(5);
        simulation.RunUntil(() => answers.TrueForAll(a => a.IsDone) && large.IsDone && after.IsDone);
        Assert.All(answers, a => Assert.Equal(300_000, a.Value?.Length));
        Assert.Contains("the limit is 2097152", large.Failure!.Message, StringComparison.Ordinal);
        Assert.Equal("xxxxx", after.Value);
        var applied = client.Query("");
        simulation.RunUntil(() => applied.IsDone);
        Assert.Equal(52, applied.Value);
    }

    /// <summary>The sample of docs/state-machines.md.</summary>
    [Fact]
    public void The_sample_of_the_docs()
    {
        using var simulation = new ClusterSimulation(new SimulationSettings { Seed = 7, Runs = Bank.StateMachine });
        var bank = simulation.AddClient<BankCommand, long, Audit, Balances>(Bank.Codec);
        var deposit = bank.Submit(new Deposit("ann", 100));
        simulation.RunUntil(() => deposit.IsDone);
        simulation.Crash(simulation.Leader!.Value);
        var audit = bank.Query(new Audit());
        simulation.RunUntil(() => audit.IsDone);
        Assert.Equal(100, audit.Value!.Sum);
    }

    private static T? Done<T>(ClusterSimulation simulation, SimulatedAnswer<T> answer)
    {
        simulation.RunUntil(() => answer.IsDone);
        Assert.True(answer.Succeeded || answer.Failure!.Kind == KeyValue.FailureKind.StateMachineFailed, answer.Failure?.Message);
        return answer.Value;
    }

    private static void Tell(int seeds, Action<ClusterSimulation, SimulatedStateMachineClient<BankCommand, long, Audit, Balances>> story)
    {
        for (ulong seed = 1; seed <= (ulong)seeds; seed++)
        {
            using var simulation = new ClusterSimulation(new SimulationSettings
            {
                Seed = seed,
                Runs = Bank.StateMachine,
                RequestTimeout = TimeSpan.FromMinutes(1),
                Configure = settings => settings with { RetainEntries = 10, MaxLogEntries = 40 },
                ComparesStatesEach = 5,
                Replay = "this test",
            });
            story(simulation, simulation.AddClient<BankCommand, long, Audit, Balances>(Bank.Codec));
            simulation.EndFaultsAndConverge();
            simulation.Check();
        }
    }
}
