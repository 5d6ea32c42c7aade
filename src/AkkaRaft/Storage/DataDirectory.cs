using AkkaRaft.Protocol;
using AkkaRaft.StateMachines;
using Microsoft.Data.Sqlite;
using Microsoft.Win32.SafeHandles;

namespace AkkaRaft.Storage;

/// <summary>A member's data directory cannot be used: in use, unreadable, damaged, or another member's.</summary>
public sealed class DataDirectoryException : RaftException
{
    /// <summary>Nothing is known of the cause.</summary>
    public DataDirectoryException() { }

    /// <summary>Says what is wrong, where, and what to do.</summary>
    public DataDirectoryException(string message) : base(message) { }

    /// <summary>Says what is wrong, where, and what to do, and how it was found.</summary>
    public DataDirectoryException(string message, Exception innerException) : base(message, innerException) { }
}

/// <summary>The directory of one member, locked against a second process for as long as this lives.</summary>
internal sealed class DataDirectory : IDisposable
{
    private readonly SafeFileHandle _lock;

    private DataDirectory(string path, SafeFileHandle directoryLock)
    {
        Path = path;
        _lock = directoryLock;
    }

    public string Path { get; }

    public string JournalFile => JournalOf(Path);

    /// <summary>Where a state machine of the member keeps its state.</summary>
    public string StateFile(string name) => System.IO.Path.Combine(Path, name);

    /// <exception cref="DataDirectoryException">It is in use, or cannot be created or written.</exception>
    public static DataDirectory Open(RaftSettings settings)
    {
        var path = PathOf(settings);
        var restore = new RestoreDirectory(settings);
        if (restore.IsUnfinished)
            throw new DataDirectoryException($"A restore of member {settings.Id} was not finished: without it the member would begin empty. Run 'akkaraft restore' again, which does away with what is left in {restore.Path}.");
        try
        {
            Directory.CreateDirectory(path);
            restore.Begun();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataDirectoryException($"The data directory {path} cannot be created: {e.Message} Choose another with --data, or give this user the right to write there.", e);
        }

        return new DataDirectory(path, DirectoryLock.Take(path));
    }

    public void Dispose() => _lock.Dispose();

    /// <summary>Where the member's journal is, whether or not it is there.</summary>
    public static string JournalOf(RaftSettings settings) => JournalOf(PathOf(settings));

    private static string JournalOf(string path) => System.IO.Path.Combine(path, "journal.db");

    /// <summary>Where the member's files are, whether or not they are there.</summary>
    public static string PathOf(RaftSettings settings) => System.IO.Path.GetFullPath(System.IO.Path.Combine(settings.DataDirectory, settings.Id.ToString()));
}

/// <summary>What must hold of <c>journal.db</c> before a member trusts it.</summary>
internal static class JournalGuard
{
    private const int SynchronousFull = 2;

    /// <summary>Not pooled: a pooled connection would outlive its use, with its transaction.</summary>
    public static string ConnectionString(string journalFile) => new SqliteConnectionStringBuilder { DataSource = journalFile, Pooling = false }.ToString();

    /// <summary>What is to be done with a member whose files are damaged. Older copies of them would make it forget what it voted and acknowledged.</summary>
    public static string AfterDamage(MemberId member) =>
        $"Remove the member from the cluster ('akkaraft members remove {member}') and add one under a new id, with an empty directory. Where a majority of the members is lost, 'akkaraft recover' goes on from one that is left, and 'akkaraft restore' begins anew from a backup.";

