using System.Runtime.InteropServices;
using System.Text;

namespace AkkaRaft.Node;

/// <summary>Standard input, output and error, of which any may be closed, full, or a pipe that nobody reads.</summary>
internal static class StandardStreams
{
    private const int In = 0;
    private const int Out = 1;
    private const int Error = 2;

    /// <summary>What commands answer with: text, and bytes that are none, in the order in which they are written.</summary>
    public static StreamWriter Output { get; } = Writer(new DescriptorStream(Out, isLog: false));

    /// <summary>Makes all that the process prints go by these streams. Messages that nobody can be told change nothing.</summary>
    public static void Install()
    {
        Console.SetOut(Output);
        Console.SetError(new PlainWriter(Writer(new DescriptorStream(Error, isLog: true))));
    }

    /// <summary>Makes what is printed from now on a log, without which the process goes on.</summary>
    public static void MakeOutputLog() => Console.SetOut(Writer(new DescriptorStream(Out, isLog: true)));

    /// <summary>Makes what is printed from now on go to standard error; <see cref="Output"/> is for answers alone.</summary>
    public static void LogToError() => Console.SetOut(Console.Error);

    public static Stream OpenInput() => IsOpen(In) ? Console.OpenStandardInput() : throw new IOException("Standard input is closed.");

    /// <summary>Does something once nobody reads standard output any more, though nothing be written to it.</summary>
    public static void WhenReaderGoes(Action act)
    {
        if (OperatingSystem.IsWindows() || !IsOpen(Out))
        {
            return;
        }

        new Thread(() =>
        {
            // It wakes for nothing else, and sleeps for ever where there is no reader.
            if (Posix.WaitForError(Out))
            {
                act();
            }
        })
        { IsBackground = true, Name = "akkaraft.output" }.Start();
    }

    private static StreamWriter Writer(Stream stream) => new(stream, new UTF8Encoding(false)) { AutoFlush = true };

    /// <summary>
    /// Whether it was open when the process began. One that was not is taken by whatever .NET opens next, which is always closed on exec; what was inherited never is.
    /// </summary>
    private static bool IsOpen(int descriptor) => OperatingSystem.IsWindows() || Posix.IsInherited(descriptor);

    /// <summary>
    /// Standard output or error. .NET's own passes over a reader that is gone, so that whoever writes for ever never ends, and throws at whoever says what went wrong.
    /// </summary>
    private sealed class DescriptorStream(int descriptor, bool isLog) : Stream
    {
        private readonly bool _isOpen = IsOpen(descriptor);
        private readonly Stream? _windows = OperatingSystem.IsWindows() ? descriptor == Out ? Console.OpenStandardOutput() : Console.OpenStandardError() : null;

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            if (!_isOpen)
            {
                Lose("it is closed", isReaderGone: false);
                return;
            }

            if (_windows is not null)
            {
                WriteOnWindows(_windows, buffer);
                return;
            }

            while (!buffer.IsEmpty)
            {
                int written = Posix.Write(descriptor, buffer, out int error);
                if (written < 0)
                {
                    Lose(Marshal.GetPInvokeErrorMessage(error), isReaderGone: error == Posix.BrokenPipe);
                    return;
                }

                buffer = buffer[written..];
            }
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        private void WriteOnWindows(Stream console, ReadOnlySpan<byte> buffer)
        {
            try
            {
                console.Write(buffer);
            }
            catch (IOException e)
            {
                Lose(e.Message, isReaderGone: false);
            }
        }

        private void Lose(string reason, bool isReaderGone)
        {
            if (!isLog)
            {
                throw new OutputLostException(reason, isReaderGone);
            }
        }
    }
}

/// <summary>An answer came, and could not be written to standard output.</summary>
internal sealed class OutputLostException(string reason, bool isReaderGone) : IOException($"What was asked for is done, and the answer cannot be written to standard output: {reason}.")
{
    /// <summary>Whoever read it wants no more, as <c>head</c> does.</summary>
    public bool IsReaderGone => isReaderGone;
}
