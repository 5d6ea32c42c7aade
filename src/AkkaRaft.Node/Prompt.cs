using System.Globalization;

namespace AkkaRaft.Node;

/// <summary>Shows a <see cref="LineEditor"/> on a terminal.</summary>
internal sealed class Prompt(LineEditor editor)
{
    private const string Text = "akkaraft> ";

    /// <summary>Reads a line; null for the end, which is Ctrl-D or Ctrl-C on an empty line.</summary>
    public string? ReadLine()
    {
        editor.Begin();
        Console.TreatControlCAsInput = true;
        try
        {
            while (true)
            {
                Draw();
                var key = Console.ReadKey(intercept: true);
                bool control = key.Modifiers.HasFlag(ConsoleModifiers.Control);
                if (key.Key == ConsoleKey.Enter)
                {
                    Console.Out.WriteLine();
                    return editor.Text;
                }

                if (control && (key.Key == ConsoleKey.C || key.Key == ConsoleKey.D && editor.Text.Length == 0))
                {
                    bool ends = editor.Text.Length == 0;
                    editor.Clear();
                    Console.Out.WriteLine();
                    if (ends)
                    {
                        return null;
                    }

                    continue;
                }

                editor.Press(key);
                if (editor.Choices.Count > 0)
                {
                    Console.Out.WriteLine();
                    Console.Out.WriteLine(string.Join("  ", editor.Choices));
                }
            }
        }
        finally
        {
            Console.TreatControlCAsInput = false;
        }
    }

    /// <summary>On one row: of a line longer than the window, the part around the cursor.</summary>
    private void Draw()
    {
        int room = Math.Max(10, Console.WindowWidth - Text.Length - 1);
        int first = Math.Max(0, editor.Cursor - room);
        string shown = editor.Text[first..Math.Min(editor.Text.Length, first + room)];
        int column = Text.Length + editor.Cursor - first + 1;
        Console.Out.Write(string.Create(CultureInfo.InvariantCulture, $"\r{Text}{shown}\u001b[K\u001b[{column}G"));
    }
}
