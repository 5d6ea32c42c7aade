using System.Threading.Channels;
using Akka.Actor;
using AkkaRaft.Client;
using AkkaRaft.Hosting;
using AkkaRaft.KeyValue;
using AkkaRaft.Log;
using AkkaRaft.Protocol;
using AkkaRaft.StateMachines;

namespace AkkaRaft.TestKit.Conformance;

/// <summary>A state machine that does not do what it must; the message says what was seen.</summary>
internal sealed class NonconformingException(string message) : Exception(message);

/// <summary>A state machine that runs, as a member's child does, over the files of a directory.</summary>
internal sealed class Subject
{
    // Ends a hang; says nothing about speed.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly Channel<object> _said = Channel.CreateUnbounded<object>();
    private readonly IActorRef _parent;
    private readonly RaftStateMachine _machine;

    /// <param name="system">Where it runs.</param>
    /// <param name="machine">Which.</param>
    /// <param name="directory">The member's.</param>
    public Subject(ActorSystem system, RaftStateMachine machine, string directory)
    {
        _machine = machine;
        var settings = new RaftSettings
        {
            ClusterId = "conformance",
            Id = new(0),
            Members = System.Collections.Immutable.ImmutableSortedDictionary<MemberId, RaftEndpoint>.Empty.Add(new(0), new(new(0), "127.0.0.1:1")),
            DataDirectory = directory,
        };
        var props = machine.PropsOf(settings, Path.Combine(directory, machine.FileName));
        _parent = system.ActorOf(Props.Create(() => new ParentActor(props, _said.Writer)));
    }

    /// <summary>What it said when it had opened its state.</summary>
    public Task<StateMachineReady> ReadyAsync() => NextAsync<StateMachineReady>("is started");

    /// <summary>Applies entries, whose results are these.</summary>
    public async Task<IReadOnlyList<ReadOnlyMemory<byte>>> ApplyAsync(IReadOnlyList<LogEntry> entries, long journalSequenceNr)
    {
        var results = new List<ReadOnlyMemory<byte>>();
        while (results.Count < entries.Count)
        {
            IReadOnlyList<LogEntry> rest = [.. entries.Skip(results.Count)];
            _parent.Tell(new ApplyEntries(rest, journalSequenceNr));
            var applied = await NextAsync<EntriesApplied>($"applies the entries {rest[0].Index} to {rest[^1].Index}").ConfigureAwait(false);
            var count = applied.Results.Count;
            if (count == 0 || count > rest.Count || applied.LastIndex != rest[count - 1].Index)
                throw new NonconformingException($"It answered {count} results up to entry {applied.LastIndex} for the {rest.Count} entries up to {rest[^1].Index}.");
            results.AddRange(applied.Results);
        }
        return results;
    }

    /// <summary>Its answers to queries, as one text, to be compared.</summary>
    public async Task<string> AskAsync(IReadOnlyList<IRaftRead> queries)
    {
        var answers = new List<string>();
        foreach (var query in queries)
        {
            var payload = await QueryAsync(_machine.Requests.EncodeQuery([query])).ConfigureAwait(false);
            answers.AddRange(_machine.Requests.Replies([query], payload).Select(Words));
        }
        return string.Join(' ', answers);
    }

    /// <summary>Without what a state machine says of how far it is.</summary>
    private static string Words(IRaftReply reply) => reply switch
    {
        StateReply state => Convert.ToHexString(state.Result.Span),
        GetReply get => $"{(get.Found ? Convert.ToHexString(get.Value.Span) : "none")} of version {get.Version}",
        _ => $"{reply}",
    };

    public async Task<ReadOnlyMemory<byte>> QueryAsync(ReadOnlyMemory<byte> payload)
    {
        _parent.Tell(new Query(7, payload));
        var reply = await NextAsync<QueryReply>("is asked a query").ConfigureAwait(false);
        return reply.RequestId == 7 ? reply.Result : throw new NonconformingException($"It answered a query 7 as {reply.RequestId}.");
    }

    public void Tell(object message) => _parent.Tell(message);

    public async Task<T> AnswerAsync<T>(object message)
    {
        _parent.Tell(message);
        return await NextAsync<T>($"gets {message.GetType().Name}").ConfigureAwait(false);
    }

    public async Task<T> NextAsync<T>(string when)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (true)
        {
            object said;
            try
            {
                said = await _said.Reader.ReadAsync(patience.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                throw new NonconformingException($"When it {when}, it does not answer with {typeof(T).Name} within {Patience.TotalSeconds} s.");
            }
            switch (said)
            {
                case T wanted:
                    return wanted;
                case Ended ended:
                    throw new NonconformingException($"When it {when}, it stops{(ended.Cause is { } cause ? $": {cause.GetType().Name}: {cause.Message}" : ".")}");
                case StateMachineFailed failed:
                    throw new NonconformingException($"When it {when}, it gives up: {failed.Reason}");
            }
        }
    }

    /// <summary>Ends it as a member that stops does.</summary>
    public Task StopAsync() => _parent.GracefulStop(Patience);

    private sealed record Ended(Exception? Cause);

    private sealed class ParentActor : UntypedActor
    {
        private readonly Props _child;
        private readonly ChannelWriter<object> _said;
        private IActorRef _stateMachine = ActorRefs.Nobody;
        private Exception? _cause;

        public ParentActor(Props child, ChannelWriter<object> said)
        {
            _child = child;
            _said = said;
        }

        protected override void PreStart() => _stateMachine = Context.Watch(Context.ActorOf(_child, "state-machine"));

        protected override void OnReceive(object message)
        {
            if (message is Terminated) _said.TryWrite(new Ended(_cause));
            else if (Sender.Equals(_stateMachine)) _said.TryWrite(message);
            else _stateMachine.Tell(message, Self);
        }

        protected override SupervisorStrategy SupervisorStrategy() => new OneForOneStrategy(cause =>
        {
            _cause = cause;
            return Directive.Stop;
        });
    }
}
