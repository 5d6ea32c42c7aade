using System.Globalization;
using System.Text.RegularExpressions;
using AkkaRaft.Protocol;

namespace AkkaRaft.Tests;

public sealed partial class RaftSettingsTests : IDisposable
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
            var key = WordStart().Replace(property.Name, m => "-" + m.Value.ToLower(CultureInfo.InvariantCulture)).TrimStart('-');
            Assert.Contains($"\n  {key} ", reference, StringComparison.Ordinal);
        }
    }

    private RaftSettings Read(string text)
    {
        File.WriteAllText(_file, text);
        return RaftSettings.FromFile(_file, new MemberId(0));
    }

    [GeneratedRegex("[A-Z]")]
    private static partial Regex WordStart();
}
