using System.Globalization;
using System.Net.Sockets;
using Akka.Actor;

namespace AkkaRaft.Node;

internal static class NodeCommand
{
    // Twice as long as a client takes to ask who the members are.
    private static readonly TimeSpan Farewell = TimeSpan.FromSeconds(10);

    public static Command Create()
    {
        Argument<int> id = new("ID") { Description = "Which member of the cluster's file this is" };
        Option<string?> config = new("--config") { Description = "The cluster's file; hocon/cluster.conf when nothing is said (AKKARAFT_CONFIG)" };
        Option<string?> data = new("--data") { Description = "Where members keep their files (AKKARAFT_DATA)" };
        Option<bool> debug = new("--debug") { Description = "Log every message sent and received" };
        Option<bool> check = new("--check") { Description = "Check the configuration and exit" };
        Option<bool> print = new("--print-config") { Description = "Print the settings in force and exit" };
        Option<string?> join = new("--join") { Description = "Members of a running cluster, as 0=host:port,…, that this one joins; then say 'members add'" };
        Option<string?> listen = new("--listen") { Description = "Where a member that joins listens, as host:port" };
        Option<string?> clusterId = new("--cluster-id") { Description = "The cluster's name, with --join; the file's, or akkaraft, when nothing is said (AKKARAFT_CLUSTER_ID)" };
        Option<string?> systemName = new("--system-name") { Description = "Name of the members' ActorSystems, with --join; the file's, or akkaraft, when nothing is said (AKKARAFT_SYSTEM_NAME)" };
        Option<bool> insecure = new("--allow-insecure-network") { Description = "Listen at an address that other machines reach, with neither encryption nor authentication: anyone who reaches it can write" };
        Option<bool> shell = new("--shell") { Description = "Read client commands from a prompt or a pipe, as 'akkaraft shell' does, and stop the member when they end" };
        Option<bool> json = new("--json") { Description = "With --shell: print JSON, one object a line" };
        Option<bool> stopWithStdin = new("--stop-with-stdin") { Hidden = true };
        var command = new Command("node", "Run one member of a cluster") { id, config, data, debug, check, print, join, listen, clusterId, systemName, insecure, shell, json, stopWithStdin };
        command.SetAction(async (parsed, _) =>
        {
            var self = new MemberId(parsed.GetValue(id));
            if (parsed.GetValue(join) is null && (parsed.GetValue(listen) ?? parsed.GetValue(clusterId) ?? parsed.GetValue(systemName)) is not null)
            {
                throw new UsageException("--listen, --cluster-id and --system-name are for a member that joins, with --join; without it the cluster's file says them.");
            }

            if (parsed.GetValue(clusterId) is { } cluster)
            {
                ClientOptions.CheckNames.ClusterId(cluster, clusterId.Name);
            }

            if (parsed.GetValue(systemName) is { } system)
            {
                ClientOptions.CheckNames.SystemName(system, systemName.Name);
            }

            if (parsed.GetValue(check) && parsed.GetValue(print))
            {
                throw new UsageException("--check and --print-config cannot be given together.");
            }

            var settings = parsed.GetValue(join) is { } peers
                ? Joining(self, peers, parsed.GetValue(listen), parsed.GetValue(clusterId) ?? ClientOptions.FromEnvironment("AKKARAFT_CLUSTER_ID"), parsed.GetValue(systemName) ?? ClientOptions.FromEnvironment("AKKARAFT_SYSTEM_NAME"), parsed.GetValue(config))
                : RaftSettings.FromFile(ClientOptions.FindConfig(parsed.GetValue(config)), self);
            if ((parsed.GetValue(data) ?? ClientOptions.FromEnvironment("AKKARAFT_DATA")) is { } directory)
            {
                settings = settings with { DataDirectory = directory };
            }

            if (parsed.GetValue(insecure))
            {
                settings = settings with { AllowInsecureNetwork = true };
            }

            if (parsed.GetValue(debug))
            {
                settings = settings with { LogMessages = true };
            }

            settings.Validate();
            MemberConfiguration.CheckAddress(settings);
            if (parsed.GetValue(print))
            {
                Print(settings);
                return ExitCodes.Ok;
            }

            if (parsed.GetValue(check))
            {
                Console.Out.WriteLine($"The configuration of member {settings.Members[settings.Id]} of cluster '{settings.ClusterId}' is good.");
                return ExitCodes.Ok;
            }

            return parsed.GetValue(shell)
                ? await RunShellAsync(settings, parsed.GetValue(json)).ConfigureAwait(false)
                : await RunAsync(settings, parsed.GetValue(stopWithStdin)).ConfigureAwait(false);
        });
        return command;
    }

