using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace AkkaRaft.Node;

internal static class ClusterCommand
{
    private const string ClusterId = "akkaraft";

    public static Command Create()
    {
        Option<int> nodes = new("--nodes") { Description = "How many members", DefaultValueFactory = _ => 3 };
        Option<string?> data = new("--data") { Description = "Where members keep their files; ./data when nothing is said (AKKARAFT_DATA)" };
        Option<int> basePort = new("--base-port") { Description = "Port of member 0; each next member has the next port", DefaultValueFactory = _ => 4100 };
        var command = new Command("cluster", "Run a whole cluster on this machine, one process per member") { nodes, data, basePort };
        command.SetAction(async (parsed, _) =>
        {
            int count = parsed.GetValue(nodes);
            int port = parsed.GetValue(basePort);
            if (count is < 1 or > 64)
            {
                throw new UsageException($"--nodes: {count} is not between 1 and 64.");
            }

            if (port < 1 || port + count - 1 > 65535)
            {
                throw new UsageException($"--base-port: {count} ports from {port} on are not all between 1 and 65535.");
            }

            string directory = Path.GetFullPath(parsed.GetValue(data) ?? ClientOptions.FromEnvironment("AKKARAFT_DATA") ?? "data");
            return await RunAsync(count, directory, port).ConfigureAwait(false);
        });
        return command;
    }

    private static async Task<int> RunAsync(int count, string data, int basePort)
    {
        StandardStreams.MakeOutputLog();
        using var signals = new Signals();
        var members = Enumerable.Range(0, count)
            .Select(i => new RaftEndpoint(new MemberId(i), string.Create(CultureInfo.InvariantCulture, $"127.0.0.1:{basePort + i}")))
            .ToImmutableSortedDictionary(m => m.Id, m => m);
        Directory.CreateDirectory(data);
        string config = Path.Combine(data, "cluster.conf");
        await File.WriteAllTextAsync(config, Hocon(members.Values)).ConfigureAwait(false);

        bool live = !Console.IsOutputRedirected;
        var children = members.Values.Select(m => new Child(m, config, data)).ToList();
        try
        {
            await using var session = new ClientSession(new RaftClientSettings { ClusterId = ClusterId, Members = members });
            if (live)
            {
                // Nothing else may write while it is shown: what there is to say stands under the table.
                var notices = new List<string>();
                await AnsiConsole.Live(Screen([], notices, Terminal.Width)).StartAsync(context => PollAsync(session, children, signals, notices.Add, all =>
                {
                    context.UpdateTarget(Screen(all, notices, Terminal.Width));
                    context.Refresh();
                })).ConfigureAwait(false);
                notices.ForEach(Console.Error.WriteLine);
            }
            else
            {
                var said = new Dictionary<MemberId, string>();
                await PollAsync(session, children, signals, Console.Error.WriteLine, all =>
                {
                    foreach (var s in all)
                    {
                        string line = s.Role == RaftRole.Unreachable
                            ? $"{s.Id} {s.Address} Unreachable"
                            : $"{s.Id} {s.Address} {s.Role} term={s.Term} last={s.LastIndex} commit={s.CommitIndex} applied={s.AppliedIndex}";
                        if (said.GetValueOrDefault(s.Id) != line)
                        {
                            said[s.Id] = line;
                            Console.Out.WriteLine(line);
                        }
                    }
                }).ConfigureAwait(false);
            }
        }
        finally
        {
            await Task.WhenAll(children.Select(c => c.StopAsync())).ConfigureAwait(false);
        }

        // Nobody asked to stop: every member ended by itself.
        return signals.Token.IsCancellationRequested ? ExitCodes.Ok : ExitCodes.Usage;
    }

