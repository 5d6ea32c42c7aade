using System.Text;
using Microsoft.Data.Sqlite;

namespace AkkaRaft.KeyValue;

/// <summary>The tables of the state's file, and whose file it is.</summary>
internal static class StateSchema
{
    private const string Version = "3";

    private static readonly StateTable Meta = new("meta", "name, value, crc", row => Sum(row.Blob(0), row.Blob(1)));

    private static readonly StateTable[] Tables =
        [Meta, StateProgress.Table, StoreLimits.Table, KeyTable.Table, LeaseTable.Table, SessionTables.Table, SessionTables.ResultTable, History.Table];

    /// <summary>Makes the tables of an empty file.</summary>
    public static void Create(SqliteConnection connection, string clusterId, string memberId)
    {
        Run(connection, "BEGIN IMMEDIATE");
        Run(
            connection,
            $"""
            CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL, crc INTEGER NOT NULL) WITHOUT ROWID;
            {StateProgress.Schema}
            {StoreLimits.Schema}
            {KeyTable.Schema}
            {LeaseTable.Schema}
            {SessionTables.Schema}
            {History.Schema}
            """);
        SetMeta(connection, "schema_version", Version);
        SetMeta(connection, "cluster_id", clusterId);
        SetMeta(connection, "member_id", memberId);
        using (var insert = new Statement(connection, "INSERT INTO progress VALUES (?, ?, ?, ?, ?, ?, ?)")) StateProgress.Begin.Write(insert);
        Run(connection, "COMMIT");
    }

    /// <summary>Whether there are no tables at all.</summary>
    public static bool IsEmpty(SqliteConnection connection)
    {
        using var tables = new Statement(connection, "SELECT 1 FROM sqlite_master");
        return !tables.Step();
    }

    /// <summary>Checks that this version wrote the file, and the rows that say whose it is.</summary>
    /// <exception cref="UnusableStateException">It is of another version, is no key-value store, or such a row is damaged.</exception>
    public static StateOwner Check(SqliteConnection connection, string file)
    {
        using (var tables = new Statement(connection, "SELECT 1 FROM sqlite_master WHERE name = 'meta'"))
            if (!tables.Step()) throw new UnusableStateException(file, "is an SQLite database, but no key-value store.");
        // Of another version, its rows may have no checksums.
        using (var version = new Statement(connection, "SELECT value FROM meta WHERE name = 'schema_version'"))
        {
            var found = version.Step() ? Encoding.UTF8.GetString(version.Blob(0)) : "";
            if (found != Version) throw new UnusableStateException(file, $"has schema version '{found}'; this version of AkkaRaft reads '{Version}'.");
        }
        var meta = new Dictionary<string, string>();
        using (var rows = new Statement(connection, Meta.Select()))
            while (Meta.Step(rows, file)) meta[Encoding.UTF8.GetString(rows.Blob(0))] = Encoding.UTF8.GetString(rows.Blob(1));
        return meta.TryGetValue("cluster_id", out var cluster) && meta.TryGetValue("member_id", out var member)
            ? new StateOwner(cluster, member)
            : throw new UnusableStateException(file, "is damaged: it does not say whose it is.");
    }

    /// <summary>Makes the file another's.</summary>
    public static void SetOwner(SqliteConnection connection, StateOwner owner)
    {
        SetMeta(connection, "cluster_id", owner.ClusterId);
        SetMeta(connection, "member_id", owner.MemberId);
    }

    /// <summary>Reads all rows of all tables.</summary>
    /// <exception cref="UnusableStateException">One is not as it was written, or is missing.</exception>
    public static StateProgress Verify(SqliteConnection connection, string file)
    {
        var progress = ProgressOf(connection, file);
        foreach (var table in Tables) table.Verify(connection, file);
        return progress;
    }

    /// <summary>Reads how far the state is.</summary>
    /// <exception cref="UnusableStateException">The row is not as it was written, or is missing; or the file is of another version.</exception>
    public static StateProgress ProgressOf(SqliteConnection connection, string file)
    {
        Check(connection, file);
        using var progress = new Statement(connection, StateProgress.Table.Select());
        return StateProgress.Read(progress, file);
    }

    private static void SetMeta(SqliteConnection connection, string name, string value)
    {
        var (nameBytes, valueBytes) = (Encoding.UTF8.GetBytes(name), Encoding.UTF8.GetBytes(value));
        using var set = new Statement(connection, "INSERT OR REPLACE INTO meta (name, value, crc) VALUES (CAST(?1 AS TEXT), CAST(?2 AS TEXT), ?3)");
        set.Bind(1, nameBytes).Bind(2, valueBytes).Bind(3, Sum(nameBytes, valueBytes).Value).Run();
    }

    private static RowChecksum Sum(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value) => RowChecksum.Begin.With(name).With(value);

    private static void Run(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }
}

/// <summary>Whose state a file holds.</summary>
internal sealed record StateOwner(string ClusterId, string MemberId);
