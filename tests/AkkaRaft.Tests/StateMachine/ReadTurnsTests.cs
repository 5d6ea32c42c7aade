using Akka.Actor;
using AkkaRaft.KeyValue;
using AkkaRaft.StateMachines;

namespace AkkaRaft.Tests.StateMachine;

public sealed class ReadTurnsTests
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
        Assert.False(_turns.MustWait);
    }

    [Fact]
    public void Few_wait_and_not_with_much()
    {
        Ask(1);
        Ask(2);
        Assert.True(_turns.MustWait);
        Assert.Equal(5, Enumerable.Range(0, 10).Count(_ => _turns.TryAdd(new Query(3, new byte[3 * 1024 * 1024]), ActorRefs.Nobody)));
        for (var i = 0; i < 5; i++) _turns.Begin((_, _) => _work += 2 * Much);
        Assert.Equal(10_000, Enumerable.Range(0, 20_000).Count(_ => _turns.TryAdd(new Query(3, default), ActorRefs.Nobody)));
    }

    private void Ask(long id)
    {
        var query = new Query(id, default);
        if (_turns.MustWait) Assert.True(_turns.TryAdd(query, ActorRefs.Nobody));
        else Read(query, ActorRefs.Nobody);
    }

    private void Read(Query query, IActorRef asker)
    {
        _read.Add(query.RequestId);
        _work += Much;
    }
}
