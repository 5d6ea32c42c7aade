using Akka.Actor;
using Akka.TestKit.Xunit2;
using AkkaRaft.KeyValue;
using AkkaRaft.StateMachines;

namespace AkkaRaft.Tests.StateMachine;

public sealed class ReadTurnsTests : TestKit
{
    private const long Much = 3 * 1024 * 1024;

    private readonly ReadTurns _turns;
    private readonly List<long> _read = [];
    private long _work;
    private int _asked;

    public ReadTurnsTests() => _turns = new ReadTurns(() => _work, () => _asked++);

    [Fact]
    public void What_comes_when_much_was_read_waits_for_the_next_turn_in_order()
    {
        for (var id = 1; id <= 10; id++) Ask(id);
        Assert.Equal([1, 2], _read);
        Assert.Equal(1, _asked);
        _turns.Begin(Read);
        Assert.Equal([1, 2, 3, 4], _read);
        Assert.Equal(2, _asked);
        // Behind those that wait.
        Ask(11);
        for (var turn = 0; turn < 10; turn++) _turns.Begin(Read);
        Assert.Equal(Enumerable.Range(1, 11).Select(id => (long)id), _read);
        Assert.False(_turns.MustWait(_work));
    }

    [Fact]
    public void Few_wait_and_not_with_much()
    {
        Ask(1);
        Ask(2);
        Assert.True(_turns.MustWait(_work));
        Assert.Equal(5, Enumerable.Range(0, 10).Count(_ => _turns.TryAdd(new Query(3, new byte[3 * 1024 * 1024]), ActorRefs.Nobody)));
        for (var i = 0; i < 5; i++) _turns.Begin((_, _) => _work += 2 * Much);
        Assert.Equal(10_000, Enumerable.Range(0, 20_000).Count(_ => _turns.TryAdd(new Query(3, default), ActorRefs.Nobody)));
    }

    [Fact]
    public void Whoever_has_read_little_goes_before_those_who_read_much()
    {
        var (greedy, honest) = (At("greedy"), At("honest"));
        for (var id = 1; id <= 100; id++) Ask(id, greedy);
        Ask(1_001, honest);
        _turns.Begin(Read);
        Assert.Equal(1_001, _read[2]);
        // It has read as much as is much, once; the other one many times.
        for (var turn = 0; turn < 5; turn++) _turns.Begin(Read);
        Ask(1_002, honest);
        _turns.Begin(Read);
        Assert.Equal(1_002, _read[^2]);
    }

    [Fact]
    public void One_process_leaves_room_for_others_and_takes_none_when_it_is_gone()
    {
        _work = 100 * Much;
        var (greedy, honest) = (At("greedy"), At("honest"));
        Assert.Equal(2_500, Enumerable.Range(0, 9_000).Count(_ => _turns.TryAdd(new Query(1, default), greedy)));
        Assert.True(_turns.TryAdd(new Query(2, default), honest));
        _turns.Remove("GREEDY:1");
        Assert.True(_turns.TryAdd(new Query(3, default), greedy));
        for (var turn = 0; turn < 3; turn++) _turns.Begin(Read);
        Assert.Equal([2, 3], _read);
        Assert.False(_turns.MustWait(_work));
    }

    private Elsewhere At(string host) => new(new Address("akka.tcp", "app", host, 1), Sys);

    private void Ask(long id, IActorRef? asker = null)
    {
        var query = new Query(id, default);
        if (_turns.MustWait(_work)) Assert.True(_turns.TryAdd(query, asker ?? ActorRefs.Nobody));
        else
        {
            Read(query, ActorRefs.Nobody);
            _turns.WasRead(asker ?? ActorRefs.Nobody, Much);
        }
    }

    private void Read(Query query, IActorRef asker)
    {
        _read.Add(query.RequestId);
        _work += Much;
    }
}
