using System.Runtime.InteropServices;

namespace AkkaRaft.Node;

/// <summary>What .NET does not tell of a file descriptor.</summary>
internal static class Posix
{
    public const int BrokenPipe = 32;

    private const int Interrupted = 4;
    private const short PollOut = 4;
    private const short PollError = 8;
    private const short HangUp = 16;

    /// <summary>Whether a descriptor is open, and not by this process: what .NET opens is closed on exec.</summary>
    public static bool IsInherited(int descriptor)
    {
        const int GetFlags = 1;
        const int CloseOnExec = 1;
        int flags = Control(descriptor, GetFlags);
        return flags >= 0 && (flags & CloseOnExec) == 0;
    }

    /// <summary>How many bytes were written, or -1 and the error's number; it waits where there is no room.</summary>
    public static int Write(int descriptor, ReadOnlySpan<byte> bytes, out int error)
    {
        while (true)
        {
            nint written = Write(descriptor, in MemoryMarshal.GetReference(bytes), bytes.Length);
            error = written < 0 ? Marshal.GetLastPInvokeError() : 0;
            if (written >= 0)
            {
                return (int)written;
            }

            if (error == WouldBlock)
            {
                // Whoever gave it to this process has made it non-blocking.
                Wait(descriptor, PollOut);
            }
            else if (error != Interrupted)
            {
                return -1;
            }
        }
    }

    /// <summary>Waits until a pipe, a socket or a terminal has nobody at its other end; for a file, for ever.</summary>
    public static bool WaitForError(int descriptor) => (Wait(descriptor, 0) & (PollError | HangUp)) != 0;

    private static int WouldBlock => OperatingSystem.IsMacOS() ? 35 : 11;

    private static short Wait(int descriptor, short events)
    {
        var polled = new Polled { Descriptor = descriptor, Asked = events };
        while (Poll(ref polled, 1, -1) < 0 && Marshal.GetLastPInvokeError() == Interrupted)
        {
        }

        return polled.Seen;
    }

    [DllImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static extern int Control(int descriptor, int command);

    [DllImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static extern int Poll(ref Polled asked, nuint count, int timeoutMs);

    [DllImport("libc", EntryPoint = "write", SetLastError = true)]
    private static extern nint Write(int descriptor, in byte bytes, nint count);

    [StructLayout(LayoutKind.Sequential)]
    private struct Polled
    {
        public int Descriptor;
        public short Asked;
        public short Seen;
    }
}
