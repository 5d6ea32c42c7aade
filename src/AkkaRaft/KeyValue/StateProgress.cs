namespace AkkaRaft.KeyValue;

/// <summary>How far the state is, in its file in the same transaction as the state itself.</summary>
internal readonly record struct StateProgress(long AppliedIndex, long AppliedTerm, long JournalSequenceNr, long Revision, long LastLease, long HistoryFrom)
{
    public const string Schema =
        """
        CREATE TABLE progress (applied_index INTEGER NOT NULL, applied_term INTEGER NOT NULL, journal_sequence INTEGER NOT NULL,
            revision INTEGER NOT NULL, last_lease INTEGER NOT NULL, history_from INTEGER NOT NULL, crc INTEGER NOT NULL);
        """;

    public const string Update =
        "UPDATE progress SET applied_index = ?1, applied_term = ?2, journal_sequence = ?3, revision = ?4, last_lease = ?5, history_from = ?6, crc = ?7";

    public static readonly StateTable Table = new(
        "progress", "applied_index, applied_term, journal_sequence, revision, last_lease, history_from, crc", row => Of(row).Sum);

    public static readonly StateProgress Begin = new(0, 0, 0, 0, 0, HistoryFrom: 1);

    private RowChecksum Sum =>
        RowChecksum.Begin.With(AppliedIndex).With(AppliedTerm).With(JournalSequenceNr).With(Revision).With(LastLease).With(HistoryFrom);

    /// <summary>Reads the one row.</summary>
    /// <exception cref="UnusableStateException">It is not there, or not as it was written.</exception>
    public static StateProgress Read(Statement rows, string file)
    {
        if (!Table.Step(rows, file)) throw new UnusableStateException(file, "is damaged: it does not say what was applied.");
        var progress = Of(rows);
        rows.Reset();
        return progress;
    }

    /// <summary>Writes the one row, by <see cref="Update"/> or by an INSERT of all columns.</summary>
    /// <returns>How many rows were written.</returns>
    public int Write(Statement statement) => statement
        .Bind(1, AppliedIndex).Bind(2, AppliedTerm).Bind(3, JournalSequenceNr).Bind(4, Revision).Bind(5, LastLease).Bind(6, HistoryFrom).Bind(7, Sum.Value).Run();

    private static StateProgress Of(Statement row) =>
        new(row.Integer(0), row.Integer(1), row.Integer(2), row.Integer(3), row.Integer(4), row.Integer(5));
}
