using System.Text.Json;
using AkkaRaft.Benchmarks.Load;

namespace AkkaRaft.Benchmarks.Clusters;

/// <summary>DotNext.Net.Cluster in three processes. Its API writes and reads inside the leader's process, so that the load is there: it saves DotNext the client's hop.</summary>
internal sealed class DotNextCluster(ClusterSpec spec) : ICluster
{
    // .NET's own default, 70 (46 in hexadecimal), where this program, whose file its members run, has 0.
    private const string Spins = "DOTNET_ThreadPool_UnfairSemaphoreSpinLimit=46";

    private readonly List<MeasuredProcess> _processes = [];

    public string Name => "DotNext";

    public IReadOnlyList<MeasuredProcess> Members => _processes;

    public MeasuredProcess? LoadProcess => null;

    public async Task StartAsync()
    {
        Directory.CreateDirectory(spec.Directory);
        var ports = string.Join(',', Enumerable.Range(spec.BasePort, spec.Members));
        for (var i = 0; i < spec.Members; i++)
            _processes.Add(MeasuredProcess.StartConversation(
                Path.Combine(spec.Directory, $"{i}.log"), "env", Spins, "dotnet", typeof(DotNextCluster).Assembly.Location, DotNextMember.Verb, $"{i}", ports, Path.Combine(spec.Directory, $"{i}")));
        await LeaderAsync().ConfigureAwait(false);
    }

    public async Task<LoadResult> LoadAsync(LoadSpec load)
    {
        var leader = _processes[await LeaderAsync().ConfigureAwait(false)];
        return JsonSerializer.Deserialize<LoadResult>(await leader.AskAsync(JsonSerializer.Serialize(load, LoadSpec.Json)).ConfigureAwait(false), LoadSpec.Json)!;
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
                if (await _processes[i].AskAsync(DotNextMember.AskIfLeader).ConfigureAwait(false) == DotNextMember.Yes) return i;
            await Task.Delay(100).ConfigureAwait(false);
        }
    }
}
