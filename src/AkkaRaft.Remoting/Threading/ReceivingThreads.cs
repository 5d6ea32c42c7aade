namespace AkkaRaft.Remoting.Threading;

/// <summary>
/// Two threads that receive by turns, for a connection whose answers are waited for by callers. Whoever has received the answer of one caller alone passes the turn
/// and goes on as that caller, so that there is no change of thread between the two (Schmidt et al., "Leader/Followers", PLoP 2000).
/// </summary>
/// <remarks>A caller may be away for long, or wait for what is yet to arrive: the other thread receives meanwhile, and keeps the turn, since no other waits for it.</remarks>
internal sealed class ReceivingThreads
{
    private const int Count = 2;

    /// <summary>Those of which this thread is one, while it has the turn.</summary>
    [ThreadStatic]
    private static ReceivingThreads? _receiving;

    private readonly Func<bool> _receive;
    private readonly PipeSignal _turn = new();
    private int _waiting;
    private int _running = Count;
    private IThreadPoolWorkItem? _caller;

    private ReceivingThreads(Func<bool> receive) => _receive = receive;

    /// <param name="receive">Waits for something to arrive, and does with it what there is to do; false when nothing will, on either thread. It must not throw.</param>
    public static void Start(Func<bool> receive)
    {
        var threads = new ReceivingThreads(receive);
        threads._turn.Set();
        // Without the execution context of whoever happened to connect.
        for (var i = 0; i < Count; i++) new Thread(threads.TakeTurns) { IsBackground = true, Name = "akkaraft.receive" }.UnsafeStart();
    }

    /// <summary>Has this thread go on as a caller, once it has done with what it received.</summary>
    /// <returns>False when it does not receive by turns, goes on as another already, or nobody waits to receive after it.</returns>
    public static bool TryGoOnAs(IThreadPoolWorkItem caller)
    {
        // Only a turn that is passed makes the one who waits wait no more.
        if (_receiving is not { _caller: null } threads || Volatile.Read(ref threads._waiting) == 0) return false;
        threads._caller = caller;
        return true;
    }

    private void TakeTurns()
    {
        bool isOpen;
        do
        {
            Interlocked.Increment(ref _waiting);
            _turn.Wait();
            Interlocked.Decrement(ref _waiting);
            _receiving = this;
            do isOpen = _receive();
            while (isOpen && _caller is null);
            _receiving = null;
            var caller = _caller;
            _caller = null;
            _turn.Set();
            caller?.Execute();
        }
        while (isOpen);
        if (Interlocked.Decrement(ref _running) == 0) _turn.Dispose();
    }
}
