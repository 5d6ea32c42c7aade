namespace AkkaRaft.Node;

/// <summary>A value on the command line: text as it stands, <c>-</c> for the bytes of standard input, or <c>@FILE</c> for those of a file.</summary>
internal sealed class ValueArgument
{
    public Argument<string> Argument { get; } = new("VALUE") { Description = "Its new value; - for the bytes of standard input, @FILE for those of a file" };

    public Option<bool> Raw { get; } = new("--raw") { Description = "VALUE is the value itself, also when it is - or begins with @" };

    /// <summary>The value's bytes. In the shell words are always the value itself: whoever writes its lines may not know what a value begins with.</summary>
    public async Task<ReadOnlyMemory<byte>> ReadAsync(ParseResult parsed, Call call)
    {
        string text = parsed.GetRequiredValue(Argument);
        if (call.InShell || parsed.GetValue(Raw) || text != "-" && !text.StartsWith('@'))
        {
            return ClientOptions.Bytes(text);
        }

        if (text == "-")
        {
            await using var input = StandardStreams.OpenInput();
            return await ReadAsync(input, "Standard input", call).ConfigureAwait(false);
        }

        if (Directory.Exists(text[1..]))
        {
            throw new UsageException($"The value's file '{text[1..]}' is a directory. For a value that begins with @, say --raw.");
        }

        try
        {
            await using var file = new FileStream(text[1..], FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            return await ReadAsync(file, text[1..], call).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new UsageException($"The value's file '{text[1..]}' cannot be read: {e.Message} For a value that begins with @, say --raw.");
        }
    }

    /// <summary>Reads to the end, or up to one byte more than a value may have.</summary>
    private static async Task<ReadOnlyMemory<byte>> ReadAsync(Stream stream, string name, Call call)
    {
        int most = call.Session.MaxValueBytes;
        var buffer = new byte[Math.Min(most, 64 * 1024) + 1];
        int length = 0;
        int read;
        while ((read = await stream.ReadAsync(buffer.AsMemory(length), call.Cancel).ConfigureAwait(false)) > 0)
        {
            length += read;
            if (length > most)
            {
                throw new UsageException($"{name} has more than {most} bytes, which is the limit of a value.");
            }

            if (length == buffer.Length)
            {
                Array.Resize(ref buffer, (int)Math.Min(2L * length, most + 1L));
            }
        }

        return buffer.AsMemory(0, length);
    }
}
