using System.Globalization;
using System.Security.Cryptography;
using AkkaRaft.Log;
using AkkaRaft.Protocol;
using AkkaRaft.Protocol.Wire;
using Google.Protobuf;

namespace AkkaRaft.StateMachines;

/// <summary>
/// A plain class with what belongs to it: sessions, timers, limits, and how far the log is applied. It is in memory; an image has all of it, of one entry.
/// </summary>
/// <remarks>Image: magic, length of the header (4 bytes, little-endian), header, checksum of all before, state.</remarks>
internal sealed class PlainState
{
    public const int MostImageBytes = 1024 * 1024 * 1024;

    private static readonly byte[] _magic = "AkkaRaft state 1"u8.ToArray();

    private readonly string _name;
    private readonly IPlainStateMachine _machine;
    private readonly ClientCommands _commands;

    /// <summary>An empty state.</summary>
    /// <param name="name">The state machine's.</param>
    /// <param name="machine">A new instance.</param>
    public PlainState(string name, IPlainStateMachine machine)
        : this(name, machine, new ClientCommands(name))
    {
    }

    private PlainState(string name, IPlainStateMachine machine, ClientCommands commands)
    {
        _name = name;
        _machine = machine;
        _commands = commands;
    }

    public long AppliedIndex { get; private set; }

    public long AppliedTerm { get; private set; }

    public long AppliedTimestampMs { get; private set; }

    public long JournalSequenceNr { get; private set; }

    /// <summary>The cluster whose image it was loaded from; null for none.</summary>
    public string? LoadedFrom { get; private init; }

    /// <inheritdoc cref="ClientCommands.NextDueMs"/>
    public long? NextDueMs => _commands.NextDueMs;

    // ---- entries -------------------------------------------------------------------------------------------------

