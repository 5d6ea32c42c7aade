namespace AkkaRaft.Protocol;

/// <summary>What an application asks of a state machine.</summary>
public interface IRaftRequest
{
    /// <summary>The asker's own number, echoed in the reply.</summary>
    long RequestId { get; }
}

/// <summary>A request that goes through the log, and takes effect exactly once.</summary>
public interface IRaftWrite : IRaftRequest;

/// <summary>A request that changes nothing.</summary>
public interface IRaftRead : IRaftRequest
{
    /// <summary>How fresh the answer must be.</summary>
    ReadConsistency Consistency { get; }
}

/// <summary>The answer to a request.</summary>
public interface IRaftReply
{
    /// <summary>Echo of the request's number.</summary>
    long RequestId { get; }
}
