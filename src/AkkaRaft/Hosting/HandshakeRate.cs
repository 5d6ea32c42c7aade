namespace AkkaRaft.Hosting;

/// <summary>How often others may begin a connection: each costs Akka.Remote actors and a handshake of several messages. One token bucket for each origin.</summary>
/// <param name="burst">So many at once, after a time without any.</param>
/// <param name="perSecond">So many for long.</param>
/// <param name="clock">The system's, when nothing is said.</param>
internal sealed class HandshakeRate(int burst, int perSecond, TimeProvider? clock = null)
{
    private const int MaxOrigins = 1024;
    private const string Others = "others";

    private readonly TimeProvider _clock = clock ?? TimeProvider.System;
    private readonly Dictionary<string, (double Tokens, long At)> _buckets = new(StringComparer.OrdinalIgnoreCase);

    /// <param name="origin">Where the connection comes from.</param>
    /// <returns>Whether there may be one more now.</returns>
    public bool TryTake(string origin)
    {
        lock (_buckets)
        {
            var now = _clock.GetTimestamp();
            if (!_buckets.ContainsKey(origin) && _buckets.Count >= MaxOrigins)
            {
                // A full bucket is as good as none.
                foreach (var (old, bucket) in _buckets)
                {
                    if (Tokens(bucket, now) >= burst) _buckets.Remove(old);
                }
                if (_buckets.Count >= MaxOrigins) origin = Others;
            }
            var tokens = _buckets.TryGetValue(origin, out var known) ? Tokens(known, now) : burst;
            _buckets[origin] = (tokens >= 1 ? tokens - 1 : tokens, now);
            return tokens >= 1;
        }
    }

    private double Tokens((double Tokens, long At) bucket, long now) => Math.Min(burst, bucket.Tokens + perSecond * _clock.GetElapsedTime(bucket.At, now).TotalSeconds);
}
