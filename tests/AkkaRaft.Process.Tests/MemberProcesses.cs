using OsProcess = System.Diagnostics.Process;

namespace AkkaRaft.Process.Tests;

/// <summary>The processes of three members, none of which is held up by what it prints.</summary>
internal sealed class MemberProcesses : IAsyncDisposable
{
    private readonly OsProcess?[] _members = new OsProcess?[3];

    /// <summary>Called with each line that a member prints.</summary>
    public Action<int, string> Printed { get; set; } = (_, _) => { };

    public void Add(int id, OsProcess process)
    {
        process.OutputDataReceived += (_, line) => Printed(id, line.Data ?? "");
        process.ErrorDataReceived += (_, line) => Printed(id, line.Data ?? "");
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        _members[id] = process;
    }

    public async Task KillAsync(int id)
    {
        if (_members[id] is { } process)
        {
            process.Kill();
            await process.WaitForExitAsync();
            process.Dispose();
            _members[id] = null;
        }
    }

    public async Task<int> EndAsync(int id)
    {
        using var process = _members[id]!;
        int code = await Patience.EndAsync(process, $"member {id}, by itself");
        _members[id] = null;
        return code;
    }

    public async ValueTask DisposeAsync()
    {
        for (int id = 0; id < _members.Length; id++)
        {
            await KillAsync(id);
        }
    }
}
