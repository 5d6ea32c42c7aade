using Akka.Actor;
using Akka.Configuration;
using AkkaRaft.Remoting.Threading;

namespace AkkaRaft.Tests.Threading;

public sealed class SerialExecutorTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly ActorSystem _system = ActorSystem.Create("serial", Dispatchers);

    private static Config Dispatchers => ConfigurationFactory.ParseString($$"""
        alone { type = Dispatcher, executor = "{{typeof(SerialExecutor.Configurator).AssemblyQualifiedName}}", throughput = 1, takes-visitors = off }
        open { type = Dispatcher, executor = "{{typeof(SerialExecutor.Configurator).AssemblyQualifiedName}}", throughput = 1, takes-visitors = on }
        other = ${open}
        third = ${open}
        """);

    public void Dispose() => _system.Dispose();

    [Fact]
    public async Task What_many_threads_give_it_runs_on_one_thread_and_nothing_is_left_asleep()
    {
        const int Senders = 4, Messages = 20_000;
        var actors = Enumerable.Range(0, Senders).Select(_ => Counter("alone")).ToList();
        await Task.WhenAll(actors.Select(actor => Task.Run(() =>
        {
            for (var i = 0; i < Messages; i++)
            {
                actor.Tell(i);
                // So that it falls asleep now and then.
                if (i % 500 == 0) Thread.Sleep(1);
            }
        })));
        List<Seen> seen = [];
        foreach (var actor in actors) seen.Add(await actor.Ask<Seen>("count", Patience));
        Assert.All(seen, s => Assert.Equal((Messages, true), (s.Count, s.InOrder)));
        Assert.Single(seen.Select(s => s.Thread).Distinct());
    }

    [Fact]
    public async Task One_message_at_a_time_wakes_it_each_time()
    {
        var actor = Counter("alone");
        for (var i = 0; i < 2_000; i++)
        {
            actor.Tell(i);
            Assert.Equal(i + 1, (await actor.Ask<Seen>("count", Patience)).Count);
        }
    }

    [Fact]
    public async Task It_ends_with_its_system()
    {
        for (var i = 0; i < 20; i++)
        {
            var system = ActorSystem.Create("serial", Dispatchers);
            await Counter("open", system).Ask<Seen>("count", Patience);
            await Counter("alone", system).Ask<Seen>("count", Patience);
            await system.Terminate().WaitAsync(Patience);
        }
    }

    [Fact]
    public async Task A_visitor_does_at_its_end_what_it_brought_and_what_comes_of_it()
    {
        var actor = Counter("open");
        await Idle(actor);
        var answer = new TaskCompletionSource<Seen>();
        var passesOn = _system.ActorOf(Props.Create(() => new Relay(actor)).WithDispatcher("open"));
        var listener = Listener("open", answer);
        await Idle(passesOn);
        using (SerialExecutor.Visit())
        {
            passesOn.Tell("count", listener);
            Thread.Sleep(20);
            Assert.False(answer.Task.IsCompleted, "It ran before the end of the visit.");
        }
        Assert.True(answer.Task.IsCompleted, "It did not run by the end of the visit.");
        Assert.Equal(Environment.CurrentManagedThreadId, (await answer.Task).Thread);
    }

    [Fact]
    public async Task A_visitor_is_not_kept_by_what_has_no_end()
    {
        var endless = _system.ActorOf(Props.Create<Endless>().WithDispatcher("open"));
        await Idle(endless);
        var visit = Task.Run(() =>
        {
            using (SerialExecutor.Visit()) endless.Tell("go");
        });
        await visit.WaitAsync(Patience);
        // Its own thread goes on with it.
        var before = await endless.Ask<int>("count", Patience);
        while (await endless.Ask<int>("count", Patience) == before) await Task.Delay(1);
        endless.Tell("stop");
    }

    [Fact]
    public async Task What_does_not_take_visitors_runs_on_its_own_thread()
    {
        var alone = Counter("alone");
        var own = (await alone.Ask<Seen>("count", Patience)).Thread;
        await Idle(alone);
        var answer = new TaskCompletionSource<Seen>();
        var listener = Listener("alone", answer);
        using (SerialExecutor.Visit())
        {
            alone.Tell("count", listener);
            Assert.True(SpinWait.SpinUntil(() => answer.Task.IsCompleted, Patience), "It waited for the visit's end.");
        }
        Assert.Equal(own, (await answer.Task).Thread);
    }

    [Fact]
    public async Task A_visit_within_a_visit_ends_with_the_outer_one()
    {
        var actor = Counter("open");
        await Idle(actor);
        var answer = new TaskCompletionSource<Seen>();
        var listener = Listener("open", answer);
        using (SerialExecutor.Visit())
        {
            using (SerialExecutor.Visit()) actor.Tell("count", listener);
            Thread.Sleep(20);
            Assert.False(answer.Task.IsCompleted, "It ran before the end of the outer visit.");
        }
        Assert.Equal(Environment.CurrentManagedThreadId, (await answer.Task).Thread);
    }

    [Fact]
    public async Task Whoever_runs_it_there_is_one_at_a_time_and_nothing_is_lost()
    {
        const int Senders = 4, Messages = 20_000;
        var actors = Enumerable.Range(0, Senders).Select(_ => Counter("open")).ToList();
        var inside = new Inside();
        var shared = Enumerable.Range(0, Senders).Select(_ => _system.ActorOf(Props.Create(() => new Guarded(inside)).WithDispatcher("open"))).ToList();
        await Task.WhenAll(Enumerable.Range(0, Senders).Select(n => Task.Run(() =>
        {
            for (var i = 0; i < Messages;)
            {
                using var visit = n % 2 == 0 ? SerialExecutor.Visit() : default;
                for (var end = Math.Min(Messages, i + 1 + i % 7); i < end; i++)
                {
                    actors[n].Tell(i);
                    shared[n].Tell(i);
                }
                if (i % 500 < 7) Thread.Sleep(1);
            }
        })));
        foreach (var actor in actors)
        {
            var seen = await actor.Ask<Seen>("count", Patience);
            Assert.Equal((Messages, true), (seen.Count, seen.InOrder));
        }
        foreach (var actor in shared) Assert.Equal(Messages, await actor.Ask<int>("count", Patience));
        Assert.Equal(0, inside.Collisions);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_run_that_fails_leaves_nothing_undone_of_what_was_given_with_it(bool duringVisit)
    {
        string[] all = ["open", "other", "third"];
        var actors = all.Select(dispatcher => Counter(dispatcher)).ToList();
        var dispatchers = all.Select(_system.Dispatchers.Lookup).ToList();
        for (var i = 0; i < 20; i++)
        {
            foreach (var dispatcher in dispatchers) IdleExecutor.Await(dispatcher);
            using (var visit = duringVisit ? SerialExecutor.Visit() : default)
            {
                foreach (var dispatcher in dispatchers.Take(2)) dispatcher.Schedule(() => throw new InvalidOperationException("This run fails, on purpose."));
                foreach (var actor in actors) actor.Tell(i);
            }
            foreach (var actor in actors) Assert.Equal(i + 1, (await actor.Ask<Seen>("count", Patience)).Count);
        }
    }

    [Fact]
    public async Task A_system_that_ends_during_a_visit_ends_all_the_same()
    {
        for (var i = 0; i < 20; i++)
        {
            var system = ActorSystem.Create("serial", Dispatchers);
            var actor = Counter("open", system);
            await actor.Ask<Seen>("count", Patience);
            Task end;
            using (SerialExecutor.Visit())
            {
                for (var n = 0; n < 100; n++) actor.Tell(n);
                end = Task.Run(system.Terminate);
                Thread.Sleep(i % 5);
            }
            await end.WaitAsync(Patience);
        }
    }

    private IActorRef Counter(string dispatcher, ActorSystem? system = null) => (system ?? _system).ActorOf(Props.Create<CountingActor>().WithDispatcher(dispatcher));

    private IActorRef Listener(string dispatcher, TaskCompletionSource<Seen> answer) => _system.ActorOf(Props.Create(() => new Listening(answer)).WithDispatcher(dispatcher));

    /// <summary>Nothing more is queued where the actor runs: its thread sleeps, or is about to.</summary>
    private static async Task Idle(IActorRef actor)
    {
        await actor.Ask<ActorIdentity>(new Identify(null), Patience);
        await Task.Delay(20);
    }

    private sealed record Seen(int Count, bool InOrder, int Thread);

    private sealed class CountingActor : ReceiveActor
    {
        private int _count;
        private bool _inOrder = true;

        public CountingActor()
        {
            Receive<int>(i => _inOrder &= i == _count++);
            Receive<string>(_ => Sender.Tell(new Seen(_count, _inOrder, Environment.CurrentManagedThreadId)));
        }
    }

    private sealed class Relay : ReceiveActor
    {
        public Relay(IActorRef to) => ReceiveAny(to.Forward);
    }

    private sealed class Listening : ReceiveActor
    {
        public Listening(TaskCompletionSource<Seen> answer) => Receive<Seen>(answer.SetResult);
    }

    private sealed class Endless : ReceiveActor
    {
        private int _count;

        public Endless()
        {
            Receive<int>(_ => Self.Tell(++_count));
            Receive<string>(s => s == "go", _ => Self.Tell(++_count));
            Receive<string>(s => s == "count", _ => Sender.Tell(_count));
            Receive<string>(_ => Context.Stop(Self));
        }
    }

    private sealed class Inside
    {
        private int _inside;
        private int _collisions;

        public int Collisions => _collisions;

        public void Pass()
        {
            if (Interlocked.Increment(ref _inside) != 1) Interlocked.Increment(ref _collisions);
            Thread.SpinWait(20);
            Interlocked.Decrement(ref _inside);
        }
    }

    private sealed class Guarded : ReceiveActor
    {
        private int _count;

        public Guarded(Inside inside)
        {
            Receive<int>(_ =>
            {
                inside.Pass();
                _count++;
            });
            Receive<string>(_ => Sender.Tell(_count));
        }
    }
}
