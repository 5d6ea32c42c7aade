using AkkaRaft.Client;
using AkkaRaft.Protocol;

namespace AkkaRaft.Tests.Client;

/// <summary>What a client says of a change that it sent and that nobody answered: it may have been made.</summary>
public sealed class UnansweredChangeTests : IAsyncLifetime
{
    private readonly FalseMember _member = new(
        settings => settings with { RequestTimeout = TimeSpan.FromSeconds(3), AttemptTimeout = TimeSpan.FromSeconds(1) }, (_, _) => null);

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync() => await _member.DisposeAsync();

    [Fact]
    public async Task A_change_of_members_that_is_not_answered_may_have_been_made() =>
        await Assert.ThrowsAsync<OutcomeUnknownException>(() => _member.Client.ChangeMembersAsync(MembershipChange.Remove, [new RaftEndpoint(new MemberId(1), "")]));

    [Fact]
    public async Task A_hand_over_that_is_not_answered_may_have_been_made() => await Assert.ThrowsAsync<OutcomeUnknownException>(() => _member.Client.TransferLeadershipAsync());
}
