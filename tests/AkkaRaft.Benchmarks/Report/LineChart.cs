using System.Globalization;
using System.Net;
using System.Text;

namespace AkkaRaft.Benchmarks.Report;

/// <summary>One line of a chart.</summary>
internal sealed record Series(string Name, IReadOnlyList<(double X, double Y)> Points);

/// <summary>Lines over two logarithmic axes, as SVG that is legible on light and on dark ground.</summary>
internal static class LineChart
{
    private const int Width = 720;
    private const int Height = 400;
    private const int Left = 80;
    private const int Right = 110;
    private const int Top = 40;
    private const int Bottom = 50;

    private static readonly string[] Colours = ["#1f77b4", "#d95f02", "#1b9e77", "#7570b3"];

    public static string Draw(string title, string xLabel, string yLabel, IEnumerable<Series> series)
    {
        var lines = series.ToList();
        var all = lines.SelectMany(l => l.Points).Where(p => p.X > 0 && p.Y > 0 && double.IsFinite(p.Y)).ToList();
        var (xMin, xMax) = (all.Min(p => p.X), all.Max(p => p.X));
        var (yMin, yMax) = (Math.Pow(10, Math.Floor(Math.Log10(all.Min(p => p.Y)))), Math.Pow(10, Math.Ceiling(Math.Log10(all.Max(p => p.Y)))));
        double X(double x) => Left + (xMax > xMin ? Math.Log(x / xMin) / Math.Log(xMax / xMin) : 0.5) * (Width - Left - Right);
        double Y(double y) => Height - Bottom - (yMax > yMin ? Math.Log(y / yMin) / Math.Log(yMax / yMin) : 0.5) * (Height - Top - Bottom);

        var svg = new StringBuilder();
        void Line(string text) => svg.Append(text).Append('\n');
        void Text(double x, double y, string anchor, string text, string fill = "#888", string more = "") =>
            Line(string.Create(CultureInfo.InvariantCulture, $"""<text x="{x:0.#}" y="{y:0.#}" text-anchor="{anchor}" fill="{fill}" {more}>{WebUtility.HtmlEncode(text)}</text>"""));

        Line($"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {Width} {Height}" font-family="sans-serif" font-size="12">""");
        Text(Left, 20, "start", title, more: "font-size=\"15\"");
        foreach (var x in all.Select(p => p.X).Distinct().Order())
        {
            Line(string.Create(CultureInfo.InvariantCulture, $"""<line x1="{X(x):0.#}" y1="{Top}" x2="{X(x):0.#}" y2="{Height - Bottom}" stroke="#888" stroke-opacity="0.2"/>"""));
            Text(X(x), Height - Bottom + 18, "middle", Figures.Whole(x));
        }
        for (var y = yMin; y <= yMax * 1.001; y *= 10)
        {
            Line(string.Create(CultureInfo.InvariantCulture, $"""<line x1="{Left}" y1="{Y(y):0.#}" x2="{Width - Right}" y2="{Y(y):0.#}" stroke="#888" stroke-opacity="0.3"/>"""));
            Text(Left - 8, Y(y) + 4, "end", y >= 1 ? Figures.Whole(y) : Figures.Ms(y));
        }
        Text((Left + Width - Right) / 2.0, Height - 12, "middle", xLabel);
        Text(16, (Top + Height - Bottom) / 2.0, "middle", yLabel, more: string.Create(CultureInfo.InvariantCulture, $"transform=\"rotate(-90 16 {(Top + Height - Bottom) / 2.0:0.#})\""));
        for (var i = 0; i < lines.Count; i++)
        {
            var colour = Colours[i % Colours.Length];
            var points = lines[i].Points.Where(p => p.X > 0 && p.Y > 0 && double.IsFinite(p.Y)).ToList();
            if (points.Count == 0) continue;
            Line($"""<polyline fill="none" stroke="{colour}" stroke-width="2" points="{string.Join(' ', points.Select(p => string.Create(CultureInfo.InvariantCulture, $"{X(p.X):0.#},{Y(p.Y):0.#}")))}"/>""");
            foreach (var p in points) Line(string.Create(CultureInfo.InvariantCulture, $"""<circle cx="{X(p.X):0.#}" cy="{Y(p.Y):0.#}" r="3" fill="{colour}"/>"""));
            Text(X(points[^1].X) + 8, Y(points[^1].Y) + 4, "start", lines[i].Name, colour);
        }
        Line("</svg>");
        return svg.ToString();
    }
}
