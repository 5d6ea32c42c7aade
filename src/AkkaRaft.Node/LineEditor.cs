using System.Text;

namespace AkkaRaft.Node;

/// <summary>
/// The line that is typed at a prompt: what each key does to it. Arrows, Home, End and the usual control keys move and delete; up and down go through the lines
/// before; Tab completes.
/// </summary>
internal sealed class LineEditor(Func<string, IReadOnlyList<string>> complete)
{
    private const int MaxHistory = 1_000;

    private readonly List<string> _history = [];
    private readonly StringBuilder _text = new();
    private int _at;
    private string _draft = "";

    /// <summary>What is typed so far.</summary>
    public string Text => _text.ToString();

    /// <summary>Before which character the cursor stands.</summary>
    public int Cursor { get; private set; }

    /// <summary>What Tab found and could not choose from.</summary>
    public IReadOnlyList<string> Choices { get; private set; } = [];

    /// <summary>Begins a new line; the one before is kept for the up arrow.</summary>
    public void Begin()
    {
        if (_text.Length > 0 && (_history.Count == 0 || _history[^1] != Text))
        {
            _history.Add(Text);
            if (_history.Count > MaxHistory)
            {
                _history.RemoveAt(0);
            }
        }

        _at = _history.Count;
        Set("");
    }

    /// <summary>Empties the line, and keeps nothing of it.</summary>
    public void Clear() => Set("");

    /// <summary>Takes a key, other than Enter.</summary>
    public void Press(ConsoleKeyInfo key)
    {
        Choices = [];
        bool control = key.Modifiers.HasFlag(ConsoleModifiers.Control);
        switch (key.Key)
        {
            case ConsoleKey.LeftArrow:
                Cursor = control ? WordLeft() : Math.Max(0, Cursor - 1);
                break;
            case ConsoleKey.RightArrow:
                Cursor = control ? WordRight() : Math.Min(_text.Length, Cursor + 1);
                break;
            case ConsoleKey.Home:
            case ConsoleKey.A when control:
                Cursor = 0;
                break;
            case ConsoleKey.End:
            case ConsoleKey.E when control:
                Cursor = _text.Length;
                break;
            case ConsoleKey.Backspace when !control:
                Remove(Math.Max(0, Cursor - 1), Cursor);
                break;
            case ConsoleKey.Backspace:
            case ConsoleKey.W when control:
                Remove(WordLeft(), Cursor);
                break;
            case ConsoleKey.Delete:
            case ConsoleKey.D when control:
                Remove(Cursor, Math.Min(_text.Length, Cursor + 1));
                break;
            case ConsoleKey.K when control:
                Remove(Cursor, _text.Length);
                break;
            case ConsoleKey.U when control:
                Remove(0, Cursor);
                break;
            case ConsoleKey.UpArrow:
                Recall(_at - 1);
                break;
            case ConsoleKey.DownArrow:
                Recall(_at + 1);
                break;
            case ConsoleKey.Tab:
                Complete();
                break;
            default:
                if (!char.IsControl(key.KeyChar))
                {
                    _text.Insert(Cursor++, key.KeyChar);
                }

                break;
        }
    }

    private void Complete()
    {
        string before = Text[..Cursor];
        int start = before.LastIndexOf(' ') + 1;
        string word = before[start..];
        var found = complete(before).Where(c => c.StartsWith(word, StringComparison.Ordinal)).Distinct().Order(StringComparer.Ordinal).ToList();
        if (found.Count == 0)
        {
            return;
        }

        string common = found.Aggregate((a, b) => a[..a.AsSpan().CommonPrefixLength(b)]);
        if (found.Count > 1 && common == word)
        {
            Choices = found;
            return;
        }

        string rest = common[word.Length..] + (found.Count == 1 ? " " : "");
        _text.Insert(Cursor, rest);
        Cursor += rest.Length;
    }

    private void Recall(int line)
    {
        if (line < 0 || line > _history.Count)
        {
            return;
        }

        if (_at == _history.Count)
        {
            _draft = Text;
        }

        _at = line;
        Set(line == _history.Count ? _draft : _history[line]);
    }

    private void Set(string text)
    {
        _text.Clear().Append(text);
        Cursor = text.Length;
        Choices = [];
    }

    private void Remove(int from, int to)
    {
        _text.Remove(from, to - from);
        Cursor = from;
    }

    private int WordLeft()
    {
        int at = Cursor;
        while (at > 0 && _text[at - 1] == ' ')
        {
            at--;
        }

        while (at > 0 && _text[at - 1] != ' ')
        {
            at--;
        }

        return at;
    }

    private int WordRight()
    {
        int at = Cursor;
        while (at < _text.Length && _text[at] == ' ')
        {
            at++;
        }

        while (at < _text.Length && _text[at] != ' ')
        {
            at++;
        }

        return at;
    }
}
