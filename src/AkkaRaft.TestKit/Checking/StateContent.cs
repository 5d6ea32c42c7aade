using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using AkkaRaft.KeyValue;
using Microsoft.Data.Sqlite;

namespace AkkaRaft.TestKit.Checking;

/// <summary>What the tables of a key-value state hold, as bytes: those of two states are the same if all that decides results and answers is.</summary>
internal sealed class StateContent : IDisposable
{
    private const char Bytes = 'b';
    private const char Number = 'n';

    // The columns' kinds beside each; checksums and the journal's numbers are each member's own.
    private static readonly (string Sql, string Kinds)[] Tables =
    [
        ("SELECT applied_index, applied_term, revision, last_lease, history_from FROM progress", "nnnnn"),
        ("SELECT encoded FROM limits", "b"),
        ("SELECT key, value, version, lease FROM kv ORDER BY key", "bbnn"),
        ("SELECT id, ttl_ms, expires_ms FROM lease ORDER BY id", "nnn"),
        ("SELECT id, last_used_ms, next_serial, acked FROM session ORDER BY id", "nnnn"),
        ("SELECT session, last_serial, first_serial, results FROM session_result ORDER BY session, last_serial", "nnnb"),
        ("SELECT last_revision, first_revision, changes FROM history ORDER BY last_revision", "nnb"),
    ];

    private readonly Statement[] _tables;
    private readonly ArrayBufferWriter<byte> _content = new(4_096);

    /// <param name="state">An open connection, which outlives this.</param>
    public StateContent(SqliteConnection state) => _tables = [.. Tables.Select(t => new Statement(state, t.Sql))];

    /// <summary>The content is valid until the next reading.</summary>
    /// <exception cref="SqliteException">It cannot be read.</exception>
    public (long AppliedIndex, ReadOnlyMemory<byte> Content) Read()
    {
        _content.ResetWrittenCount();
        var applied = 0L;
        for (var table = 0; table < _tables.Length; table++)
        {
            var (rows, kinds) = (_tables[table], Tables[table].Kinds);
            while (rows.Step())
            {
                if (table == 0) applied = rows.Integer(0);
                Add(table);
                for (var column = 0; column < kinds.Length; column++)
                {
                    if (kinds[column] == Number)
                    {
                        Add(rows.Integer(column));
                        continue;
                    }
                    var bytes = rows.Blob(column);
                    Add(bytes.Length);
                    _content.Write(bytes);
                }
            }
            rows.Reset();
        }
        return (applied, _content.WrittenMemory);
    }

    /// <summary>The content, for people: a row a line.</summary>
    public static string Describe(ReadOnlySpan<byte> content)
    {
        var text = new StringBuilder();
        while (!content.IsEmpty)
        {
            foreach (var kind in Tables[Take(ref content)].Kinds)
            {
                var number = Take(ref content);
                if (kind == Bytes)
                {
                    text.Append(Encoding.UTF8.GetString(content[..(int)number]));
                    content = content[(int)number..];
                }
                else
                {
                    text.Append(CultureInfo.InvariantCulture, $"{number}");
                }
                text.Append(' ');
            }
            text.AppendLine();
        }
        return text.ToString();
    }

    public void Dispose()
    {
        foreach (var table in _tables) table.Dispose();
    }

    private void Add(long number)
    {
        BinaryPrimitives.WriteInt64LittleEndian(_content.GetSpan(sizeof(long)), number);
        _content.Advance(sizeof(long));
    }

    private static long Take(ref ReadOnlySpan<byte> content)
    {
        var number = BinaryPrimitives.ReadInt64LittleEndian(content);
        content = content[sizeof(long)..];
        return number;
    }
}
