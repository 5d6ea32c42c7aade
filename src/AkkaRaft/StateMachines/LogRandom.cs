using System.Buffers.Binary;

namespace AkkaRaft.StateMachines;

/// <summary>SplitMix64 from a seed that the log gives. <see cref="Random"/>'s own generators may differ between versions of .NET, and members may run on different ones.</summary>
/// <param name="seed">Of an operation.</param>
internal sealed class LogRandom(ulong seed) : Random
{
    private ulong _state = seed;

    private ulong Draw()
    {
        var drawn = Mix64.Of(_state);
        _state += Mix64.Step;
        return drawn;
    }

    // Below the bound without bias (Lemire: Fast Random Integer Generation in an Interval, 2019).
    private ulong Below(ulong bound)
    {
        var high = Math.BigMul(Draw(), bound, out var low);
        if (low >= bound) return high;
        for (var least = (0 - bound) % bound; low < least;) high = Math.BigMul(Draw(), bound, out low);
        return high;
    }

    protected override double Sample() => (Draw() >> 11) * (1.0 / (1UL << 53));

    public override double NextDouble() => Sample();

    public override float NextSingle() => (Draw() >> 40) * (1.0f / (1U << 24));

    public override int Next() => (int)Below(int.MaxValue);

    public override int Next(int maxValue)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maxValue);
        return maxValue == 0 ? 0 : (int)Below((ulong)maxValue);
    }

    public override int Next(int minValue, int maxValue) => (int)NextInt64(minValue, maxValue);

    public override long NextInt64() => (long)Below(long.MaxValue);

    public override long NextInt64(long maxValue)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maxValue);
        return maxValue == 0 ? 0 : (long)Below((ulong)maxValue);
    }

    public override long NextInt64(long minValue, long maxValue)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minValue, maxValue);
        return minValue == maxValue ? minValue : unchecked(minValue + (long)Below(unchecked((ulong)maxValue - (ulong)minValue)));
    }

    public override void NextBytes(byte[] buffer)
    {
        ArgumentNullException.ThrowIfNull(buffer);
        NextBytes(buffer.AsSpan());
    }

    public override void NextBytes(Span<byte> buffer)
    {
        Span<byte> drawn = stackalloc byte[sizeof(ulong)];
        for (; !buffer.IsEmpty; buffer = buffer[Math.Min(buffer.Length, drawn.Length)..])
        {
            BinaryPrimitives.WriteUInt64LittleEndian(drawn, Draw());
            drawn[..Math.Min(buffer.Length, drawn.Length)].CopyTo(buffer);
        }
    }
}
