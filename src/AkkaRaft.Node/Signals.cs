using System.Runtime.InteropServices;

namespace AkkaRaft.Node;

/// <summary>Turns Ctrl-C and SIGTERM into a token.</summary>
internal sealed class Signals : IDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly PosixSignalRegistration[] _registrations;

    public Signals() => _registrations =
        [PosixSignalRegistration.Create(PosixSignal.SIGINT, On), PosixSignalRegistration.Create(PosixSignal.SIGTERM, On)];

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
