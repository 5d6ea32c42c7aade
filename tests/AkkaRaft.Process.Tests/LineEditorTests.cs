using AkkaRaft.Node;

namespace AkkaRaft.Process.Tests;

/// <summary>What each key does to the line at the shell's prompt.</summary>
public sealed class LineEditorTests
{
    private readonly LineEditor _editor = new(text => text.Contains(' ', StringComparison.Ordinal) ? ["--limit", "--consistency"] : ["put", "get", "getall"]);

    public LineEditorTests() => _editor.Begin();

    [Fact]
    public void Letters_are_inserted_where_the_cursor_stands()
    {
        Type("gt k");
        Press(ConsoleKey.Home);
        Press(ConsoleKey.RightArrow);
        Type("e");
        Assert.Equal(("get k", 2), (_editor.Text, _editor.Cursor));
    }

    [Fact]
    public void Words_and_rests_are_deleted()
    {
        Type("put key value");
        Press(ConsoleKey.W, control: true);
        Assert.Equal("put key ", _editor.Text);
        Press(ConsoleKey.LeftArrow, control: true);
        Press(ConsoleKey.K, control: true);
        Assert.Equal("put ", _editor.Text);
        Press(ConsoleKey.Backspace);
        Press(ConsoleKey.Home);
        Press(ConsoleKey.Delete);
        Assert.Equal("ut", _editor.Text);
        Press(ConsoleKey.End);
        Press(ConsoleKey.U, control: true);
        Assert.Equal("", _editor.Text);
    }

    [Fact]
    public void Up_and_down_go_through_the_lines_before_and_back_to_the_one_begun()
    {
        foreach (string line in new[] { "one", "two", "two" })
        {
            Type(line);
            _editor.Begin();
        }

        Type("draft");
        Press(ConsoleKey.UpArrow);
        Assert.Equal("two", _editor.Text);
        Press(ConsoleKey.UpArrow);
        Press(ConsoleKey.UpArrow);
        Assert.Equal("one", _editor.Text);
        Press(ConsoleKey.DownArrow);
        Press(ConsoleKey.DownArrow);
        Assert.Equal("draft", _editor.Text);
    }

    [Fact]
    public void Tab_completes_what_is_sure_and_shows_what_is_not()
    {
        Type("p");
        Press(ConsoleKey.Tab);
        Assert.Equal("put ", _editor.Text);
        _editor.Clear();
        Type("g");
        Press(ConsoleKey.Tab);
        Assert.Equal("get", _editor.Text);
        Assert.Empty(_editor.Choices);
        Press(ConsoleKey.Tab);
        Assert.Equal(["get", "getall"], _editor.Choices);
        _editor.Clear();
        Type("scan k --l");
        Press(ConsoleKey.Tab);
        Assert.Equal("scan k --limit ", _editor.Text);
        _editor.Clear();
        Type("x");
        Press(ConsoleKey.Tab);
        Assert.Equal("x", _editor.Text);
    }

    private void Type(string text)
    {
        foreach (char c in text)
        {
            _editor.Press(new ConsoleKeyInfo(c, ConsoleKey.None, shift: false, alt: false, control: false));
        }
    }

    private void Press(ConsoleKey key, bool control = false) => _editor.Press(new ConsoleKeyInfo('\0', key, shift: false, alt: false, control));
}
