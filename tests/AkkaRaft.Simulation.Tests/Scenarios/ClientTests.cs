using System.Globalization;
using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;
using AkkaRaft.TestKit;

namespace AkkaRaft.Simulation.Tests.Scenarios;

/// <summary>What clients see of faults: each write once, or not at all where that is said.</summary>
public sealed class ClientTests
{
    [Fact]
    public void Counters_by_compare_and_set_add_up_while_leaders_come_and_go() => Story.Tell(3, simulation =>
    {
        var (done, unknown, underWay, stopped) = (0, 0, 0, false);
        for (var i = 0; i < 5; i++) Count(simulation.AddClient());
        for (var i = 0; i < 6; i++)
        {
            simulation.RunFor(TimeSpan.FromSeconds(1));
            simulation.Duplicate(i % 2 * 0.2);
            simulation.Drop(i % 3 * 0.05);
            var leader = simulation.Leader;
            if (leader is { } member) simulation.Crash(member);
            simulation.RunFor(TimeSpan.FromSeconds(1));
            if (leader is { } back) simulation.Restart(back);
        }
        stopped = true;
        simulation.EndFaultsAndConverge();
        simulation.RunUntil(() => underWay == 0);
        // Asked as the increments were, outside the history that is checked: it would be a read of what nobody put.
        var reader = simulation.Ask<GetReply>(simulation.AddClient(), new Get("counter"u8.ToArray()));
        var counter = int.Parse(System.Text.Encoding.UTF8.GetString(reader.Value.Span), CultureInfo.InvariantCulture);
        Assert.True(done > 20, $"{done} increments are too few to tell anything");
        Assert.InRange(counter, done, done + unknown);

        void Count(SimulatedClient client)
        {
            if (stopped) return;
            client.Ask(new Get("counter"u8.ToArray()), read =>
            {
                if (read is not GetReply now)
                {
                    simulation.After(Story.Moment, () => Count(client));
                    return;
                }
                var next = (now.Found ? int.Parse(System.Text.Encoding.UTF8.GetString(now.Value.Span), CultureInfo.InvariantCulture) : 0) + 1;
                if (stopped) return;
                underWay++;
                client.Ask(new CompareAndSet("counter"u8.ToArray(), System.Text.Encoding.UTF8.GetBytes($"{next}"), now.Version), set =>
                {
                    underWay--;
                    if (set is CompareAndSetReply { Succeeded: true }) done++;
                    else if (set is RequestFailed { Kind: FailureKind.OutcomeUnknown }) unknown++;
                    Count(client);
                });
            });
        }
    });

    [Fact]
    public void A_new_client_comes_to_the_members_that_answer_before_it_waits_longer_for_those_that_do_not() => Story.Tell(7, simulation =>
    {
        simulation.RunUntil(() => simulation.Leader is not null);
        for (var member = 0; member < 3; member++) simulation.Crash(member);
        simulation.RunUntil(() => simulation.Leader is > 2);
        var put = simulation.AddClient().Put("k", "v");
        simulation.RunUntil(() => put.IsDone);
        Assert.True(put.Succeeded, $"{put.Reply}");
    });

    [Fact]
    public void A_watch_sees_all_of_a_member_that_got_a_snapshot() => Story.Tell(3, simulation =>
    {
        var writer = simulation.AddClient();
        var watch = simulation.AddClient().Watch("k");
        var away = simulation.Others(simulation.RunUntilLeader())[0];
        simulation.Isolate(away);
        for (var i = 0; i < 40; i++) simulation.Commit(writer, "k", $"{i}");
        simulation.Heal();
        simulation.RunUntil(() => simulation.BaseIndexOf(away) > 0 && simulation.HasConverged);
        simulation.TransferLeadership(away);
        simulation.RunUntil(() => simulation.Leader == away);
        var late = simulation.AddClient().Watch("k");
        simulation.Commit(writer, "k", "last");
        simulation.RunUntil(() => watch.Seen is [.., { Value: "last" }] && late.Seen is [.., { Value: "last" }]);
        simulation.CheckChanges();
    }, settings: s => s with { Configure = c => c with { RetainEntries = 0, MaxLogEntries = 10 } });

    [Fact]
    public void A_lease_left_alone_ends_and_one_kept_alive_does_not() => Story.Tell(3, simulation =>
    {
        var client = simulation.AddClient();
        var (left, kept) = (client.GrantLease(TimeSpan.FromSeconds(2)), client.GrantLease(TimeSpan.FromSeconds(2)));
        simulation.RunUntil(() => left.Id > 0 && kept.Id > 0);
        var (a, b) = (left.Put("left", "1"), kept.Put("kept", "1"));
        simulation.RunUntil(() => a.Succeeded && b.Succeeded);
        for (var i = 0; i < 6; i++)
        {
            var call = kept.KeepAlive();
            simulation.RunUntil(() => call.Succeeded);
            simulation.RunFor(TimeSpan.FromSeconds(1));
        }
        var (gone, there) = (client.Get("left", ReadConsistency.Local), client.Get("kept", ReadConsistency.Local));
        simulation.RunUntil(() => gone.IsDone && there.IsDone);
        Assert.Equal((null, "1"), (gone.Value, there.Value));
        simulation.CheckChanges();
    });
}
