using System.Diagnostics;
using System.Globalization;

namespace AkkaRaft.Benchmarks.Clusters;

/// <summary>A member or a load: its process, and what the kernel says that it has used.</summary>
internal sealed class MeasuredProcess : IDisposable
{
    private const double TicksPerSecond = 100;

    private static readonly Lock PidFileLock = new();

    private readonly Process _process;
    private readonly string _command;
    private readonly string _logFile;

    private MeasuredProcess(Process process, string command, string logFile)
    {
        _process = process;
        _command = command;
        _logFile = logFile;
    }

    /// <summary>Where the numbers of all processes started go, for whoever has to end them when this one could not.</summary>
    public static string? PidFile { get; set; }

    public int Id => _process.Id;

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
    public static MeasuredProcess Start(string logFile, string program, params IEnumerable<string> arguments) =>
        Start("exec \"$@\" >>\"$log\" 2>&1", logFile, [program, .. arguments], readsOutput: false);

    /// <summary>Starts a process that answers each line of its standard input by one of its standard output; its errors go to a file.</summary>
    public static MeasuredProcess StartConversation(string logFile, string program, params IEnumerable<string> arguments) =>
        Start("exec \"$@\" 2>>\"$log\"", logFile, [program, .. arguments], readsOutput: true);

    /// <summary>One line for another.</summary>
    /// <exception cref="IOException">The process has ended.</exception>
    public async Task<string> AskAsync(string question)
    {
        await _process.StandardInput.WriteLineAsync(question).ConfigureAwait(false);
        await _process.StandardInput.FlushAsync().ConfigureAwait(false);
        return await _process.StandardOutput.ReadLineAsync().ConfigureAwait(false)
            ?? throw new IOException($"'{_command}' has ended; it was asked '{question}'. {LastWords()}");
    }

    // The shell replaces itself by the program, which keeps the process's number.
    private static MeasuredProcess Start(string script, string logFile, string[] command, bool readsOutput)
    {
        var start = new ProcessStartInfo("/bin/sh", ["-c", $"log=$1; shift; {script}", "sh", logFile, .. command]) { RedirectStandardInput = true, RedirectStandardOutput = readsOutput };
        var process = Process.Start(start) ?? throw new IOException($"/bin/sh did not start '{command[0]}'.");
        lock (PidFileLock)
        {
            if (PidFile is not null) File.AppendAllText(PidFile, $"{process.Id}\n");
        }
        return new MeasuredProcess(process, string.Join(' ', command), logFile);
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

    private string LastWords() => File.ReadLines(_logFile).LastOrDefault() is { } line ? $"Its last line of errors: {line}" : "It left no line of errors.";
}
