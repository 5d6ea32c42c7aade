using System.Collections.Immutable;
using System.Globalization;
using System.Numerics;
using System.Text;

namespace AkkaRaft.Node;

/// <summary>The flags that all client commands share, and the environment variables that stand for them.</summary>
internal sealed class ClientOptions
{
    public static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(10);

    public const string DefaultName = "akkaraft";

    private static readonly UTF8Encoding StrictUtf8 = new(false, true);

    /// <summary>Says what is wrong with a name under that of its option.</summary>
    public static readonly SettingsCheck CheckNames = new(option => option, _ => null);

    private readonly Option<string?> _members = new("--members") { Description = "The members, as 0=host:port,1=host:port,… (AKKARAFT_MEMBERS)" };
    private readonly Option<string?> _clusterId = new("--cluster-id") { Description = "The cluster's name (AKKARAFT_CLUSTER_ID)" };
    private readonly Option<string?> _systemName = new("--system-name") { Description = "Name of the members' ActorSystems (AKKARAFT_SYSTEM_NAME)" };
    private readonly Option<string?> _config = new("--config") { Description = "The cluster's file; hocon/cluster.conf when nothing is said (AKKARAFT_CONFIG)" };
    private readonly Option<string?> _timeout = new("--timeout") { Description = "How long a request may take: 5, 5s, 500ms (AKKARAFT_TIMEOUT)" };

    public Option<bool> Json { get; } = new("--json") { Description = "Print JSON, one object a line" };

    public void AddTo(Command command)
    {
        command.Options.Add(_members);
        command.Options.Add(_clusterId);
        command.Options.Add(_systemName);
        command.Options.Add(_config);
        command.Options.Add(_timeout);
        command.Options.Add(Json);
    }

    public ClientSession Open(ParseResult parsed)
    {
        // What is wrong is said under the name under which it was given.
        (string? Text, string Name) Value(Option<string?> option, string variable) =>
            parsed.GetValue(option) is { } given ? (given, option.Name) : (FromEnvironment(variable), variable);

        TimeSpan timeout = Value(_timeout, "AKKARAFT_TIMEOUT") is ({ } time, var source) ? ParseTimeout(time, source) : DefaultTimeout;
        string? members = parsed.GetValue(_members);
        string? config = parsed.GetValue(_config);
        if (members is not null && config is not null)
        {
            throw new UsageException("--members and --config cannot be given together.");
        }

        // A flag goes before any variable.
        if (members is null && config is null)
        {
            members = FromEnvironment("AKKARAFT_MEMBERS");
            config = FromEnvironment("AKKARAFT_CONFIG");
        }

        var (clusterId, clusterIdSource) = Value(_clusterId, "AKKARAFT_CLUSTER_ID");
        if (clusterId is not null)
        {
            CheckNames.ClusterId(clusterId, clusterIdSource);
        }

        var (systemName, systemNameSource) = Value(_systemName, "AKKARAFT_SYSTEM_NAME");
        if (systemName is not null)
        {
            CheckNames.SystemName(systemName, systemNameSource);
        }

        RaftClientSettings settings = members is null
            ? RaftSettings.FromFile(FindConfig(config)).ForClients()
            : new RaftClientSettings { ClusterId = DefaultName, Members = ParseMembers(members, parsed.GetValue(_members) is null ? "AKKARAFT_MEMBERS" : _members.Name) };
        return new ClientSession(settings with
        {
            ClusterId = clusterId ?? settings.ClusterId,
            SystemName = systemName ?? settings.SystemName,
            RequestTimeout = timeout,
        });
    }

    /// <summary>How fresh a read must be.</summary>
    public static Option<string> Consistency()
    {
        Option<string> option = new("--consistency") { Description = "linearizable, lease or local", DefaultValueFactory = _ => "linearizable" };
        option.CompletionSources.Add("linearizable", "lease", "local");
        return option;
    }

    public static string? FromEnvironment(string variable) =>
        Environment.GetEnvironmentVariable(variable) is { Length: > 0 } value ? value : null;

    /// <summary>The given file, or <c>hocon/cluster.conf</c> in the current directory or the nearest one above that has it.</summary>
    public static string FindConfig(string? given)
    {
        given ??= FromEnvironment("AKKARAFT_CONFIG");
        if (given is not null)
        {
            return File.Exists(given) ? Path.GetFullPath(given)
                : throw new UsageException(Directory.Exists(given) ? $"The configuration file '{given}' is a directory." : $"The configuration file '{given}' does not exist.");
        }

        string relative = Path.Combine("hocon", "cluster.conf");
        for (DirectoryInfo? at = new(Environment.CurrentDirectory); at is not null; at = at.Parent)
        {
            string file = Path.Combine(at.FullName, relative);
            if (File.Exists(file))
            {
                return file;
            }
        }

        throw new UsageException($"There is no {relative} in '{Environment.CurrentDirectory}' nor above it; say --config FILE.");
    }

