using AkkaRaft.StateMachines;
using Microsoft.Data.Sqlite;

namespace AkkaRaft.KeyValue;

/// <summary>Images of the state: files of the same tables, of one moment. No row goes into one or out of one unchecked.</summary>
internal sealed partial class KeyValueStore
{
    /// <summary>Writes an image of a store's file, of one moment, while the store goes on.</summary>
    /// <exception cref="UnusableStateException">The store's file is damaged.</exception>
    public static ImageSaved SaveImage(string stateFile, string imageFile)
    {
        try
        {
            using var connection = OpenImage(stateFile, SqliteOpenMode.ReadOnly);
            return SaveImage(connection, stateFile, imageFile);
        }
        catch (SqliteException e) when (!IsDamage(e))
        {
            return new ImageSaved(0, 0, $"{imageFile} cannot be written from {stateFile}: {e.Message}");
        }
    }

    /// <summary>Writes an image of a store in memory.</summary>
    public static ImageSaved SaveImage(KeyValueStore store, string imageFile)
    {
        store.Commit();
        return SaveImage(store._connection.Idle(), store._file, imageFile);
    }

    private static ImageSaved SaveImage(SqliteConnection connection, string stateFile, string imageFile)
    {
        try
        {
            using var command = connection.CreateCommand();
            command.CommandText = "VACUUM INTO $file";
            command.Parameters.AddWithValue("$file", imageFile);
            command.ExecuteNonQuery();
        }
        catch (SqliteException e) when (IsDamage(e))
        {
            throw new UnusableStateException(stateFile, $"is damaged: {e.Message}", e);
        }
        try
        {
            using var image = OpenImage(imageFile, SqliteOpenMode.ReadOnly);
            var progress = StateSchema.Verify(image, imageFile);
            return new ImageSaved(progress.AppliedIndex, progress.AppliedTerm);
        }
        catch (Exception e) when (IsDamage(e))
        {
            // Rows are copied as they are: what is wrong in the image is wrong in the state, or went wrong on the way.
            StateSchema.Verify(connection, stateFile);
            return new ImageSaved(0, 0, $"{imageFile} was written from {stateFile}, which is sound, and is damaged: {e.Message}");
        }
    }

    /// <summary>Why an image cannot be taken over, for people; null when it can.</summary>
    public static string? WhatIsWrongWith(CheckImage check)
    {
        try
        {
            var image = Inspect(check.File);
            return (image.Index, image.Term) == (check.Index, check.Term) ? null : $"{check.File} is of entry {image.Index} of term {image.Term}, not of {check.Index} of term {check.Term}.";
        }
        catch (KeyValueStoreException e)
        {
            return e.Message;
        }
    }

    /// <summary>
    /// Takes over the state of an image that was found to be sound, in one transaction. The image stays as it is; the state's file stays this member's.
    /// </summary>
    /// <exception cref="KeyValueStoreException">The image is damaged where it says what it is of, or of another version.</exception>
    public void Load(string imageFile, long journalSequenceNr)
    {
        Commit();
        // An image that is cut short while it is changed would be another one.
        var copy = $"{imageFile}.loading";
        try
        {
            // What an earlier attempt left beside its copy would be taken for this one's.
            foreach (var suffix in (string[])["-journal", "-wal", "-shm"]) File.Delete(copy + suffix);
            File.Copy(imageFile, copy, overwrite: true);
            using var image = OpenImage(copy, SqliteOpenMode.ReadWrite);
            var progress = Checked(imageFile, () => StateSchema.ProgressOf(image, imageFile));
            StateSchema.SetOwner(image, _owner);
            using (var update = new Statement(image, StateProgress.Update)) (progress with { JournalSequenceNr = journalSequenceNr }).Write(update);
            image.BackupDatabase(_connection.Idle());
        }
        finally
        {
            File.Delete(copy);
        }
        Checkpoint(_connection.Idle());
        LoadState();
    }

    /// <summary>Whether a file is a sound image, and of what.</summary>
    /// <exception cref="KeyValueStoreException">It is none, is damaged, or is of another version.</exception>
    public static ImageContent Inspect(string imageFile)
    {
        try
        {
            using var image = OpenImage(imageFile, SqliteOpenMode.ReadOnly);
            return Checked(imageFile, () =>
            {
                var owner = StateSchema.Check(image, imageFile);
                using var command = image.CreateCommand();
                command.CommandText = "PRAGMA integrity_check(1)";
                if (command.ExecuteScalar() is string check && check != "ok") throw new UnusableStateException(imageFile, $"is damaged: {check.Split('\n')[^1].Trim()}");
                var progress = StateSchema.Verify(image, imageFile);
                using var lastUsed = image.CreateCommand();
                lastUsed.CommandText = "SELECT max(ms) FROM (SELECT max(expires_ms - ttl_ms) AS ms FROM lease UNION ALL SELECT max(last_used_ms) FROM session)";
                return new ImageContent(progress.AppliedIndex, progress.AppliedTerm, lastUsed.ExecuteScalar() as long? ?? 0, owner.ClusterId);
            });
        }
        catch (SqliteException e)
        {
            throw new KeyValueStoreException($"{imageFile} is no backup of a key-value store, or cannot be read: {e.Message}", e);
        }
    }

    /// <summary>What an image's damage proves of the image proves nothing of the state.</summary>
    private static T Checked<T>(string imageFile, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (UnusableStateException e)
        {
            throw new KeyValueStoreException(e.Message, e);
        }
        catch (SqliteException e) when (IsDamage(e))
        {
            throw new KeyValueStoreException($"{imageFile} is no backup of a key-value store, or is damaged: {e.Message}", e);
        }
    }

    private static SqliteConnection OpenImage(string file, SqliteOpenMode mode)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = file, Pooling = false, Mode = mode }.ToString());
        connection.Open();
        return connection;
    }
}