    /// <summary>Applies entries; those applied before are skipped, with an empty result.</summary>
    /// <exception cref="StateMachineMismatchException">The cluster runs another state machine.</exception>
    public IReadOnlyList<ReadOnlyMemory<byte>> Apply(IReadOnlyList<LogEntry> entries, long journalSequenceNr)
    {
        var results = new List<ReadOnlyMemory<byte>>(entries.Count);
        var share = new ApplyShare();
        foreach (var entry in entries)
        {
            if (entry.Index <= AppliedIndex)
            {
                results.Add(default);
                continue;
            }
            if (entry.Index != AppliedIndex + 1)
                throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"The state machine '{_name}' has applied the log up to {AppliedIndex} and cannot go on with entry {entry.Index}."));
            if (share.IsOver()) break;
            var result = _commands.Apply(entry, _machine.Apply, _machine.OnTimer);
            (AppliedIndex, AppliedTerm, AppliedTimestampMs) = (entry.Index, entry.Term, entry.TimestampMs);
            if (entry.Kind == EntryKind.StateCheck) result = Hash();
            results.Add(result);
            share.Add(result.Length);
        }
        JournalSequenceNr = Math.Max(JournalSequenceNr, journalSequenceNr);
        return results;
    }

    /// <inheritdoc cref="ClientCommands.Answer"/>
    public ReadOnlyMemory<byte> Answer(ReadOnlyMemory<byte> payload) => _commands.Answer(payload, _machine.Query);

    // ---- images --------------------------------------------------------------------------------------------------

    /// <summary>All of it, of the last entry applied, of no cluster.</summary>
    /// <exception cref="InvalidOperationException">It is too large, or the class cannot save it.</exception>
    public byte[] ToImage() => ToImage("");

    /// <summary>All of it, of the last entry applied.</summary>
    /// <param name="clusterId">The member's cluster.</param>
    /// <exception cref="InvalidOperationException">It is too large, or the class cannot save it.</exception>
    public byte[] ToImage(string clusterId) => ImageWith(JournalSequenceNr, clusterId);

    /// <summary>Of what is the same on all members that have applied the log as far; empty when the class cannot save it.</summary>
    private ReadOnlyMemory<byte> Hash()
    {
        using var sha = SHA256.Create();
        using (var into = new CryptoStream(Stream.Null, sha, CryptoStreamMode.Write))
        {
            _commands.WriteForHash(into);
            try
            {
                into.Write(Saved());
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                return default;
            }
        }
        return sha.Hash.AsMemory(0, sizeof(ulong));
    }

    /// <summary>What is the same on all members that have applied the log as far.</summary>
    /// <exception cref="InvalidOperationException">It is too large, or the class cannot save it.</exception>
    public byte[] ToComparable() => ImageWith(journalSequenceNr: 0, clusterId: "");

    private byte[] ImageWith(long journalSequenceNr, string clusterId)
    {
        byte[] saved;
        try
        {
            saved = Saved();
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            throw new InvalidOperationException($"The state machine '{_name}' cannot save its state: {e.GetType().Name}: {e.Message}", e);
        }
        var header = new PlainImage
        {
            StateMachine = _name,
            AppliedIndex = AppliedIndex,
            AppliedTerm = AppliedTerm,
            AppliedTimestampMs = AppliedTimestampMs,
            ClusterId = clusterId,
            JournalSequenceNr = journalSequenceNr,
            InForce = _commands.InForce,
            StateBytes = saved.Length,
            StateCrc = Crc.Of(saved),
        };
        if (_commands.KeptBytes > MostImageBytes) throw new InvalidOperationException($"The results that sessions of '{_name}' keep have {_commands.KeptBytes} bytes; the limit of all is {MostImageBytes}.");
        header.Sessions.AddRange(_commands.SessionsToWire());
        header.Timers.AddRange(_commands.TimersToWire());
        var begin = header.ToByteArray();
        var bytes = _magic.Length + sizeof(int) + begin.LongLength + sizeof(uint) + saved.LongLength;
        if (bytes > MostImageBytes) throw new InvalidOperationException($"The state of '{_name}' has {bytes} bytes; the limit is {MostImageBytes}.");

        var image = new MemoryStream((int)bytes);
        using var writer = new BinaryWriter(image);
        writer.Write(_magic);
        writer.Write(begin.Length);
        writer.Write(begin);
        writer.Write(Crc.Of(image.GetBuffer().AsSpan(0, (int)image.Length)));
        writer.Write(saved);
        return image.GetBuffer();
    }

    /// <summary>A class may close what it writes to, and may seek in it.</summary>
    private byte[] Saved()
    {
        using var saved = new MemoryStream();
        _machine.Save(saved);
        return saved.ToArray();
    }

    /// <summary>The state that an image has.</summary>
    /// <param name="name">The state machine's.</param>
    /// <param name="machine">A new instance.</param>
    /// <param name="image">What <see cref="ToImage(string)"/> wrote.</param>
    /// <exception cref="InvalidDataException">It is damaged, another state machine's, or the class cannot load it; the message says which.</exception>
    public static PlainState FromImage(string name, IPlainStateMachine machine, ReadOnlyMemory<byte> image)
    {
        var bytes = image.Span;
        var headerAt = _magic.Length + sizeof(int);
        if (bytes.Length < headerAt || !bytes.StartsWith(_magic)) throw new InvalidDataException("it is no state of a plain state machine");
        var length = BitConverter.ToInt32(bytes[_magic.Length..]);
        if (length < 0 || length > bytes.Length - headerAt - sizeof(uint)) throw new InvalidDataException("it ends within its header");
        var stateAt = headerAt + length + sizeof(uint);
        if (BitConverter.ToUInt32(bytes[(headerAt + length)..]) != Crc.Of(bytes[..(headerAt + length)])) throw new InvalidDataException("its header is not as it was written");
        PlainImage header;
        try
        {
            header = PlainImage.Parser.ParseFrom(bytes.Slice(headerAt, length));
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new InvalidDataException($"its header cannot be read: {e.Message}", e);
        }
        if (header.StateMachine != name) throw new InvalidDataException($"it is of the state machine '{header.StateMachine}', and this is '{name}'");
        if (header.StateBytes != bytes.Length - stateAt || header.StateCrc != Crc.Of(bytes[stateAt..])) throw new InvalidDataException("the state in it is not as it was written");
        if (header.AppliedIndex < 0 || header.AppliedTerm < 0 || header.JournalSequenceNr < 0) throw new InvalidDataException("it is of an entry that cannot be");
        var commands = ClientCommands.From(name, header.InForce, header.Sessions, header.Timers);
        try
        {
            using var source = new MemoryStream(image[stateAt..].ToArray(), writable: false);
            machine.Load(source);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            throw new InvalidDataException($"the class cannot load it: {e.GetType().Name}: {e.Message}", e);
        }

        return new PlainState(name, machine, commands)
        {
            AppliedIndex = header.AppliedIndex, AppliedTerm = header.AppliedTerm, AppliedTimestampMs = header.AppliedTimestampMs, JournalSequenceNr = header.JournalSequenceNr,
            LoadedFrom = header.ClusterId,
        };
    }

    /// <summary>Whether a file is a sound image, and of what.</summary>
    /// <exception cref="InvalidDataException">It is none, is damaged, or is another state machine's.</exception>
    public static ImageContent Inspect(string name, IPlainStateMachine machine, string file)
    {
        try
        {
            var state = FromImage(name, machine, File.ReadAllBytes(file));
            return new ImageContent(state.AppliedIndex, state.AppliedTerm, state.AppliedTimestampMs, state.LoadedFrom!);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"{file} is no backup of the state machine '{name}', or is damaged: {e.Message.TrimEnd('.')}.", e);
        }
    }

    /// <summary>The same state, which the journal covers up to another number.</summary>
    public void CoveredBy(long journalSequenceNr) => JournalSequenceNr = journalSequenceNr;
}
