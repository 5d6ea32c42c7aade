using System.Runtime.InteropServices;

namespace AkkaRaft.Remoting;

/// <summary>How many connections a process may have, so that it can always open its files: one that cannot may be unable to load even its own code.</summary>
internal static class FileDescriptors
{
    // A member that is alone has about 150, most of them its assemblies; others are opened when they are first needed, as a snapshot's files are.
    private const int OfTheProcess = 200;
    private const int Reserve = 50;
    private const int Fewest = 16;
    private const int Most = 10_000;

    /// <summary>Most connections that others may open, in all.</summary>
    public static int MaxConnections { get; } = OfLimit(Limit());

    internal static int OfLimit(long limit) => (int)Math.Clamp(limit - OfTheProcess - Reserve, Fewest, Most);

    private static long Limit()
    {
        var resource = OperatingSystem.IsLinux() ? 7 : OperatingSystem.IsMacOS() ? 8 : -1;
        return resource >= 0 && GetLimit(resource, out var limit) == 0 ? (long)Math.Min(limit.Current, int.MaxValue) : int.MaxValue;
    }

    [DllImport("libc", EntryPoint = "getrlimit")]
    private static extern int GetLimit(int resource, out ResourceLimit limit);

    [StructLayout(LayoutKind.Sequential)]
    private struct ResourceLimit
    {
        public nuint Current;
        public nuint Most;
    }
}
