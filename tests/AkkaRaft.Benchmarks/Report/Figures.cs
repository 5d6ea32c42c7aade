using System.Globalization;

namespace AkkaRaft.Benchmarks.Report;

/// <summary>Numbers as a table shows them.</summary>
internal static class Figures
{
    public static double Median(IEnumerable<double> values) => Quantile([.. values], 0.5);

    /// <summary>The value that <paramref name="fraction"/> of all are not above.</summary>
    public static double Quantile(IReadOnlyCollection<double> values, double fraction) =>
        values.Count == 0 ? double.NaN : values.Order().ElementAt((int)Math.Round(fraction * (values.Count - 1), MidpointRounding.AwayFromZero));

    public static string Whole(double value) => value.ToString("#,0", Invariant).Replace(',', ' ');

    public static string Ms(double value) => value.ToString(value < 10 ? "0.00" : value < 100 ? "0.0" : "0", Invariant);

    public static string Ratio(double value) => value.ToString(value < 10 ? "0.00" : "0.0", Invariant) + "×";

    private static CultureInfo Invariant => CultureInfo.InvariantCulture;
}
