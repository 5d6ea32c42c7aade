using System.Diagnostics;
using AkkaRaft.TestKit.Tracing;

namespace AkkaRaft.Simulation.Tests.Tracing;

public sealed class TraceTests
{
    private static readonly TraceEvent[] Events =
    [
        new(1, TimeSpan.FromMilliseconds(1), TraceKind.Sent, 0, 1, 1, 1, "AppendEntries term=1 prev=0/0 entries=1..1/1 commit=0 round=1"),
        new(2, TimeSpan.FromMilliseconds(2), TraceKind.Delivered, 1, 0, 1, 1, ""),
        new(3, TimeSpan.FromMilliseconds(3), TraceKind.Sent, 1, 0, 1, 2, "PreVote term=2"),
        new(3, TimeSpan.FromMilliseconds(3), TraceKind.Lost, 0, 1, 1, 2, "cut off"),
        new(4, TimeSpan.FromMilliseconds(4), TraceKind.Fault, null, null, 0, 0, "</script><b>partition</b> 0 | 1"),
        new(5, TimeSpan.FromMilliseconds(5), TraceKind.Violation, 1, null, 1, 0, "two leaders"),
    ];

    [Fact]
    public void No_text_ends_the_pages_script()
    {
        using var page = new StringWriter();
        TraceDiagram.Write(page, new TraceHeader("test", 1, [0, 1], "two </script> leaders", "a command"), Events);
        Assert.Single(page.ToString().Split("</script>").Skip(1));
    }

    [Fact]
    public void Text_is_one_line_an_event()
    {
        using var text = new StringWriter();
        TraceText.Write(text, Events);
        Assert.Equal(Events.Length, text.ToString().Count(c => c == '\n'));
        Assert.Contains("#1 AppendEntries", text.ToString(), StringComparison.Ordinal);
    }

    [BrowserFact]
    public async Task A_browser_draws_an_arrow_for_each_message()
    {
        var file = Path.ChangeExtension(Path.GetTempFileName(), ".html");
        await using (var writer = new StreamWriter(file)) TraceDiagram.Write(writer, new TraceHeader("test", 1, [0, 1], "two leaders", null), Events);
        using var browser = Process.Start(new ProcessStartInfo(BrowserFactAttribute.Browser!, ["--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom", new Uri(file).AbsoluteUri]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var errors = browser.StandardError.ReadToEndAsync();
        var page = await browser.StandardOutput.ReadToEndAsync();
        await browser.WaitForExitAsync();
        await errors;
        Assert.Contains("data-arrows=\"2\"", page, StringComparison.Ordinal);
        Assert.Contains("data-rows=\"6\"", page, StringComparison.Ordinal);
    }

    /// <summary>Skipped where no Chromium is installed.</summary>
    private sealed class BrowserFactAttribute : FactAttribute
    {
        public static readonly string? Browser = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .Select(p => Path.Combine(p, "chromium")).FirstOrDefault(File.Exists);

        public BrowserFactAttribute()
        {
            if (Browser is null) Skip = "No 'chromium' is on the PATH.";
        }
    }
}
