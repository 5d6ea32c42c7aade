using System.Text;
using Akka.Hosting;
using AkkaRaft.Client;
using AkkaRaft.Hosting;
using AkkaRaft.Protocol;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace AkkaRaft.Process.Tests;

/// <summary>Settings from <c>appsettings.json</c>.</summary>
public sealed class ConfigurationSectionTests
{
    private const string Whole = """
        { "AkkaRaft": { "Id": 1, "ClusterId": "shop", "Members": { "0": "127.0.0.1:4100", "1": "127.0.0.1:4101" },
          "HeartbeatInterval": "20ms", "ElectionTimeoutMin": "00:00:00.2", "election-timeout-max": "400ms", "MaxValueBytes": "2MiB", "MaxLogEntries": 5000, "LogMessages": true } }
        """;

    private static IConfigurationSection Section(string json) =>
        new ConfigurationBuilder().AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(json))).Build().GetSection("AkkaRaft");

    [Fact]
    public void A_member_reads_its_settings_by_their_names_in_code_or_in_a_file()
    {
        var settings = Section(Whole).GetRaftSettings();
        Assert.Equal(new MemberId(1), settings.Id);
        Assert.Equal("shop", settings.ClusterId);
        Assert.Equal("127.0.0.1:4101", settings.Members[new MemberId(1)].Address);
        Assert.Equal(TimeSpan.FromMilliseconds(20), settings.HeartbeatInterval);
        Assert.Equal(TimeSpan.FromMilliseconds(200), settings.ElectionTimeoutMin);
        Assert.Equal(TimeSpan.FromMilliseconds(400), settings.ElectionTimeoutMax);
        Assert.Equal(2 << 20, settings.MaxValueBytes);
        Assert.Equal(5_000, settings.MaxLogEntries);
        Assert.True(settings.LogMessages);
    }

    [Fact]
    public void A_client_reads_its_own_or_those_of_a_member()
    {
        Assert.Equal(2 << 20, Section(Whole).GetRaftClientSettings().MaxValueBytes);
        var settings = Section("""{ "AkkaRaft": { "ClusterId": "shop", "Members": "0=127.0.0.1:4100,1=127.0.0.1:4101", "RequestTimeout": "00:01:00", "MaxInFlight": 7 } }""").GetRaftClientSettings();
        Assert.Equal(2, settings.Members.Count);
        Assert.Equal(TimeSpan.FromMinutes(1), settings.RequestTimeout);
        Assert.Equal(7, settings.MaxInFlight);
        Assert.Equal(new RaftClientSettings { ClusterId = "shop", Members = settings.Members, RequestTimeout = settings.RequestTimeout, MaxInFlight = 7, Codec = settings.Codec }, settings);
    }

    [Theory]
    [InlineData("""{ "AkkaRaft": { "Members": "0=127.0.0.1:1", "Id": "x" } }""", "Configuration section 'AkkaRaft': Id = \"x\"; expected which of Members")]
    [InlineData("""{ "AkkaRaft": { "Members": "0=127.0.0.1:1", "Id": 3 } }""", "one of Members")]
    [InlineData("""{ "AkkaRaft": { "Members": "0=127.0.0.1", "Id": 0 } }""", "is not of the form host:port")]
    [InlineData("""{ "AkkaRaft": { "Id": 0 } }""", "akkaraft.members is missing")]
    [InlineData("""{ "AkkaRaft": { "Members": "0=127.0.0.1:1", "Id": 0, "HartbeatInterval": "20ms" } }""", "akkaraft.hartbeat-interval is no setting of AkkaRaft; did you mean 'akkaraft.heartbeat-interval'?")]
    [InlineData("""{ "AkkaRaft": { "Members": "0=127.0.0.1:1", "Id": 0, "HeartbeatInterval": "20" } }""", "a time with its unit")]
    [InlineData("""{ "AkkaRaft": { "Members": "0=127.0.0.1:1", "Id": 0, "HeartbeatInterval": "1ms" } }""", "Configuration section 'AkkaRaft': akkaraft.heartbeat-interval = \"1ms\"; expected a time from")]
    [InlineData("""{ "AkkaRaft": { "Members": "0=127.0.0.1:1", "Id": 0, "HeartbeatInterval": "20ms", "heartbeat-interval": "30ms" } }""", "is there twice")]
    public void What_is_wrong_is_named_with_its_section(string json, string message) =>
        Assert.Contains(message, Assert.Throws<RaftConfigurationException>(() => Section(json).GetRaftSettings()).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("""{ "AkkaRaft": { "Members": "0=127.0.0.1:1", "RequestTimeot": "1s" } }""", "did you mean 'akkaraft.request-timeout'?")]
    [InlineData("""{ "AkkaRaft": { "Members": "0=127.0.0.1:1", "MaxInFlight": 0 } }""", "akkaraft.max-in-flight = \"0\"; expected a number from 1")]
    public void What_is_wrong_with_a_client_s_is_thrown_before_anything_starts(string json, string message) =>
        Assert.Contains(message, Assert.Throws<RaftConfigurationException>(() => new ServiceCollection().AddRaftClient(Section(json))).Message, StringComparison.Ordinal);

    [UnixFact(Timeout = Patience.TestMs)]
    public async Task A_host_runs_a_member_by_its_configuration()
    {
        using var data = new TemporaryDirectory();
        var builder = Host.CreateApplicationBuilder();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["AkkaRaft:Id"] = "0",
            ["AkkaRaft:ClusterId"] = "shop",
            ["AkkaRaft:Members"] = $"0=127.0.0.1:{Ports.FreeRow(1)}",
            ["AkkaRaft:DataDirectory"] = data.Path,
        });
        var raft = builder.Configuration.GetSection("AkkaRaft");
        builder.Services.AddAkka("akkaraft", akka => akka.WithRaft(raft));
        builder.Services.AddRaftClient(raft, settings => settings with { Codec = new JsonCodec() });
        builder.Services.AddKeyedRaftClient("stock", new RaftClientSettings { ClusterId = "stock", Members = RaftEndpoints.Parse("0=10.0.0.9:4100") });
        using var host = builder.Build();
        await host.StartAsync();
        var client = host.Services.GetRequiredService<IRaftClient>();
        await client.PutAsync("tea", 5);
        Assert.Equal(5, (await client.GetAsync<int>("tea"))!.Value);
        await host.StopAsync();
    }

    [Fact]
    public async Task Clients_of_several_clusters_have_keys()
    {
        var shop = Section(Whole).GetRaftClientSettings();
        await using var services = new ServiceCollection()
            .AddRaftClient(Section(Whole), read => read with { RequestTimeout = TimeSpan.FromMinutes(2) })
            .AddKeyedRaftClient("stock", shop with { ClusterId = "stock" })
            .BuildServiceProvider();
        Assert.NotSame(services.GetRequiredService<RaftClient>(), services.GetRequiredKeyedService<RaftClient>("stock"));
        Assert.Same(services.GetRequiredService<RaftClient>(), services.GetRequiredService<IRaftClient>());
        Assert.Same(services.GetRequiredKeyedService<RaftClient>("stock"), services.GetRequiredKeyedService<IRaftClient>("stock"));
        Assert.Equal(TimeSpan.FromMinutes(2), services.GetRequiredService<IOptions<RaftClientSettings>>().Value.RequestTimeout);
    }

    [Theory]
    [InlineData("0=127.0.0.1:4100, 2=host:1", 2)]
    [InlineData("7=[::1]:4100", 1)]
    public void Members_are_read_from_one_text(string text, int count) => Assert.Equal(count, RaftEndpoints.Parse(text).Count);

    [Theory]
    [InlineData("", "no member is named")]
    [InlineData("0", "is not of the form id=host:port")]
    [InlineData("0=h:1,0=h:2", "member 0 is there twice")]
    [InlineData("0=h:1,1=H:1", "have the same address")]
    [InlineData("0=h:1;1=h:2", "members have commas between them")]
    public void A_text_that_names_no_members_is_refused(string text, string message) =>
        Assert.Contains(message, Assert.Throws<FormatException>(() => RaftEndpoints.Parse(text)).Message, StringComparison.Ordinal);
}
