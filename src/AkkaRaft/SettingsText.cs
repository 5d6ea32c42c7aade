using System.Globalization;
using System.Text;

namespace AkkaRaft;

/// <summary>
/// The HOCON that settings are written in: blocks, keys with dots, and single values, each given once. Akka's own parser merges what is given twice, takes half a
/// file for a whole one, and overflows the stack on deep nesting and on substitutions. What is not taken here is refused with its line.
/// </summary>
internal sealed class SettingsText
{
    /// <summary>Longest file, in characters.</summary>
    public const int MaxLength = 1024 * 1024;

    /// <summary>Deeper than any settings; each level is a level of the stack.</summary>
    private const int MaxDepth = 32;

    private const char End = '\0';

    private readonly string _text;
    private readonly string _block;
    private readonly Dictionary<string, string> _values = [];
    private readonly Dictionary<string, int> _lines = [];
    private readonly List<string> _blocks = [];
    private int _at;
    private int _line = 1;

    private SettingsText(string text, string block)
    {
        _text = text;
        _block = block;
    }

    /// <summary>The values of a block, by their whole paths; null when the text has no such block.</summary>
    /// <param name="text">The text.</param>
    /// <param name="block">Name of the block; others are passed over, whatever they hold.</param>
    /// <param name="blocks">The names of all blocks.</param>
    /// <exception cref="FormatException">Says in which line what is wrong.</exception>
    public static IReadOnlyDictionary<string, string>? Parse(string text, string block, out IReadOnlyList<string> blocks)
    {
        var settings = new SettingsText(text, block);
        blocks = settings._blocks;
        settings.ReadFile();
        return settings._blocks.Contains(block) ? settings._values : null;
    }

    private char Now => _at < _text.Length ? _text[_at] : End;

    private char Next => _at + 1 < _text.Length ? _text[_at + 1] : End;

    private bool IsAtEnd => _at >= _text.Length;

    private bool IsAtComment => Now == '#' || Now == '/' && Next == '/';

    private void ReadFile()
    {
        if (_text.Length > MaxLength) throw new FormatException($"it has more than {MaxLength} characters.");
        var zero = _text.IndexOf(End, StringComparison.Ordinal);
        if (zero >= 0) throw new FormatException($"its character {zero + 1} is a zero: is it a text?");
        SkipBlank();
        if (Now == '{')
        {
            ReadBlock("", 0);
            SkipBlank();
        }
        else
        {
            ReadEntries("", 0);
        }
        if (!IsAtEnd) throw Wrong("a } that no { belongs to; its braces do not match.");
    }

    private void ReadBlock(string path, int depth)
    {
        if (depth >= MaxDepth) throw Wrong($"blocks are nested more than {MaxDepth} deep.");
        var opened = _line;
        _at++;
        ReadEntries(path, depth);
        if (IsAtEnd) throw new FormatException($"line {opened}: a {{ is not closed; its braces do not match, is it whole?");
        _at++;
    }

    private void ReadEntries(string path, int depth)
    {
        while (true)
        {
            SkipBlank();
            if (IsAtEnd || Now == '}') return;
            var key = ReadKey(path);
            SkipSpaces();
            if (Now == '+' && Next == '=') throw Wrong($"{key} += …: a value is given whole, with =.");
            var hasSign = Now is '=' or ':';
            if (hasSign) _at++;
            SkipBlank(commas: false);
            if (Now == '{')
            {
                // What is given by its block and what by a path with dots may stand side by side; two blocks are one too many.
                AddOnce(key, $"the block {key}");
                if (path.Length == 0) _blocks.Add(key.Split('.')[0]);
                ReadBlock(key, depth + 1);
            }
            else if (hasSign)
            {
                if (path.Length == 0 && key.Contains('.', StringComparison.Ordinal)) _blocks.Add(key.Split('.')[0]);
                if (ReadValue(key) is { } value)
                {
                    AddOnce(key, key);
                    _values[key] = value;
                }
            }
            else
            {
                throw Wrong($"{key} has no value; write {key[(key.LastIndexOf('.') + 1)..]} = VALUE, or {{ … }}.");
            }
            SkipSpaces();
            if (!IsAtEnd && !IsAtComment && Now is not ('\n' or '\r' or ',' or '}')) throw Wrong($"'{Now}' after the value of {key}; expected the end of the line, a comma or a }}.");
        }
    }

    private bool IsOurs(string path) => path == _block || path.StartsWith($"{_block}.", StringComparison.Ordinal);

    private void AddOnce(string path, string what)
    {
        if (IsOurs(path) && !_lines.TryAdd(path, _line)) throw Wrong($"{what} is given twice, first in line {_lines[path]}.");
    }

