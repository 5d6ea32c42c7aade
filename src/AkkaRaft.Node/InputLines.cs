using System.Text;
using System.Threading.Channels;

namespace AkkaRaft.Node;

/// <summary>A line of input; <paramref name="Complaint"/> says why it is none that can be read.</summary>
internal sealed record InputLine(string Text, string? Complaint = null);

/// <summary>
/// Lines of a stream, read ahead by a thread of their own. A read of standard input blocks whoever asks for it, and whoever answers must never wait for input:
/// it may be the thread on which a client's next answer arrives.
/// </summary>
internal sealed class InputLines
{
    /// <summary>Longest line, in bytes: the largest value that any cluster takes, quoted and escaped, and a key.</summary>
    public const int MaxLineBytes = 20 * 1024 * 1024;

    private const int ReadAhead = 64;

    private static readonly UTF8Encoding StrictUtf8 = new(false, true);

    private readonly Stream _input;
    private readonly Channel<InputLine> _lines = Channel.CreateBounded<InputLine>(new BoundedChannelOptions(ReadAhead) { SingleReader = true, SingleWriter = true });

    private InputLines(Stream input) => _input = input;

    public static ChannelReader<InputLine> Read(Stream input)
    {
        var lines = new InputLines(input);
        new Thread(lines.ReadToEnd) { IsBackground = true, Name = "akkaraft.input" }.Start();
        return lines._lines.Reader;
    }

    private void ReadToEnd()
    {
        try
        {
            var buffer = new byte[16 * 1024];
            using var line = new MemoryStream();
            var tooLong = false;
            int read;
            while ((read = _input.Read(buffer)) > 0)
            {
                var rest = buffer.AsSpan(0, read);
                int end;
                while ((end = rest.IndexOf((byte)'\n')) >= 0)
                {
                    Take(rest[..end]);
                    End();
                    rest = rest[(end + 1)..];
                }

                Take(rest);
            }

            if (line.Length > 0 || tooLong)
            {
                End();
            }

            _lines.Writer.Complete();

            void Take(ReadOnlySpan<byte> part)
            {
                // The rest of a line that is too long is read, and not kept.
                tooLong |= line.Length + part.Length > MaxLineBytes;
                if (!tooLong)
                {
                    line.Write(part);
                }
            }

            void End()
            {
                Add(tooLong ? new InputLine("", $"The line is longer than {MaxLineBytes} bytes.") : Decode(line.GetBuffer().AsSpan(0, (int)line.Length)));
                line.SetLength(0);
                tooLong = false;
            }
        }
        catch (IOException e)
        {
            Add(new InputLine("", $"Standard input cannot be read: {e.Message}"));
            _lines.Writer.Complete();
        }
    }

    private static InputLine Decode(ReadOnlySpan<byte> bytes)
    {
        if (bytes.EndsWith("\r"u8))
        {
            bytes = bytes[..^1];
        }

        try
        {
            return new InputLine(StrictUtf8.GetString(bytes));
        }
        catch (DecoderFallbackException e)
        {
            return new InputLine("", $"The line is no UTF-8, from its byte {e.Index + 1} on; store such a value with 'akkaraft put KEY -' or 'akkaraft put KEY @FILE'.");
        }
    }

    /// <summary>Waits until there is room: this thread has nothing else to do.</summary>
    private void Add(InputLine line)
    {
        while (!_lines.Writer.TryWrite(line))
        {
            _lines.Writer.WaitToWriteAsync().AsTask().Wait();
        }
    }
}
