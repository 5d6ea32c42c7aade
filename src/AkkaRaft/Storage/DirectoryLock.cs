using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AkkaRaft.Storage;

/// <summary>
/// An exclusive lock on a directory itself: whoever opens its files has come through it. A lock file could be removed under its holder, and the next process
/// would lock another file of that name; on Windows a file that is open cannot be removed.
/// </summary>
internal static class DirectoryLock
{
    private const int ExclusiveOrNotAtAll = 2 | 4;

    private static int CloseOnExec => OperatingSystem.IsMacOS() ? 0x1000000 : 0x80000;

    private static int WouldBlock => OperatingSystem.IsMacOS() ? 35 : 11;

    /// <returns>Disposed of, it gives the lock up, as the end of the process does.</returns>
    /// <exception cref="DataDirectoryException">Another process holds it, or the directory cannot be locked.</exception>
    public static SafeFileHandle Take(string path)
    {
        if (OperatingSystem.IsWindows()) return TakeFile(path);
        var directory = Open(path, CloseOnExec);
        if (!directory.IsInvalid && Flock(directory, ExclusiveOrNotAtAll) == 0) return directory;
        var error = Marshal.GetLastPInvokeError();
        directory.Dispose();
        throw error == WouldBlock ? InUse(path, null)
            : new DataDirectoryException($"The data directory {path} cannot be locked: {Marshal.GetPInvokeErrorMessage(error)}. It must be on a local disk, and this user must have the right to read and write there.");
    }

    private static SafeFileHandle TakeFile(string path)
    {
        try
        {
            return File.OpenHandle(Path.Combine(path, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new DataDirectoryException($"The data directory {path} cannot be written: {e.Message}", e);
        }
        catch (IOException e)
        {
            throw InUse(path, e);
        }
    }

    private static DataDirectoryException InUse(string path, IOException? cause) =>
        new($"The data directory {path} is in use by another process. Stop that process, or choose another directory with --data.", cause!);

    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    private static extern SafeFileHandle Open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);

    [DllImport("libc", EntryPoint = "flock", SetLastError = true)]
    private static extern int Flock(SafeFileHandle file, int operation);
}
