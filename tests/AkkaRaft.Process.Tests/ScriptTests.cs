using System.Diagnostics;
using System.Management.Automation;
using System.Management.Automation.Runspaces;
using OsProcess = System.Diagnostics.Process;

namespace AkkaRaft.Process.Tests;

/// <summary>The scripts, one after the other: each builds the command line first when it must.</summary>
public sealed class ScriptTests
{
    [Fact]
    public void Run_node_ps1_checks_the_configuration()
    {
        var output = PowerShellSays($"& '{Script("run-node.ps1")}' 0 --check; $LASTEXITCODE");
        Assert.Equal("0", output[^1]);
        Assert.Contains(output, l => l.Contains("is good", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("run-node.ps1", "7 --check")]
    [InlineData("run-node.ps1", "seven")]
    [InlineData("run-cluster.ps1", "--nodes 0")]
    public void The_powershell_scripts_hand_on_the_exit_code(string script, string arguments) =>
        Assert.Equal("1", PowerShellSays($"& '{Script(script)}' {arguments} 2>$null; $LASTEXITCODE")[^1]);

    [Fact]
    public void Run_node_ps1_leaves_the_environment_as_it_was()
    {
        Assert.Equal("none", PowerShellSays($"$env:AKKARAFT_CONFIG = $null; $null = & '{Script("run-node.ps1")}' 0 --check; if ($null -eq $env:AKKARAFT_CONFIG) {{ 'none' }} else {{ $env:AKKARAFT_CONFIG }}")[^1]);
        Assert.Equal("mine.conf", PowerShellSays($"$env:AKKARAFT_CONFIG = 'mine.conf'; $null = & '{Script("run-node.ps1")}' 0 --check 2>$null; $env:AKKARAFT_CONFIG; $env:AKKARAFT_CONFIG = $null")[^1]);
    }

    [UnixFact(Timeout = Patience.TestMs)]
    public async Task Run_node_sh_checks_the_configuration_and_hands_on_the_exit_code()
    {
        var good = await BashAsync(Script("run-node.sh"), "0", "--check");
        Assert.Equal(0, good.Code);
        Assert.Contains("is good", good.Out, StringComparison.Ordinal);

        var bad = await BashAsync(Script("run-node.sh"), "7", "--check");
        Assert.Equal(1, bad.Code);
        Assert.Contains("akkaraft: ", bad.Err, StringComparison.Ordinal);

        Assert.Equal(1, (await BashAsync(Script("run-cluster.sh"), "--nodes", "0")).Code);
    }

    private static string Script(string name) => Path.Combine(Cli.Root, "scripts", name);

    private static List<string> PowerShellSays(string script)
    {
        using var runspace = RunspaceFactory.CreateRunspace(InitialSessionState.CreateDefault2());
        runspace.Open();
        using var shell = PowerShell.Create(runspace);
        shell.AddScript(script);
        return [.. shell.Invoke().Select(o => o?.ToString() ?? "")];
    }

    private static async Task<Ended> BashAsync(params string[] args)
    {
        // In a directory that has no cluster's file above it: the script knows its own.
        var start = new ProcessStartInfo("bash", args) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Path.GetTempPath() };
        start.Environment.Remove("AKKARAFT_CONFIG");
        using var process = OsProcess.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        int code = await Patience.EndAsync(process, "bash " + string.Join(' ', args));
        return new(code, await output, await error);
    }
}
