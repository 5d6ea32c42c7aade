using AkkaRaft.Remoting.Threading;

namespace AkkaRaft.Tests.Threading;

public sealed class PipeSignalTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    [Fact]
    public void Each_set_lets_one_wait_go_on_even_before_it_comes()
    {
        using var signal = new PipeSignal();
        signal.Set();
        signal.Set();
        signal.Wait();
        signal.Wait();
    }

    [Fact]
    public void Threads_that_begin_to_wait_and_to_set_at_once_all_go_on()
    {
        const int Each = 4, Times = 50;
        for (var i = 0; i < 200; i++)
        {
            using var signal = new PipeSignal();
            using var start = new Barrier(2 * Each);
            var threads = Enumerable.Range(0, 2 * Each).Select(n => new Thread(() =>
            {
                start.SignalAndWait();
                for (var t = 0; t < Times; t++)
                {
                    if (n % 2 == 0) signal.Wait();
                    else signal.Set();
                }
            })).ToList();
            threads.ForEach(t => t.Start());
            Assert.All(threads, t => Assert.True(t.Join(Patience), "A thread sleeps for ever."));
        }
    }
}
