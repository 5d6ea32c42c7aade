using AkkaRaft.BankSample;
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
                Replay = "this test",
            });
            story(simulation, simulation.AddClient<BankCommand, long, Audit, Balances>(Bank.Codec));
            simulation.EndFaultsAndConverge();
        }
    }
}
