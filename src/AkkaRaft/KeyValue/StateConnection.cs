using Microsoft.Data.Sqlite;

namespace AkkaRaft.KeyValue;

/// <summary>
/// The store's one connection, with its statements and its transaction. A commit may go on aside, in a thread of its own, while the state machine goes on
/// in memory; whatever needs the connection meanwhile waits for its end. After an exception nothing is committed any more.
/// </summary>
internal sealed class StateConnection : IDisposable
{
    private readonly string _file;
    private readonly SqliteConnection _connection;
    private readonly List<Statement> _statements = [];
    private readonly Statement _begin;
    private readonly Statement _beginRead;
    private readonly Statement _commit;
    private Task? _aside;
    private bool _isWriting;
    private bool _isReading;
    private bool _readsTogether;

    /// <param name="connection">It is open; this disposes of it.</param>
    /// <param name="file">Its file, for people.</param>
    public StateConnection(SqliteConnection connection, string file)
    {
        _file = file;
        _connection = connection;
        // Prepared, unlike a SqliteTransaction, which costs as much as all else of a short one.
        _begin = Prepare("BEGIN IMMEDIATE");
        _beginRead = Prepare("BEGIN");
        _commit = Prepare("COMMIT");
    }

    /// <summary>Whether a commit is under way.</summary>
    public bool IsCommitting => _aside is { IsCompleted: false };

    /// <summary>Whether a commit aside has failed, so that what it took is not in the file.</summary>
    public bool HasFailed => _aside is { IsFaulted: true };

    /// <summary>A statement for use with <see cref="Reading"/>, with <see cref="Writing"/>, or within a commit.</summary>
    public Statement Prepare(string sql)
    {
        var statement = new Statement(_connection, sql);
        _statements.Add(statement);
        return statement;
    }

    /// <summary>The connection, once no commit is under way and no transaction open.</summary>
    public SqliteConnection Idle()
    {
        Settle();
        return _isWriting ? throw new InvalidOperationException("What was written is not committed.") : _connection;
    }

    /// <summary>The statement, once no commit is under way.</summary>
    public Statement Reading(Statement statement)
    {
        Settle();
        if (_readsTogether && !_isWriting && !_isReading)
        {
            _beginRead.Run();
            _isReading = true;
        }
        return statement;
    }

    /// <summary>Whether a statement of whole rows of a table has a row, or one more, whose checksum is right.</summary>
    /// <exception cref="UnusableStateException">It is not.</exception>
    public bool Step(StateTable table, Statement rows) => table.Step(rows, _file);

    /// <summary>What is to be thrown where the file holds what it cannot hold.</summary>
    public UnusableStateException Damaged(string found) => new(_file, $"is damaged: {found}");

    /// <summary>The statement, in the transaction that the next commit ends.</summary>
    public Statement Writing(Statement statement)
    {
        Begin();
        return statement;
    }

    /// <summary>All that is read is of one transaction, which would begin and end with each statement otherwise.</summary>
    public T ReadTogether<T>(Func<T> read)
    {
        _readsTogether = true;
        try
        {
            return read();
        }
        finally
        {
            _readsTogether = false;
            EndReading();
        }
    }

    /// <summary>Writes what a commit would write, and leaves it to the next one to commit it.</summary>
    /// <param name="write">Uses statements as they are.</param>
    public void Write(Action write)
    {
        Begin();
        write();
    }

    /// <summary>Writes and commits.</summary>
    /// <param name="write">As in <see cref="Write"/>.</param>
    public void Commit(Action write)
    {
        Write(write);
        _commit.Run();
        _isWriting = false;
    }

    /// <summary>Writes and commits in a thread of its own: the pool may be busy with what an application blocks there.</summary>
    /// <param name="write">Uses statements as they are, and nothing that changes until it is done.</param>
    /// <param name="then">What is to be done with the connection afterwards.</param>
    public Task CommitAside(Action write, Action<SqliteConnection> then)
    {
        Settle();
        EndReading();
        var isWriting = _isWriting;
        _isWriting = false;
        return _aside = Task.Factory.StartNew(
            () =>
            {
                if (!isWriting) _begin.Run();
                write();
                _commit.Run();
                then(_connection);
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>Waits for the commit under way.</summary>
    /// <exception cref="SqliteException">It failed, now or earlier.</exception>
    public void Settle()
    {
        if (_aside is null) return;
        _aside.GetAwaiter().GetResult();
        _aside = null;
    }

    public void Dispose()
    {
        // Whoever began it is told how it ended.
        if (_aside is not null) Task.WaitAny(_aside);
        foreach (var statement in _statements) statement.Dispose();
        _connection.Dispose();
    }

    private void Begin()
    {
        Settle();
        EndReading();
        if (!_isWriting) _begin.Run();
        _isWriting = true;
    }

    private void EndReading()
    {
        if (_isReading) _commit.Run();
        _isReading = false;
    }
}