    /// <summary>Turns on write-ahead logging, asserts that each commit is synced to the disk, and that the file is this member's, with a log for its state machine.</summary>
    /// <param name="settings">The member's.</param>
    /// <param name="directory">Where the file is.</param>
    /// <param name="stateMachine">The state machine's name; empty for the key-value store.</param>
    /// <exception cref="DataDirectoryException">One of these does not hold.</exception>
    public static void Check(RaftSettings settings, DataDirectory directory, string stateMachine = "")
    {
        var file = directory.JournalFile;
        try
        {
            WriteAheadLog.Verify(file);
            using var connection = new SqliteConnection(ConnectionString(file));
            connection.Open();
            var mode = Scalar(connection, "PRAGMA journal_mode=WAL")?.ToString();
            if (mode != "wal")
                throw new DataDirectoryException($"{file} cannot use write-ahead logging (its journal mode stays '{mode}'): is it on a network file system?");
            // The connection is as the journal plugin opens its own: `synchronous` cannot be set in a connection string.
            if (Convert.ToInt32(Scalar(connection, "PRAGMA synchronous"), System.Globalization.CultureInfo.InvariantCulture) != SynchronousFull)
                throw new DataDirectoryException($"{file} is opened without synchronous=FULL by this build of SQLite: a power failure could lose acknowledged writes.");
            Identify(connection, settings, file);
            Identify(connection, stateMachine, file);
            Scalar(connection, SqliteJournal.Schema);
        }
        catch (Exception e) when (JournalCorruptException.IsShownBy(e))
        {
            throw new DataDirectoryException($"{file} is damaged: {e.Message} The member neither votes nor serves on it. {AfterDamage(settings.Id)}", e);
        }
        catch (Exception e) when (e is SqliteException or IOException or UnauthorizedAccessException)
        {
            throw new DataDirectoryException($"{file} cannot be opened now: {e.Message} Nothing in it is known to be damaged; see whether the disk is full or failing, whether this user may write there, and whether the process may open more files, and start the member again.", e);
        }
    }

    private static void Identify(SqliteConnection connection, RaftSettings settings, string file)
    {
        Scalar(connection, "CREATE TABLE IF NOT EXISTS akkaraft_identity(one INTEGER PRIMARY KEY CHECK (one = 1), cluster_id TEXT NOT NULL, member_id INTEGER NOT NULL)");
        using var insert = connection.CreateCommand();
        insert.CommandText = "INSERT OR IGNORE INTO akkaraft_identity VALUES (1, $cluster, $member)";
        insert.Parameters.AddWithValue("$cluster", settings.ClusterId);
        insert.Parameters.AddWithValue("$member", settings.Id.Value);
        insert.ExecuteNonQuery();

        using var select = connection.CreateCommand();
        select.CommandText = "SELECT cluster_id, member_id FROM akkaraft_identity";
        using var row = select.ExecuteReader();
        row.Read();
        var (cluster, member) = (row.GetString(0), row.GetInt32(1));
        if (cluster != settings.ClusterId || member != settings.Id.Value)
            throw new DataDirectoryException($"{file} belongs to member {member} of cluster '{cluster}', not to member {settings.Id} of '{settings.ClusterId}'. Choose the directory that is this member's.");
    }

    /// <summary>The log is of another state machine than the member was started with, as its entries tell: from now on it can be started with that one.</summary>
    /// <exception cref="DataDirectoryException">It cannot be noted.</exception>
    public static void Note(DataDirectory directory, string stateMachine)
    {
        try
        {
            using var connection = new SqliteConnection(ConnectionString(directory.JournalFile));
            connection.Open();
            Note(connection, "REPLACE", stateMachine);
        }
        catch (SqliteException e)
        {
            throw new DataDirectoryException($"{directory.JournalFile} cannot be written: {e.Message} It is the log of {StateMachineNames.Words(stateMachine)}, and that is not noted in it.", e);
        }
    }

    private static void Note(SqliteConnection connection, string otherwise, string stateMachine)
    {
        using var insert = connection.CreateCommand();
        insert.CommandText = $"INSERT OR {otherwise} INTO akkaraft_state_machine VALUES (1, $name)";
        insert.Parameters.AddWithValue("$name", stateMachine);
        insert.ExecuteNonQuery();
    }

    /// <summary>Another state machine would take the commands for its own, or for damage.</summary>
    private static void Identify(SqliteConnection connection, string stateMachine, string file)
    {
        // Builds that noted nothing ran the store alone.
        var isOlder = Scalar(connection, "SELECT 1 FROM sqlite_master WHERE name = 'akkaraft_state_machine'") is null
            && Scalar(connection, "SELECT 1 FROM sqlite_master WHERE name = 'journal'") is not null && Scalar(connection, "SELECT 1 FROM journal LIMIT 1") is not null;
        Scalar(connection, "CREATE TABLE IF NOT EXISTS akkaraft_state_machine(one INTEGER PRIMARY KEY CHECK (one = 1), name TEXT NOT NULL)");
        Note(connection, "IGNORE", isOlder ? "" : stateMachine);
        var found = (string)Scalar(connection, "SELECT name FROM akkaraft_state_machine")!;
        if (found != stateMachine)
            throw new DataDirectoryException($"{file} is the log of {StateMachineNames.Words(found)}, and the member is to run {StateMachineNames.Words(stateMachine)}. Start it as what it is, or choose another directory.");
    }

    private static object? Scalar(SqliteConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }
}
