using System.Diagnostics;
using System.Globalization;

namespace AkkaRaft.Benchmarks.Clusters;

/// <summary>One member: its process, and what the kernel says that it has used.</summary>
internal sealed class ServerProcess : IDisposable
{
    private const double TicksPerSecond = 100;

    private static readonly Lock PidFileLock = new();

    private readonly Process _process;

    private ServerProcess(Process process) => _process = process;

    /// <summary>Where the numbers of all processes started go, for whoever has to end them when this one could not.</summary>
    public static string? PidFile { get; set; }

    public int Id => _process.Id;

    public StreamWriter Input => _process.StandardInput;

    public StreamReader Output => _process.StandardOutput;

    /// <summary>CPU seconds used so far, in user and in kernel mode.</summary>
    public double CpuSeconds
    {
        get
        {
            // The command's name, in parentheses, may have spaces; user and system time are the 14th and 15th fields.
            var stat = File.ReadAllText($"/proc/{Id}/stat");
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return (double.Parse(fields[11], CultureInfo.InvariantCulture) + double.Parse(fields[12], CultureInfo.InvariantCulture)) / TicksPerSecond;
        }
    }

    /// <summary>Most memory that was resident at any time, in MiB.</summary>
    public double PeakMiB
    {
        get
        {
            var line = File.ReadLines($"/proc/{Id}/status").First(l => l.StartsWith("VmHWM:", StringComparison.Ordinal));
            return double.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024;
        }
    }

    /// <summary>Starts a process whose output goes to a file.</summary>
    public static ServerProcess Start(string logFile, string program, params IEnumerable<string> arguments) =>
        Start("/bin/sh", ["-c", "log=$1; shift; exec \"$@\" >>\"$log\" 2>&1", "sh", logFile, program, .. arguments], readsOutput: false);

    /// <summary>Starts a process that is spoken to over its standard input and output.</summary>
    /// <param name="program">What to start.</param>
    /// <param name="environment">What it finds in its environment besides.</param>
    /// <param name="arguments">Its arguments.</param>
    public static ServerProcess StartConversation(string program, IReadOnlyDictionary<string, string> environment, params IEnumerable<string> arguments) =>
        Start(program, [.. arguments], readsOutput: true, environment);

    private static ServerProcess Start(string program, string[] arguments, bool readsOutput, IReadOnlyDictionary<string, string>? environment = null)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = readsOutput };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>()) start.Environment[name] = value;
        var process = Process.Start(start)
            ?? throw new InvalidOperationException($"{program} did not start.");
        lock (PidFileLock)
        {
            if (PidFile is not null) File.AppendAllText(PidFile, $"{process.Id}\n");
        }
        return new ServerProcess(process);
    }

    /// <summary>kill -9.</summary>
    public async Task KillAsync()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync().ConfigureAwait(false);
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit();
        }
        _process.Dispose();
    }
}
