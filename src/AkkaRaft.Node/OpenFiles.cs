using System.Runtime.InteropServices;

namespace AkkaRaft.Node;

/// <summary>
/// How many files the process may have open. With too few not even its own assemblies can be loaded, wherever it happens to be; so it is looked at
/// before anything else, with nothing that would have to be loaded.
/// </summary>
internal static class OpenFiles
{
    // A member that is alone has about 150, most of them its assemblies; the rest is for its peers and its clients.
    private const int Needed = 256;
    private const int StandardError = 2;

    /// <summary>Says so when there are too few.</summary>
    public static bool AreEnough()
    {
        int resource = OperatingSystem.IsLinux() ? 7 : OperatingSystem.IsMacOS() ? 8 : -1;
        if (resource < 0 || GetLimit(resource, out var limit) != 0 || limit.Current >= Needed)
        {
            return true;
        }

        byte[] message = System.Text.Encoding.UTF8.GetBytes(
            $"akkaraft: this process may have {limit.Current} files open, and needs {Needed}, more with many clients. Raise the limit: 'ulimit -n 4096' in the shell that starts it, LimitNOFILE= in a unit of systemd, or nofile in /etc/security/limits.conf.\n");
        _ = Posix.Write(StandardError, message, out _);
        return false;
    }

    [DllImport("libc", EntryPoint = "getrlimit")]
    private static extern int GetLimit(int resource, out Limit limit);

    [StructLayout(LayoutKind.Sequential)]
    private struct Limit
    {
        public nuint Current;
        public nuint Most;
    }
}
