using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using HdrHistogram;

namespace AkkaRaft.Node;

/// <summary>What a load does.</summary>
internal enum LoadOperation
{
    Put,
    Get,
    Del,
    Cas,
}

/// <summary>How many were answered, how fast, and how many were not.</summary>
internal sealed record LoadFigures(string Operation, HistogramBase Latencies, IReadOnlyDictionary<string, long> Errors)
{
    public long Count => Latencies.TotalCount;

    /// <summary>In milliseconds; 0 when nothing was answered.</summary>
    public double Ms(double percentile) => Count == 0 ? 0 : Math.Round(Latencies.GetValueAtPercentile(percentile) / 1_000.0, 3);
}

/// <summary>Requests over one client, and what became of them. Latencies are from call to answer, in histograms of bounded size.</summary>
internal sealed class Load(RaftClient client, int keys, int valueSize)
{
    private const long LongestMicroseconds = 3_600_000_000;
    private const int BurstRounds = 3_333;

    // Values are cut from text that does not compress: members compress what they send, and values that are alike would flatter them.
    private static readonly byte[] Text = RandomText(1 << 20);

    private readonly byte[] _text = valueSize < Text.Length / 2 ? Text : RandomText(2 * valueSize);
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private readonly Measured[] _measured = [.. Enum.GetValues<LoadOperation>().Select(o => new Measured(o))];
    private long _lastAnswer;
    private long _longestGap;

    public TimeSpan Elapsed { get; private set; }

    /// <summary>Longest time without an answer, from the start to <see cref="Elapsed"/>.</summary>
    public TimeSpan LongestGap => TimeSpan.FromTicks(Math.Max(Volatile.Read(ref _longestGap), Elapsed.Ticks - Volatile.Read(ref _lastAnswer)));

    /// <summary>The last error of a request, if there was one.</summary>
    public Exception? LastFailure { get; private set; }

    public IEnumerable<LoadFigures> Operations() => _measured.Select(m => m.Figures());

    public LoadFigures Total()
    {
        Elapsed = _watch.Elapsed;
        var all = Operations().ToList();
        var sum = Measured.Empty();
        all.ForEach(o => sum.Add(o.Latencies));
        return new LoadFigures("total", sum, all.SelectMany(o => o.Errors).GroupBy(e => e.Key).ToDictionary(g => g.Key, g => g.Sum(e => e.Value)));
    }

    /// <summary>How many requests were not answered so far.</summary>
    public long Errors => _measured.Sum(m => m.Errors);

    /// <summary>What was answered since the last call.</summary>
    public LoadFigures Interval()
    {
        Elapsed = _watch.Elapsed;
        var sum = Measured.Empty();
        foreach (var measured in _measured)
        {
            sum.Add(measured.Interval());
        }

        return new LoadFigures("interval", sum, new Dictionary<string, long>());
    }

