using Akka.Actor;
using AkkaRaft.Protocol;
using Google.Protobuf;
using Wire = AkkaRaft.Protocol.Wire;

namespace AkkaRaft.Tests.Client;

/// <summary>
/// A leader that answers at once, and executes sessions by their rules: operations in the order of their serials, each once.
/// What is lost on the way to it or back is the test's to say.
/// </summary>
internal sealed class FakeMember : ReceiveActor
{
    public FakeMember(State state)
    {
        Receive<Submit>(submit =>
        {
            state.Submits.Add(submit);
            if (state.LosesRequest(state.Submits.Count)) return;
            var result = state.Execute(Wire.SessionCommand.Parser.ParseFrom(submit.Payload.Span));
            if (!state.LosesReply(state.Submits.Count)) Sender.Tell(new SubmitReply(submit.RequestId, state.Submits.Count, result.ToByteArray()));
        });
        Receive<GetMembership>(_ => { });
    }

    internal sealed class State
    {
        private long _session;
        private long _nextSerial;

        public List<Submit> Submits { get; } = [];

        /// <summary>Keys of the operations executed, in order.</summary>
        public List<string> Executed { get; } = [];

        /// <summary>Greatest serial acknowledged.</summary>
        public long Acked { get; private set; }

        /// <summary>Given the number of the submit, from 1.</summary>
        public Func<int, bool> LosesRequest { get; init; } = _ => false;

        public Func<int, bool> LosesReply { get; init; } = _ => false;

        public Func<Wire.KvOperation, bool> IsBad { get; init; } = _ => false;

        public void ForgetSession() => _session = 0;

        public Wire.SessionResult Execute(Wire.SessionCommand command)
        {
            if (command.OpenSession is not null)
            {
                (_session, _nextSerial) = (Submits.Count + 1, 1);
                return new Wire.SessionResult { SessionOpened = new Wire.SessionOpened { Session = _session } };
            }
            if (command.Batch is not { } batch) return new Wire.SessionResult { SessionClosed = new Wire.SessionClosed() };
            if (batch.Operations().Any(IsBad)) return new Wire.SessionResult { Malformed = new Wire.Malformed { Message = "one is bad" } };
            if (batch.Session != _session) return new Wire.SessionResult { SessionExpired = new Wire.SessionExpired() };
            Acked = Math.Max(Acked, batch.AckedUpTo);
            if (batch.FirstSerial > _nextSerial) return new Wire.SessionResult { OutOfOrder = new Wire.OutOfOrder { ExpectedSerial = _nextSerial } };
            var results = new Wire.SessionBatchResult();
            for (var i = 0; i < batch.Operations.Count; i++)
            {
                var serial = batch.FirstSerial + i;
                if (serial == _nextSerial)
                {
                    _nextSerial++;
                    if (Wire.KvOperation.Parser.ParseFrom(batch.Operations[i]).Put is { } put) Executed.Add(put.Key.ToStringUtf8());
                }
                results.Results.Add(new Wire.KvOperationResult { Version = serial }.ToByteString());
            }
            return new Wire.SessionResult { BatchResult = results };
        }
    }
}
