using System.Collections.Immutable;
using System.Globalization;
using AkkaRaft.Hosting;
using AkkaRaft.Protocol;

namespace AkkaRaft.Tests;

public sealed class RaftSettingsTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Theory]
    [InlineData("hartbeat-interval = 50ms", "akkaraft.hartbeat-interval is no setting")]
    [InlineData("heartbeat-interval = 1ms", "akkaraft.heartbeat-interval = \"1ms\"; expected")]
    [InlineData("heartbeat-interval = 50", "akkaraft.heartbeat-interval = \"50\"; expected")]
    [InlineData("heartbeat-interval = fast", "akkaraft.heartbeat-interval = \"fast\"; expected")]
    [InlineData("heartbeat-interval = 1s", "akkaraft.election-timeout-min = \"300ms\"; expected")]
    [InlineData("heartbeat-interval = 99999999999999999999s", "akkaraft.heartbeat-interval")]
    [InlineData("members { 00 = \"127.0.0.1:4105\" }", "member 0 once")]
    [InlineData("election-timeout-min = 60ms", "akkaraft.election-timeout-min")]
    [InlineData("election-timeout-max = 300ms", "akkaraft.election-timeout-max")]
    [InlineData("max-append-bytes = 12", "akkaraft.max-append-bytes = \"12\"; expected")]
    [InlineData("max-append-bytes = 1GiB", "akkaraft.max-append-bytes = \"1GiB\"; expected")]
    [InlineData("max-sessions = 0", "akkaraft.max-sessions = \"0\"; expected")]
    [InlineData("max-sessions = -3", "akkaraft.max-sessions = \"-3\"; expected")]
    [InlineData("log-messages = perhaps", "akkaraft.log-messages = \"perhaps\"; expected on or off")]
    [InlineData("members { one = \"127.0.0.1:4102\" }", "akkaraft.members.one")]
    [InlineData("members { 1 = \"127.0.0.1\" }", "expected host:port")]
    [InlineData("members { 1 = \"127.0.0.1:99999\" }", "expected host:port")]
    [InlineData("members { 1 = \"127.0.0.1:4100\" }", "member 0 has this one")]
    public void What_is_wrong_is_named_with_its_file_and_key(string line, string expected)
    {
        var error = Assert.Throws<RaftConfigurationException>(() => Read($"akkaraft {{\n members {{ 0 = \"127.0.0.1:4100\" }}\n {line}\n}}"));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.Contains(_file, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("akkaraft {")]
    [InlineData("akkaraft { members { 0 = \"127.0.0.1:4100\"")]
    [InlineData("other { a = 1 }")]
    [InlineData("akkaraft { }")]
    [InlineData("akkaraft { members { 7 = \"127.0.0.1:4100\" } }")]
    public void What_is_no_cluster_with_this_member_is_refused(string text) =>
        Assert.Contains(_file, Assert.Throws<RaftConfigurationException>(() => Read(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_file_that_is_not_there_is_named() =>
        Assert.Contains("/no/such.conf", Assert.Throws<RaftConfigurationException>(() => RaftSettings.FromFile("/no/such.conf", default)).Message, StringComparison.Ordinal);

    [Fact]
    public void The_reference_has_each_setting_and_its_default()
    {
        using var stream = typeof(RaftSettings).Assembly.GetManifestResourceStream("AkkaRaft.reference.conf")!;
        var reference = new StreamReader(stream).ReadToEnd();
        var read = Read(reference.Replace("members {}", "members { 0 = \"127.0.0.1:4100\" }", StringComparison.Ordinal));
        var defaults = new RaftSettings { ClusterId = "akkaraft", Id = default, Members = read.Members };
        Assert.Equal(defaults, read);
        foreach (var property in typeof(RaftSettings).GetProperties().Where(p => p.CanWrite && p.Name is not (nameof(RaftSettings.Id) or nameof(RaftSettings.Joins))))
        {
            Assert.Contains($"\n  {SettingsCheck.InFile(property.Name)} ", reference, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("heartbeat-interval", "1ms", "RaftSettings.HeartbeatInterval")]
    [InlineData("election-timeout-min", "60ms", "RaftSettings.ElectionTimeoutMin")]
    [InlineData("election-timeout-max", "300ms", "RaftSettings.ElectionTimeoutMax")]
    [InlineData("max-append-bytes", "12", "RaftSettings.MaxAppendBytes")]
    [InlineData("max-sessions", "0", "RaftSettings.MaxSessions")]
    [InlineData("max-log-entries", "-1", "RaftSettings.MaxLogEntries")]
    [InlineData("join-timeout", "-1s", "RaftSettings.JoinTimeout")]
    public void What_a_file_may_not_say_code_may_not_either_and_both_are_told_the_same(string key, string value, string property)
    {
        var inFile = Assert.Throws<RaftConfigurationException>(() => Read($"akkaraft {{\n members {{ 0 = \"127.0.0.1:4100\" }}\n {key} = {value}\n}}")).Message;
        var settings = Sound();
        var wrong = value.EndsWith('s') ? (object)TimeSpan.FromMilliseconds(value switch { "1ms" => 1, "60ms" => 60, "300ms" => 300, _ => -1_000 }) : int.Parse(value, CultureInfo.InvariantCulture);
        typeof(RaftSettings).GetProperty(property.Split('.')[1])!.SetValue(settings, wrong);
        var inCode = Assert.Throws<RaftConfigurationException>(settings.Validate).Message;
        Assert.StartsWith($"{_file}: akkaraft.{key} = \"{value}\"; expected ", inFile, StringComparison.Ordinal);
        Assert.StartsWith($"{property} = \"", inCode, StringComparison.Ordinal);
        Assert.Equal(inFile[inFile.IndexOf("expected", StringComparison.Ordinal)..], inCode[inCode.IndexOf("expected", StringComparison.Ordinal)..]);
    }

    public static TheoryData<string> Numbers => [.. typeof(RaftSettings).GetProperties().Where(p => p.CanWrite && (p.PropertyType == typeof(int) || p.PropertyType == typeof(TimeSpan))).Select(p => p.Name)];

    [Theory]
    [MemberData(nameof(Numbers))]
    public void Each_number_and_time_of_a_member_has_a_range(string property)
    {
        var setting = typeof(RaftSettings).GetProperty(property)!;
        foreach (object wrong in setting.PropertyType == typeof(int) ? [-1, int.MaxValue] : new object[] { TimeSpan.FromSeconds(-1), TimeSpan.MaxValue })
        {
            var settings = Sound();
            setting.SetValue(settings, wrong);
            Assert.Contains($"RaftSettings.{property} = ", Assert.Throws<RaftConfigurationException>(settings.Validate).Message, StringComparison.Ordinal);
        }
    }

    public static TheoryData<string, RaftSettings> Wrong => new()
    {
        { "RaftSettings.ClusterId", Sound() with { ClusterId = "" } },
        { "RaftSettings.ClusterId", Sound() with { ClusterId = null! } },
        { "RaftSettings.SystemName", Sound() with { SystemName = "a system" } },
        { "RaftSettings.DataDirectory", Sound() with { DataDirectory = " " } },
        { "RaftSettings.Members", Sound() with { Members = ImmutableSortedDictionary<MemberId, Member>.Empty } },
        { "RaftSettings.Members", Sound() with { Members = null! } },
        { "RaftSettings.Members.0", Sound() with { Members = Members((0, new Member(new MemberId(1), "127.0.0.1:4100"))) } },
        { "RaftSettings.Members.0", Sound() with { Members = Members((0, new Member(new MemberId(0), "127.0.0.1"))) } },
        { "RaftSettings.Members.0", Sound() with { Members = Members((0, new Member(new MemberId(0), "127.0.0.1:0"))) } },
        { "RaftSettings.Members.1", Sound() with { Members = Members((0, new Member(new MemberId(0), "host:1")), (1, new Member(new MemberId(1), "HOST:1"))) } },
        { "RaftSettings.Members.-1", Sound() with { Members = Members((-1, new Member(new MemberId(-1), "127.0.0.1:4100"))) } },
        { "RaftSettings.Id", Sound() with { Id = new MemberId(9) } },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public async Task A_member_is_not_made_of_settings_that_are_wrong(string name, RaftSettings settings)
    {
        Assert.Contains($"{name} = ", Assert.Throws<RaftConfigurationException>(settings.Validate).Message, StringComparison.Ordinal);
        Assert.Throws<RaftConfigurationException>(() => RaftNode.Configuration(settings));
        await Assert.ThrowsAsync<RaftConfigurationException>(() => RaftNode.StartAsync(settings));
        Assert.False(Directory.Exists(NeverMade));
        using var system = Akka.Actor.ActorSystem.Create("wrong");
        Assert.Contains($"{name} = ", Assert.Throws<RaftConfigurationException>(() => RaftNode.Start(system, settings)).Message, StringComparison.Ordinal);
    }

    private static readonly string NeverMade = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());

    private static RaftSettings Sound() => new()
    {
        ClusterId = "sound", Id = new MemberId(0), Members = Members((0, new Member(new MemberId(0), "127.0.0.1:4100"))),
        DataDirectory = NeverMade,
    };

    private static ImmutableSortedDictionary<MemberId, Member> Members(params (int Id, Member Member)[] members) =>
        members.ToImmutableSortedDictionary(m => new MemberId(m.Id), m => m.Member);

    private RaftSettings Read(string text)
    {
        File.WriteAllText(_file, text);
        return RaftSettings.FromFile(_file, new MemberId(0));
    }
}