    private static async Task PollAsync(ClientSession session, List<Child> children, Signals signals, Action<string> say, Action<IReadOnlyList<RaftStatus>> show)
    {
        bool ready = false;
        while (!signals.Token.IsCancellationRequested)
        {
            foreach (var child in children.Where(c => c.EndedUnexpectedly()))
            {
                say($"akkaraft: member {child.Member} ended with exit code {child.ExitCode}. Its last lines ({child.Log}):");
                say(child.LastLines());
            }

            if (children.TrueForAll(c => c.Ended))
            {
                return;
            }

            if (!ready && children.Count(c => c.Ended && c.ExitCode != ExitCodes.Ok) * 2 > children.Count)
            {
                say("akkaraft: most members ended before the cluster served. The others are stopped.");
                return;
            }

            try
            {
                IReadOnlyList<RaftStatus> all = await session.Client.StatusAsync(signals.Token).ConfigureAwait(false);
                show(all);
                // Under their addresses others may answer, that were started before.
                if (!ready && all.Any(s => s.Role == RaftRole.Leader && children.Exists(c => c.ProcessId == s.ProcessId)))
                {
                    await session.Client.GetAsync("ready"u8.ToArray(), ReadConsistency.Linearizable, signals.Token).ConfigureAwait(false);
                    ready = true;
                    SayWhoIsNoMember(await session.Client.MembersAsync(signals.Token).ConfigureAwait(false), children, say);
                    if (Console.IsOutputRedirected)
                    {
                        Console.Out.WriteLine("READY");
                    }
                }

                await Task.Delay(300, signals.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            catch (Exception e) when (ExitCodes.Of(e) is { Code: ExitCodes.Unavailable or ExitCodes.OutcomeUnknown })
            {
                // Not serving yet, or not now: asked again.
            }
        }
    }

    /// <summary>What was stored goes before how many are started.</summary>
    private static void SayWhoIsNoMember(Membership now, List<Child> children, Action<string> say)
    {
        List<RaftEndpoint> others = [.. children.Where(c => !c.Ended && now.Members.All(m => m.Endpoint.Id != c.Member.Id)).Select(c => c.Member)];
        if (others.Count == 0)
        {
            return;
        }

        string add = string.Join(',', others.Select(m => $"{m.Id}={m.Address}"));
        say($"akkaraft: the cluster that is stored here has the members {string.Join(", ", now.Members.Select(m => m.Endpoint.Id))}, and not {string.Join(", ", others.Select(m => m.Id))}, which run and serve nothing. Make them members: akkaraft members add {add}");
    }

    /// <summary>How the members stand and, under it, the last of what there is to say; a line that is too long goes on in the next.</summary>
    internal static IRenderable Screen(IReadOnlyCollection<RaftStatus> all, IReadOnlyList<string> notices, int width)
    {
        const int Shown = 8;
        string[] lines = [.. notices.SelectMany(n => n.Split(Environment.NewLine)).TakeLast(Shown)];
        return new Rows([StatusCommand.Table(all, width), .. lines.Select(l => new Text(l))]);
    }

    internal static string Hocon(IEnumerable<RaftEndpoint> members)
    {
        var text = new StringBuilder();
        text.AppendLine("# Written by 'akkaraft cluster' at each start.");
        text.AppendLine("akkaraft {");
        text.Append("  cluster-id = \"").Append(ClusterId).AppendLine("\"");
        text.AppendLine("  members {");
        foreach (var m in members)
        {
            text.Append("    ").Append(m.Id).Append(" = \"").Append(m.Address).AppendLine("\"");
        }

        return text.AppendLine("  }").AppendLine("}").ToString();
    }

    /// <summary>One member's process. It stops when its standard input closes, and so also when this process dies.</summary>
    private sealed class Child
    {
        private const int Kept = 12;

        private readonly Process _process;
        private readonly Queue<string> _last = new();
        private readonly StreamWriter _log;
        private bool _stopping;
        private bool _told;

        public Child(RaftEndpoint member, string config, string data)
        {
            Member = member;
            string directory = Path.Combine(data, member.Id.ToString());
            Directory.CreateDirectory(directory);
            Log = Path.Combine(directory, "node.log");
            _log = new StreamWriter(new FileStream(Log, FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete)) { AutoFlush = true };
            string self = Environment.ProcessPath ?? "dotnet";
            var start = new ProcessStartInfo(self) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
            if (Path.GetFileNameWithoutExtension(self).Equals("dotnet", StringComparison.OrdinalIgnoreCase))
            {
                start.ArgumentList.Add(typeof(ClusterCommand).Assembly.Location);
            }

            foreach (string argument in new[] { "node", member.Id.ToString(), "--config", config, "--data", data, "--stop-with-stdin" })
            {
                start.ArgumentList.Add(argument);
            }

            _process = new Process { StartInfo = start };
            _process.OutputDataReceived += (_, e) => Line(e.Data);
            _process.ErrorDataReceived += (_, e) => Line(e.Data);
            _process.Start();
            _process.BeginOutputReadLine();
            _process.BeginErrorReadLine();
        }

        public RaftEndpoint Member { get; }

        public string Log { get; }

        public int ProcessId => _process.Id;

        public bool Ended => _process.HasExited;

        public int ExitCode => _process.ExitCode;

        /// <summary>True once, when the process is gone though nobody stopped it.</summary>
        public bool EndedUnexpectedly()
        {
            bool news = !_told && !_stopping && _process.HasExited;
            _told |= news;
            return news;
        }

        public string LastLines()
        {
            lock (_last)
            {
                return string.Join(Environment.NewLine, _last);
            }
        }

        public async Task StopAsync()
        {
            _stopping = true;
            try
            {
                _process.StandardInput.Close();
            }
            catch (IOException)
            {
                // It is gone already.
            }

            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(15));
            try
            {
                await _process.WaitForExitAsync(patience.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                await Console.Error.WriteLineAsync($"akkaraft: member {Member} does not stop; its process is ended.").ConfigureAwait(false);
                _process.Kill(entireProcessTree: true);
                await _process.WaitForExitAsync(CancellationToken.None).ConfigureAwait(false);
            }

            lock (_last)
            {
                _log.Dispose();
            }

            _process.Dispose();
        }

        private void Line(string? line)
        {
            if (line is null)
            {
                return;
            }

            lock (_last)
            {
                _last.Enqueue(line);
                if (_last.Count > Kept)
                {
                    _last.Dequeue();
                }

                try
                {
                    _log.WriteLine(line);
                }
                catch (ObjectDisposedException)
                {
                    // Said after the end.
                }
            }
        }
    }
}
