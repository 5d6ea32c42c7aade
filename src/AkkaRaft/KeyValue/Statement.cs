using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace AkkaRaft.KeyValue;

/// <summary>
/// An SQL statement, prepared once, on SQLite's own interface: parameters are bound from the bytes where they lie, and a row's bytes are read in place.
/// Its use must end with <see cref="Reset"/> or <see cref="Run"/>: a row that is left open keeps its transaction open.
/// </summary>
internal sealed class Statement : IDisposable
{
    private readonly sqlite3 _database;
    private readonly sqlite3_stmt _statement;

    /// <exception cref="SqliteException">The statement is wrong, or the file is damaged.</exception>
    public Statement(SqliteConnection connection, string sql)
    {
        _database = connection.Handle!;
        Check(raw.sqlite3_prepare_v2(_database, sql, out _statement));
    }

    /// <summary>Parameters are counted from 1.</summary>
    public Statement Bind(int parameter, long value)
    {
        Check(raw.sqlite3_bind_int64(_statement, parameter, value));
        return this;
    }

    /// <inheritdoc cref="Bind(int, long)" />
    public Statement Bind(int parameter, ReadOnlySpan<byte> value)
    {
        // No bytes would be bound as NULL.
        Check(value.IsEmpty ? raw.sqlite3_bind_zeroblob(_statement, parameter, 0) : raw.sqlite3_bind_blob(_statement, parameter, value));
        return this;
    }

    /// <summary>Whether there is a row, or one more.</summary>
    /// <exception cref="SqliteException">The statement failed; it is reset.</exception>
    public bool Step()
    {
        var code = raw.sqlite3_step(_statement);
        if (code == raw.SQLITE_ROW) return true;
        if (code == raw.SQLITE_DONE) return false;
        raw.sqlite3_reset(_statement);
        SqliteException.ThrowExceptionForRC(code, _database);
        return false;
    }

    /// <summary>Ends the use; bound values stay.</summary>
    public void Reset() => raw.sqlite3_reset(_statement);

    /// <summary>Runs it to its end.</summary>
    /// <returns>How many rows it changed.</returns>
    /// <exception cref="SqliteException">It failed, and changed nothing.</exception>
    public int Run()
    {
        while (Step())
        {
        }
        Reset();
        return raw.sqlite3_changes(_database);
    }

    /// <summary>Columns are counted from 0.</summary>
    public long Integer(int column) => raw.sqlite3_column_int64(_statement, column);

    /// <summary>The bytes are valid until the next step.</summary>
    public ReadOnlySpan<byte> Blob(int column) => raw.sqlite3_column_blob(_statement, column);

    public void Dispose() => _statement.Dispose();

    private void Check(int code)
    {
        if (code != raw.SQLITE_OK) SqliteException.ThrowExceptionForRC(code, _database);
    }
}
