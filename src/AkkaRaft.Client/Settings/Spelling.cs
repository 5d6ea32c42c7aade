namespace AkkaRaft;

/// <summary>What somebody who misspelt a word may have meant.</summary>
internal static class Spelling
{
    // More than that in a word is another word.
    private const int MostEdits = 3;

    /// <summary>The known word that takes the fewest edits to get to, each a letter more, less, other, or changed with the next; null when none is near.</summary>
    public static string? Nearest(string word, IEnumerable<string> known)
    {
        // Half of a short word is no misspelling of it.
        var most = Math.Min(MostEdits, Math.Max(1, word.TrimStart('-').Length / 3));
        return known.Where(k => Math.Abs(k.Length - word.Length) <= most).Select(k => (Word: k, Edits: Edits(word, k))).Where(k => k.Edits <= most)
            .OrderBy(k => k.Edits).ThenBy(k => k.Word, StringComparer.Ordinal).Select(k => k.Word).FirstOrDefault();
    }

    private static int Edits(string from, string to)
    {
        var rows = new int[from.Length + 1, to.Length + 1];
        for (var i = 0; i <= from.Length; i++) rows[i, 0] = i;
        for (var j = 0; j <= to.Length; j++) rows[0, j] = j;
        for (var i = 1; i <= from.Length; i++)
        {
            for (var j = 1; j <= to.Length; j++)
            {
                var cost = from[i - 1] == to[j - 1] ? 0 : 1;
                rows[i, j] = Math.Min(Math.Min(rows[i - 1, j] + 1, rows[i, j - 1] + 1), rows[i - 1, j - 1] + cost);
                if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1]) rows[i, j] = Math.Min(rows[i, j], rows[i - 2, j - 2] + 1);
            }
        }
        return rows[from.Length, to.Length];
    }
}
