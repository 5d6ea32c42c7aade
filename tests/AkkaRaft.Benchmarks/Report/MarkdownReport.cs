using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using AkkaRaft.Benchmarks.Modes;

namespace AkkaRaft.Benchmarks.Report;

/// <summary>A page of tables and charts, on standard output and in a file.</summary>
internal sealed class MarkdownReport
{
    private readonly BenchmarkOptions _options;
    private readonly string _name;
    private readonly StringBuilder _text = new();

    public MarkdownReport(BenchmarkOptions options, string name, string how)
    {
        _options = options;
        _name = name;
        Line($"# {char.ToUpperInvariant(name[0])}{name[1..]}");
        Line("");
        Line(how);
        Line("");
        Line(string.Create(CultureInfo.InvariantCulture,
            $"{DateTime.UtcNow:yyyy-MM-dd HH:mm} UTC, {Environment.ProcessorCount} cores ({Processor}), {RuntimeInformation.OSDescription}, .NET {Environment.Version}. Load average when it began: {options.LoadAverage}.{(options.IsQuick ? " A quick run: not to be relied on." : "")}"));
    }

    public void Note(string text)
    {
        Line("");
        Line(text);
    }

    public void Table(string title, IReadOnlyList<string> header, IEnumerable<IReadOnlyList<string>> rows)
    {
        List<IReadOnlyList<string>> all = [header, .. rows];
        var widths = header.Select((_, i) => all.Max(r => r[i].Length)).ToArray();
        string Row(IReadOnlyList<string> cells) => "| " + string.Join(" | ", cells.Select((c, i) => i == 0 ? c.PadRight(widths[i]) : c.PadLeft(widths[i]))) + " |";
        Line("");
        Line($"## {title}");
        Line("");
        Line(Row(header));
        Line("|" + string.Join('|', widths.Select((w, i) => i == 0 ? new string('-', w + 2) : new string('-', w + 1) + ":")) + "|");
        foreach (var row in all.Skip(1)) Line(Row(row));
    }

    public void Chart(string title, string xLabel, string yLabel, string name, IEnumerable<Series> series)
    {
        var file = $"{_name}-{name}.svg";
        Directory.CreateDirectory(_options.Output);
        File.WriteAllText(Path.Combine(_options.Output, file), LineChart.Draw(title, xLabel, yLabel, series));
        Line("");
        Line($"![{title}]({file})");
    }

    public void Write()
    {
        Directory.CreateDirectory(_options.Output);
        var file = Path.Combine(_options.Output, $"{_name}.md");
        File.WriteAllText(file, _text.ToString());
        Console.Out.Write(_text.ToString());
        _options.Say($"Written to {file}.");
    }

    private void Line(string text) => _text.Append(text).Append('\n');

    private static string Processor =>
        File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[1].Trim() ?? "unknown";
}