    /// <param name="text">The members, with commas between them.</param>
    /// <param name="name">The option or the argument that names them.</param>
    public static ImmutableSortedDictionary<MemberId, RaftEndpoint> ParseMembers(string text, string name = "--members") => Named(name, () => RaftEndpoints.Parse(text));

    /// <summary>Members named by id alone, or as id=host:port.</summary>
    public static IReadOnlyList<RaftEndpoint> ParseNamed(string text) => Named("MEMBERS", () =>
    {
        List<RaftEndpoint> members = [.. text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(part =>
            RaftEndpoints.TryParseId(part, out var id) ? new RaftEndpoint(id, "")
            : part.Contains('=', StringComparison.Ordinal) ? RaftEndpoints.Parse(part).Values.Single()
            : throw new FormatException($"'{part}' is neither a member's id, such as 2, nor ID=host:port."))];
        RaftEndpoints.CheckDistinct(members);
        return members.Count > 0 ? members : throw new FormatException("no member is named.");
    });

    public static RaftEndpoint ParseMember(MemberId id, string address, string name) => Named(name, () => RaftEndpoints.At(id, address));

    private static T Named<T>(string name, Func<T> parse)
    {
        try
        {
            return parse();
        }
        catch (FormatException e)
        {
            throw new UsageException($"{name}: {e.Message}");
        }
    }

    public static TimeSpan ParseTimeout(string text, string name = "--timeout")
    {
        string trimmed = text.Trim();
        (string number, double unit) = trimmed.EndsWith("ms", StringComparison.Ordinal) ? (trimmed[..^2], 0.001)
            : trimmed.EndsWith('s') ? (trimmed[..^1], 1.0)
            : (trimmed, 1.0);
        return double.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value) && value * unit is >= 0.001 and <= 86_400
            ? TimeSpan.FromSeconds(value * unit)
            : throw new UsageException($"{name}: '{text}' is not a time such as 5, 5s or 500ms, up to a day.");
    }

    public static ReadConsistency ParseConsistency(string text) => text switch
    {
        "linearizable" => ReadConsistency.Linearizable,
        "lease" => ReadConsistency.Lease,
        "local" => ReadConsistency.Local,
        _ => throw new UsageException($"--consistency: '{text}' is none of linearizable, lease, local."),
    };

    /// <summary>Checks that a file can be made where it is to be, before there is anything to write to it.</summary>
    public static void CheckDirectoryOf(string file, string what)
    {
        if (Path.GetDirectoryName(Path.GetFullPath(file)) is { } directory && !Directory.Exists(directory))
        {
            throw new UsageException($"The directory '{directory}', in which the {what} is to be, does not exist.");
        }
    }

    public static T Within<T>(string name, T value, T least, T most)
        where T : INumber<T> =>
        value >= least && value <= most ? value : throw new UsageException(string.Create(CultureInfo.InvariantCulture, $"{name}: {value} is not between {least} and {most}."));

    public static ReadOnlyMemory<byte> Key(string key) => key.Length > 0 ? Bytes(key) : throw new UsageException("The key is empty.");

    public static ReadOnlyMemory<byte> Bytes(string text)
    {
        try
        {
            return StrictUtf8.GetBytes(text);
        }
        catch (EncoderFallbackException)
        {
            throw new UsageException("The text is no valid Unicode.");
        }
    }
}

/// <summary>The client that commands share, and what it knows of the cluster.</summary>
internal sealed class ClientSession(RaftClientSettings settings, RaftClient client) : IAsyncDisposable
{
    private int _readsLocally;

    public ClientSession(RaftClientSettings settings)
        : this(settings, RaftClient.Create(settings))
    {
    }

    public ImmutableSortedDictionary<MemberId, RaftEndpoint> Members => settings.Members;

    public RaftClient Client => client;

    public int MaxValueBytes => settings.MaxValueBytes;

    public TimeSpan RequestTimeout => settings.RequestTimeout;

    /// <summary>What is to be said of local reads is said with the first.</summary>
    /// <returns>Whether this is the first.</returns>
    public bool BeginsLocalReads() => Interlocked.Exchange(ref _readsLocally, 1) == 0;

    public ValueTask DisposeAsync() => client.DisposeAsync();
}
