using System.Diagnostics;
using System.Globalization;
using AkkaRaft.Benchmarks.Clusters;

namespace AkkaRaft.Benchmarks.Modes;

/// <summary>What all modes share.</summary>
/// <param name="Systems">Names of the systems to measure, in order.</param>
/// <param name="Program">AkkaRaft.Node.dll.</param>
/// <param name="BaselineProgram">AkkaRaft.Node.dll of another build, which the system "baseline" runs.</param>
/// <param name="EtcdLoad">The program that drives etcd.</param>
/// <param name="Work">Where members keep their files while the benchmark runs.</param>
/// <param name="Output">Where tables and charts go.</param>
/// <param name="BasePort">The first of the ports used; each system has twenty.</param>
/// <param name="IsQuick">A few minutes' worth less, and less to rely on.</param>
/// <param name="Rounds">How many times each figure is measured; 0 for the mode's own number.</param>
/// <param name="Callers">Numbers of callers to measure with; empty for the mode's own.</param>
internal sealed record BenchmarkOptions(
    IReadOnlyList<string> Systems, string Program, string? BaselineProgram, string? EtcdLoad, string Work, string Output, int BasePort, bool IsQuick, int Rounds, IReadOnlyList<int> Callers)
{
    public const string AkkaRaft = "akkaraft";
    public const string Etcd = "etcd";
    public const string DotNext = "dotnext";
    public const string Baseline = "baseline";

    private const int PortsPerCluster = 20;

    public static readonly string[] DefaultSystems = [AkkaRaft, Etcd, DotNext];
    public static readonly string[] AllSystems = [.. DefaultSystems, Baseline];

    /// <summary>How many ports all systems have together.</summary>
    public static readonly int Ports = AllSystems.Length * PortsPerCluster;

    private readonly long _began = Stopwatch.GetTimestamp();
    private int _clusters;

    /// <summary>The machine's load average when this mode began.</summary>
    public string LoadAverage { get; } = File.ReadAllText("/proc/loadavg").Split(' ')[0];

    public IEnumerable<ICluster> CreateClusters(int members = 3) => Systems.Select(s => Create(s, members));

    /// <summary>The systems whose members may die under the load.</summary>
    public IEnumerable<IRestartableCluster> CreateRestartable(int members = 3) =>
        Systems.Where(s => s != DotNext).Select(s => (IRestartableCluster)Create(s, members));

    /// <summary>AkkaRaft's builds among the systems, with three members and these settings.</summary>
    /// <param name="settings">HOCON.</param>
    public IEnumerable<ICluster> CreateWith(string settings) => Systems.Where(s => s is AkkaRaft or Baseline).Select(s => Create(s, 3, settings));

    /// <summary>Each cluster has files of its own, and the ports of its system.</summary>
    private ICluster Create(string system, int members, string settings = "")
    {
        var spec = new ClusterSpec(members, BasePort + (Array.IndexOf(AllSystems, system) * PortsPerCluster), Path.Combine(Work, $"{system}-{++_clusters}"), settings);
        return system switch
        {
            AkkaRaft => new AkkaRaftCluster("AkkaRaft", spec, Program),
            Baseline => new AkkaRaftCluster("baseline", spec, BaselineProgram ?? throw new InvalidOperationException("There is no program of the baseline.")),
            Etcd => new EtcdCluster(spec, EtcdLoad ?? throw new InvalidOperationException("There is no program that drives etcd.")),
            DotNext => new DotNextCluster(spec),
            _ => throw new InvalidOperationException($"'{system}' is none of {string.Join(", ", AllSystems)}."),
        };
    }

    /// <summary>A line of what is done, on standard error.</summary>
    public void Say(string what) =>
        Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Stopwatch.GetElapsedTime(_began):mm\\:ss} {what}"));
}
