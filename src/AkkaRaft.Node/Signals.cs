using System.Runtime.InteropServices;

namespace AkkaRaft.Node;

/// <summary>Turns SIGTERM, and Ctrl-C unless somebody else takes it, into a token.</summary>
internal sealed class Signals : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly PosixSignalRegistration[] _registrations;

    public Signals(bool interrupt = true) => _registrations = interrupt
        ? [PosixSignalRegistration.Create(PosixSignal.SIGINT, On), PosixSignalRegistration.Create(PosixSignal.SIGTERM, On)]
        : [PosixSignalRegistration.Create(PosixSignal.SIGTERM, On)];

    public CancellationToken Token => _stop.Token;

    public void Stop() => _stop.Cancel();

    /// <summary>Completes, without throwing, when it is time to stop.</summary>
    public async Task WaitAsync()
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = Token.Register(() => done.TrySetResult()).ConfigureAwait(false);
        await done.Task.ConfigureAwait(false);
    }

    public void Dispose()
    {
        foreach (var registration in _registrations)
        {
            registration.Dispose();
        }
    }

    private void On(PosixSignalContext context)
    {
        context.Cancel = true;
        _stop.Cancel();
    }
}
