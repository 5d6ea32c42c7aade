using AkkaRaft.KeyValue;
using AkkaRaft.Remoting.Threading;

namespace AkkaRaft.Client;

/// <summary>
/// A lease that is kept alive in the background, at a third of its time to live. Keys put with <see cref="Id"/> are there as long as it lives.
/// Disposing of it revokes it.
/// </summary>
public sealed class HeldLease : IAsyncDisposable
{
    // Timers stand still while the machine sleeps, and the clock does not: it is looked at so often, to see soon that it slept.
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    private readonly IRaftClient _client;
    private readonly TimeProvider _clock;
    private readonly CancellationTokenSource _lost = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly CancellationTokenSource _end;
    private readonly Task _keeping;

    /// <summary>By the own clock, the lease cannot have expired before.</summary>
    private long _aliveSince;

    private HeldLease(IRaftClient client, LeaseStatus status, long askedAt, TimeProvider clock)
    {
        _client = client;
        _clock = clock;
        _aliveSince = askedAt;
        Id = status.Lease;
        TimeToLive = status.TimeToLive;
        _end = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token, _lost.Token, (client as RaftClient)?.Stopped ?? default);
        Lost = _lost.Token;
        _keeping = Task.WhenAll(KeepAliveAsync(), LoseAsync());
    }

    /// <summary>Its number, to be given with each put.</summary>
    public long Id { get; }

    /// <summary>How long it lives without being kept alive.</summary>
    public TimeSpan TimeToLive { get; }

    /// <summary>
    /// Cancelled once it has expired or was revoked, and, before that, once it may have expired: when its time to live has gone by since the last time that
    /// the cluster is known to have kept it alive; also when its client stops, which then keeps it alive no longer. Whoever acts because of a key that it holds stops then.
    /// </summary>
    public CancellationToken Lost { get; }

    internal static async Task<HeldLease> HoldAsync(IRaftClient client, TimeSpan timeToLive, CancellationToken cancellationToken)
    {
        var clock = (client as RaftClient)?.Clock ?? BootClock.Provider;
        var askedAt = clock.GetTimestamp();
        return new HeldLease(client, await client.GrantLeaseAsync(timeToLive, cancellationToken).ConfigureAwait(false), askedAt, clock);
    }

    private TimeSpan Left => TimeToLive - _clock.GetElapsedTime(Volatile.Read(ref _aliveSince));

    private async Task KeepAliveAsync()
    {
        var pause = TimeToLive / 3;
        try
        {
            while (true)
            {
                await Task.Delay(pause, _end.Token).ConfigureAwait(false);
                pause = await IsKeptAliveAsync().ConfigureAwait(false) ? TimeToLive / 3 : TimeToLive / 10;
            }
        }
        catch (Exception e) when (e is LeaseNotFoundException or ObjectDisposedException)
        {
            await _lost.CancelAsync().ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // It is lost already, or is to be.
        }
    }

    /// <summary>False when it is to be asked again soon; if nothing comes of it, its time runs out.</summary>
    private async Task<bool> IsKeptAliveAsync()
    {
        try
        {
            var askedAt = _clock.GetTimestamp();
            await _client.KeepLeaseAliveAsync(Id, _end.Token).ConfigureAwait(false);
            Volatile.Write(ref _aliveSince, askedAt);
            return true;
        }
        catch (RaftException e) when (e is not LeaseNotFoundException)
        {
            return false;
        }
    }

    /// <summary>Until its time is over without an answer, or its client stops.</summary>
    private async Task LoseAsync()
    {
        while (Left is var left && left > TimeSpan.Zero && !_end.IsCancellationRequested)
        {
            await Task.Delay(left < LookEvery ? left : LookEvery, _end.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        if (!_stop.IsCancellationRequested) await _lost.CancelAsync().ConfigureAwait(false);
    }

    /// <summary>Stops keeping it alive, and revokes it. When that fails, as without a leader, it expires by itself.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_stop.IsCancellationRequested) return;
        await _stop.CancelAsync().ConfigureAwait(false);
        await _keeping.ConfigureAwait(false);
        try
        {
            if (!_lost.IsCancellationRequested) await _client.RevokeLeaseAsync(Id).ConfigureAwait(false);
        }
        catch (Exception e) when (e is RaftException or ObjectDisposedException)
        {
            // It is gone, or goes when its time is over.
        }
        await _lost.CancelAsync().ConfigureAwait(false);
        _lost.Dispose();
        _end.Dispose();
        _stop.Dispose();
    }
}