    private string ReadKey(string path)
    {
        var line = _line;
        var key = new StringBuilder(path);
        var parts = 0;
        while (true)
        {
            SkipSpaces();
            if (key.Length > 0) key.Append('.');
            var part = Now == '"' ? ReadQuoted() : ReadWhile(c => !char.IsWhiteSpace(c) && c is not ('.' or '=' or ':' or '{' or '}' or '[' or ']' or ',' or '"' or '+' or '$' or '#'));
            if (part.Length == 0) throw Wrong($"expected a key, and found {(IsAtEnd ? "the end" : $"'{Now}'")}.");
            key.Append(part);
            parts++;
            SkipSpaces();
            // A key of that name is followed by its value.
            if (parts == 1 && part == "include" && (Now == '"' || char.IsAsciiLetter(Now))) throw Wrong("'include' is not taken: settings stand in one file.");
            if (Now != '.') break;
            _at++;
        }
        if (Now is not ('=' or ':' or '{' or '+' or '\r' or '\n' or '#') && !IsAtEnd) throw new FormatException($"line {line}: '{Now}' after the key {key}; expected =, : or {{.");
        return key.ToString();
    }

    /// <summary>A value up to the end of the line, a comma or a brace; null for one that is none of ours and no single one.</summary>
    private string? ReadValue(string key)
    {
        var isOurs = IsOurs(key);
        var value = new StringBuilder();
        // Blanks within an unquoted value are its own, those around it are not.
        var blanks = 0;
        var isEmpty = true;
        while (!IsAtEnd && Now is not ('\n' or '\r' or ',' or '}') && !IsAtComment)
        {
            if (Now is ' ' or '\t')
            {
                blanks++;
                _at++;
                continue;
            }
            if (isOurs && Now == '[') throw Wrong($"{key} is a list; expected a single value.");
            if (isOurs && Now == '$' && Next == '{') throw Wrong($"{key} has a substitution, ${{…}}; write the value itself.");
            if (Now is '[' or '{' || Now == '$' && Next == '{')
            {
                if (isOurs) throw Wrong($"'{Now}' in the value of {key}; a value that has it stands in \"…\".");
                SkipNested();
                isEmpty = false;
                continue;
            }
            if (Now is '=' or ']') throw Wrong($"'{Now}' in the value of {key}; a value that has it stands in \"…\".");
            if (!isEmpty) value.Append(' ', blanks);
            blanks = 0;
            isEmpty = false;
            if (Now == '"') value.Append(ReadQuoted());
            else value.Append(_text[_at++]);
        }
        if (isEmpty) throw Wrong($"{key} has no value.");
        return isOurs ? value.ToString() : null;
    }

    /// <summary>Passes over a list, a block or a substitution of somebody else's.</summary>
    private void SkipNested()
    {
        var opened = _line;
        var depth = 0;
        do
        {
            if (IsAtEnd) throw new FormatException($"line {opened}: a {(depth > 0 ? "bracket" : "value")} is not closed; is it whole?");
            if (Now == '"')
            {
                ReadQuoted();
                continue;
            }
            if (IsAtComment)
            {
                SkipComment();
                continue;
            }
            if (Now is '{' or '[') depth++;
            if (Now is '}' or ']') depth--;
            if (Now == '\n') _line++;
            _at++;
        }
        while (depth > 0 || _text[_at - 1] == '$');
    }

    private string ReadWhile(Func<char, bool> holds)
    {
        var from = _at;
        while (!IsAtEnd && holds(Now)) _at++;
        return _text[from.._at];
    }

    private string ReadQuoted()
    {
        const string Triple = "\"\"\"";
        if (string.CompareOrdinal(_text, _at, Triple, 0, Triple.Length) == 0)
        {
            var close = _text.IndexOf(Triple, _at + Triple.Length, StringComparison.Ordinal);
            if (close < 0) throw Wrong($"a {Triple} is not closed.");
            // Quotation marks before the last three are the text's own.
            while (close + Triple.Length < _text.Length && _text[close + Triple.Length] == '"') close++;
            var raw = _text[(_at + Triple.Length)..close];
            _line += raw.Count(c => c == '\n');
            _at = close + Triple.Length;
            return raw;
        }
        var text = new StringBuilder();
        for (_at++; Now != '"'; _at++)
        {
            if (IsAtEnd || Now == '\n') throw Wrong("a \" is not closed.");
            text.Append(Now == '\\' ? ReadEscape() : Now);
        }
        _at++;
        return text.ToString();
    }

    private char ReadEscape()
    {
        _at++;
        switch (Now)
        {
            case '"' or '\\' or '/': return Now;
            case 'b': return '\b';
            case 'f': return '\f';
            case 'n': return '\n';
            case 'r': return '\r';
            case 't': return '\t';
            case 'u' when _at + 4 < _text.Length && ushort.TryParse(_text.AsSpan(_at + 1, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code):
                _at += 4;
                return (char)code;
            default: throw Wrong($"'\\{Now}' is no escape; a backslash itself is \\\\.");
        }
    }

    private void SkipSpaces()
    {
        while (Now is ' ' or '\t') _at++;
    }

    /// <summary>Passes over all that is between entries.</summary>
    private void SkipBlank(bool commas = true)
    {
        while (!IsAtEnd)
        {
            if (IsAtComment)
            {
                SkipComment();
                continue;
            }
            if (!char.IsWhiteSpace(Now) && Now != '\ufeff' && !(commas && Now == ',')) return;
            if (Now == '\n') _line++;
            _at++;
        }
    }

    private void SkipComment()
    {
        while (!IsAtEnd && Now != '\n') _at++;
    }

    private FormatException Wrong(string what) => new($"line {_line}: {what}");
}
