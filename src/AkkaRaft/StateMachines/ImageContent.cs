namespace AkkaRaft.StateMachines;

/// <summary>What an image is of.</summary>
/// <param name="Index">Index of the last entry whose effect is in it.</param>
/// <param name="Term">That entry's term.</param>
/// <param name="TimestampMs">A time of its log's clock: a log that goes on from there, and not from any other clock, ends no lease, session or timer early. 0 where there is none.</param>
/// <param name="ClusterId">The cluster that it is from.</param>
internal sealed record ImageContent(long Index, long Term, long TimestampMs, string ClusterId);
