using Akka.Dispatch;
using AkkaRaft.Remoting.Threading;

namespace AkkaRaft.Tests.Threading;

internal static class IdleExecutor
{
    /// <summary>Waits until a <see cref="SerialExecutor"/> that takes visitors has nothing to do: it is left idle by a visitor whose own thread has run what he brought.</summary>
    public static void Await(MessageDispatcher dispatcher)
    {
        while (true)
        {
            var thread = 0;
            using (SerialExecutor.Visit()) dispatcher.Schedule(() => Volatile.Write(ref thread, Environment.CurrentManagedThreadId));
            if (Volatile.Read(ref thread) == Environment.CurrentManagedThreadId) return;
            Thread.Sleep(1);
        }
    }
}
