using System.Collections.Immutable;
using System.Globalization;
using System.Numerics;
using System.Text.RegularExpressions;
using AkkaRaft.Protocol;

namespace AkkaRaft;

/// <summary>Reads the block <c>akkaraft</c> of a HOCON file strictly: what is misspelt is no absent key, and what is no number is not 0.</summary>
internal sealed partial class SettingsReader
{
    private const string Block = "akkaraft";

    private readonly string _file;
    private readonly IReadOnlyDictionary<string, string> _values;
    private readonly HashSet<string> _read = [];

    private SettingsReader(string file, IReadOnlyDictionary<string, string> values)
    {
        _file = file;
        _values = values;
    }

    /// <summary>Reads what another source than a file has.</summary>
    /// <param name="source">What it is called in errors.</param>
    /// <param name="values">By their whole paths, such as <c>akkaraft.heartbeat-interval</c>.</param>
    public static SettingsReader Of(string source, IReadOnlyDictionary<string, string> values) => new(source, values);

    public static SettingsReader Open(string file)
    {
        try
        {
            return SettingsText.Parse(Read(file), Block, out var blocks) is { } values
                ? new SettingsReader(file, values)
                : throw new RaftConfigurationException($"{file} has no block '{Block}'{(Spelling.Nearest(Block, blocks) is { } near ? $"; is '{near}' to be it?" : ".")}");
        }
        catch (FormatException e)
        {
            throw new RaftConfigurationException($"{file}: {e.Message}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RaftConfigurationException($"{file} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Reads one character more than settings may have: a file may have no end.</summary>
    private static string Read(string file)
    {
        using var reader = new StreamReader(file);
        var buffer = new char[SettingsText.MaxLength + 1];
        return new string(buffer, 0, reader.ReadBlock(buffer));
    }

    public string Text(string key, string otherwise) => Find(key) ?? otherwise;

    public bool Switch(string key, bool otherwise) => Find(key) switch
    {
        null => otherwise,
        "on" or "true" or "yes" => true,
        "off" or "false" or "no" => false,
        var other => throw Wrong(key, other, "on or off"),
    };

    // Whether a value is within its range is another's to say: a number that is too large for its type is beyond each range.

    public int Number(string key, int otherwise)
    {
        if (Find(key) is not { } text) return otherwise;
        return BigInteger.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            ? (int)BigInteger.Clamp(number, int.MinValue, int.MaxValue)
            : throw Wrong(key, text, "a number");
    }

    public int Bytes(string key, int otherwise)
    {
        if (Find(key) is not { } text) return otherwise;
        var match = ByteSize().Match(text);
        return match.Success && double.TryParse(match.Groups[1].Value, CultureInfo.InvariantCulture, out var number)
            ? (int)Math.Clamp(number * match.Groups[2].Value switch { "k" or "KiB" => 1024, "m" or "MiB" => 1024 * 1024, "g" or "GiB" => 1024 * 1024 * 1024, _ => 1 }, int.MinValue, int.MaxValue)
            : throw Wrong(key, text, "a size in bytes, such as 512KiB or 4MiB");
    }

    public TimeSpan Duration(string key, TimeSpan otherwise)
    {
        if (Find(key) is not { } text) return otherwise;
        var match = Time().Match(text);
        if (text.Contains(':', StringComparison.Ordinal) && TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out var time)) return time;
        if (!match.Success || !double.TryParse(match.Groups[1].Value, CultureInfo.InvariantCulture, out var number)) throw Wrong(key, text, "a time with its unit, such as 300ms or 5s");
        var ms = number * match.Groups[2].Value switch { "s" => 1_000, "m" => 60_000, "h" => 3_600_000, _ => 1 };
        return Math.Abs(ms) < TimeSpan.MaxValue.TotalMilliseconds ? TimeSpan.FromMilliseconds(ms) : ms < 0 ? TimeSpan.MinValue : TimeSpan.MaxValue;
    }

    public ImmutableSortedDictionary<MemberId, RaftEndpoint> Members()
    {
        const string Prefix = "akkaraft.members.";
        if (_values.TryGetValue(Prefix[..^1], out var text))
        {
            try
            {
                _read.Add(Prefix[..^1]);
                return RaftEndpoints.Parse(text);
            }
            catch (FormatException e)
            {
                throw Wrong(Prefix[..^1], text, $"a block, with a line such as 0 = \"127.0.0.1:4100\" for each member, or all in one text, as 0=host:port,1=host:port: {e.Message.TrimEnd('.')}");
            }
        }
        var members = ImmutableSortedDictionary.CreateBuilder<MemberId, RaftEndpoint>();
        foreach (var (key, address) in _values.Where(v => v.Key.StartsWith(Prefix, StringComparison.Ordinal)))
        {
            _read.Add(key);
            if (!int.TryParse(key[Prefix.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out var id))
                throw Wrong(key, address, $"a member id: a number from 0 to {int.MaxValue}");
            if (!members.TryAdd(new MemberId(id), new RaftEndpoint(new MemberId(id), address))) throw Wrong(key, address, $"member {id} once");
        }
        return members.Count > 0 ? members.ToImmutable() : throw new RaftConfigurationException($"{_file}: akkaraft.members is missing; expected at least one line such as 0 = \"127.0.0.1:4100\".");
    }

    /// <summary>Checks what was read, and says what is wrong as the file has it.</summary>
    public SettingsCheck Check() => new(property => $"{_file}: akkaraft.{SettingsCheck.InFile(property)}", property => Find(SettingsCheck.InFile(property)));

    /// <summary>Whatever was not asked for is a misspelling, and is said to be one.</summary>
    public void RejectUnknown()
    {
        if (_values.Keys.FirstOrDefault(k => !_read.Contains(k)) is not { } unknown) return;
        var known = _read.Where(k => !k.StartsWith("akkaraft.members.", StringComparison.Ordinal)).Append("akkaraft.members").Distinct().Order().ToList();
        throw new RaftConfigurationException(Spelling.Nearest(unknown, known) is { } nearest
            ? $"{_file}: {unknown} is no setting of AkkaRaft; did you mean '{nearest}'?"
            : $"{_file}: {unknown} is no setting of AkkaRaft. Known are: {string.Join(", ", known)}.");
    }

    private string? Find(string key)
    {
        _read.Add($"akkaraft.{key}");
        return _values.GetValueOrDefault($"akkaraft.{key}");
    }

    private RaftConfigurationException Wrong(string key, string value, string expected)
    {
        var full = key.StartsWith("akkaraft.", StringComparison.Ordinal) ? key : $"akkaraft.{key}";
        return new RaftConfigurationException($"{_file}: {full} = {SettingsCheck.Quoted(value)}; expected {expected}.");
    }

    [GeneratedRegex(@"^(-?[0-9.]+)\s*(b|k|m|g|KiB|MiB|GiB)?$")]
    private static partial Regex ByteSize();

    [GeneratedRegex(@"^(-?[0-9.]+)\s*(ms|s|m|h)$")]
    private static partial Regex Time();
}
