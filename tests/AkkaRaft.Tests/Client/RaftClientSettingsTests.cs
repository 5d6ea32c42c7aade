using System.Collections.Immutable;
using Akka.Actor;
using AkkaRaft.Client;
using AkkaRaft.Protocol;

namespace AkkaRaft.Tests.Client;

/// <summary>A client is made of settings that it can live with, or not at all.</summary>
public sealed class RaftClientSettingsTests
{
    private static readonly RaftClientSettings Sound = new() { ClusterId = "cluster", Members = Members(new RaftEndpoint(new MemberId(0), "127.0.0.1:1")) };

    public static TheoryData<string> Numbers =>
        [.. typeof(RaftClientSettings).GetProperties().Where(p => p.PropertyType == typeof(int) || p.PropertyType == typeof(long) || p.PropertyType == typeof(TimeSpan)).Select(p => p.Name)];

    [Theory]
    [MemberData(nameof(Numbers))]
    public void Each_number_and_time_of_a_client_has_a_range(string property)
    {
        var setting = typeof(RaftClientSettings).GetProperty(property)!;
        object[] wrong = setting.PropertyType == typeof(TimeSpan) ? [TimeSpan.Zero, TimeSpan.FromSeconds(-1), Timeout.InfiniteTimeSpan, TimeSpan.MaxValue]
            : setting.PropertyType == typeof(long) ? [0L, -1L, long.MaxValue]
            : [0, -1, int.MaxValue];
        foreach (var value in wrong)
        {
            var settings = Sound with { };
            setting.SetValue(settings, value);
            Assert.Contains($"RaftClientSettings.{property} = ", Assert.Throws<RaftConfigurationException>(() => RaftClient.Create(settings)).Message, StringComparison.Ordinal);
        }
    }

    public static TheoryData<string, RaftClientSettings> Wrong => new()
    {
        { "ClusterId", Sound with { ClusterId = "" } },
        { "SystemName", Sound with { SystemName = "a/b" } },
        { "Members", Sound with { Members = Members() } },
        { "Members", Sound with { Members = null! } },
        { "Members.0", Sound with { Members = Members(new RaftEndpoint(new MemberId(0), "127.0.0.1")) } },
        { "Members.0", Sound with { Members = Members(new RaftEndpoint(new MemberId(0), "127.0.0.1:x")) } },
        { "Members.0", Sound with { Members = Members().Add(new MemberId(0), new RaftEndpoint(new MemberId(1), "127.0.0.1:1")) } },
        { "Members.1", Sound with { Members = Members(new RaftEndpoint(new MemberId(0), "a:1"), new RaftEndpoint(new MemberId(1), "a:1")) } },
        { "Codec", Sound with { Codec = null! } },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void A_client_is_not_made_of_settings_that_are_wrong(string property, RaftClientSettings settings)
    {
        Assert.Contains($"RaftClientSettings.{property} = ", Assert.Throws<RaftConfigurationException>(() => RaftClient.Create(settings)).Message, StringComparison.Ordinal);
        using var system = ActorSystem.Create("wrong", RaftClient.Configuration());
        Assert.Contains($"RaftClientSettings.{property} = ", Assert.Throws<RaftConfigurationException>(() => RaftClient.Create(system, settings)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(86_400_001)]
    public async Task A_timeout_of_its_own_has_the_same_range(int milliseconds)
    {
        await using var client = RaftClient.Create(Sound);
        Assert.Throws<RaftConfigurationException>(() => client.WithTimeout(TimeSpan.FromMilliseconds(milliseconds)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("10.0.0.7:4100")]
    [InlineData("a\"b")]
    public void A_client_listens_at_a_host_or_not_at_all(string host) => Assert.Throws<RaftConfigurationException>(() => RaftClient.Configuration(host));

    private static ImmutableSortedDictionary<MemberId, RaftEndpoint> Members(params RaftEndpoint[] members) => members.ToImmutableSortedDictionary(m => m.Id, m => m);
}
