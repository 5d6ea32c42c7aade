using System.Text;

namespace AkkaRaft.Node;

/// <summary>How a line is cut into words.</summary>
internal static class Words
{
    /// <summary>Words between blanks; '…' is taken as it is, "…" knows \" \\ \n \t.</summary>
    public static List<string> Split(string line)
    {
        var words = new List<string>();
        StringBuilder? word = null;
        for (int i = 0; i < line.Length; i++)
        {
            char c = line[i];
            if (c is '\'' or '"')
            {
                word ??= new();
                for (i++; ; i++)
                {
                    if (i >= line.Length)
                    {
                        throw new UsageException($"A {c} is not closed.");
                    }

                    if (line[i] == c)
                    {
                        break;
                    }

                    if (c == '"' && line[i] == '\\' && i + 1 < line.Length)
                    {
                        i++;
                        word.Append(line[i] switch { 'n' => '\n', 't' => '\t', var other => other });
                    }
                    else
                    {
                        word.Append(line[i]);
                    }
                }
            }
            else if (char.IsWhiteSpace(c))
            {
                if (word is not null)
                {
                    words.Add(word.ToString());
                    word = null;
                }
            }
            else
            {
                (word ??= new()).Append(c);
            }
        }

        if (word is not null)
        {
            words.Add(word.ToString());
        }

        return words;
    }
}
