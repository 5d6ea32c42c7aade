using Microsoft.Data.Sqlite;

namespace AkkaRaft.KeyValue;

/// <summary>A table of the state's file, each row of which carries a checksum: what the disk changed is seen where it is read.</summary>
/// <param name="Name">The table's name.</param>
/// <param name="Columns">All columns, the checksum last.</param>
/// <param name="Sum">The checksum that the row at which a statement stands should have. The statement reads all columns, in order.</param>
internal sealed record StateTable(string Name, string Columns, Func<Statement, RowChecksum> Sum)
{
    private readonly int _sumColumn = Columns.Split(',').Length - 1;

    /// <summary>SQL that reads whole rows.</summary>
    public string Select(string rest = "") => $"SELECT {Columns} FROM {Name} {rest}";

    /// <summary>Whether there is a row, or one more, as it was written.</summary>
    /// <exception cref="UnusableStateException">It is not.</exception>
    public bool Step(Statement rows, string file)
    {
        if (!rows.Step()) return false;
        if (Sum(rows).Value == rows.Integer(_sumColumn)) return true;
        rows.Reset();
        throw new UnusableStateException(file, $"is damaged: a row of its table {Name} does not have the checksum that it was written with.");
    }

    /// <summary>Reads all rows.</summary>
    /// <returns>How many there are.</returns>
    /// <exception cref="UnusableStateException">One is not as it was written.</exception>
    public long Verify(SqliteConnection connection, string file)
    {
        using var rows = new Statement(connection, Select());
        var count = 0L;
        while (Step(rows, file)) count++;
        return count;
    }
}
