namespace AkkaRaft.Node;

/// <summary>How many commands of a pipe are under way: their answers wait in memory until those before are printed, which may take as long as the reader likes.</summary>
internal sealed class PipeWindow : IDisposable
{
    /// <summary>Most commands.</summary>
    public const int Most = 1_000;

    /// <summary>Most bytes of answers, as large as the largest that there was.</summary>
    public const int MostBytes = 64 * 1024 * 1024;

    // How large answers are is not known yet.
    private const int MostAtFirst = 64;

    private readonly SemaphoreSlim _ended = new(0);
    private int _underWay;
    private int _largest;

    private int Limit => Volatile.Read(ref _largest) is var largest and > 0 ? Math.Clamp(MostBytes / largest, 1, Most) : MostAtFirst;

    /// <summary>Waits until there is room for one more. One at a time may wait.</summary>
    public async Task BeginAsync()
    {
        while (Volatile.Read(ref _underWay) >= Limit)
        {
            await _ended.WaitAsync().ConfigureAwait(false);
        }

        Interlocked.Increment(ref _underWay);
    }

    /// <summary>An answer is there, and waits to be printed.</summary>
    public void Answered(int bytes)
    {
        for (int largest; bytes > (largest = Volatile.Read(ref _largest));)
        {
            Interlocked.CompareExchange(ref _largest, bytes, largest);
        }
    }

    /// <summary>An answer is printed.</summary>
    public void End()
    {
        Interlocked.Decrement(ref _underWay);
        _ended.Release();
    }

    public void Dispose() => _ended.Dispose();
}
