using System.IO.Pipes;
using Microsoft.Win32.SafeHandles;

namespace AkkaRaft.Remoting.Threading;

/// <summary>Wakes threads that sleep: each <see cref="Set"/> lets one <see cref="Wait"/> go on, now or when it comes. For any number of threads.</summary>
/// <remarks>
/// They sleep in a read of a pipe, since a thread that sleeps in a monitor wakes into locks which its waker still holds: five changes of thread where a pipe needs one.
/// </remarks>
internal sealed class PipeSignal : IDisposable
{
    private readonly AnonymousPipeServerStream _pipe = new(PipeDirection.In);
    // Without a buffer there is nothing that threads could share; the pipe's own streams go by way of a socket, and make it at the first read.
    private readonly FileStream _read;
    private readonly FileStream _write;

    public PipeSignal()
    {
        _read = new FileStream(Handle(_pipe.SafePipeHandle), FileAccess.Read, bufferSize: 0);
        _write = new FileStream(Handle(_pipe.ClientSafePipeHandle), FileAccess.Write, bufferSize: 0);
    }

    public void Set() => _write.Write([0]);

    public void Wait()
    {
        Span<byte> one = stackalloc byte[1];
        _ = _read.Read(one);
    }

    public void Dispose()
    {
        _write.Dispose();
        _read.Dispose();
        _pipe.ClientSafePipeHandle.Dispose();
        _pipe.Dispose();
    }

    private static SafeFileHandle Handle(SafePipeHandle handle) => new(handle.DangerousGetHandle(), ownsHandle: false);
}
