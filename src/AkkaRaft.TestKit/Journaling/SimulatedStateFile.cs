using AkkaRaft.StateMachines;

namespace AkkaRaft.TestKit.Journaling;

/// <summary>The file of a plain class's state: what was written survives each crash. Images for others are files, and written at once.</summary>
internal sealed class SimulatedStateFile : IStateFile
{
    private byte[]? _image;

    public byte[]? Read() => _image;

    public Task WriteAsync(byte[] image, Action check) => Done(() =>
    {
        check();
        _image = image;
    });

    public Task WriteImageAsync(byte[] image, string file, Action check) => Done(() =>
    {
        check();
        File.WriteAllBytes(file, image);
    });

    private static Task Done(Action write)
    {
        try
        {
            write();
            return Task.CompletedTask;
        }
        catch (InvalidDataException e)
        {
            return Task.FromException(e);
        }
    }

    public string PutAside()
    {
        _image = null;
        return "put aside";
    }

    /// <summary>Somebody takes it away.</summary>
    public void Lose() => _image = null;
}
