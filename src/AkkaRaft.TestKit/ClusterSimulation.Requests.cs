using Akka.Actor;
using AkkaRaft.Protocol;
using AkkaRaft.StateMachines;
using AkkaRaft.TestKit.Engine;

namespace AkkaRaft.TestKit;

/// <summary>Commands and queries for a state machine of one's own, as bytes that only it understands.</summary>
public sealed partial class ClusterSimulation
{
    private const int Asker = -1_000_001;

    private readonly List<SimulatedRequest> _requests = [];
    private SimulatedProcess? _asker;

    /// <summary>Sends a command to a member, once. A refusal or no answer tells nothing of whether it will be applied.</summary>
    /// <param name="command">What <see cref="ApplyEntries"/> brings to each member's state machine as an entry's payload.</param>
    /// <param name="member">The member; the leader when nothing is said, or member 0 when nobody leads.</param>
    /// <returns>The answer, once it comes.</returns>
    public SimulatedRequest Submit(ReadOnlyMemory<byte> command, int? member = null) => Ask(member, id => new Submit(ClusterId, id, command));

    /// <summary>Sends a query to a member, once.</summary>
    /// <param name="query">What <see cref="Query"/> brings to one member's state machine.</param>
    /// <param name="consistency">How fresh the answer must be.</param>
    /// <param name="member">The member; the leader when nothing is said, or member 0 when nobody leads.</param>
    /// <returns>The answer, once it comes.</returns>
    public SimulatedRequest Query(ReadOnlyMemory<byte> query, ReadConsistency consistency = ReadConsistency.Linearizable, int? member = null) =>
        Ask(member, id => new Read(ClusterId, id, consistency, query));

    /// <summary>Lets a member make an image, as for a backup.</summary>
    internal void Backup(int member) => Ask(member, id => new BeginBackup(ClusterId, id));

    private SimulatedRequest Ask(int? member, Func<long, object> message)
    {
        if (_asker is null)
        {
            _asker = new SimulatedProcess("requests", null);
            _network.Attach(Asker, () => new AnswersRef(this, _system.DeadLetters.Path.Root));
        }
        var request = new SimulatedRequest();
        _requests.Add(request);
        Door(_asker, Asker, member ?? Leader ?? 0).Tell(message(_requests.Count - 1), ActorRefs.NoSender);
        return request;
    }

    private sealed class AnswersRef(ClusterSimulation simulation, ActorPath root) : MinimalActorRef
    {
        public override ActorPath Path { get; } = root / "requests";

        public override IActorRefProvider Provider => simulation.Provider;

        protected override void TellInternal(object message, IActorRef sender)
        {
            var id = message switch
            {
                SubmitReply reply => reply.RequestId,
                QueryReply reply => reply.RequestId,
                Refused reply => reply.RequestId,
                _ => -1,
            };
            if (id >= 0) simulation._requests[(int)id].Answer(message);
        }
    }
}
