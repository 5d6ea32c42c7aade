using AkkaRaft.Protocol;

namespace AkkaRaft.Client;

/// <summary>Calls of one kind: those that wait, in order, and those under way.</summary>
/// <param name="maxFlights">Most flights at once.</param>
internal sealed class Lane(int maxFlights)
{
    public int MaxFlights => maxFlights;

    public LinkedList<PendingCall> Waiting { get; } = [];

    /// <summary>What those that wait add to a batch.</summary>
    public long WaitingBytes { get; set; }

    /// <summary>In order of sending.</summary>
    public List<Flight> Flights { get; } = [];
}

/// <summary>Calls that go to the cluster in one message, sent again to whichever member may lead until they are answered.</summary>
internal sealed class Flight(Lane lane, List<PendingCall> calls)
{
    public Lane Lane { get; } = lane;

    /// <summary>Whose answers come with it; empty when it opens a session.</summary>
    public List<PendingCall> Calls { get; } = calls;

    /// <summary>Serial of the first call; fixed, since a member may have it in its log.</summary>
    public long FirstSerial { get; init; }

    /// <summary>What is sent; null when it is to be encoded anew.</summary>
    public ReadOnlyMemory<byte>? Payload { get; set; }

    /// <summary>Numbers of the messages sent, each greater than the one before.</summary>
    public List<long> Attempts { get; } = [];

    /// <summary>Attempts of which no answer says that they were not and will not be executed.</summary>
    public int OpenAttempts { get; set; }

    /// <summary>The message sent last.</summary>
    public object? Message { get; set; }

    /// <summary>The member asked last, or null while it waits to be sent again.</summary>
    public RaftEndpoint? Target { get; set; }

    public TimeSpan SentAt { get; set; }

    public TimeSpan RetryAt { get; set; }

    /// <summary>Attempts in a row that were not answered.</summary>
    public int Silences { get; set; }

    /// <summary>Refusals in a row as overloaded.</summary>
    public int Overloads { get; set; }

    /// <summary>Members in a row that named another as leader.</summary>
    public int Hops { get; set; }

    /// <summary>The answers, held until all flights before it have theirs; null for a call that is to be sent anew.</summary>
    public IReadOnlyList<IRaftReply?>? Replies { get; set; }

    public bool IsOpen => Replies is null;

    public bool IsAwaited => Calls.Exists(c => !c.IsAnswered);
}
