using System.Collections.Immutable;

namespace AkkaRaft.Node;

/// <summary>Whether a cluster serves, as its members' answers tell.</summary>
/// <param name="Leader">Who leads; null when none of those that answer does.</param>
/// <param name="Voters">How many members vote.</param>
/// <param name="Answering">How many of them answer.</param>
internal sealed record Verdict(MemberId? Leader, int Voters, int Answering)
{
    /// <summary>Of a read that only a leader with a quorum answers: why it was not answered. Null when it was, or was not asked for.</summary>
    public string? ReadFailure { get; init; }

    /// <summary>Who leads by the word of those that answer, where nobody answers that it leads.</summary>
    public ImmutableArray<(MemberId Leader, ImmutableArray<MemberId> Followers)> Followed { get; init; } = [];

    /// <summary>What members say that does not pass by itself, each once.</summary>
    public ImmutableArray<string> Problems { get; init; } = [];

    public int Quorum => (Voters / 2) + 1;

    public bool IsHealthy => Reasons.IsEmpty;

    /// <summary>What is wrong; empty when nothing is.</summary>
    public ImmutableArray<string> Reasons =>
    [
        .. Leader is not null ? Array.Empty<string>() : Followed.IsEmpty ? ["no leader"] : Followed.Select(f => $"no leader answers: {string.Join(", ", f.Followers)} follow{(f.Followers.Length == 1 ? "s" : "")} {f.Leader}"),
        .. Answering < Quorum ? [$"{Answering} of {Voters} voters answer, and {Quorum} are needed"] : Array.Empty<string>(),
        .. Problems,
        .. ReadFailure is { } failure ? [failure] : Array.Empty<string>(),
    ];

    /// <summary>A silent member counts as a voter: which of them vote only a leader knows.</summary>
    public static Verdict Of(IReadOnlyCollection<RaftStatus> all)
    {
        var voters = all.Where(s => s.Role != RaftRole.Learner).ToList();
        var leader = voters.Where(s => s.Role == RaftRole.Leader).MaxBy(s => s.Term);
        return new Verdict(leader?.Id, voters.Count, voters.Count(s => s.Role != RaftRole.Unreachable))
        {
            Followed = leader is not null ? [] : [.. voters.Where(s => s.Leader is not null).GroupBy(s => s.Leader!.Value, s => s.Id).Select(g => (g.Key, g.Order().ToImmutableArray()))],
            Problems = [.. all.Select(s => s.Problem?.TrimEnd('.')).OfType<string>().Distinct()],
        };
    }

    public override string ToString() => IsHealthy
        ? $"healthy: member {Leader} leads; {Answering} of {Voters} voters answer."
        : $"not healthy: {string.Join("; ", Reasons)}.";
}
