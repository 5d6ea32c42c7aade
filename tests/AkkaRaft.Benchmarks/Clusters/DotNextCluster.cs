using System.Text.Json;
using AkkaRaft.Benchmarks.Load;

namespace AkkaRaft.Benchmarks.Clusters;

/// <summary>DotNext.Net.Cluster in three processes. Its API writes and reads inside the leader's process, so that the load is there: it saves DotNext the client's hop.</summary>
internal sealed class DotNextCluster(ClusterSpec spec) : ICluster
{
    // .NET's own default, 70, where this program, whose file its members run, has 0.
    private static readonly Dictionary<string, string> Spins = new() { ["DOTNET_ThreadPool_UnfairSemaphoreSpinLimit"] = "46" };

    private readonly List<ServerProcess> _processes = [];

    public string Name => "DotNext";

    public IReadOnlyList<ServerProcess> Members => _processes;

    public async Task StartAsync()
    {
        Directory.CreateDirectory(spec.Directory);
        var ports = string.Join(',', Enumerable.Range(spec.BasePort, spec.Members));
        for (var i = 0; i < spec.Members; i++)
            _processes.Add(ServerProcess.StartConversation("dotnet", Spins, typeof(DotNextCluster).Assembly.Location, DotNextMember.Verb, $"{i}", ports, Path.Combine(spec.Directory, $"{i}")));
        await LeaderAsync().ConfigureAwait(false);
    }

    public async Task<LoadResult> LoadAsync(LoadSpec load)
    {
        var leader = _processes[await LeaderAsync().ConfigureAwait(false)];
        return JsonSerializer.Deserialize<LoadResult>(await AskAsync(leader, JsonSerializer.Serialize(load)).ConfigureAwait(false), DotNextMember.Json)!;
    }

    public ValueTask DisposeAsync()
    {
        foreach (var process in _processes) process.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task<int> LeaderAsync()
    {
        while (true)
        {
            for (var i = 0; i < _processes.Count; i++)
                if (await AskAsync(_processes[i], DotNextMember.AskIfLeader).ConfigureAwait(false) == DotNextMember.Yes) return i;
            await Task.Delay(100).ConfigureAwait(false);
        }
    }

    private static async Task<string> AskAsync(ServerProcess process, string question)
    {
        await process.Input.WriteLineAsync(question).ConfigureAwait(false);
        await process.Input.FlushAsync().ConfigureAwait(false);
        return await process.Output.ReadLineAsync().ConfigureAwait(false) ?? throw new IOException($"DotNext's process {process.Id} has ended.");
    }
}
