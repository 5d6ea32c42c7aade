namespace AkkaRaft.Remoting;

/// <summary>How often others may begin a connection: each costs Akka.Remote actors and a handshake of several messages. One token bucket for each origin.</summary>
/// <param name="burst">So many at once, after a time without any.</param>
/// <param name="perSecond">So many for long.</param>
/// <param name="clock">The system's, when nothing is said.</param>
internal sealed class HandshakeRate(int burst, int perSecond, TimeProvider? clock = null)
{
    private readonly TimeProvider _clock = clock ?? TimeProvider.System;
    private readonly ByOrigin<(double Tokens, long At)> _buckets = new();

    /// <param name="origin">Where the connection comes from.</param>
    /// <returns>Whether there may be one more now.</returns>
    public bool TryTake(string origin)
    {
        lock (_buckets)
        {
            var now = _clock.GetTimestamp();
            // A full bucket is as good as none.
            var key = _buckets.KeyOf(origin, bucket => Tokens(bucket, now) >= burst);
            var tokens = _buckets.TryGet(key, out var known) ? Tokens(known, now) : burst;
            _buckets.Set(key, (tokens >= 1 ? tokens - 1 : tokens, now));
            return tokens >= 1;
        }
    }

    private double Tokens((double Tokens, long At) bucket, long now) => Math.Min(burst, bucket.Tokens + perSecond * _clock.GetElapsedTime(bucket.At, now).TotalSeconds);
}
