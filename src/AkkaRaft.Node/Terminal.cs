using Spectre.Console;
using Spectre.Console.Rendering;

namespace AkkaRaft.Node;

/// <summary>Tables on a terminal, or in full where there is none that could be too narrow.</summary>
internal static class Terminal
{
    private const int Unbounded = 10_000;

    public static int Width => Console.IsOutputRedirected ? Unbounded : AnsiConsole.Profile.Width;

    public static void Write(IRenderable table)
    {
        AnsiConsole.Profile.Width = Width;
        AnsiConsole.Write(table);
    }
}
