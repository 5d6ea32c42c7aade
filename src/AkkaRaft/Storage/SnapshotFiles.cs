using AkkaRaft.Log;
using AkkaRaft.Protocol;
using AkkaRaft.Protocol.Wire;
using Google.Protobuf;

namespace AkkaRaft.Storage;

/// <summary>
/// A member's images: the one it made, and the one it fetches. Beside each is a small file that says which snapshot it is,
/// so that both go on after a restart.
/// </summary>
internal sealed class SnapshotFiles(string directory)
{
    private string OwnDescription => Path.Combine(directory, "own.snapshot");

    private string IncomingDescription => Path.Combine(directory, "incoming.snapshot");

    /// <summary>The latest image made here.</summary>
    public string OwnImage => Path.Combine(directory, "own.image");

    /// <summary>Where a state machine writes an image.</summary>
    public string NewImage => Path.Combine(directory, "new.image");

    /// <summary>The image that is fetched, or was.</summary>
    public string IncomingImage => Path.Combine(directory, "incoming.image");

    /// <summary>The snapshot made here as it is described, or null: the image may be damaged.</summary>
    public Snapshot? DescribedOwn() => Described(OwnDescription, OwnImage);

    /// <summary>The snapshot made here, or null; one that is damaged is dropped.</summary>
    public Snapshot? Own()
    {
        if (DescribedOwn() is not { } own) return null;
        if (IsWhole(OwnImage, own)) return own;
        DeleteOwn();
        return null;
    }

    /// <summary>Drops the image made here.</summary>
    public void DeleteOwn()
    {
        if (!Directory.Exists(directory)) return;
        File.Delete(OwnDescription);
        File.Delete(OwnImage);
    }

    /// <summary>Makes way for an image that a state machine is to write.</summary>
    public void Prepare()
    {
        Directory.CreateDirectory(directory);
        File.Delete(NewImage);
    }

    /// <summary>Takes the image that a state machine has written to <see cref="NewImage"/> for the one made here.</summary>
    public Snapshot Seal(LogBase logBase)
    {
        var (length, checksum) = Measure(NewImage);
        var snapshot = new Snapshot(logBase, length, checksum);
        // Without its description, an image is none: no crash leaves one that describes another.
        File.Delete(OwnDescription);
        File.Move(NewImage, OwnImage, overwrite: true);
        Describe(OwnDescription, snapshot);
        return snapshot;
    }

    /// <exception cref="IOException">It cannot be read.</exception>
    public byte[] Read(long offset, int maxBytes)
    {
        using var file = new FileStream(OwnImage, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        file.Position = offset;
        var bytes = new byte[(int)Math.Max(0, Math.Min(maxBytes, file.Length - offset))];
        file.ReadExactly(bytes);
        return bytes;
    }

    /// <summary>Begins to fetch a snapshot, or goes on with what is there of the same.</summary>
    /// <returns>How much is there.</returns>
    public long Begin(Snapshot snapshot)
    {
        Directory.CreateDirectory(directory);
        if (Described(IncomingDescription, IncomingImage) is { } there && there.IsSameImage(snapshot))
        {
            var length = new FileInfo(IncomingImage).Length;
            if (length <= snapshot.Length) return length;
        }
        File.Delete(IncomingDescription);
        File.WriteAllBytes(IncomingImage, []);
        Describe(IncomingDescription, snapshot);
        return 0;
    }

    /// <summary>Adds a piece at the end of the image.</summary>
    /// <returns>How much is there now; a piece that does not belong at the end changes nothing.</returns>
    public long Write(long offset, ReadOnlySpan<byte> bytes)
    {
        using var file = new FileStream(IncomingImage, FileMode.Open, FileAccess.Write, FileShare.Read);
        if (file.Length != offset) return file.Length;
        file.Position = offset;
        file.Write(bytes);
        return file.Length;
    }

    /// <summary>Whether all of the image is there, unchanged, and on the disk; if it is damaged it is dropped.</summary>
    public bool Complete(Snapshot snapshot)
    {
        if (IsWhole(IncomingImage, snapshot)) return true;
        DeleteIncoming();
        return false;
    }

    /// <summary>An image with which a log that begins after <paramref name="index"/> can go on: one that was fetched whole, or was made here. Null when there is none.</summary>
    public (Snapshot Snapshot, string File)? Latest(long index)
    {
        if (Described(IncomingDescription, IncomingImage) is { } incoming && incoming.Base.Index >= index && IsWhole(IncomingImage, incoming)) return (incoming, IncomingImage);
        return DescribedOwn() is { } described && described.Base.Index >= index && Own() is { } own ? (own, OwnImage) : null;
    }

    /// <summary>Drops the image that was fetched, and what a state machine that was killed while it took an image over has left beside it.</summary>
    public void DeleteIncoming()
    {
        if (!Directory.Exists(directory)) return;
        File.Delete(IncomingDescription);
        File.Delete(IncomingImage);
        // Matched as it is written: by .NET's default a pattern that ends with ".*" is also that of names without it, such as those of the images.
        foreach (var left in Directory.EnumerateFiles(directory, $"{Path.GetFileName(IncomingImage)}*", new EnumerationOptions { MatchType = MatchType.Simple })) File.Delete(left);
    }

    private static bool IsWhole(string image, Snapshot snapshot) => Measure(image) == (snapshot.Length, snapshot.Checksum);

    private static (long Length, uint Checksum) Measure(string file)
    {
        using var stream = new FileStream(file, FileMode.Open, FileAccess.ReadWrite, FileShare.Read);
        stream.Flush(flushToDisk: true);
        return (stream.Length, Crc.Of(stream));
    }

    private static void Describe(string file, Snapshot snapshot)
    {
        var bytes = LogWire.ToWire(snapshot).ToByteArray();
        using var stream = new FileStream(file, FileMode.Create, FileAccess.Write, FileShare.None);
        stream.Write(BitConverter.GetBytes(Crc.Of(bytes)));
        stream.Write(bytes);
        stream.Flush(flushToDisk: true);
    }

    /// <summary>Null when there is none, or when a crash left it half written.</summary>
    private static Snapshot? Described(string file, string image)
    {
        if (!File.Exists(file) || !File.Exists(image)) return null;
        var bytes = File.ReadAllBytes(file);
        return bytes.Length > sizeof(uint) && BitConverter.ToUInt32(bytes) == Crc.Of(bytes.AsSpan(sizeof(uint)))
            ? LogWire.FromWire(WireSnapshot.Parser.ParseFrom(bytes.AsSpan(sizeof(uint))))
            : null;
    }
}