    /// <summary>The settings of a member that no file names yet; a file may give what is not said here.</summary>
    private static RaftSettings Joining(MemberId self, string peers, string? listen, string? clusterId, string? systemName, string? config)
    {
        if (listen is null)
        {
            throw new UsageException("--join needs --listen host:port: where this member listens.");
        }

        var others = ClientOptions.ParseMembers(peers, "--join").Remove(self);
        if (others.IsEmpty)
        {
            throw new UsageException($"--join names member {self} itself and nobody else: name members of the cluster that it is to join.");
        }

        var members = others.Add(self, ClientOptions.ParseMember(self, listen, "--listen"));
        var settings = config is null
            ? new RaftSettings { ClusterId = ClientOptions.DefaultName, Id = self, Members = members }
            : RaftSettings.FromFile(ClientOptions.FindConfig(config));
        return settings with { ClusterId = clusterId ?? settings.ClusterId, SystemName = systemName ?? settings.SystemName, Id = self, Members = members, Joins = true };
    }

    /// <summary>A client inside the member's process; what the member logs below a warning would garble the prompt.</summary>
    private static async Task<int> RunShellAsync(RaftSettings settings, bool json)
    {
        // A program reads answers there, and nothing else.
        if (json) StandardStreams.LogToError();
        else StandardStreams.MakeOutputLog();
        await using var node = await StartAsync(settings with { IsQuiet = true }, settings.Members[settings.Id]).ConfigureAwait(false);
        var client = settings.ForClients() with { RequestTimeout = ClientOptions.DefaultTimeout };
        await using var session = new ClientSession(client, RaftClient.Create(node.System, client));
        _ = node.Completion.ContinueWith(
            done => Console.Error.WriteLine($"akkaraft: member {settings.Members[settings.Id]} has stopped: {done.Result.Reason}"),
            CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        // Ctrl-C is the shell's; what waits for a line cannot be cancelled, and is left.
        using var signals = new Signals(interrupt: false);
        Task<int> shell = Task.Run(() => new Shell(session, json).RunAsync());
        return await Task.WhenAny(shell, signals.WaitAsync()).ConfigureAwait(false) == shell ? await shell.ConfigureAwait(false) : ExitCodes.Ok;
    }

    private static async Task<int> RunAsync(RaftSettings settings, bool stopWithStdin)
    {
        StandardStreams.MakeOutputLog();
        using var signals = new Signals();
        if (stopWithStdin)
        {
            _ = Task.Run(async () =>
            {
                try
                {
                    var buffer = new byte[64];
                    await using var input = StandardStreams.OpenInput();
                    while (await input.ReadAsync(buffer).ConfigureAwait(false) > 0)
                    {
                    }
                }
                catch (IOException)
                {
                    // What cannot be read has ended.
                }

                signals.Stop();
            });
        }

        RaftEndpoint self = settings.Members[settings.Id];
        await using var node = await StartAsync(settings, self).ConfigureAwait(false);
        Console.Out.WriteLine($"Member {self.Id} of cluster '{settings.ClusterId}' listens at {self.Address} (process {Environment.ProcessId}).");
        Task stop = signals.WaitAsync();
        Task watch = WatchAsync(node, settings, signals.Token);
        await Task.WhenAny(stop, node.Completion).ConfigureAwait(false);
        if (!stop.IsCompleted)
        {
            var (end, reason) = await node.Completion.ConfigureAwait(false);
            if (end == MemberEnd.Removed)
            {
                Console.Out.WriteLine($"{reason} Its directory may go; its id is never used again. For {Farewell.TotalSeconds:0} s it sends clients on to the others.");
                await Task.WhenAny(stop, Task.Delay(Farewell)).ConfigureAwait(false);
                return ExitCodes.Ok;
            }

            signals.Stop();
            // The ActorSystem hears the same signal, and may be the first to end.
            if (end == MemberEnd.Failed)
            {
                Console.Error.WriteLine($"akkaraft: member {self} has stopped: {reason}");
                return ExitCodes.Usage;
            }
        }

        await watch.ConfigureAwait(false);
        Console.Out.WriteLine($"Member {self.Id} stops.");
        return ExitCodes.Ok;
    }

    private static async Task<RaftNode> StartAsync(RaftSettings settings, RaftEndpoint self)
    {
        try
        {
            return await RaftNode.StartAsync(settings).ConfigureAwait(false);
        }
        catch (Exception e) when (PortInUse(e))
        {
            throw new IOException($"Member {self} cannot listen: {self.Address} is in use by another process, or is no address of this machine.", e);
        }
    }

    private static bool PortInUse(Exception? e)
    {
        for (; e is not null; e = e.InnerException)
        {
            if (e is SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse or SocketError.AddressNotAvailable }
                || e is AggregateException all && all.InnerExceptions.Any(PortInUse))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Says whom the member waits for, and whom it follows, on changes only.</summary>
    private static async Task WatchAsync(RaftNode node, RaftSettings settings, CancellationToken stop)
    {
        string said = "";
        var raft = node.System.ActorSelection("/user/raft");
        while (!stop.IsCancellationRequested && !node.Completion.IsCompleted)
        {
            try
            {
                await Task.Delay(TimeSpan.FromMilliseconds(500), stop).ConfigureAwait(false);
                if (await raft.Ask<object>(new GetMemberStatus(settings.ClusterId, 0), TimeSpan.FromSeconds(2), stop).ConfigureAwait(false) is not RaftStatus status)
                {
                    continue;
                }

                string now = status.Leader is { } leader
                    ? leader == settings.Id ? $"Member {settings.Id} leads." : $"Member {settings.Id} follows member {leader}."
                    : status is { Role: RaftRole.Learner, LastIndex: > 0 } ? $"Member {settings.Id} has no vote and hears no leader. Where the members that it knows were replaced while it was down, start it with --join and members that there are."
                    : status.Role == RaftRole.Learner ? $"Member {settings.Id} waits to be added: akkaraft members add {settings.Members[settings.Id].Id}={settings.Members[settings.Id].Address}"
                    : status.Waiting.IsDefaultOrEmpty ? $"Member {settings.Id} has no leader yet."
                    : $"Member {settings.Id} has no leader; it waits for {string.Join(", ", status.Waiting.Select(m => settings.Members.TryGetValue(m, out var member) ? member.ToString() : m.ToString()))}.";
                if (now != said)
                {
                    Console.Out.WriteLine(said = now);
                }
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (AskTimeoutException)
            {
                // The member is busy, or stops: asked again.
            }
        }
    }

    private static void Print(RaftSettings settings)
    {
        foreach (var property in typeof(RaftSettings).GetProperties().Where(p => p.GetIndexParameters().Length == 0 && p.CanWrite))
        {
            string name = SettingsCheck.InFile(property.Name);
            string text = property.GetValue(settings) switch
            {
                TimeSpan t => string.Create(CultureInfo.InvariantCulture, $"{t.TotalMilliseconds}ms"),
                bool b => b ? "on" : "off",
                IEnumerable<KeyValuePair<MemberId, RaftEndpoint>> members => "{ " + string.Join(", ", members.Select(m => $"{m.Key} = \"{m.Value.Address}\"")) + " }",
                string s => $"\"{s}\"",
                var other => Convert.ToString(other, CultureInfo.InvariantCulture) ?? "",
            };
            Console.Out.WriteLine($"{name} = {text}");
        }
    }
}
