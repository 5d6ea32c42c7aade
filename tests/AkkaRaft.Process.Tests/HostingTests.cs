using AkkaRaft.Hosting;
using AkkaRaft.HostingSample;
using AkkaRaft.Node;
using OsProcess = System.Diagnostics.Process;

namespace AkkaRaft.Process.Tests;

/// <summary>The sample application of docs/hosting.md, three times: members in ActorSystems of the application's own.</summary>
public sealed class HostingTests
{
    [Fact(Timeout = 300_000)] // ends a hang; says nothing about speed
    public async Task An_application_hosts_a_member_and_lives_on_when_it_is_removed()
    {
        using var data = new TemporaryDirectory();
        string config = Path.Combine(data.Path, "cluster.conf");
        int port = Ports.FreeRow(3);
        await File.WriteAllTextAsync(config, ClusterCommand.Hocon(Enumerable.Range(0, 3).Select(i => new AkkaRaft.Protocol.RaftEndpoint(new(i), $"127.0.0.1:{port + i}"))));
        await File.AppendAllTextAsync(config, "akkaraft.system-name = shop\n");
        var applications = Enumerable.Range(0, 3).Select(i => Start(i, config, data.Path)).ToList();
        try
        {
            foreach (var application in applications)
            {
                Assert.Matches("^stored 2 tea, one of [1-3] orders; plain messages go to akka://shop/user/raft$", await SaidAsync(application));
            }

            foreach (var application in applications)
            {
                string health = await AskAsync(application, "health");
                Assert.Contains("akkaraft-live Healthy: Member", health, StringComparison.Ordinal);
                Assert.Contains("akkaraft-ready Healthy: Member", health, StringComparison.Ordinal);
            }

            // The command line finds members in systems of another name by the same file.
            var scan = await Cli.RunAsync("scan", "order/", "--json", "--config", config);
            Assert.Equal((0, 3), (scan.Code, scan.Out.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length));

            Assert.Equal(0, (await Cli.RunAsync("members", "remove", "2", "--config", config)).Code);
            string removed;
            do
            {
                removed = await AskAsync(applications[2], "health");
            }
            while (!removed.Contains("akkaraft-live Healthy: Member 2 was removed", StringComparison.Ordinal)); // the two are asked one after the other
            Assert.Contains("akkaraft-ready Unhealthy: Member 2 was removed", removed, StringComparison.Ordinal);
            Assert.Equal("shop says hello", await AskAsync(applications[2], "hello"));

            foreach (var application in applications)
            {
                application.StandardInput.Close();
                await application.WaitForExitAsync();
                Assert.Equal(0, application.ExitCode);
            }
        }
        finally
        {
            applications.ForEach(a => a.Kill());
        }
    }

    [Fact(Timeout = 300_000)] // ends a hang; says nothing about speed
    public async Task A_system_of_another_name_than_the_settings_say_is_refused()
    {
        using var data = new TemporaryDirectory();
        var members = System.Collections.Immutable.ImmutableSortedDictionary<AkkaRaft.Protocol.MemberId, AkkaRaft.Protocol.RaftEndpoint>.Empty
            .Add(new(0), new(new(0), $"127.0.0.1:{Ports.FreeRow(1)}"));
        var settings = new RaftSettings { ClusterId = "c", Id = new(0), Members = members, DataDirectory = data.Path };
        using var system = Akka.Actor.ActorSystem.Create("other", RaftNode.Configuration(settings));
        Assert.Contains("'other'", Assert.Throws<RaftConfigurationException>(() => RaftNode.Start(system, settings)).Message, StringComparison.Ordinal);
        Assert.Contains("hostname and port", Assert.Throws<RaftConfigurationException>(() => RaftNode.Start(system, settings with
        {
            SystemName = "other",
            Members = members.SetItem(new(0), new(new(0), "127.0.0.1:1")),
        })).Message, StringComparison.Ordinal);
        using var plain = Akka.Actor.ActorSystem.Create("plain");
        Assert.Contains("RaftNode.Configuration", Assert.Throws<RaftConfigurationException>(() => RaftNode.Start(plain, settings with { SystemName = "plain" })).Message, StringComparison.Ordinal);
        Assert.Contains("no Akka.Remote", Assert.Throws<RaftConfigurationException>(() => AkkaRaft.Client.RaftClient.Create(plain, settings.ForClients())).Message, StringComparison.Ordinal);
        await system.Terminate();
        await plain.Terminate();
    }

    private static OsProcess Start(int id, string config, string data)
    {
        var start = new System.Diagnostics.ProcessStartInfo("dotnet") { RedirectStandardInput = true, RedirectStandardOutput = true };
        foreach (string argument in new[] { typeof(Order).Assembly.Location, $"{id}", config, data })
        {
            start.ArgumentList.Add(argument);
        }

        return OsProcess.Start(start)!;
    }

    private static async Task<string> AskAsync(OsProcess application, string line)
    {
        await application.StandardInput.WriteLineAsync(line);
        await application.StandardInput.FlushAsync();
        return await SaidAsync(application);
    }

    /// <summary>The next line that is none of the log's.</summary>
    private static async Task<string> SaidAsync(OsProcess application)
    {
        while (await application.StandardOutput.ReadLineAsync() is { } line)
        {
            if (line.StartsWith("stored", StringComparison.Ordinal) || line.StartsWith("akkaraft-", StringComparison.Ordinal) || line.StartsWith("shop says", StringComparison.Ordinal))
            {
                return line;
            }
        }

        return "";
    }
}