    /// <summary>Completes when a request has failed and nothing was answered for so long.</summary>
    public async Task SilentForAsync(TimeSpan time, CancellationToken stop)
    {
        while (LastFailure is null || _watch.Elapsed.Ticks - Volatile.Read(ref _lastAnswer) < time.Ticks)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(100), stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            stop.ThrowIfCancellationRequested();
        }
    }

    /// <summary>The time of the load is over.</summary>
    public void End() => _watch.Stop();

    /// <summary>Clients that each wait for an answer before they go on, over random keys until they are stopped, or with so many requests over the keys in order.</summary>
    public Task ClientsAsync(int clients, IReadOnlyList<(LoadOperation Operation, int Share)> mix, long? requests, CancellationToken stop)
    {
        int shares = mix.Sum(m => m.Share);
        long next = -1;
        return Task.WhenAll(Enumerable.Range(0, clients).Select(_ => Task.Run(
            async () =>
            {
                while (!stop.IsCancellationRequested)
                {
                    int drawn = Random.Shared.Next(shares);
                    var operation = mix.First(m => (drawn -= m.Share) < 0).Operation;
                    long key = requests is null ? Random.Shared.Next(keys) : Interlocked.Increment(ref next);
                    if (key >= requests)
                    {
                        return;
                    }

                    await OneAsync(operation, Key(key % keys), stop).ConfigureAwait(false);
                }
            },
            CancellationToken.None)));
    }

    /// <summary>So many puts and gets at each tick, whether or not those before are answered.</summary>
    public async Task PacedAsync(int pairs, TimeSpan pace, CancellationToken stop)
    {
        var open = new ConcurrentDictionary<Task, bool>();
        using var timer = new PeriodicTimer(pace);
        try
        {
            while (await timer.WaitForNextTickAsync(stop).ConfigureAwait(false))
            {
                for (int i = 0; i < pairs; i++)
                {
                    var key = Key(Random.Shared.Next(keys));
                    Follow(OneAsync(LoadOperation.Put, key, stop));
                    Follow(OneAsync(LoadOperation.Get, key, stop));
                }
            }
        }
        catch (OperationCanceledException)
        {
            // Its time is over.
        }

        await Task.WhenAll(open.Keys).ConfigureAwait(false);

        void Follow(Task task)
        {
            open.TryAdd(task, true);
            task.ContinueWith(done => open.TryRemove(done, out _), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
    }

    /// <summary>10 000 requests at once: put, get and delete of 3 333 keys, and one get more.</summary>
    public Task BurstAsync(CancellationToken stop)
    {
        var all = new List<Task>((3 * BurstRounds) + 1);
        for (int i = 0; i < BurstRounds; i++)
        {
            var key = Key(i);
            all.Add(OneAsync(LoadOperation.Put, key, stop));
            all.Add(OneAsync(LoadOperation.Get, key, stop));
            all.Add(OneAsync(LoadOperation.Del, key, stop));
        }

        all.Add(OneAsync(LoadOperation.Get, Key(0), stop));
        return Task.WhenAll(all);
    }

    private static byte[] Key(long number) => Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"load/{number}"));

    private ReadOnlyMemory<byte> Value() => _text.AsMemory(Random.Shared.Next(_text.Length - valueSize), valueSize);

    private static byte[] RandomText(int length) =>
        Encoding.ASCII.GetBytes(new Random(1).GetItems<char>("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", length));

    private void EndGap()
    {
        long now = _watch.Elapsed.Ticks;
        long gap = now - Interlocked.Exchange(ref _lastAnswer, now);
        for (long longest = Volatile.Read(ref _longestGap); gap > longest;)
        {
            long seen = Interlocked.CompareExchange(ref _longestGap, gap, longest);
            if (seen == longest)
            {
                return;
            }

            longest = seen;
        }
    }

    private async Task OneAsync(LoadOperation operation, byte[] key, CancellationToken stop)
    {
        long began = Stopwatch.GetTimestamp();
        var measured = _measured[(int)operation];
        try
        {
            switch (operation)
            {
                case LoadOperation.Put:
                    await client.PutAsync(key.AsMemory(), Value(), stop).ConfigureAwait(false);
                    break;
                case LoadOperation.Get:
                    await client.GetAsync(key.AsMemory(), ReadConsistency.Linearizable, stop).ConfigureAwait(false);
                    break;
                case LoadOperation.Del:
                    await client.DeleteAsync(key.AsMemory(), stop).ConfigureAwait(false);
                    break;
                default:
                    // A conflict is an answer; the version is not known before the first one.
                    var now = await client.GetAsync(key.AsMemory(), ReadConsistency.Linearizable, stop).ConfigureAwait(false);
                    began = Stopwatch.GetTimestamp();
                    await client.CompareAndSetAsync(key.AsMemory(), Value(), now.Version, stop).ConfigureAwait(false);
                    break;
            }

            measured.Answered(Stopwatch.GetElapsedTime(began));
            EndGap();
        }
        catch (OperationCanceledException)
        {
            // Its time is over: neither an answer nor an error.
        }
        catch (Exception e) when (ExitCodes.Of(e) is { } known)
        {
            LastFailure = e;
            measured.Failed(known.Error);
            // Refusals come at once; a client that turns them into a busy loop measures nothing.
            await Task.Delay(1, CancellationToken.None).ConfigureAwait(false);
        }
    }

    private sealed class Measured(LoadOperation operation)
    {
        private readonly ConcurrentDictionary<string, long> _errors = new();
        private readonly Recorder _recorder = HistogramFactory.With64BitBucketSize()
            .WithValuesUpTo(LongestMicroseconds).WithPrecisionOf(3).WithThreadSafeWrites().WithThreadSafeReads().Create();

        private readonly LongHistogram _total = Empty();

        public long Errors => _errors.Values.Sum();

        public static LongHistogram Empty() => new(1, LongestMicroseconds, 3);

        public void Answered(TimeSpan latency) => _recorder.RecordValue(Math.Clamp((long)latency.TotalMicroseconds, 1, LongestMicroseconds));

        public void Failed(string error) => _errors.AddOrUpdate(error, 1, (_, n) => n + 1);

        public HistogramBase Interval()
        {
            lock (_total)
            {
                var interval = _recorder.GetIntervalHistogram();
                _total.Add(interval);
                return interval;
            }
        }

        public LoadFigures Figures()
        {
            lock (_total)
            {
                _total.Add(_recorder.GetIntervalHistogram());
                return new LoadFigures(operation.ToString().ToLowerInvariant(), (HistogramBase)_total.Copy(), new Dictionary<string, long>(_errors));
            }
        }
    }
}
