using AkkaRaft.StateMachines;

namespace AkkaRaft.Tests.StateMachine;

/// <summary>What it draws is part of what a log means: the numbers here come from another implementation of SplitMix64, and must never change.</summary>
public sealed class LogRandomTests
{
    [Theory]
    [InlineData(0UL, new[] { 8147104208329303766, 3980143261097177849, 243808509735772839, 8954805688390271221 })]
    [InlineData(1UL, new[] { 5225608189600411231, 6878622605533214258, 8955919645141445294, 4098490376910890117 })]
    [InlineData(42UL, new[] { 6839728766377637705, 1474913046063446145, 2569641874231381928, 3174599030129127881 })]
    [InlineData(ulong.MaxValue, new[] { 8245168133484221967, 8417223528544944483, 2024363799162208500, 3931318902156738920 })]
    public void A_seed_gives_the_same_long_numbers_for_ever(ulong seed, long[] numbers)
    {
        var random = new LogRandom(seed);
        Assert.Equal(numbers, numbers.Select(_ => random.NextInt64()));
    }

    [Fact]
    public void A_seed_gives_the_same_fractions_for_ever()
    {
        var (doubles, singles) = (new LogRandom(0), new LogRandom(0));
        Assert.Equal([0.8833108082136426, 0.43152799704850997, 0.026433771592597743], new[] { doubles.NextDouble(), doubles.NextDouble(), doubles.NextDouble() });
        Assert.Equal([0.8833107948303223f, 0.4315279722213745f, 0.02643376588821411f], new[] { singles.NextSingle(), singles.NextSingle(), singles.NextSingle() });
    }

    [Fact]
    public void A_seed_gives_the_same_bytes_for_ever_whatever_holds_them()
    {
        var (array, span) = (new byte[19], new byte[19]);
        new LogRandom(1).NextBytes(array);
        new LogRandom(1).NextBytes(span.AsSpan());
        Assert.Equal("C15C0289EC2D0A9167EC8E65A18DEBBE5E5532", Convert.ToHexString(array));
        Assert.Equal(array, span);
        var random = new LogRandom(1);
        random.NextBytes([]);
        Assert.Equal(5225608189600411231, random.NextInt64());
    }

    [Fact]
    public void A_seed_gives_the_same_numbers_below_a_bound_for_ever()
    {
        var random = new LogRandom(42);
        Assert.Equal([1592498450, 343404953, 598291371], new[] { random.Next(), random.Next(), random.Next() });
        random = new LogRandom(42);
        Assert.Equal([4, 0, 1, 2, 0, 5, 1, 4, 2, 3], Enumerable.Range(0, 10).Select(_ => random.Next(6)));
        random = new LogRandom(42);
        Assert.Equal([24, -35, -23, -16, -47, 36], Enumerable.Range(0, 6).Select(_ => random.Next(-50, 50)));
        random = new LogRandom(42);
        Assert.Equal([4456085495900499604, -6273545944727883518], new[] { random.NextInt64(long.MinValue, long.MaxValue), random.NextInt64(long.MinValue, long.MaxValue) });
    }

    [Fact]
    public void What_would_favour_some_numbers_is_drawn_again()
    {
        var random = new LogRandom(42);
        Assert.Equal(
            [
                3419864383188818853, 737456523031723072, 1284820937115690964, 1587299515064563941, 175383196535490812, 4003995281415747266,
                1007216178194406231, 3692262831746943977, 1567655219403120501, 944942912856573551, 2273511335365284911, 2398138063176555374,
            ],
            Enumerable.Range(0, 12).Select(_ => random.NextInt64((1L << 62) + 1)));
    }

    [Fact]
    public void Bounds_are_respected()
    {
        var random = new LogRandom(7);
        for (var i = 0; i < 2_000; i++)
        {
            Assert.InRange(random.Next(), 0, int.MaxValue - 1);
            Assert.InRange(random.Next(3), 0, 2);
            Assert.InRange(random.Next(-2, 2), -2, 1);
            Assert.InRange(random.Next(int.MinValue, int.MaxValue), int.MinValue, int.MaxValue - 1);
            Assert.InRange(random.NextInt64(), 0, long.MaxValue - 1);
            Assert.InRange(random.NextInt64(5_000_000_000), 0, 4_999_999_999);
            Assert.InRange(random.NextInt64(long.MaxValue - 3, long.MaxValue), long.MaxValue - 3, long.MaxValue - 1);
            Assert.InRange(random.NextDouble(), 0, Math.BitDecrement(1.0));
            Assert.InRange(random.NextSingle(), 0, MathF.BitDecrement(1.0f));
        }
    }

    [Fact]
    public void Bounds_that_leave_one_number_give_it()
    {
        var random = new LogRandom(7);
        Assert.Equal((0, 0, 5, 5), (random.Next(0), random.Next(1), random.Next(5, 5), random.Next(5, 6)));
        Assert.Equal((0, 0, -5, -5), (random.NextInt64(0), random.NextInt64(1), random.NextInt64(-5, -5), random.NextInt64(-5, -4)));
    }

    [Fact]
    public void Bounds_that_leave_none_are_refused()
    {
        var random = new LogRandom(7);
        Assert.Throws<ArgumentOutOfRangeException>(() => random.Next(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => random.Next(1, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => random.NextInt64(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => random.NextInt64(1, 0));
        Assert.Throws<ArgumentNullException>(() => random.NextBytes(null!));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(6)]
    [InlineData(10)]
    public void All_numbers_below_a_bound_are_about_as_frequent(int bound)
    {
        const int Each = 10_000;
        var random = new LogRandom(99);
        var counts = new int[bound];
        for (var i = 0; i < Each * bound; i++) counts[random.Next(bound)]++;
        Assert.All(counts, count => Assert.InRange(count, Each * 95 / 100, Each * 105 / 100));
    }

    [Fact]
    public void No_third_of_a_range_that_is_no_power_of_two_is_favoured()
    {
        const int Draws = 30_000;
        var random = new LogRandom(99);
        var thirds = new int[3];
        for (var i = 0; i < Draws; i++) thirds[random.NextInt64(3L << 61) >> 61]++;
        Assert.All(thirds, count => Assert.InRange(count, Draws * 31 / 100, Draws * 36 / 100));
    }

    [Fact]
    public void Fractions_have_a_mean_of_a_half_and_each_bit_of_the_bytes_is_set_half_of_the_time()
    {
        var random = new LogRandom(3);
        Assert.InRange(Enumerable.Range(0, 20_000).Average(_ => random.NextDouble()), 0.49, 0.51);
        var bytes = new byte[20_000];
        random.NextBytes(bytes);
        for (var bit = 0; bit < 8; bit++) Assert.InRange(bytes.Count(b => (b >> bit & 1) == 1), 9_500, 10_500);
    }

    [Fact]
    public void Seeds_that_differ_in_one_bit_give_other_numbers()
    {
        var first = Enumerable.Range(0, 64).Select(bit => new LogRandom(1UL << bit).NextInt64()).Append(new LogRandom(0).NextInt64());
        Assert.Equal(65, first.Distinct().Count());
    }
}
