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
        string? Value(Option<string?> option, string variable) => parsed.GetValue(option) ?? FromEnvironment(variable);

        TimeSpan timeout = Value(_timeout, "AKKARAFT_TIMEOUT") is { } t ? ParseTimeout(t) : DefaultTimeout;
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

        RaftClientSettings settings = members is null
            ? RaftSettings.FromFile(FindConfig(config)).ForClients()
            : new RaftClientSettings { ClusterId = DefaultName, Members = ParseMembers(members) };
        return new ClientSession(settings with
        {
            ClusterId = Value(_clusterId, "AKKARAFT_CLUSTER_ID") ?? settings.ClusterId,
            SystemName = Value(_systemName, "AKKARAFT_SYSTEM_NAME") ?? settings.SystemName,
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
            return File.Exists(given) ? Path.GetFullPath(given) : throw new UsageException($"The configuration file '{given}' does not exist.");
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

    public static ImmutableSortedDictionary<MemberId, Member> ParseMembers(string text)
    {
        var builder = ImmutableSortedDictionary.CreateBuilder<MemberId, Member>();
        foreach (string part in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            int equals = part.IndexOf('=', StringComparison.Ordinal);
            int colon = part.LastIndexOf(':');
            if (equals < 1 || colon <= equals + 1
                || !int.TryParse(part.AsSpan(0, equals), NumberStyles.None, CultureInfo.InvariantCulture, out int id)
                || !int.TryParse(part.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int port)
                || port is < 1 or > 65535)
            {
                throw new UsageException($"--members: '{part}' is not of the form id=host:port.");
            }

            var member = new Member(new MemberId(id), part[(equals + 1)..]);
            if (!builder.TryAdd(member.Id, member))
            {
                throw new UsageException($"--members: member {id} is there twice.");
            }
        }

        return builder.Count > 0 ? builder.ToImmutable() : throw new UsageException("--members names no member.");
    }

    /// <summary>Members named by id alone, or as id=host:port.</summary>
    public static IReadOnlyList<Member> ParseNamed(string text) =>
        [.. text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(part =>
            int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out int id) ? new Member(new MemberId(id), "") : ParseMembers(part).Values.Single())];

    public static TimeSpan ParseTimeout(string text)
    {
        string trimmed = text.Trim();
        (string number, double unit) = trimmed.EndsWith("ms", StringComparison.Ordinal) ? (trimmed[..^2], 0.001)
            : trimmed.EndsWith('s') ? (trimmed[..^1], 1.0)
            : (trimmed, 1.0);
        return double.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value) && value * unit is >= 0.001 and <= 86_400
            ? TimeSpan.FromSeconds(value * unit)
            : throw new UsageException($"--timeout: '{text}' is not a time such as 5, 5s or 500ms, up to a day.");
    }

    public static ReadConsistency ParseConsistency(string text) => text switch
    {
        "linearizable" => ReadConsistency.Linearizable,
        "lease" => ReadConsistency.Lease,
        "local" => ReadConsistency.Local,
        _ => throw new UsageException($"--consistency: '{text}' is none of linearizable, lease, local."),
    };

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
    public ClientSession(RaftClientSettings settings)
        : this(settings, RaftClient.Create(settings))
    {
    }

    public ImmutableSortedDictionary<MemberId, Member> Members => settings.Members;

    public RaftClient Client => client;

    public int MaxValueBytes => settings.MaxValueBytes;

    public ValueTask DisposeAsync() => client.DisposeAsync();
}
