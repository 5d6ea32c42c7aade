using System.Collections.Immutable;
using System.Globalization;
using AkkaRaft.Hosting;
using AkkaRaft.Protocol;

namespace AkkaRaft.Tests;

public sealed class RaftSettingsTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Fact]
    public void Members_may_be_one_text()
    {
        File.WriteAllText(_file, "akkaraft { members = \"0=127.0.0.1:4100\" }");
        Assert.Equal("127.0.0.1:4100", RaftSettings.FromFile(_file).Members[new MemberId(0)].Address);
        File.WriteAllText(_file, "akkaraft { members = \"127.0.0.1:4100\" }");
        var wrong = Assert.Throws<RaftConfigurationException>(() => RaftSettings.FromFile(_file));
        Assert.Contains("akkaraft.members = \"127.0.0.1:4100\"; expected a block, with a line such as 0 = \"127.0.0.1:4100\" for each member", wrong.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("hartbeat-interval = 50ms", "akkaraft.hartbeat-interval is no setting")]
    [InlineData("heartbeat-interval = 1ms", "akkaraft.heartbeat-interval = \"1ms\"; expected")]
    [InlineData("heartbeat-interval = 50", "akkaraft.heartbeat-interval = \"50\"; expected")]
    [InlineData("heartbeat-interval = fast", "akkaraft.heartbeat-interval = \"fast\"; expected")]
    [InlineData("heartbeat-interval = 1s", "akkaraft.election-timeout-min = \"300ms\"; expected a time from 2s, which is 2 times heartbeat-interval, to 60s")]
    [InlineData("retain-entries = 999999999999999999999", "akkaraft.retain-entries = \"999999999999999999999\"; expected a number from 0 to ")]
    [InlineData("heartbeat-interval = 99999999999999999999s", "akkaraft.heartbeat-interval")]
    [InlineData("members.00 = \"127.0.0.1:4105\"", "member 0 once")]
    [InlineData("election-timeout-min = 60ms", "akkaraft.election-timeout-min")]
    [InlineData("election-timeout-max = 300ms", "akkaraft.election-timeout-max")]
    [InlineData("max-append-bytes = 12", "akkaraft.max-append-bytes = \"12\"; expected")]
    [InlineData("max-append-bytes = 1GiB", "akkaraft.max-append-bytes = \"1GiB\"; expected")]
    [InlineData("max-sessions = 0", "akkaraft.max-sessions = \"0\"; expected")]
    [InlineData("max-sessions = -3", "akkaraft.max-sessions = \"-3\"; expected")]
    [InlineData("log-messages = perhaps", "akkaraft.log-messages = \"perhaps\"; expected on or off")]
    [InlineData("members.one = \"127.0.0.1:4102\"", "akkaraft.members.one")]
    [InlineData("members.1 = \"127.0.0.1\"", "expected host:port")]
    [InlineData("members.1 = \"127.0.0.1:99999\"", "expected host:port")]
    [InlineData("members.1 = \"127.0.0.1:4100\"", "member 0 has this one")]
    [InlineData("election-timeout-mim = 1s", "did you mean 'akkaraft.election-timeout-min'?")]
    [InlineData("cluster-id = \"\"", "akkaraft.cluster-id = \"\"; expected 1 to 128 letters")]
    [InlineData("cluster-id = \"  \"", "akkaraft.cluster-id = \"  \"; expected")]
    [InlineData("cluster-id = \"a\\nb\"", "akkaraft.cluster-id = \"a\\u000ab\"; expected")]
    [InlineData("cluster-id = \"\"\"a\nb\"\"\"", "akkaraft.cluster-id = \"a\\u000ab\"; expected")]
    [InlineData("cluster-id = \"../..\"", "akkaraft.cluster-id = \"../..\"; expected")]
    [InlineData("cluster-id = [a, b]", "line 3: akkaraft.cluster-id is a list")]
    [InlineData("data-directory = ${self}", "line 3: akkaraft.data-directory has a substitution")]
    [InlineData("data-directory = a${?b}", "line 3: akkaraft.data-directory has a substitution")]
    [InlineData("cluster-id = a\n cluster-id = a", "line 4: akkaraft.cluster-id is given twice, first in line 3")]
    [InlineData("members.0 = \"127.0.0.1:4105\"", "line 3: akkaraft.members.0 is given twice, first in line 2")]
    [InlineData("members { 1 = \"127.0.0.1:4105\" }", "line 3: the block akkaraft.members is given twice, first in line 2")]
    [InlineData("cluster-id = a\n cluster-id { b = c }", "akkaraft.cluster-id is given twice")]
    [InlineData("cluster-id += a", "line 3: akkaraft.cluster-id +=")]
    [InlineData("cluster-id a", "line 3: 'a' after the key akkaraft.cluster-id")]
    [InlineData("cluster-id", "line 4: akkaraft.cluster-id has no value")]
    [InlineData("cluster-id = # nothing", "has no value")]
    [InlineData("cluster-id = \"a", "line 3: a \" is not closed")]
    [InlineData("cluster-id = \"\"\"a", "line 3: a \"\"\" is not closed")]
    [InlineData("cluster-id = \"a\\x\"", "line 3: '\\x' is no escape")]
    [InlineData("include \"other.conf\"", "line 3: 'include' is not taken")]
    [InlineData("include file(\"other.conf\")", "line 3: 'include' is not taken")]
    [InlineData("heartbeat-interval = { a = b }", "akkaraft.heartbeat-interval.a is no setting")]
    [InlineData("}", "line 4: a } that no { belongs to")]
    public void What_is_wrong_is_named_with_its_file_and_key(string line, string expected)
    {
        var error = Assert.Throws<RaftConfigurationException>(() => Read($"akkaraft {{\n members {{ 0 = \"127.0.0.1:4100\" }}\n {line}\n}}"));
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.Contains(_file, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("include \"other.conf\"\nakkaraft { members { 0 = \"127.0.0.1:4100\" } }", "line 1: 'include' is not taken")]
    [InlineData("akkaraft { members { 0 = \"127.0.0.1:4100\" } }\nakkaraft { cluster-id = a }", "line 2: the block akkaraft is given twice, first in line 1")]
    [InlineData("akkaraf { members { 0 = \"127.0.0.1:4100\" } }", "has no block 'akkaraft'; is 'akkaraf' to be it?")]
    [InlineData("akkaraft = 5", "has no block 'akkaraft'")]
    [InlineData("", "has no block 'akkaraft'")]
    [InlineData("akkaraft { members { 0 = \"127.0.0.1:4100\"", "line 1: a { is not closed")]
    [InlineData("akka { a = [1, { b = 2 }", "line 1: a bracket is not closed")]
    [InlineData("akkaraft { \0 }", "is it a text?")]
    public void What_is_no_file_of_settings_is_said_to_be_none(string text, string expected) =>
        Assert.Contains(expected, Assert.Throws<RaftConfigurationException>(() => Read(text)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("a={")]
    [InlineData("a=[")]
    [InlineData("akkaraft{")]
    [InlineData("akkaraft.a{")]
    [InlineData("akkaraft { a = ${")]
    [InlineData("\"")]
    [InlineData("a=[{")]
    public void What_is_nested_without_end_is_refused_at_once(string level) =>
        Assert.Throws<RaftConfigurationException>(() => Read(string.Concat(Enumerable.Repeat(level, 30_000))));

    [Theory]
    [InlineData("{ \"akkaraft\" : { \"members\" : { \"0\" : \"127.0.0.1:4100\" }, \"cluster-id\" : \"a\" } }")]
    [InlineData("akkaraft { members { 0 = 127.0.0.1:4100 }, cluster-id = a }")]
    [InlineData("akkaraft\n{\n members\n {\n 0 = \"127.0.0.1:4100\"\n}\n}\nakkaraft.cluster-id = \"\"\"a\"\"\"")]
    [InlineData("akkaraft.members.0 = \"127.0.0.1:4100\" // here\r\nakkaraft.cluster-id = a # there\r\n")]
    [InlineData("akkaraft { members { 0 = \"127.0.0.1:4100\" }\n cluster-id = \"\\u0061\" }")]
    [InlineData("akka { loggers = [\"a\", \"b\"], b = ${c} [d], e { f = \"}\" } }\nakkaraft { members { 0 = \"127.0.0.1:4100\" }, cluster-id = a, }")]
    public void Settings_are_read_in_all_of_their_forms(string text)
    {
        var settings = Read(text);
        Assert.Equal("a", settings.ClusterId);
        Assert.Equal("127.0.0.1:4100", settings.Members[new MemberId(0)].Address);
    }

    [Fact]
    public void Whatever_a_file_holds_is_read_or_refused_with_a_line()
    {
        string[] parts = ["akkaraft", "members", "0", "=", ":", "{", "}", "[", "]", "\"", "\"\"\"", "${", "$", "\\", "#", "//", "\n", "\r", " ", ",", ".", "+=", "include", "a", "\ufeff", "é", "127.0.0.1:1"];
        var random = new Random(20);
        var read = 0;
        for (var i = 0; i < 30_000; i++)
        {
            var text = string.Concat(random.GetItems(parts, random.Next(1, 25)));
            try
            {
                SettingsText.Parse(text, "akkaraft", out _);
                read++;
            }
            catch (FormatException e)
            {
                Assert.StartsWith("line ", e.Message, StringComparison.Ordinal);
            }
        }
        Assert.NotEqual(0, read);
    }

    [Theory]
    [InlineData("akkaraft.heartbeat-interval", "akkaraft.hartbeat-interval")]
    [InlineData("put", "putt")]
    [InlineData("put", "ptu")]
    [InlineData("--lease", "--leese")]
    [InlineData(null, "frobnicate")]
    [InlineData(null, "x")]
    public void A_misspelling_finds_the_word_that_was_meant(string? meant, string written) =>
        Assert.Equal(meant, Spelling.Nearest(written, ["akkaraft.heartbeat-interval", "put", "get", "--lease", "members"]));

    [Theory]
    [InlineData("akkaraft {")]
    [InlineData("akkaraft { members { 0 = \"127.0.0.1:4100\"")]
    [InlineData("other { a = 1 }")]
    [InlineData("akkaraft { }")]
    [InlineData("akkaraft { members { 7 = \"127.0.0.1:4100\" } }")]
    [InlineData("akkaraft { members { 0 = \"[0:0::1]:4100\" } }")]
    [InlineData("akkaraft { members { 0 = \"127.0.0.1:4100\", 1 = \"localhost:4100\" } }")]
    public void What_is_no_cluster_with_this_member_is_refused(string text) =>
        Assert.Contains(_file, Assert.Throws<RaftConfigurationException>(() => Read(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_file_without_end_is_refused()
    {
        if (File.Exists("/dev/zero")) Assert.Contains("/dev/zero: it has more than", Assert.Throws<RaftConfigurationException>(() => RaftSettings.FromFile("/dev/zero", default)).Message, StringComparison.Ordinal);
    }

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
        { "RaftSettings.ClusterId", Sound() with { ClusterId = "a\nb" } },
        { "RaftSettings.ClusterId", Sound() with { ClusterId = "../.." } },
        { "RaftSettings.ClusterId", Sound() with { ClusterId = new string('a', 129) } },
        { "RaftSettings.SystemName", Sound() with { SystemName = "a system" } },
        { "RaftSettings.DataDirectory", Sound() with { DataDirectory = " " } },
        { "RaftSettings.Members", Sound() with { Members = ImmutableSortedDictionary<MemberId, RaftEndpoint>.Empty } },
        { "RaftSettings.Members", Sound() with { Members = null! } },
        { "RaftSettings.Members.0", Sound() with { Members = Members((0, new RaftEndpoint(new MemberId(1), "127.0.0.1:4100"))) } },
        { "RaftSettings.Members.0", Sound() with { Members = Members((0, new RaftEndpoint(new MemberId(0), "127.0.0.1"))) } },
        { "RaftSettings.Members.0", Sound() with { Members = Members((0, new RaftEndpoint(new MemberId(0), "127.0.0.1:0"))) } },
        { "RaftSettings.Members.1", Sound() with { Members = Members((0, new RaftEndpoint(new MemberId(0), "host:1")), (1, new RaftEndpoint(new MemberId(1), "HOST:1"))) } },
        { "RaftSettings.Members.1", Sound() with { Members = Members((0, new RaftEndpoint(new MemberId(0), "127.0.0.1:1")), (1, new RaftEndpoint(new MemberId(1), "localhost:1"))) } },
        { "RaftSettings.Members.0", Sound() with { Members = Members((0, new RaftEndpoint(new MemberId(0), "127.1:1"))) } },
        { "RaftSettings.Members.0", Sound() with { Members = Members((0, new RaftEndpoint(new MemberId(0), "[0:0::1]:1"))) } },
        { "RaftSettings.Members.-1", Sound() with { Members = Members((-1, new RaftEndpoint(new MemberId(-1), "127.0.0.1:4100"))) } },
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
        ClusterId = "sound", Id = new MemberId(0), Members = Members((0, new RaftEndpoint(new MemberId(0), "127.0.0.1:4100"))),
        DataDirectory = NeverMade,
    };

    private static ImmutableSortedDictionary<MemberId, RaftEndpoint> Members(params (int Id, RaftEndpoint Member)[] members) =>
        members.ToImmutableSortedDictionary(m => new MemberId(m.Id), m => m.Member);

    private RaftSettings Read(string text)
    {
        File.WriteAllText(_file, text);
        return RaftSettings.FromFile(_file, new MemberId(0));
    }
}
