namespace AkkaRaft.Remoting;

/// <summary>A frame that is too long to be received at once, as far as it has arrived: its length is only what its sender says, and room for it is taken piece by piece.</summary>
/// <param name="length">In bytes, without its header.</param>
internal sealed class LongFrame(int length)
{
    private readonly List<byte[]> _pieces = [];
    private int _count;

    /// <summary>Each of <see cref="UnfinishedFrames.PieceBytes"/>.</summary>
    public IReadOnlyList<byte[]> Pieces => _pieces;

    public bool IsWhole => _count == length;

    /// <summary>Whether what arrives next needs another piece.</summary>
    public bool IsFull => _count == _pieces.Count * UnfinishedFrames.PieceBytes;

    /// <summary>Where what arrives next is written: never beyond the frame.</summary>
    public Memory<byte> Space
    {
        get
        {
            var written = _count - (_pieces.Count - 1) * UnfinishedFrames.PieceBytes;
            return _pieces[^1].AsMemory(written, Math.Min(UnfinishedFrames.PieceBytes - written, length - _count));
        }
    }

    public void AddPiece(byte[] piece) => _pieces.Add(piece);

    /// <summary>So much has been written.</summary>
    public void Add(int bytes) => _count += bytes;

    /// <summary>The frame, once it is whole.</summary>
    public byte[] ToArray()
    {
        var frame = GC.AllocateUninitializedArray<byte>(length);
        for (var i = 0; i < _pieces.Count; i++)
        {
            var at = i * UnfinishedFrames.PieceBytes;
            _pieces[i].AsSpan(0, Math.Min(UnfinishedFrames.PieceBytes, length - at)).CopyTo(frame.AsSpan(at));
        }
        return frame;
    }
}
