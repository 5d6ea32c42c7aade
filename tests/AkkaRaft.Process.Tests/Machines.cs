using System.Diagnostics;
using System.Text.Json;
using AkkaRaft.Node;
using OsProcess = System.Diagnostics.Process;

namespace AkkaRaft.Process.Tests;

/// <summary>
/// Network namespaces that stand for machines: three members, a client apart, and two more clients behind routers (NAT) that have the same address in networks of their own.
/// </summary>
internal sealed class Machines : IAsyncDisposable
{
    public const string Client = "client";
    public const string FirstBehindNat = "nat1";
    public const string SecondBehindNat = "nat2";

    private const string Switch = "switch";
    private const string SameAddress = "192.168.7.2";
    private static readonly List<string> Apart = ["0", "1", "2", Client];
    private static readonly Lazy<string?> Lacking = new(FindLacking);

    private readonly string _prefix = $"akkaraft-{Environment.ProcessId}-{Guid.NewGuid():N}"[..24];
    private readonly List<string> _names = [];
    private readonly MemberProcesses _members = new();
    private readonly TemporaryDirectory _data = new();
    private readonly string _config;

    private Machines()
    {
        _config = Path.Combine(_data.Path, "cluster.conf");
        File.WriteAllText(_config, ClusterCommand.Hocon(Enumerable.Range(0, 3).Select(i => new AkkaRaft.Protocol.RaftEndpoint(new(i), Address(i)))));
    }

    /// <summary>What keeps this machine from having network namespaces; null when nothing does.</summary>
    public static string? WhatIsLacking => Lacking.Value;

    public string Members { get; } = string.Join(',', Enumerable.Range(0, 3).Select(i => $"{i}={Address(i)}"));

    public static async Task<Machines> BuildAsync()
    {
        var machines = new Machines();
        try
        {
            machines.Build();
            for (int id = 0; id < 3; id++)
            {
                machines.Start(id);
            }

            await machines.LeaderAsync();
            return machines;
        }
        catch
        {
            await machines.DisposeAsync();
            throw;
        }
    }

    private void Build()
    {
        Add(Switch);
        In(Switch, "ip link add br0 type bridge");
        In(Switch, "ip link set br0 up");
        for (int id = 0; id < 3; id++)
        {
            Connect($"{id}", $"10.99.0.{10 + id}/24");
        }

        Connect(Client, "10.99.0.99/24");
        int router = 201;
        foreach (string client in new[] { FirstBehindNat, SecondBehindNat })
        {
            string nat = $"{client}-router";
            Connect(nat, $"10.99.0.{router++}/24");
            Add(client);
            In(nat, $"ip link add inside type veth peer name eth0 netns {_prefix}-{client}");
            In(nat, "ip addr add 192.168.7.1/24 dev inside");
            In(nat, "ip link set inside up");
            In(nat, "sysctl -qw net.ipv4.ip_forward=1");
            In(nat, "iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE");
            In(client, $"ip addr add {SameAddress}/24 dev eth0");
            In(client, "ip link set eth0 up");
            In(client, "ip route add default via 192.168.7.1");
        }
    }

    /// <summary>A machine at the switch.</summary>
    private void Connect(string name, string address)
    {
        Add(name);
        In(Switch, $"ip link add to-{name} type veth peer name eth0 netns {_prefix}-{name}");
        In(Switch, $"ip link set to-{name} master br0 up");
        In(name, $"ip addr add {address} dev eth0");
        In(name, "ip link set eth0 up");
    }

    private void Add(string name)
    {
        Run($"ip netns add {_prefix}-{name}");
        _names.Add(name);
        In(name, "ip link set lo up");
    }

    public void Start(int id)
    {
        _members.Add(id, Cli.StartBy(On($"{id}"), "node", $"{id}", "--config", _config, "--data", _data.Path, "--allow-insecure-network", "--stop-with-stdin"));
    }

    /// <summary>As kill -9 does.</summary>
    public Task KillAsync(int id) => _members.KillAsync(id);

    /// <summary>The command that runs another on a machine.</summary>
    public string[] On(string machine) => ["ip", "netns", "exec", $"{_prefix}-{machine}"];

    /// <summary>The command line's answer on a machine.</summary>
    public Task<Ended> AskAsync(string machine, params string[] args) => Cli.RunByAsync(On(machine), [.. args, "--members", Members]);

    /// <summary>Waits until some member leads, as the client sees it.</summary>
    public Task<int> LeaderAsync() => Patience.UntilAsync("a leader", async () =>
    {
        var ended = await AskAsync(Client, "status", "--json", "--timeout", "5s");
        var leader = ended.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => JsonDocument.Parse(l).RootElement)
            .FirstOrDefault(e => e.TryGetProperty("role", out var role) && role.GetString() == "Leader");
        return leader.ValueKind == JsonValueKind.Undefined ? (false, -1) : (true, leader.GetProperty("id").GetInt32());
    });

    /// <summary>Cuts members and client from all others: what arrives is dropped, and nobody is told.</summary>
    public void CutAll() => Apart.ForEach(name => In(name, "iptables -A INPUT -i eth0 -j DROP"));

    public void HealAll() => Apart.ForEach(name => In(name, "iptables -F INPUT"));

    private void In(string machine, string command) => Run($"ip netns exec {_prefix}-{machine} {command}");

    private static void Run(string command)
    {
        var (code, error) = TryRun(command);
        Assert.True(code == 0, $"{command}: {error}");
    }

    private static (int Code, string Error) TryRun(string command)
    {
        string[] words = command.Split(' ');
        using var process = OsProcess.Start(new ProcessStartInfo(words[0], words[1..]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, error.Trim());
    }

    private static string? FindLacking()
    {
        if (!OperatingSystem.IsLinux())
        {
            return "Network namespaces are Linux's.";
        }

        string probe = $"akkaraft-{Environment.ProcessId}-probe";
        try
        {
            if (TryRun($"ip netns add {probe}") is (not 0, var refused))
            {
                return $"'ip netns add' is not allowed here, it needs root: {refused}";
            }

            try
            {
                return TryRun($"ip netns exec {probe} iptables -t nat -A POSTROUTING -j MASQUERADE") is (not 0, var lacking) ? $"iptables does not work in a network namespace: {lacking}" : null;
            }
            finally
            {
                TryRun($"ip netns del {probe}");
            }
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            return $"iproute2 and iptables are needed: {e.Message}";
        }
    }

    private static string Address(int id) => $"10.99.0.{10 + id}:7000";

    public async ValueTask DisposeAsync()
    {
        await _members.DisposeAsync();

        foreach (string name in _names)
        {
            TryRun($"ip netns del {_prefix}-{name}");
        }

        _data.Dispose();
    }
}
