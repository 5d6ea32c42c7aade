using Akka.Actor;
using Akka.Configuration;
using AkkaRaft.Hosting;

namespace AkkaRaft.Tests.Hosting;

public sealed class SingleThreadExecutorTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private static readonly Config Dispatcher = ConfigurationFactory.ParseString(
        $"alone {{ type = Dispatcher, executor = \"{typeof(SingleThreadExecutor.Configurator).FullName}, {typeof(SingleThreadExecutor).Assembly.GetName().Name}\", throughput = 1 }}");

    [Fact]
    public async Task What_many_threads_give_it_runs_on_one_thread_and_nothing_is_left_asleep()
    {
        const int Senders = 4, Messages = 20_000;
        using var system = ActorSystem.Create("alone", Dispatcher);
        var actors = Enumerable.Range(0, Senders).Select(_ => system.ActorOf(Props.Create<Counter>().WithDispatcher("alone"))).ToList();
        await Task.WhenAll(actors.Select(actor => Task.Run(() =>
        {
            for (var i = 0; i < Messages; i++)
            {
                actor.Tell(i);
                // So that it falls asleep now and then.
                if (i % 500 == 0) Thread.Sleep(1);
            }
        })));
        List<(int Count, bool InOrder, int Thread)> seen = [];
        foreach (var actor in actors) seen.Add(await actor.Ask<(int, bool, int)>("count", Patience));
        Assert.All(seen, s => Assert.Equal((Messages, true), (s.Count, s.InOrder)));
        Assert.Single(seen.Select(s => s.Thread).Distinct());
    }

    [Fact]
    public async Task One_message_at_a_time_wakes_it_each_time()
    {
        using var system = ActorSystem.Create("alone", Dispatcher);
        var actor = system.ActorOf(Props.Create<Counter>().WithDispatcher("alone"));
        for (var i = 0; i < 2_000; i++)
        {
            actor.Tell(i);
            Assert.Equal(i + 1, (await actor.Ask<(int Count, bool, int)>("count", Patience)).Count);
        }
    }

    [Fact]
    public async Task It_ends_with_its_system()
    {
        for (var i = 0; i < 20; i++)
        {
            var system = ActorSystem.Create("alone", Dispatcher);
            await system.ActorOf(Props.Create<Counter>().WithDispatcher("alone")).Ask<(int, bool, int)>("count", Patience);
            await system.Terminate().WaitAsync(Patience);
        }
    }

    private sealed class Counter : ReceiveActor
    {
        private int _count;
        private bool _inOrder = true;

        public Counter()
        {
            Receive<int>(i => _inOrder &= i == _count++);
            Receive<string>(_ => Sender.Tell((_count, _inOrder, Environment.CurrentManagedThreadId)));
        }
    }
}
