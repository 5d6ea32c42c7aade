using AkkaRaft.Client;
using ArchUnitNET.Loader;
using ArchUnitNET.xUnit;
using static ArchUnitNET.Fluent.ArchRuleDefinition;
using static ArchUnitNET.Fluent.Slices.SliceRuleDefinition;

namespace AkkaRaft.Tests.Architecture;

/// <summary>Which part uses which: arrows point down only, as the README draws it.</summary>
public sealed class ArrowsTests
{
    private static readonly ArchUnitNET.Domain.Architecture House = new ArchLoader()
        .LoadAssemblies(typeof(RaftConfigurationException).Assembly, typeof(RaftClient).Assembly, typeof(RaftSettings).Assembly).Build();

    public static TheoryData<string, string> Forbidden => new()
    {
        { "AkkaRaft.Consensus", "AkkaRaft.KeyValue" },
        { "AkkaRaft.Consensus", "AkkaRaft.Client" },
        { "AkkaRaft.Consensus", "AkkaRaft.Hosting" },
        { "AkkaRaft.Consensus", "AkkaRaft.Serialization" },
        { "AkkaRaft.KeyValue", "AkkaRaft.Consensus" },
        { "AkkaRaft.KeyValue", "AkkaRaft.Storage" },
        { "AkkaRaft.KeyValue", "AkkaRaft.Client" },
        { "AkkaRaft.KeyValue", "AkkaRaft.Hosting" },
        { "AkkaRaft.Storage", "AkkaRaft.Consensus" },
        { "AkkaRaft.StateMachines", "AkkaRaft.Consensus" },
        { "AkkaRaft.Log", "AkkaRaft.Storage" },
        { "AkkaRaft.Client", "AkkaRaft.Hosting" },
        { "AkkaRaft.Protocol", "AkkaRaft.Client" },
        { "AkkaRaft.Protocol", "AkkaRaft.KeyValue" },
        { "AkkaRaft.Remoting", "AkkaRaft.Protocol" },
    };

    [Theory]
    [MemberData(nameof(Forbidden))]
    public void A_part_does_not_know_what_is_above_it(string part, string above)
    {
        Assert.Contains(House.Namespaces, n => n.FullName == part);
        Types().That().ResideInNamespace(part).Should().NotDependOnAny(Types().That().ResideInNamespace(above)).Check(House);
    }

    [Fact]
    public void There_is_no_circle_among_the_parts() =>
        Slices().Matching("AkkaRaft.(**)").Should().BeFreeOfCycles().Check(House);

    [Fact]
    public void A_client_brings_no_persistence_and_no_database()
    {
        var found = new HashSet<string>();
        var next = new Queue<System.Reflection.Assembly>([typeof(RaftClient).Assembly]);
        while (next.TryDequeue(out var assembly))
        {
            foreach (var name in assembly.GetReferencedAssemblies().Where(n => !n.Name!.StartsWith("System", StringComparison.Ordinal) && found.Add(n.Name)))
                next.Enqueue(System.Reflection.Assembly.Load(name));
        }
        Assert.Contains("Akka.Remote", found);
        Assert.DoesNotContain(found, n => n.Contains("Sqlite", StringComparison.OrdinalIgnoreCase) || n.Contains("linq2db", StringComparison.OrdinalIgnoreCase) || n.StartsWith("Akka.Persistence", StringComparison.Ordinal));
    }
}
