namespace AkkaRaft.Consensus;

/// <summary>The transport has lost a connection, which may mean that whoever was at its other end is gone.</summary>
/// <param name="Address">Where that is, as <c>host:port</c>.</param>
internal sealed record ConnectionLost(string Address);
