using AkkaRaft.Log;
using AkkaRaft.Protocol.Wire;
using AkkaRaft.StateMachines;
using Google.Protobuf;

namespace AkkaRaft.Tests.StateMachine;

public sealed class SessionsTests
{
    private readonly Sessions _sessions = new("bank", new SessionsInMemory()) { Limits = new SessionLimits(100, 1_000_000, 1_000, 10_000), MostResultBytes = 3_000 };
    private long _index;

    private SessionResult Run(SessionCommand command) => _sessions.Execute(
        new LogEntry(++_index, 1, _index, EntryKind.Command, command.ToByteArray()), _ => null, _ => ByteString.CopyFrom(new byte[900]));

    private long Open() => Run(new SessionCommand { OpenSession = new OpenSession { Nonce = (ulong)_index, StateMachine = "bank" } }).SessionOpened.Session;

    private SessionResult Submit(long session, long serial, long acked = 0) => Run(new SessionCommand
    {
        Batch = new SessionBatch { Session = session, FirstSerial = serial, AckedUpTo = acked, Operations = { ByteString.CopyFromUtf8("x") } },
    });

    [Fact]
    public void Where_all_results_together_are_too_many_the_session_idle_longest_gives_way()
    {
        var (a, b, c) = (Open(), Open(), Open());
        foreach (var session in new[] { a, b, c }) Assert.NotNull(Submit(session, 1).BatchResult);
        Assert.InRange(_sessions.ResultBytes, 2_700, 3_000);
        Assert.NotNull(Submit(b, 2).BatchResult);
        Assert.NotNull(Submit(a, 2).SessionExpired);
        Assert.NotNull(Submit(c, 2, acked: 1).BatchResult);
        Assert.InRange(_sessions.ResultBytes, 2_700, 3_000);
        // What a session has acknowledged counts no more, and what it keeps alone stays.
        Assert.NotNull(Submit(b, 3, acked: 2).BatchResult);
        Assert.InRange(_sessions.ResultBytes, 1_800, 2_000);
        Run(new SessionCommand { CloseSession = new CloseSession { Session = c } });
        Assert.InRange(_sessions.ResultBytes, 900, 1_000);
        for (var serial = 4; serial < 9; serial++) Assert.NotNull(Submit(b, serial, acked: 2).BatchResult);
        Assert.InRange(_sessions.ResultBytes, 5_400, 6_000);
    }
}
