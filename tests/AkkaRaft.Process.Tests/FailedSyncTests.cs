using System.Collections.Concurrent;
using System.Diagnostics;
using AkkaRaft.Client;
using AkkaRaft.Node;
using OsProcess = System.Diagnostics.Process;

namespace AkkaRaft.Process.Tests;

/// <summary>A disk whose sync ends with an error, once: what was to be on it may be in the page cache alone, and looks as if it were there.</summary>
public sealed class FailedSyncTests
{
    [StraceFact(Timeout = Patience.TestMs)]
    public async Task A_member_whose_sync_failed_starts_anew_and_nothing_that_was_confirmed_is_lost()
    {
        const int Puts = 150;
        await using var cluster = new Cluster();
        var lines = new ConcurrentQueue<string>();
        cluster.Printed = (id, line) =>
        {
            if (id == 0) lines.Enqueue(line);
        };
        // Of each thread the thirtieth sync: that is in the midst of the puts for the one that writes the journal.
        cluster.StartBy(0, "strace", "-D", "-f", "-qq", "-o", Path.Combine(cluster.Data, "strace"), "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO:when=30");
        cluster.Start(1);
        cluster.Start(2);
        await cluster.AllAsync();
        await using (var client = RaftClient.Create(new RaftClientSettings { ClusterId = "akkaraft", Members = ClientOptions.ParseMembers(cluster.Members), RequestTimeout = Patience.Wait }))
        {
            for (int i = 0; i < Puts; i++) await client.PutAsync($"k{i}", $"v{i}");
        }

        await Patience.UntilAsync("a sync that fails", () => Task.FromResult((File.ReadAllText(Path.Combine(cluster.Data, "strace")).Contains("INJECTED", StringComparison.Ordinal), "")));
        await Patience.UntilAsync("a word of it", () => Task.FromResult((lines.Any(l => l.Contains("cannot write its journal", StringComparison.Ordinal)), string.Join(Environment.NewLine, lines))));
        await cluster.InSyncAsync();
        for (int id = 0; id < 3; id++)
        {
            await cluster.KillAsync(id);
        }

        Assert.Equal(Enumerable.Range(0, Puts).Select(i => $"k{i}").Order(), cluster.Rows(0).Keys.Order());
        cluster.StartAll();
        await cluster.InSyncAsync();
        Assert.Equal(Puts, cluster.Rows(0).Count);
    }
}

/// <summary>A fact about system calls that fail.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class StraceFactAttribute : FactAttribute
{
    private static readonly Lazy<bool> Works = new(() =>
    {
        try
        {
            using var strace = OsProcess.Start(new ProcessStartInfo("strace", ["-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:error=EIO:when=1", "true"]))!;
            strace.WaitForExit();
            return strace.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    });

    public StraceFactAttribute()
    {
        if (!Works.Value) Skip = "There is no strace here, or it may not trace.";
    }
}
