using System.Runtime.InteropServices;
using AkkaRaft.StateMachines;

namespace AkkaRaft.Storage;

/// <summary>The file of a plain class's state: always one whole image, the last that was written or the one before.</summary>
/// <param name="file">Its path.</param>
internal sealed class StateFile(string file) : IStateFile
{
    private const int OpenReadOnly = 0;

    public byte[]? Read()
    {
        try
        {
            var image = File.ReadAllBytes(file);
            // A crash may have come between the renaming and its sync: what is gone on from here must be there after the next one too.
            SyncDirectory();
            return image;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException($"{file} cannot be read: {e.Message} It is tried until it can; see whether it is a file, and whether this user may read it.", e);
        }
    }

    public Task WriteAsync(byte[] image, Action check) => Task.Run(() =>
    {
        check();
        var next = $"{file}.next";
        Write(image, next, FileMode.Create);
        File.Move(next, file, overwrite: true);
        SyncDirectory();
    });

    public Task WriteImageAsync(byte[] image, string to, Action check) => Task.Run(() =>
    {
        check();
        Write(image, to, FileMode.CreateNew);
    });

    public string PutAside()
    {
        var aside = $"{file}.damaged";
        if (File.Exists(file)) File.Move(file, aside, overwrite: true);
        return aside;
    }

    private static void Write(byte[] image, string to, FileMode mode)
    {
        using var stream = new FileStream(to, mode, FileAccess.Write, FileShare.None);
        stream.Write(image);
        stream.Flush(flushToDisk: true);
    }

    /// <summary>Without it a power failure may bring the old name back, when the log has gone already. Windows does so by itself.</summary>
    private void SyncDirectory()
    {
        if (OperatingSystem.IsWindows()) return;
        var directory = Path.GetDirectoryName(file)!;
        var descriptor = Open(directory, OpenReadOnly);
        if (descriptor < 0) throw new IOException($"The directory {directory} cannot be opened (errno {Marshal.GetLastPInvokeError()}).");
        try
        {
            if (Sync(descriptor) != 0) throw new IOException($"The directory {directory} cannot be synced (errno {Marshal.GetLastPInvokeError()}).");
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    private static extern int Open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static extern int Sync(int descriptor);

    [DllImport("libc", EntryPoint = "close", SetLastError = true)]
    private static extern int Close(int descriptor);
}
