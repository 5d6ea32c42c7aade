using Akka.Actor;
using AkkaRaft.Protocol;
using AkkaRaft.Remoting;
using AkkaRaft.Remoting.Threading;

namespace AkkaRaft.StateMachines;

/// <summary>Answers to queries, each of which goes out once its asker has taken most of those before: what nobody takes is not read either.</summary>
/// <param name="self">The actor that answers.</param>
/// <param name="clock">Its clock.</param>
/// <param name="overloaded">The answer that there is no room for a query, with why, for people.</param>
internal sealed class QueryAnswers(IActorRef self, Func<TimeSpan> clock, Func<string, ReadOnlyMemory<byte>> overloaded)
{
    // A smaller answer costs no more than what it costs to ask.
    private const int CountedBytes = 16 * 1024;

    private readonly AnswerWindows _windows = new(self, clock);

    /// <summary>Whether the asker has yet to take what it was sent: then the next answer is for <see cref="TellLater"/>.</summary>
    public bool MustWait(IActorRef asker) => _windows.IsFull(asker);

    /// <summary>Reads and answers when there is room; too many do not wait.</summary>
    public void TellLater(IActorRef asker, long requestId, Func<ReadOnlyMemory<byte>> read)
    {
        if (!_windows.TryAdd(asker, () => Tell(asker, requestId, read())))
            Tell(asker, requestId, overloaded("Too many reads of this process wait until it has taken the answers to those before; ask for less at once."));
    }

    /// <summary>Answers; an empty answer is none, and comes by another way.</summary>
    public void Tell(IActorRef asker, long requestId, ReadOnlyMemory<byte> answer)
    {
        if (answer.IsEmpty) return;
        using var visit = SerialExecutor.Visit();
        asker.Tell(new QueryReply(requestId, answer) { Counted = answer.Length < CountedBytes ? default : _windows.Count(asker, answer.Length) });
    }

    public void GoOn(AnswerWindow.Reopened reopened) => _windows.GoOn(reopened);

    /// <summary>Nobody is there any more to take what waits.</summary>
    public void Remove(string address) => _windows.Remove(address);
}
